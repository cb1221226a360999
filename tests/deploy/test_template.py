"""The template of deploy/aws: it is lint-clean, the figures in it fit each other, and its policies allow what our code calls, and no more."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from inbox import config

TEMPLATE = ROOT / "deploy" / "aws" / "template.yaml"
SOURCE = ROOT / "src" / "inbox"
PAGE = ROOT / "docs" / "aws-deploy.md"

RUNTIME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "logs:CreateLogStream", "logs:PutLogEvents"}
"""What Lambda itself does in the name of the function: poll the queue, write the log."""
ANY_RESOURCE: set[str] = set()
"""Statements that AWS wants `Resource: "*"` for: none of ours."""
IAM_NAMES = {
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "s3:HeadObject": {"s3:GetObject"},
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:UpdateItem"},  # each of its actions needs the right for itself
}
"""Where the right is not called as the operation is."""
OF_PEOPLE = (
    "handlers/",
    "cli/",
    "worker/",
    "receipt_rules/",
    "demo/",
    "store/dynamodb/creation.py",
    "store/dynamodb/whole.py",
    "send/transports/",
    "sources/ses/queue.py",
    "sources/ses/serving.py",
)
"""Files that the function never calls, or that call what the rules say: such handlers have statements of their own."""


class Cloud(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation: `!Sub x` becomes {"Sub": "x"}."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(node, deep=True)}


Cloud.add_multi_constructor("!", _tagged)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return yaml.load(TEMPLATE.read_text(encoding="utf-8"), Cloud)


def of_type(template: dict, kind: str) -> dict[str, dict]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def statements(template: dict) -> Iterator[dict]:
    """Every statement of every policy, also those that stand under a condition."""

    def inner(value: Any) -> Iterator[dict]:
        if isinstance(value, dict) and "Effect" in value:
            yield value
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from inner(part)

    return inner(template["Resources"])


def listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([Path(sys.executable).with_name("cfn-lint"), path], capture_output=True, text=True, timeout=120)


def test_cfn_lint_finds_nothing():
    done = lint(TEMPLATE)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_cfn_lint_would_find_a_wrong_tls_policy(tmp_path):
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text(encoding="utf-8").replace("TlsPolicy: Optional", "TlsPolicy: Sometimes"), encoding="utf-8")
    done = lint(broken)
    assert done.returncode != 0
    assert "'Sometimes' is not one of ['Optional', 'Require']" in done.stdout


def test_there_are_no_aliases_which_cloudformation_does_not_read():
    assert not [event for event in yaml.parse(TEMPLATE.read_text(encoding="utf-8")) if isinstance(event, yaml.AliasEvent)]


# receiving


def test_one_rule_stores_the_mail_and_tells_the_topic_and_nothing_more(template):
    [rule] = of_type(template, "AWS::SES::ReceiptRule").values()
    told = rule["Properties"]["Rule"]
    assert (told["Enabled"], told["ScanEnabled"], told["TlsPolicy"]) == (True, True, "Optional")
    [action] = told["Actions"]
    assert action["S3Action"]["TopicArn"] == {"Ref": "Topic"}
    assert action["S3Action"]["ObjectKeyPrefix"] == "mail/"


def test_the_bucket_is_private_encrypted_and_never_locked_which_ses_could_not_write_to(template):
    [bucket] = (resource["Properties"] for resource in of_type(template, "AWS::S3::Bucket").values())
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in bucket
    assert not [name for name in bucket if "ObjectLock" in name]


def test_raw_mail_outlives_every_notification_about_it(template):
    queues = [resource["Properties"] for resource in of_type(template, "AWS::SQS::Queue").values()]
    days = max(queue["MessageRetentionPeriod"] for queue in queues) / 86_400
    assert template["Parameters"]["KeepRawDays"]["MinValue"] > days


# waiting


def test_the_queue_hides_a_message_for_six_times_the_time_that_the_function_may_take(template):
    function = template["Resources"]["Function"]["Properties"]
    window = function["Events"]["Mail"]["Properties"]["MaximumBatchingWindowInSeconds"]
    assert template["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] >= 6 * function["Timeout"] + window


def test_what_is_given_up_goes_to_a_dead_letter_queue_that_keeps_it_as_long_as_sqs_can(template):
    queue = template["Resources"]["Queue"]["Properties"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": {"GetAtt": "DeadLetters.Arn"}, "maxReceiveCount": 5}
    dead = template["Resources"]["DeadLetters"]["Properties"]
    assert dead["MessageRetentionPeriod"] == 14 * 86_400 >= queue["MessageRetentionPeriod"]
    assert queue["SqsManagedSseEnabled"] is dead["SqsManagedSseEnabled"] is True


def test_only_the_failed_messages_of_a_batch_come_again(template):
    event = template["Resources"]["Function"]["Properties"]["Events"]["Mail"]["Properties"]
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_holds_mail_survives_the_deletion_of_the_stack(template):
    held = {name for name, resource in template["Resources"].items() if resource.get("DeletionPolicy") == "Retain"}
    assert held == {"Bucket", "DeadLetters", "Table"}


# policies


def test_no_statement_allows_more_than_named_actions_on_named_things(template):
    for statement in statements(template):
        if statement["Effect"] == "Allow" and "Resource" in statement:  # a trust policy has none
            assert all("*" not in action for action in listed(statement["Action"])), statement
            assert all(resource != "*" for resource in listed(statement["Resource"])) or statement["Sid"] in ANY_RESOURCE, statement


def test_services_are_let_in_for_this_account_or_this_topic_only(template):
    for statement in statements(template):
        if "Service" in (principal := statement.get("Principal", {})) and statement["Action"] != "sts:AssumeRole":
            conditions = {key.lower() for part in statement["Condition"].values() for key in part}
            wanted = {"aws:sourcearn"} if principal["Service"] == "sns.amazonaws.com" else {"aws:sourcearn", "aws:sourceaccount"}
            assert conditions >= wanted, statement


@cache
def operations(service: str) -> dict[str, str]:
    """method of a boto3 client -> name of the operation, which is the name of the action in IAM."""
    botocore = pytest.importorskip("botocore")
    from botocore.session import get_session

    model = get_session().get_service_model(service)
    return {botocore.xform_name(name): name for name in model.operation_names}


@cache
def called() -> dict[str, set[str]]:
    """IAM actions by file: methods of boto3 clients, in rooms whose files make such clients by `client("SERVICE")`."""
    texts = {path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    trees = {place: ast.parse(text) for place, text in texts.items() if re.search(r"client|_s3\(\)|service|sqs", text)}
    services = defaultdict(set)
    for place, tree in trees.items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if re.search(r"(^|\.)client$", ast.unparse(call.func)) and call.args and isinstance(call.args[0], ast.Constant):
                services[place if place.startswith("handlers/") else place.rpartition("/")[0]].add(call.args[0].value)
    found = defaultdict(set)
    for place, tree in trees.items():
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Attribute)):
            if not re.search(r"client\b|service$|_s3\(\)$|_queue$|sqs$", ast.unparse(node.value)):
                continue
            for service in services.get(place, services.get(place.rpartition("/")[0], set())):
                if name := operations(service).get(node.attr):
                    found[place] |= in_iam(f"{service}:{name}")
    return dict(found)


def in_iam(operation: str) -> set[str]:
    """The actions that allow an operation."""
    return IAM_NAMES.get(operation, {operation.replace("sesv2:", "ses:")})


def in_function() -> set[str]:
    """What the reader of SES and the store call."""
    return {action for file, actions in called().items() if not file.startswith(OF_PEOPLE) for action in actions}


WITHOUT_STORE = not (SOURCE / "store" / "dynamodb").exists()


@pytest.mark.skipif(WITHOUT_STORE, reason="no store in DynamoDB yet")
def test_the_function_may_do_exactly_what_our_code_and_the_runtime_do(template):
    [role] = of_type(template, "AWS::IAM::Role").values()
    allowed = {action for statement in statements({"Resources": role["Properties"]["Policies"]}) for action in listed(statement["Action"])}
    assert allowed == in_function() | RUNTIME


@pytest.mark.skipif(not (SOURCE / "handlers" / "aws_s3.py").exists(), reason="no handlers for AWS yet")
def test_the_page_names_what_each_handler_must_be_allowed():
    page = PAGE.read_text(encoding="utf-8")
    wanted = {action for file, actions in called().items() if file.startswith(("handlers/", "send/transports/")) for action in actions}
    assert wanted
    assert [action for action in sorted(wanted) if f"`{action}`" not in page] == []


# settings and names


@pytest.mark.skipif("store" not in config.Settings.model_fields, reason="no setting `store` yet")
def test_the_variables_of_the_function_are_settings(template):
    variables = template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    filled = {name: fill(value) for name, value in variables.items()}
    assert all(name.startswith("INBOX_") or name == "PYDANTIC_DISABLE_PLUGINS" for name in filled)
    settings = config.load(environment=filled)
    assert settings.ses.buckets == ("bucket/mail",)
    assert settings.ses.topics == ("arn:aws:sns:us-east-1:111122223333:topic",)
    assert settings.rules == Path("rules.yaml")


def fill(value: Any) -> str:
    """A value of the template with names for what AWS would fill in."""
    names = {"KeepDays": "90", "Topic": "arn:aws:sns:us-east-1:111122223333:topic", "Bucket": "bucket", "Table": "mails"}
    if isinstance(value, dict):
        [(kind, text)] = value.items()
        return names[text] if kind == "Ref" else re.sub(r"\$\{(\w+)\}", lambda found: names[found[1]], text)
    return str(value)


def test_the_rules_beside_it_load_and_their_tests_hold():
    done = [
        subprocess.run([sys.executable, "-m", "inbox", word, ROOT / "deploy/aws/rules.yaml"], capture_output=True, text=True, timeout=60)
        for word in ("check", "test")
    ]
    assert [one.returncode for one in done] == [0, 0], [one.stdout + one.stderr for one in done]


def test_every_alarm_tells_the_topic_and_is_explained_on_the_page(template):
    page = PAGE.read_text(encoding="utf-8")
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    assert len(alarms) >= 7
    for name, alarm in alarms.items():
        assert alarm["Properties"]["AlarmActions"] == {"If": ["HasAlarmTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
        assert f"`{name}`" in page


def test_outputs_name_what_a_person_needs_next(template):
    assert set(template["Outputs"]) >= {"MxRecord", "QueueUrl", "DeadLetterQueueUrl", "TableName", "RuleSetName", "FunctionName"}
    assert template["Outputs"]["MxRecord"]["Value"] == {"Sub": "10 inbound-smtp.${AWS::Region}.amazonaws.com"}


@pytest.mark.skipif(WITHOUT_STORE, reason="no store in DynamoDB yet")
def test_the_table_is_the_one_that_the_store_makes(template):
    from inbox.store.dynamodb import definition

    table = template["Resources"]["Table"]["Properties"]
    wanted = definition("mails")
    assert {name: table[name] for name in wanted if name != "TableName"} == {name: wanted[name] for name in wanted if name != "TableName"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def test_the_alarm_on_dead_steps_asks_for_the_metric_that_the_function_prints(template, monkeypatch):
    import json

    from inbox.emf import emf_lines
    from inbox.metrics import Metrics

    metrics = Metrics()
    metrics.count("inbox_dead_total", handler="webhook")
    [line] = [json.loads(line) for line in emf_lines(metrics, service="Function")]
    [directive] = line["_aws"]["CloudWatchMetrics"]
    [asked] = template["Resources"]["StepsDead"]["Properties"]["Metrics"]
    found = re.fullmatch(
        r"SELECT SUM\((\w+)\) FROM SCHEMA\((\w+), ([\w, ]+)\) WHERE service = '\$\{Function\}'", asked["Expression"]["Sub"]
    )
    assert found[1] in [metric["Name"] for metric in directive["Metrics"]]
    assert found[2] == directive["Namespace"]
    assert sorted(found[3].split(", ")) == sorted(directive["Dimensions"][0])
