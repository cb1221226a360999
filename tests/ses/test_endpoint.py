"""The endpoint that SNS posts to, over a real socket: what is answered, and that 200 comes after the mail is kept."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from inbox.config import validate
from inbox.errors import StoreError
from inbox.metrics import Metrics
from inbox.sources.ses.endpoint import Endpoint
from inbox.sources.ses.errors import Unfinished
from inbox.sources.ses.intake import Intake
from inbox.sources.ses.serving import Keeping
from ses_signing import FOREIGN, ID, TOPIC, Signer, confirmation, event, notification

SIGNER = Signer.make()


class Served:
    """An endpoint on a loop of its own; it keeps what it takes in a list, and visits nothing."""

    def __init__(self, folder):
        settings = validate({"ses": {"topics": [TOPIC], "buckets": ["inbound-mail"]}, "dir": folder})
        self.kept, self.visited, self.failure, self.held = [], [], None, None
        self.feedback, self.metrics = [], Metrics()
        intake = Intake(settings, self.keep, self.metrics, visit=self.visit, feedback=self.feedback.append, client=self.no_client)
        self.endpoint = Endpoint(settings, intake, self.certificate, lambda: self.held)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.run(self.endpoint.listen("127.0.0.1:0"))

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def keep(self, mail):
        if self.failure:
            raise self.failure
        self.kept.append(mail)
        return mail.id

    def visit(self, url):
        if self.failure:
            raise self.failure
        self.visited.append(url)

    def certificate(self, url):
        return SIGNER.pem

    def no_client(self, *asked):
        raise AssertionError(asked)

    def send(self, octets):
        with socket.create_connection(self.endpoint.addresses[0], timeout=10) as client:
            client.sendall(octets)
            answer = b""
            while data := client.recv(65536):
                answer += data
        return int((answer.split() or [b"", b"0"])[1]), answer.decode()

    def post(self, body, **more):
        octets = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": "text/plain; charset=UTF-8", "Content-Length": str(len(octets)), **more}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        return self.send(f"POST /sns HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + octets)[0]

    def close(self):
        self.run(self.endpoint.drain(1))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture
def served(tmp_path):
    found = Served(tmp_path)
    yield found
    found.close()


def test_a_mail_in_a_message_is_kept_then_answered(served, tmp_path):
    assert served.post(SIGNER.sign(notification())) == 200
    (mail,) = served.kept
    assert (mail.source_key, mail.envelope.recipients, mail.envelope.source) == (f"ses:{ID}", ("support@example.com",), "ses")
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_listed_topic_is_confirmed_once_and_another_one_never(served):
    message = SIGNER.sign(confirmation())
    assert served.post(message) == 200
    assert served.visited == [message["SubscribeURL"]]
    assert served.post(SIGNER.sign(confirmation(TopicArn=FOREIGN))) == 403
    assert served.post(SIGNER.sign(confirmation("UnsubscribeConfirmation"))) == 200
    assert served.visited == [message["SubscribeURL"]]


def test_a_confirmation_that_did_not_reach_sns_is_sent_again(served):
    served.failure = Unfinished("confirm", "no answer")
    assert served.post(SIGNER.sign(confirmation())) == 503


ANSWERS = [
    ("plain words from SES", lambda: SIGNER.sign(notification(Message="Successfully validated SNS topic.")), 200),
    ("an alert of another action", lambda: SIGNER.sign(notification(Message=json.dumps(event(receipt={"action": {"type": "Stop"}})))), 200),
    ("feedback", lambda: SIGNER.sign(notification(Message=json.dumps({"eventType": "Bounce", "mail": {"messageId": "x"}}))), 200),
    ("a changed message", lambda: {**SIGNER.sign(notification()), "MessageId": "x"}, 403),
    ("a topic of somebody else", lambda: SIGNER.sign(notification(TopicArn=FOREIGN)), 403),
    ("another address of the certificate", lambda: SIGNER.sign(notification(SigningCertURL="https://evil.test/x.pem")), 403),
    ("no JSON", lambda: b"hello", 400),
    ("raw delivery", event, 400),
    ("JSON of somebody else", lambda: SIGNER.sign(notification(Message="{}")), 400),
    ("a mail without its content", lambda: SIGNER.sign(notification(Message=json.dumps(event(content="")))), 503),
    ("an object in a bucket that is not listed", lambda: SIGNER.sign(notification(Message=json.dumps(elsewhere()))), 503),
]


def elsewhere():
    return event(receipt={"recipients": ["a@example.com"], "action": {"type": "S3", "bucketName": "secrets", "objectKey": "x"}})


@pytest.mark.parametrize(("body", "wanted"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_answers(body, wanted, served):
    assert served.post(body()) == wanted
    assert served.kept == []


@pytest.mark.parametrize("failure", [StoreError("the disk is full"), OSError(28, "No space left"), KeyError("a slip")])
def test_what_cannot_be_kept_is_sent_again_and_the_reason_stays_here(failure, served):
    served.failure = failure
    octets = json.dumps(SIGNER.sign(notification())).encode()
    status, answer = served.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(octets) + octets)
    assert status == 503
    assert str(failure) not in answer


def test_while_no_mail_can_be_taken_sns_is_asked_to_wait(served):
    served.held = "452 4.3.1 Not enough disk space"
    assert served.post(SIGNER.sign(notification())) == 503
    served.held = None
    assert served.post(SIGNER.sign(notification())) == 200


def test_feedback_is_handed_on_before_the_answer(served):
    bounce = {"eventType": "Bounce", "mail": {"messageId": "x"}, "bounce": {"bouncedRecipients": [{"emailAddress": "a@b.test"}]}}
    served.post(SIGNER.sign(notification(Message=json.dumps(bounce))))
    assert [(feedback.feedback, feedback.recipients) for feedback in served.feedback] == [("bounce", ("a@b.test",))]
    assert ("inbox_ses_records_total", '{"kind":"feedback","result":"bounce"}', 1) in served.metrics.drain()


REQUESTS = [
    (b"GET / HTTP/1.1\r\n\r\n", 405),
    (b"PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 405),
    (b"POST / HTTP/1.1\r\n\r\n", 411),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 411),
    (b"POST / HTTP/1.1\r\nContent-Length: 2, 3\r\n\r\n{}", 411),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", 411),
    (b"POST / HTTP/1.1\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n{}", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n", 413),
    (b"hello\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}", 100),
]


@pytest.mark.parametrize(("octets", "wanted"), REQUESTS)
def test_requests_that_are_not_those_of_sns(octets, wanted, served):
    assert served.send(octets)[0] == wanted


def test_a_body_that_ends_early_is_not_looked_at(served):
    with socket.create_connection(served.endpoint.addresses[0], timeout=10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{}")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b""
    assert served.post(SIGNER.sign(notification())) == 200


def test_draining_lets_what_is_under_way_be_kept(served):
    begun, go = threading.Event(), threading.Event()
    keep = served.keep

    def slowly(mail):
        begun.set()
        go.wait(10)
        return keep(mail)

    served.endpoint._intake._keep = slowly
    answers = []
    thread = threading.Thread(target=lambda: answers.append(served.post(SIGNER.sign(notification()))))
    thread.start()
    assert begun.wait(10)
    draining = asyncio.run_coroutine_threadsafe(served.endpoint.drain(10), served.loop)
    go.set()
    draining.result(10)
    thread.join(10)
    assert (answers, len(served.kept)) == ([200], 1)


def test_large_mails_all_at_once_do_not_wait_for_each_other(served):
    """Keeping one needs a thread of the event loop, of which there may be few."""
    served.loop.set_default_executor(ThreadPoolExecutor(1))

    async def keep(mail):
        await asyncio.to_thread(mail.content.read)
        served.kept.append(mail)
        return mail.id

    async def keeping():
        return Keeping(keep)

    served.endpoint._intake._keep = served.run(keeping())
    octets = json.dumps(SIGNER.sign(notification())).encode()
    with ThreadPoolExecutor(60) as clients:
        assert list(clients.map(served.post, [octets] * 60)) == [200] * 60
    assert len(served.kept) == 60


def test_a_signature_with_sha_1_is_warned_of_once(served, caplog):
    for _ in range(2):
        assert served.post(SIGNER.sign(notification(SignatureVersion="1"))) == 200
    assert caplog.text.count("SNS signs with SHA-1") == 1
