"""ses://: SES's API as moto serves it, and as a server on loopback that says what AWS says when it refuses."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from aws_endpoint import CREDENTIALS
from inbox.config import validate
from inbox.errors import Deferred
from inbox.send.transports import open_transport
from inbox.send.transports.ses import MOST_OCTETS
from inbox.sending import Letter

MAIL = b"From: me@example.com\r\nTo: a@s.test\r\nSubject: x\r\n\r\nx\r\n"


def ses(endpoint, url="ses://us-east-1", **more):
    return open_transport(url, validate({"aws": {"endpoint": endpoint}, **more}))


def letter(*recipients, raw=MAIL, **more):
    return Letter("me@example.com", recipients or ("a@s.test",), raw, **more)


def test_ses_takes_a_mail_and_names_it(aws):
    aws.client("sesv2").create_email_identity(EmailIdentity="me@example.com")
    answer = ses(aws.endpoint).deliver(letter("a@s.test", "b@s.test"))["b@s.test"]
    assert answer.state == "delivered" and answer.message_id and answer.message_id in answer.text


def test_who_is_not_verified_is_refused(aws):
    answer = ses(aws.endpoint).deliver(letter())["a@s.test"]
    assert answer.state == "refused" and "MessageRejected" in answer.text and answer.text.startswith("554 5")


class Api:
    """SES's API on loopback: keeps the calls, and answers with `status`, `error` as AWS writes them."""

    def __init__(self):
        self.begin()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                api.calls.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if api.error == "silence":
                    self.close_connection = True
                    return
                self.say({"MessageId": f"0100-{len(api.calls)}"} if api.status == 200 else {"message": "the reason"})

            def do_GET(self):
                assert self.path == "/v2/email/account"
                api.calls.append("account")
                self.say({"SendQuota": api.quota, **api.more})

            def say(self, body):
                octets = json.dumps(body).encode()
                self.send_response(api.status)
                if api.error:
                    self.send_header("x-amzn-ErrorType", api.error)
                self.send_header("Content-Length", str(len(octets)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, *_):
                """Say nothing."""

        self.web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.web.server_port}"
        self.thread = threading.Thread(target=self.web.serve_forever, args=(0.02,), daemon=True)

    def begin(self):
        self.more = {}
        self.calls, self.status, self.error, self.quota = [], 200, "", {"MaxSendRate": 14.0, "Max24HourSend": 50000.0}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.web.shutdown()
        self.web.server_close()
        self.thread.join(5)


@pytest.fixture(scope="module")
def served():
    """One server for all tests: clients of one address are made once, which is what takes time."""
    pytest.importorskip("boto3")
    with Api() as server:
        yield server


@pytest.fixture
def api(served, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    served.begin()
    return served


def test_a_call_names_sender_recipients_and_configuration_set_and_has_the_octets(api):
    ses(api.endpoint, "ses://eu-west-1?configuration_set=events").deliver(letter("a@s.test", "b@s.test"))
    (call,) = api.calls
    assert base64.b64decode(call["Content"]["Raw"]["Data"]) == MAIL
    assert call["FromEmailAddress"] == "me@example.com" and call["ConfigurationSetName"] == "events"
    assert call["Destination"] == {"ToAddresses": ["a@s.test", "b@s.test"]}


def test_without_a_sender_from_counts(api):
    ses(api.endpoint).deliver(Letter(None, ("a@s.test",), MAIL))
    assert "FromEmailAddress" not in api.calls[0]


def test_more_than_50_recipients_are_several_calls(api):
    answers = ses(api.endpoint).deliver(letter(*(f"r{n}@s.test" for n in range(120))))
    assert [len(call["Destination"]["ToAddresses"]) for call in api.calls] == [50, 50, 20]
    assert [answers[f"r{n}@s.test"].message_id for n in (0, 50, 100)] == ["0100-1", "0100-2", "0100-3"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (letter(raw=MAIL + b"x" * MOST_OCTETS), r"552 5.3.4 the mail has 41943"),
        (letter(*(f"r{n}@s.test" for n in range(51)), whole=True), "550 5.5.3 the mail has 51 recipients, SES takes 50"),
        (letter("ü@s.test"), "553 5.6.7 'ü@s.test' is not ASCII"),
    ],
    ids=["too large", "too many for a whole one", "not ASCII"],
)
def test_what_ses_never_takes_is_refused_without_a_call(api, what, words):
    answers = ses(api.endpoint).deliver(what)
    assert {answer.state for answer in answers.values()} == {"refused"}
    assert next(iter(answers.values())).text.startswith(words) and api.calls == []


SAID = [
    (429, "TooManyRequestsException", "deferred", 2.0),
    (400, "ThrottlingException", "deferred", 2.0),
    (400, "LimitExceededException", "deferred", 3600.0),
    (400, "SendingPausedException", "deferred", 3600.0),
    (400, "AccountSuspendedException", "deferred", 3600.0),
    (400, "MailFromDomainNotVerifiedException", "refused", None),
    (400, "MessageRejected", "refused", None),
    (400, "BadRequestException", "refused", None),
    (404, "NotFoundException", "deferred", None),
    (403, "AccessDeniedException", "deferred", None),
    (500, "InternalFailure", "deferred", None),
    (200, "silence", "deferred", None),
]


@pytest.mark.parametrize(("status", "error", "state", "wait"), SAID, ids=[row[1] for row in SAID])
def test_what_ses_says_is_for_now_or_for_good_and_no_call_is_made_twice(api, status, error, state, wait):
    api.status, api.error = status, error
    answer = ses(api.endpoint).deliver(letter())["a@s.test"]
    assert (answer.state, answer.retry_after) == (state, wait), answer
    assert error == "silence" or (error in answer.text and "the reason" in answer.text)
    assert len(api.calls) == 1


def test_what_the_account_may_send_is_offered_as_rates_and_asked_once(api):
    transport = ses(api.endpoint)
    assert transport.rates() == ("14/1s", "50000/24h") and transport.rates() == ("14/1s", "50000/24h")
    assert api.calls == ["account"]


@pytest.mark.parametrize(
    ("quota", "rates"),
    [
        ({"MaxSendRate": 1.0, "Max24HourSend": 200.0}, ("1/1s", "200/24h")),
        ({"MaxSendRate": 80.5, "Max24HourSend": -1.0}, ("80/1s",)),
        ({}, ()),
    ],
)
def test_rates_of_accounts(api, quota, rates):
    api.quota = quota
    assert ses(api.endpoint).rates() == rates


def test_rates_that_cannot_be_had_are_none(api):
    api.status, api.error = 403, "AccessDeniedException"
    assert ses(api.endpoint).rates() == ()


def test_a_probe_says_what_the_account_may_send(api):
    assert ses(api.endpoint).probe() == "ses us-east-1 answers, 14/1s and 50000/24h"
    api.more = {"ProductionAccessEnabled": False}
    assert ses(api.endpoint).probe().endswith("in the sandbox, so to verified addresses only")
    api.more = {"SendingEnabled": False}
    with pytest.raises(Deferred, match="may not send now"):
        ses(api.endpoint).probe()
    api.status, api.error = 403, "AccessDeniedException"
    with pytest.raises(Deferred, match="its policy must allow this call"):
        ses(api.endpoint).probe()
