"""The handler lambda against a real web server that speaks the Invoke API: SES's event arrives, and the answer is done."""

from __future__ import annotations

import json
import socket

import pytest

from answering import Answer, answering
from inbox import parse
from inbox.errors import Deferred
from inbox.handlers.aws_lambda import invoke, known_as
from inbox.model import Step
from inbox.testing import make_mail
from steps import rules

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Inbox"
LATER = "- {name: b, do: [discard]}\n"


@pytest.fixture
def run(inbox_for, aws):
    """Process a mail under a step lambda with another behind it and a rule behind that; gives what was asked, and the outcomes."""

    def process(answer, mail=None, before=(), more=None, **options):
        with answering(answer) as server:
            text = rules(*before, {"lambda": {"function": "Inbox", **options}, **(more or {})}, "discard", more=LATER)
            receipt = inbox_for(text, aws={**aws.settings, "endpoint": server.url}).process(mail or make_mail())
        return server.asked, {outcome.n: outcome for outcome in receipt.outcomes}

    return process


def said(value, **headers):
    return Answer(200, value if isinstance(value, bytes) else json.dumps(value).encode(), headers)


def test_the_event_of_ses_is_handed_over_and_not_waited_for(run):
    mail = make_mail(subject="Hi")
    asked, outcomes = run(Answer(202), mail, function=ARN)
    assert [outcomes[n].state for n in (1, 2, 3)] == ["done"] * 3 and outcomes[1].detail == "invoked"
    (request,) = asked
    assert request.path == "/2015-03-31/functions/Inbox/invocations"
    assert request.headers["x-amz-invocation-type"] == "Event"
    (record,) = json.loads(request.body)["Records"]
    assert record["eventSource"] == "aws:ses" and record["ses"]["mail"]["commonHeaders"]["subject"] == "Hi"
    assert record["ses"]["receipt"]["action"] == {"type": "Lambda", "functionArn": ARN, "invocationType": "Event"}


def test_a_header_that_was_added_is_in_the_event(run):
    asked, _ = run(Answer(202), before=[{"add-header": {"name": "X-Team", "value": "blue"}}])
    assert {"name": "X-Team", "value": "blue"} in json.loads(asked[0].body)["Records"][0]["ses"]["mail"]["headers"]


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        ({"disposition": "STOP_RULE"}, ["done", "skipped", "done"]),
        ({"disposition": "stop_rule"}, ["done", "skipped", "done"]),
        ({"disposition": "STOP_RULE_SET"}, ["done", "skipped", "skipped"]),
        ({"disposition": "stop_Rule_Set"}, ["done", "skipped", "skipped"]),
        ({"disposition": "CONTINUE"}, ["done"] * 3),
        ({"disposition": None}, ["done"] * 3),
        ({"disposition": ["STOP_RULE"]}, ["done"] * 3),
        (None, ["done"] * 3),
        ("STOP_RULE", ["done"] * 3),
        ([], ["done"] * 3),
        (b"", ["done"] * 3),
        (b"\xff{", ["done"] * 3),
        (b"[" * 100_000, ["done"] * 3),
    ],
)
def test_what_the_function_answers_decides_what_is_still_done(run, answer, states):
    _, outcomes = run(said(answer), invocation="RequestResponse")
    assert [outcomes[n].state for n in (1, 2, 3)] == states


def test_an_answer_is_not_read_when_nobody_waits_for_it(run):
    _, outcomes = run(said({"disposition": "STOP_RULE_SET"}), invocation="Event")
    assert outcomes[3].state == "done"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errorMessage": "no such order", "errorType": "KeyError", "stackTrace": []}, "Unhandled: KeyError: no such order"),
        (b"Task timed out", "Unhandled: Task timed out"),
        (["odd"], 'Unhandled: ["odd"]'),
    ],
)
def test_a_function_that_fails_is_invoked_again_later_and_its_words_are_kept(run, body, words):
    asked, outcomes = run(said(body, **{"X-Amz-Function-Error": "Unhandled"}), invocation="RequestResponse")
    assert outcomes[1].state == "deferred" and outcomes[1].detail == f"lambda:Invoke Inbox: {words}"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [(429, "TooManyRequestsException", "deferred"), (500, "ServiceException", "deferred"), (413, "RequestTooLargeException", "dead")],
)
def test_a_call_that_fails_is_made_once_an_attempt(run, status, code, state):
    asked, outcomes = run(Answer(status, b'{"Message":"m"}', {"x-amzn-ErrorType": code}), invocation="RequestResponse")
    assert (outcomes[1].state, len(asked)) == (state, 1)
    assert outcomes[1].detail == f"lambda:Invoke Inbox: {code}: m"


def test_a_function_that_does_not_answer_in_time_is_invoked_once_and_again_later(aws):
    mail = make_mail()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {**aws.settings, "endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        step = Step(1, "a", "lambda", timeout=0.3)
        with pytest.raises(Deferred, match="lambda:Invoke Inbox: ReadTimeoutError"):
            invoke(mail, parse(mail.raw), step, (), settings, function="Inbox", invocation="RequestResponse")
        silent.settimeout(0.3)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


@pytest.mark.parametrize(
    ("function", "endpoint", "name"),
    [
        (ARN, "https://lambda.us-east-1.amazonaws.com", ARN),
        (ARN, "https://vpce-1-2.lambda.us-east-1.vpce.amazonaws.com", ARN),
        (ARN, "https://lambda.us-east-1.api.aws", ARN),
        (ARN, "http://127.0.0.1:3001", "Inbox"),
        (f"{ARN}:live", "http://localhost:4566", "Inbox:live"),
        ("Inbox", "http://127.0.0.1:3001", "Inbox"),
    ],
)
def test_a_stand_in_for_aws_is_asked_by_name_and_aws_by_arn(function, endpoint, name):
    assert known_as(function, endpoint) == name
