"""A rule set made ready to be served: names that AWS would make up, verified identities, settings that are SES's, what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inbox import config
from inbox.config import Settings
from inbox.errors import ConfigError, RulesError
from inbox.plugins import Plugins
from inbox.receipt_rules.serving import identities, load, served
from inbox.tables import MIB
from ses_local.conftest import FUNCTION, TOPIC, header, rule, rule_set, stop

PLUGINS = Plugins(entry_points=False)


def settings_of(folder, *texts, **more):
    files = []
    for n, text in enumerate(texts):
        files.append(folder / f"rules-{n}.json")
        files[-1].write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return Settings(ses={"rules": files, **more.pop("ses", {})}, **more)


def template(*actions, **resources):
    own = {"RuleSet": {"Type": "AWS::SES::ReceiptRuleSet"}}
    made = {
        "Type": "AWS::SES::ReceiptRule",
        "Properties": {"RuleSetName": {"Ref": "RuleSet"}, "Rule": rule("a", ["example.com"], *actions)},
    }
    return {"Resources": {**own, **resources, "Rule": made}}


NAMED = [
    ({"Ref": "Mails"}, {"Mails": {"Type": "AWS::S3::Bucket"}}, "mails"),
    ({"Ref": "In"}, {"In": {"Type": "AWS::S3::Bucket"}}, "in0"),
    ({"Ref": "Mails"}, {"Mails": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "inbound-mail"}}}, "inbound-mail"),
    ({"Ref": "M"}, {"M": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": "${AWS::StackName}-mail"}}}}, "local-mail"),
    ({"Fn::Sub": "mail-${AWS::AccountId}"}, {}, "mail-000000000000"),
]


@pytest.mark.parametrize(("name", "resources", "wanted"), NAMED, ids=[wanted for *_, wanted in NAMED])
def test_a_bucket_of_a_template_has_a_name_here(tmp_path, name, resources, wanted):
    settings = settings_of(tmp_path, template({"S3Action": {"BucketName": name}}, **resources))
    (step,) = load(settings, PLUGINS).rules[-1].steps
    assert step.options["bucket"] == wanted


ARNS = [
    ({"Fn::GetAtt": "Gate.Arn"}, {"Type": "AWS::Serverless::Function"}, FUNCTION.format("Gate")),
    ({"Fn::GetAtt": ["Gate", "Arn"]}, {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "own"}}, FUNCTION.format("own")),
    ({"Ref": "Gate"}, {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": {"Ref": "X"}}}, "Gate"),
]


@pytest.mark.parametrize(("reference", "resource", "wanted"), ARNS)
def test_a_function_of_a_template_is_called_as_its_resource(tmp_path, reference, resource, wanted):
    settings = settings_of(tmp_path, template({"LambdaAction": {"FunctionArn": reference}}, Gate=resource), ses={"account": "123456789012"})
    (step,) = load(settings, PLUGINS).rules[-1].steps
    assert step.options["function"] == wanted


def test_a_topic_of_a_template_is_told_and_the_settings_say_others(tmp_path):
    text = template({"SNSAction": {"TopicArn": {"Ref": "Inbound"}}}, Inbound={"Type": "AWS::SNS::Topic"})
    settings = settings_of(tmp_path, text, aws={"region": "eu-west-1"})
    rules = load(settings, PLUGINS)
    arn = "arn:aws:sns:eu-west-1:000000000000:Inbound"
    assert rules.rules[-1].steps[0].options["topic"] == arn
    assert any(f"Inbound is {arn}" in note for note in rules.translated.notes)
    settings = settings_of(tmp_path, text, ses={"parameters": {"Inbound": TOPIC.format("other")}})
    assert load(settings, PLUGINS).rules[-1].steps[0].options["topic"] == TOPIC.format("other")


@pytest.mark.parametrize(
    ("recipients", "verified", "wanted"),
    [
        (["a@example.com", ".Example.com", "b@example.org"], (), ("example.com", ".example.com", "example.org", ".example.org")),
        (["a@example.com"], ("example.net",), ("example.net", ".example.net")),
        ([], (), ()),
    ],
)
def test_identities_are_verified_with_their_subdomains(tmp_path, recipients, verified, wanted):
    settings = settings_of(tmp_path, rule_set(rule("a", recipients, stop())), ses={"verified": verified})
    assert identities(settings, served(settings)) == wanted


def test_rules_and_filters_may_come_in_files_of_their_own(tmp_path):
    filters = {"Filters": [{"Name": "x", "IpFilter": {"Policy": "Block", "Cidr": "192.0.2.0/24"}}]}
    rules = load(settings_of(tmp_path, rule_set(rule("a", ["example.com"], stop())), filters, filters=("allow 192.0.2.1",)), PLUGINS)
    assert rules.translated.filters == ("allow 192.0.2.1", "block 192.0.2.0/24")
    assert rules.files == (tmp_path / "rules-0.json", tmp_path / "rules-1.json")


def test_a_mistake_is_told_with_the_file_that_has_it(tmp_path):
    with pytest.raises(RulesError) as told:
        served(settings_of(tmp_path, rule_set(rule("a", ["example.com"])), "{"))
    assert str(told.value).startswith(f"{tmp_path / 'rules-1.json'}:1:2: ")


def test_what_is_told_at_start(tmp_path):
    bounce = {"BounceAction": {"SmtpReplyCode": "550", "Message": "No", "Sender": "a@example.com"}}
    work = {"WorkmailAction": {"OrganizationArn": "arn:aws:workmail:us-east-1:123456789012:organization/m-1"}}
    wait = {"LambdaAction": {"FunctionArn": FUNCTION.format("Gate"), "InvocationType": "RequestResponse"}}
    settings = settings_of(tmp_path, rule_set(rule("a", ["example.com"], header("Subject", "x"), wait, work, bounce, ScanEnabled=True)))
    notes = "\n".join(load(settings, PLUGINS).translated.notes)
    for words in ("127.0.0.1:25", "verified identities", "ScanEnabled", "AddHeaderAction Subject", "WorkmailAction"):
        assert words in notes
    assert "SES waits for this function" not in notes, "here everything waits for it, as in SES"


def test_size_and_patience_are_those_of_ses_unless_they_are_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = {"ses": {"rules": (Path("rules.json"),)}}
    found = config.load(flags=flags, environment={})
    assert (found.limits.size, found.work.retry_for) == (40 * MIB, 4 * 3600)
    found = config.load(flags=flags, environment={"INBOX_LIMITS__SIZE": "1000", "INBOX_WORK__RETRY_FOR": "1h"})
    assert (found.limits.size, found.work.retry_for) == (1000, 3600)
    assert config.load(environment={}).work.retry_for == 5 * 86_400


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("SES__VERIFIED", "a@example.com", "is no domain; write example.com"),
        ("SES__VERDICTS__SPF", "good", "write 'PASS', 'FAIL', 'GRAY' or 'PROCESSING_FAILED'"),
        ("SES__VERDICTS__SPAN", "PASS", "ses.verdicts.SPAN"),
        ("AWS__ENDPOINT", "127.0.0.1:5000", "is no web address; write http://HOST:PORT"),
    ],
)
def test_settings_that_mean_nothing_are_told(tmp_path, monkeypatch, setting, value, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as told:
        config.load(environment={f"INBOX_{setting}": value})
    assert words.lower() in str(told.value).lower()
