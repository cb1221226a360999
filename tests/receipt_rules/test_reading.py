"""Receipt rule sets as AWS gives them: every shape read, every mistake told at once with its place."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.errors import ConfigError
from inbox.plugins import Plugins
from inbox.receipt_rules import filter_lines, import_forwarder, import_mailgun, import_ses, merged, read, read_data, to_rules
from inbox.receipt_rules.model import S3Action, StopAction, to_api
from inbox.rules import load_text

BAD = Path(__file__).parent / "bad"
RULE = "AWS::SES::ReceiptRule"


def template(*rules, **more):
    """A template with rules by name: (name, After, further properties of the resource)."""
    return {
        "Resources": {
            name.title(): {
                "Type": RULE,
                "Properties": {"RuleSetName": "s", "Rule": {"Name": name}, **({"After": after} if after else {})},
                **extra,
            }
            for name, after, extra in rules
        },
        **more,
    }


def names(data, **more):
    return [rule.name for rule in read_data(data, "t", **more).rules]


@pytest.mark.parametrize("file", ["rules.receipt-rule-set.json", "rules.cloudformation.json"])
def test_samples_have_the_rules_and_filters_that_are_expected(shared, file):
    lines = map(json.loads, (shared / "ses" / "expected.jsonl").read_text().splitlines())
    expected = next(line for line in lines if line["file"] == file)
    found = read(shared / "ses" / "samples" / file)
    assert len(found.rules) == expected["rules"]
    assert len(found.filters) == expected.get("filters", 0)


def test_a_rule_set_of_the_api_is_read_and_written_without_a_change(shared):
    path = shared / "ses" / "samples" / "rules.receipt-rule-set.json"
    given = json.loads(path.read_text())["Rules"]
    assert [to_api(rule) for rule in read(path).rules] == [{"Recipients": [], **rule} for rule in given]


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")) + sorted(BAD.glob("*.json")), ids=lambda path: path.name)
def test_a_bad_file_gets_exactly_the_words_beside_it(path, monkeypatch):
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as error:
        read(path.name)
    assert str(error.value).splitlines() == path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


def test_no_active_rule_set_means_that_every_mail_is_refused():
    found = read_data({"ResponseMetadata": {}}, "live")
    text, losses = to_rules(found)
    assert "domains: []" in text
    assert "refuses every mail" in str(losses[0])


def test_what_a_member_that_is_not_known_says_is_reported():
    found = read_data(
        {"Rules": [{"Name": "a", "Priority": 1, "Actions": [{"S3Action": {"BucketName": "b", "ObjectKeyprefix": "x"}}]}]}, "f"
    )
    assert [note.what for note in found.notes] == [
        "Rules[0].Actions[0].S3Action: 'ObjectKeyprefix' is no member that this program knows (did you mean ObjectKeyPrefix?)",
        "Rules[0]: 'Priority' is no member that this program knows",
    ]


def test_more_than_ses_takes_is_reported():
    stop = [{"StopAction": {"Scope": "RuleSet"}}]
    found = read_data({"Rules": [{"Name": f"r{n}", "Actions": stop * (11 if n == 3 else 1)} for n in range(201)]}, "f")
    assert [(note.rule, note.what) for note in found.notes] == [
        (None, "201 rules; SES takes at most 200"),
        ("r3", "11 actions; SES takes at most 10"),
    ]


ORDERS = [
    ([("a", None, {}), ("b", "a", {}), ("c", "b", {})], "abc"),
    ([("c", "b", {}), ("b", "a", {}), ("a", None, {})], "abc"),
    ([("a", None, {}), ("b", "a", {}), ("c", "a", {})], "acb"),
    ([("a", None, {}), ("b", None, {"DependsOn": "A"})], "ba"),
    ([("a", None, {"DependsOn": ["B"]}), ("b", None, {})], "ab"),
    ([("a", {"Ref": "B"}, {}), ("b", None, {})], "ba"),
    ([("a", "elsewhere", {}), ("b", None, {})], "ba"),
]


@pytest.mark.parametrize(("rules", "order"), ORDERS)
def test_rules_of_a_template_stand_where_their_after_puts_them(rules, order):
    assert "".join(names(template(*rules))) == order


def test_an_order_that_aws_leaves_to_chance_is_reported():
    notes = read_data(template(("a", None, {}), ("b", None, {})), "t").notes
    assert "no After" in notes[0].what
    assert "'elsewhere', which is not in the template" in read_data(template(("a", "elsewhere", {})), "t").notes[0].what


SAM = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Domain: {Type: String, Default: example.com}
  People: {Type: CommaDelimitedList, Default: "a@example.com, b@example.com"}
Resources:
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "${Domain}-mail"}}
  Topic: {Type: AWS::SNS::Topic}
  RuleSet: {Type: AWS::SES::ReceiptRuleSet, Properties: {RuleSetName: inbound}}
  Second:
    Type: AWS::SES::ReceiptRule
    Properties:
      RuleSetName: !Ref RuleSet
      After: !Ref First
      Rule:
        Recipients: !Ref People
        Actions:
        - S3Action: {BucketName: !Ref Bucket, ObjectKeyPrefix: !Join [/, [mail, !Ref Domain]], TopicArn: !Ref Topic, KmsKeyArn: !Ref "AWS::NoValue"}
        - BounceAction: {SmtpReplyCode: 550, StatusCode: 5.1.1, Message: !Sub "No ${!such} one", Sender: !Sub "daemon@${Domain}"}
  First:
    Type: AWS::SES::ReceiptRule
    Properties:
      RuleSetName: !Ref RuleSet
      Rule:
        Name: first
        Enabled: "true"
        Recipients: [!Sub "support@${Domain}", !GetAtt Other.Domain]
        Actions: [LambdaAction: {FunctionArn: !GetAtt Gate.Arn}, StopAction: {Scope: RuleSet}]
"""


def test_a_sam_template_in_yaml_is_read_with_its_references(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(SAM)
    found = read(path)
    assert found.name == "inbound"
    assert [(rule.name, rule.enabled, rule.recipients) for rule in found.rules] == [
        ("first", True, ("support@example.com", "${Other.Domain}")),
        ("Second", False, ("a@example.com", "b@example.com")),
    ]
    assert found.rules[1].actions[0] == S3Action("example.com-mail", "mail/example.com", topic_arn="${Topic}")
    assert found.rules[1].actions[1].message == "No ${such} one"
    assert {note.what for note in found.notes} >= {
        "the reference ${Topic} is not resolved by the template",
        "the reference ${Gate.Arn} is not resolved by the template",
        "the reference ${Other.Domain} is not resolved by the template",
    }


def test_values_of_references_can_be_given(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(SAM)
    given = {"Domain": "example.org", "Topic": "arn:t", "Gate.Arn": "arn:g", "Other.Domain": "example.net"}
    found = read(path, parameters=given)
    assert found.rules[0].recipients == ("support@example.org", "example.net")
    assert (found.rules[0].actions[0].function_arn, found.rules[0].actions[1]) == ("arn:g", StopAction("RuleSet"))
    assert not any("${Topic}" in note.what for note in found.notes)


def test_filters_become_lines_of_the_settings_whichever_file_they_come_from():
    rules = read_data({"Metadata": {"Name": "s"}, "Rules": [{"Name": "a"}]}, "rules")
    given = [("Block", "0.0.0.0/0"), ("Allow", "192.0.2.1"), ("Block", "198.51.100.7/24")]
    filters = {"Filters": [{"Name": f"f{n}", "IpFilter": {"Policy": policy, "Cidr": cidr}} for n, (policy, cidr) in enumerate(given)]}
    found = merged([rules, read_data(filters, "filters")])
    assert found.rules[0].name == "a"
    assert filter_lines(found) == ["block 0.0.0.0/0", "allow 192.0.2.1/32", "block 198.51.100.0/24"]
    assert "198.51.100.0/24 is meant" in str(found.notes[0])


def test_two_files_with_rules_are_refused():
    one = read_data({"Rules": [{"Name": "a"}]}, "one")
    with pytest.raises(ConfigError, match="one rule set is active at a time"):
        merged([one, one])


def test_a_deep_file_and_a_large_one_are_refused_in_words(tmp_path):
    deep, large = tmp_path / "deep.json", tmp_path / "large.json"
    deep.write_text("[" * 100_000)
    large.write_bytes(b" " * (5 << 20))
    for path, words in ((deep, "nested too deep"), (large, "far smaller")):
        with pytest.raises(ConfigError, match=words):
            read(path)


def test_rules_with_references_that_nobody_resolved_load_with_names_that_say_so(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(
        SAM.replace("BucketName: !Ref Bucket", "BucketName: !Ref Elsewhere").replace("SmtpReplyCode: 550", "SmtpReplyCode: !Ref Code")
    )
    text, losses = to_rules(read(path))
    load_text(text, tmp_path / "rules.yaml", Plugins(entry_points=False))
    for name in ("bucket: unresolved-elsewhere", "000000000000:unresolved-Topic", "function: unresolved-Gate-Arn", "unresolved.invalid"):
        assert name in text
    assert "the reference ${Elsewhere} is not resolved" in " ".join(map(str, losses))


WORDS = [
    "Rules",
    "Resources",
    "Filters",
    "Name",
    "Actions",
    "Conditions",
    "Unless",
    "Rule",
    "Properties",
    "Type",
    "After",
    "Ref",
    "Fn::Sub",
    "Fn::If",
]
WORDS += [
    "StringExpression",
    "Evaluate",
    "Attribute",
    "Operator",
    "Values",
    "S3Action",
    "Drop",
    "Bounce",
    "PolicyStatements",
    "DefaultAction",
    "items",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([*WORDS, RULE, "${A}", "a@b.c", "catch_all()", "EQUALS", "DENY", "*"]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, min_size=1, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=ANYTHING)
def test_whatever_a_file_holds_it_is_read_or_refused_in_words(data):
    for read_it in (lambda: import_ses([(data, "f")]), lambda: import_mailgun(data, "f"), lambda: import_forwarder(json.dumps(data), "f")):
        with contextlib.suppress(ConfigError):
            read_it()
