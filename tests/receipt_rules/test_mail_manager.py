"""Mail Manager: every condition, operator and action, and policies in the order in which AWS asks them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from inbox.errors import ConfigError
from inbox.plugins import Plugins
from inbox.receipt_rules import import_ses
from inbox.receipt_rules.ingress import ACTIONS, ATTRIBUTES, OPERATORS, VALUES
from inbox.rules import decide, load_text
from inbox.rules.document import Mistakes, plain
from inbox.rules.document import read as read_yaml

BUILT = Plugins(entry_points=False)
ROLE = "arn:aws:iam::123456789012:role/mail"
DROP = [{"Drop": {}}]


class Facts:
    def __init__(self, **known):
        self._known = {name.replace("__", "."): value for name, value in known.items()}

    def get(self, name):
        return self._known.get(name)

    def note(self, name):
        return None


def imported(data, **options):
    return import_ses([(data, "mm.json")], domains=["example.com"], **options)


def rules_of(data):
    return plain(read_yaml(imported(data).text, Mistakes("rules.yaml")))["rules"]


def rule(conditions=(), unless=(), actions=DROP, name="r"):
    return {"Name": name, "Conditions": list(conditions), "Unless": list(unless), "Actions": list(actions)}


def expression(kind, source, name, operator, *values):
    body = {"Operator": operator, "Evaluate": {source: name}, ("Value" if kind in ("Number", "Tls") else "Values"): list(values)}
    if kind in ("Number", "Tls"):
        body["Value"] = values[0]
    if kind == "Boolean":
        del body["Values"]
    if kind == "Dmarc":
        del body["Evaluate"]
    return {f"{kind}Expression": body}


CONDITIONS = [
    (expression("String", "Attribute", "MAIL_FROM", "EQUALS", "a@x.test", "b@x.test"), {"sender": {"is": ["a@x.test", "b@x.test"]}}),
    (expression("String", "Attribute", "HELO", "NOT_EQUALS", "x.test"), {"helo": {"not": {"is": "x.test"}}}),
    (expression("String", "Attribute", "RECIPIENT", "ENDS_WITH", "@example.com"), {"recipient": {"ends": "@example.com"}}),
    (expression("String", "Attribute", "SUBJECT", "STARTS_WITH", "[x]"), {"subject": {"starts": "[x]"}}),
    (expression("String", "Attribute", "FROM", "CONTAINS", "x"), {"from": {"has": "x"}}),
    (expression("String", "MimeHeaderAttribute", "X-Priority", "CONTAINS", "1"), {"header.X-Priority": {"has": "1"}}),
    (
        expression("String", "ClientCertificateAttribute", "CN", "EQUALS", "mx.x.test"),
        {"client_certificate": {"matches": [r"(?:^|,)CN=mx\.x\.test(?:,|$)"]}},
    ),
    (expression("Number", "Attribute", "MESSAGE_SIZE", "EQUALS", 5.0), {"size": {"is": 5}}),
    (expression("Number", "Attribute", "MESSAGE_SIZE", "NOT_EQUALS", 5), {"size": {"not": {"is": 5}}}),
    (expression("Number", "Attribute", "MESSAGE_SIZE", "LESS_THAN", 5), {"size": {"under": 5}}),
    (expression("Number", "Attribute", "MESSAGE_SIZE", "GREATER_THAN", 5), {"size": {"over": 5}}),
    (expression("Number", "Attribute", "MESSAGE_SIZE", "LESS_THAN_OR_EQUAL", 5), {"size": {"not": {"over": 5}}}),
    (expression("Number", "Attribute", "MESSAGE_SIZE", "GREATER_THAN_OR_EQUAL", 5), {"size": {"not": {"under": 5}}}),
    (expression("Ip", "Attribute", "SOURCE_IP", "CIDR_MATCHES", "192.0.2.0/24"), {"ip": {"in": ["192.0.2.0/24"]}}),
    (expression("Ip", "Attribute", "SOURCE_IP", "NOT_CIDR_MATCHES", "192.0.2.0/24"), {"ip": {"not": {"in": ["192.0.2.0/24"]}}}),
    (expression("Boolean", "Attribute", "TLS", "IS_TRUE"), {"tls": {"exists": True}}),
    (expression("Boolean", "Attribute", "READ_RECEIPT_REQUESTED", "IS_FALSE"), {"header.Disposition-Notification-To": {"exists": False}}),
    (expression("Verdict", "Attribute", "SPF", "EQUALS", "FAIL", "GRAY"), {"verdict.spf": ["fail", "gray"]}),
    (expression("Verdict", "Attribute", "DKIM", "NOT_EQUALS", "PASS"), {"verdict.dkim": {"exists": True, "not": {"is": "pass"}}}),
    (expression("Dmarc", "", "", "EQUALS", "REJECT"), {"verdict.dmarc_policy": "reject"}),
]


@pytest.mark.parametrize(("condition", "when"), CONDITIONS, ids=lambda value: json.dumps(value)[:60])
def test_a_condition_in_our_words_loads_and_is_what_it_was(condition, when):
    made = rules_of([rule([condition])])[0]
    assert made == {"name": "r", "when": when, "do": ["discard"], "stop": True}
    assert rules_of([rule(unless=[condition])])[0]["unless"] == when
    load_text(imported([rule([condition])]).text, Path("rules.yaml"), BUILT)


UNSAYABLE = [
    expression("String", "Analysis", {"Analyzer": "arn:x", "ResultField": "spam"}, "EQUALS", "yes"),
    expression("Boolean", "Attribute", "TLS_WRAPPED", "IS_TRUE"),
    expression(
        "Boolean", "IsInAddressList", {"Attribute": "FROM", "AddressLists": ["arn:aws:ses:x:1:mailmanager-address-list/al-1"]}, "IS_FALSE"
    ),
    expression("String", "ClientCertificateAttribute", "SERIAL_NUMBER", "EQUALS", "1"),
]


@pytest.mark.parametrize("condition", UNSAYABLE, ids=lambda value: json.dumps(value)[:60])
def test_a_rule_with_a_condition_that_cannot_be_said_is_switched_off_and_reported(condition):
    made = imported([rule([condition])])
    assert "enabled: false" in made.text
    assert "switched off" in str(made.losses[0])
    load_text(made.text, Path("rules.yaml"), BUILT)


def test_two_conditions_on_one_fact_must_both_hold():
    big = [
        expression("Number", "Attribute", "MESSAGE_SIZE", operator, value) for operator, value in (("GREATER_THAN", 5), ("LESS_THAN", 9))
    ]
    made = imported([rule(big)])
    loaded = load_text(made.text, Path("rules.yaml"), BUILT)
    assert [bool(decide(loaded, Facts(size=size), ["a@example.com"]).steps) for size in (5, 7, 9)] == [False, True, False]
    spared = load_text(imported([rule(unless=big)]).text, Path("rules.yaml"), BUILT)
    assert [bool(decide(spared, Facts(size=size), ["a@example.com"]).steps) for size in (5, 7, 9)] == [False, False, False]


ACTIONS_MADE = [
    ({"WriteToS3": {"RoleArn": ROLE, "S3Bucket": "b", "S3Prefix": "p/"}}, {"s3": {"bucket": "b", "key": "p/{ses_id}"}}),
    (
        {"WriteToS3": {"RoleArn": ROLE, "S3Bucket": "b", "ActionFailurePolicy": "CONTINUE"}},
        {"s3": {"bucket": "b", "key": "{ses_id}", "on_error": "continue"}},
    ),
    ({"PublishToSns": {"RoleArn": ROLE, "TopicArn": "arn:t", "Encoding": "BASE64"}}, {"sns": {"topic": "arn:t", "encoding": "Base64"}}),
    ({"PublishToSns": {"RoleArn": ROLE, "TopicArn": "arn:t", "PayloadType": "HEADERS"}}, {"sns": {"topic": "arn:t", "content": "none"}}),
    (
        {"InvokeLambda": {"RoleArn": ROLE, "FunctionArn": "arn:f", "InvocationType": "EVENT"}},
        {"lambda": {"function": "arn:f", "invocation": "Event"}},
    ),
    ({"Relay": {"Relay": "r-1", "MailFrom": "PRESERVE"}}, {"forward": {"to": "{recipient}", "from": "{sender}"}}),
    ({"Send": {"RoleArn": ROLE}}, {"forward": {"to": "{recipient}"}}),
]


@pytest.mark.parametrize(("action", "step"), ACTIONS_MADE, ids=lambda value: json.dumps(value)[:50])
def test_an_action_becomes_a_step(action, step):
    assert rules_of([rule(actions=[action])])[0]["do"] == [step]


def test_every_action_is_translated_or_reported():
    members = {
        "Drop": {},
        "Relay": {"Relay": "r"},
        "ReplaceRecipient": {"ReplaceWith": ["a@x.test"]},
        "AddHeader": {"HeaderName": "X-A", "HeaderValue": "b"},
    }
    for kind, (required, _) in ACTIONS.items():
        given = {"InvocationType": "EVENT", "SmtpReplyCode": "550", "StatusCode": "5.1.1"}
        action = members.get(kind) or {name: given.get(name, "x") for name in required}
        made = imported([rule(actions=[{kind: action}, {"Relay": {"Relay": "r"}}])])
        assert any(loss.action for loss in made.losses), kind


def test_a_bounce_alone_refuses_and_one_behind_other_actions_is_sent():
    bounce = {
        "Bounce": {
            "RoleArn": ROLE,
            "Sender": "d@x.test",
            "StatusCode": "5.1.1",
            "SmtpReplyCode": "550",
            "DiagnosticMessage": "No {such} user",
        }
    }
    assert rules_of([rule(actions=[bounce])])[0]["refuse"] == {"code": 550, "status": "5.1.1", "text": "No (such) user"}
    sent = rules_of([rule(actions=[{"Send": {"RoleArn": ROLE}}, bounce])])[0]["do"][1]["ses-bounce"]
    assert (sent["code"], sent["text"]) == (550, "No {{such}} user")


POLICY = {
    "TrafficPolicyName": "door",
    "DefaultAction": "DENY",
    "MaxMessageSizeBytes": 1000,
    "PolicyStatements": [
        {
            "Action": "ALLOW",
            "Conditions": [
                expression("Tls", "Attribute", "TLS_PROTOCOL", "MINIMUM_TLS_VERSION", "TLS1_2"),
                expression("String", "Attribute", "RECIPIENT", "STARTS_WITH", "a"),
            ],
        },
        {"Action": "DENY", "Conditions": [expression("Ip", "Attribute", "SENDER_IP", "CIDR_MATCHES", "192.0.2.0/24")]},
        {"Action": "ALLOW", "Conditions": [expression("Ipv6", "Attribute", "SENDER_IPV6", "CIDR_MATCHES", "2001:db8::/32")]},
    ],
}
MAILS = [
    ({"size": 1001, "tls": "TLSv1.3", "ip": "198.51.100.1"}, "a@example.com", 552),
    ({"size": 1, "tls": "TLSv1.3", "ip": "192.0.2.1"}, "a@example.com", 550),
    ({"size": 1, "tls": "TLSv1.3", "ip": "198.51.100.1"}, "a@example.com", 250),
    ({"size": 1, "tls": None, "ip": "198.51.100.1"}, "a@example.com", 550),
    ({"size": 1, "tls": "TLSv1.3", "ip": "198.51.100.1"}, "b@example.com", 550),
    ({"size": 1, "tls": None, "ip": "2001:db8::1"}, "b@example.com", 250),
]


@pytest.mark.parametrize(("facts", "recipient", "code"), MAILS)
def test_a_policy_denies_before_it_allows_and_the_default_comes_last(facts, recipient, code):
    rules = load_text(imported(POLICY).text, Path("rules.yaml"), BUILT)
    assert decide(rules, Facts(**facts), [recipient]).reply.code == code


def test_drop_ends_it_for_the_recipients_that_match_and_the_others_go_on():
    to_a = expression("String", "Attribute", "RECIPIENT", "STARTS_WITH", "a")
    send = [{"Relay": {"Relay": "r"}}]
    rules = load_text(imported([rule([to_a], name="drop"), rule(actions=send, name="rest")]).text, Path("rules.yaml"), BUILT)
    steps = decide(rules, Facts(), ["a@example.com", "b@example.com"]).steps
    assert [(step.rule, step.handler, step.recipients) for step in steps] == [
        ("drop", "discard", ("a@example.com",)),
        ("rest", "forward", ("b@example.com",)),
    ]


def test_the_sample_has_the_rules_that_are_expected(shared):
    lines = map(json.loads, (shared / "ses" / "expected.jsonl").read_text().splitlines())
    expected = next(line for line in lines if line["file"] == "rules.mail-manager.json")
    made = imported(json.loads((shared / "ses" / "samples" / "rules.mail-manager.json").read_text()))
    assert made.rules == expected["rules"]
    load_text(made.text, Path("rules.yaml"), BUILT)


WRONG = [
    (expression("String", "Attribute", "RECIPIENTS", "EQUALS", "x"), "did you mean RECIPIENT?"),
    (expression("String", "Attribute", "RECIPIENT", "MATCHES", "x"), "it must be EQUALS or NOT_EQUALS"),
    (expression("Verdict", "Attribute", "SPF", "EQUALS", "PASSED"), "did you mean PASS?"),
    (expression("String", "Attribute", "RECIPIENT", "EQUALS"), "is empty; it needs at least one value"),
    (expression("Number", "Attribute", "MESSAGE_SIZE", "EQUALS", "5"), "must be a number"),
    ({"HeaderExpression": {}}, "a condition is one of StringExpression"),
]


@pytest.mark.parametrize(("condition", "words"), WRONG)
def test_a_wrong_condition_is_told_with_its_place(condition, words):
    with pytest.raises(ConfigError, match=rf"^mm.json: Rules\[0\].Conditions\[0\].*{words.replace('?', '[?]')}"):
        imported([rule([condition])])


def test_a_wrong_action_is_told_with_its_place():
    with pytest.raises(ConfigError, match=r"Rules\[0\].Actions\[0\].WriteToS3: S3Bucket is missing"):
        imported([rule(actions=[{"WriteToS3": {"RoleArn": ROLE}}])])
    with pytest.raises(ConfigError, match=r"Rules\[0\].Actions\[0\]: an action is one of Drop, Relay"):
        imported([rule(actions=[{"Delete": {}}])])


def test_the_words_are_those_of_the_api():
    botocore = pytest.importorskip("botocore.session")
    shapes = botocore.get_session().get_service_model("mailmanager")._shape_resolver._shape_map
    for kind, operators in OPERATORS.items():
        found = {value for name, shape in shapes.items() if name.endswith(_operator(kind)) and "enum" in shape for value in shape["enum"]}
        assert set(operators) == found, kind
    assert set(VALUES["VerdictExpression"]) == set(shapes["RuleVerdict"]["enum"])
    assert set(ATTRIBUTES["StringExpression"]) == set(shapes["RuleStringEmailAttribute"]["enum"])
    assert set(ACTIONS) == set(shapes["RuleAction"]["members"])
    for kind, (required, others) in ACTIONS.items():
        shape = shapes[shapes["RuleAction"]["members"][kind]["shape"]]
        assert set(required) | set(others) == set(shape["members"])
        assert set(shape.get("required", ())) <= set(required)


def _operator(kind):
    return {"TlsExpression": "TlsProtocolOperator", "Ipv6Expression": "IngressIpOperator", "DmarcExpression": "DmarcOperator"}.get(
        kind, f"Rule{kind.removesuffix('Expression')}Operator"
    )


def test_a_template_may_hold_them_too():
    resources = {
        "Set": {"Type": "AWS::SES::MailManagerRuleSet", "Properties": {"RuleSetName": "s", "Rules": [rule()]}},
        "Policy": {"Type": "AWS::SES::MailManagerTrafficPolicy", "Properties": POLICY},
    }
    made = imported({"Resources": resources})
    assert made.rules == 4
    assert "door: deny 2" in made.text


def test_what_is_made_fits_the_schema_of_the_language():
    from inbox.rules import schema

    text = imported([rule([condition]) for condition, _ in CONDITIONS]).text
    Draft202012Validator(schema(BUILT)).validate(plain(read_yaml(text, Mistakes("rules.yaml"))))
