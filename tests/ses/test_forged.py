"""Messages that SNS did not send for us: refused, without a word to the network. The table is the specification; each case begins with a good one."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from inbox.config import validate
from inbox.sources import ses
from inbox.sources.ses.errors import SesError
from ses_signing import CERT_URL, FOREIGN, TOPIC, Signer, confirmation, event, notification

HOST = "sns.us-east-1.amazonaws.com"
PEM = "SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
SIGNER, STRANGER = Signer.make(), Signer.make()


class Forged(NamedTuple):
    """What is posted, how it is refused, and whether the certificate had to be looked at for that."""

    name: str
    body: Callable[[], Any]
    code: str
    certificate: bool = False
    signer: Callable[[], Signer] = lambda: SIGNER


def cert_url(url: str) -> Callable[[], Any]:
    """A good signature, and the certificate at another address: the address is not signed, so anybody can change it."""
    return lambda: SIGNER.sign(notification(SigningCertURL=url))


def tampered(field: str, value: str, make: Callable[[], dict[str, Any]] = notification) -> Callable[[], Any]:
    return lambda: {**SIGNER.sign(make()), field: value}


def without(field: str, make: Callable[[], dict[str, Any]] = notification) -> Callable[[], Any]:
    return lambda: {name: value for name, value in SIGNER.sign(make()).items() if name != field}


def subscribe_url(url: str) -> Callable[[], Any]:
    """Signed well, whatever the address: whoever may publish as SNS to a topic of ours may still not send us elsewhere."""
    return lambda: SIGNER.sign(confirmation(SubscribeURL=url))


def twice(field: str, value: str) -> Callable[[], Any]:
    return lambda: json.dumps(SIGNER.sign(notification()))[:-1] + f', "{field}": {json.dumps(value)}}}'


CASES = [
    # the address of the certificate
    Forged("certificate over http", cert_url(f"http://{HOST}/{PEM}"), "cert-url"),
    Forged("certificate of a host that begins like SNS", cert_url(f"https://{HOST}.evil.test/{PEM}"), "cert-url"),
    Forged("certificate with SNS in the path", cert_url(f"https://evil.test/{HOST}/{PEM}"), "cert-url"),
    Forged("certificate with SNS as the user", cert_url(f"https://{HOST}@evil.test/{PEM}"), "cert-url"),
    Forged("certificate with SNS before a backslash", cert_url(f"https://{HOST}\\@evil.test/{PEM}"), "cert-url"),
    Forged("certificate with SNS before a number sign", cert_url(f"https://evil.test#@{HOST}/{PEM}"), "cert-url"),
    Forged("certificate on another port", cert_url(f"https://{HOST}:8443/{PEM}"), "cert-url"),
    Forged("certificate on a port that is 443", cert_url(f"https://{HOST}:443/{PEM}"), "cert-url"),
    Forged("certificate in a bucket of anybody", cert_url(f"https://s3.amazonaws.com/evil/{PEM}"), "cert-url"),
    Forged("certificate in a bucket called evil", cert_url(f"https://evil.s3.amazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate in a bucket called sns", cert_url(f"https://sns.s3.amazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate in a bucket called sns of a region", cert_url(f"https://sns.s3-us-west-2.amazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate of a region with a dot", cert_url(f"https://sns.evil.us-east-1.amazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate of SNS without a region", cert_url(f"https://sns.amazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate with a letter for the dot", cert_url(f"https://snsXus-east-1.amazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate with a dot of another alphabet", cert_url(f"https://sns.us-east-1\u3002amazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate with letters of another alphabet", cert_url(f"https://sns.us-east-1.\u0430mazonaws.com/{PEM}"), "cert-url"),
    Forged("certificate with a line end behind it", cert_url(f"https://{HOST}/{PEM}\n"), "cert-url"),
    Forged("certificate with a query", cert_url(f"https://{HOST}/{PEM}?u=https://evil.test"), "cert-url"),
    Forged("certificate at another path", cert_url(f"https://{HOST}/?Action=GetTopicAttributes&x=.pem"), "cert-url"),
    Forged("certificate above its folder", cert_url(f"https://{HOST}/../{PEM}"), "cert-url"),
    Forged("certificate that is no PEM", cert_url(f"https://{HOST}/SimpleNotificationService-0.txt"), "cert-url"),
    Forged("certificate on this machine", cert_url("file:///etc/ssl/cert.pem"), "cert-url"),
    Forged("certificate at a number", cert_url(f"https://127.0.0.1/{PEM}"), "cert-url"),
    Forged("certificate nowhere", without("SigningCertURL"), "cert-url"),
    Forged("certificate address that is no text", lambda: {**SIGNER.sign(notification()), "SigningCertURL": [CERT_URL]}, "cert-url"),
    # what is signed
    Forged("Message changed", tampered("Message", json.dumps(event(content="x"))), "signature", certificate=True),
    Forged("MessageId changed", tampered("MessageId", "another"), "signature", certificate=True),
    Forged("Subject changed", tampered("Subject", "another"), "signature", certificate=True),
    Forged("Subject taken away", without("Subject"), "signature", certificate=True),
    Forged("Timestamp changed", tampered("Timestamp", "2030-01-01T00:00:00.000Z"), "signature", certificate=True),
    Forged("TopicArn changed", lambda: {**SIGNER.sign(notification(TopicArn=FOREIGN)), "TopicArn": TOPIC}, "signature", certificate=True),
    Forged("Type changed", tampered("Type", "UnsubscribeConfirmation", confirmation), "signature", certificate=True),
    Forged("Token changed", tampered("Token", "another", confirmation), "signature", certificate=True),
    Forged(
        "line ends that move words from one field to the next",
        lambda: {**SIGNER.sign(notification(Subject="a\nTimestamp\nb")), "Subject": "a"},
        "signature",
        certificate=True,
    ),
    Forged("MessageId missing", without("MessageId"), "signature"),
    Forged("Timestamp missing", without("Timestamp"), "signature"),
    Forged("Token missing", without("Token", confirmation), "signature"),
    Forged("Subject that is no text", lambda: {**SIGNER.sign(notification()), "Subject": {"a": 1}}, "signature"),
    Forged("half a letter in the Message", tampered("Message", "\ud800"), "signature"),
    # the signature
    Forged("no signature", without("Signature"), "signature"),
    Forged("an empty signature", tampered("Signature", ""), "signature"),
    Forged("a signature that is not base64", tampered("Signature", "not base64!"), "signature"),
    Forged("a signature of nothing", tampered("Signature", base64.b64encode(b"\0" * 256).decode()), "signature", certificate=True),
    Forged("a short signature", tampered("Signature", "AAAA"), "signature", certificate=True),
    Forged("signed by somebody else", lambda: STRANGER.sign(notification()), "signature", certificate=True),
    Forged(
        "version 1 said to be 2",
        lambda: {**SIGNER.sign(notification(SignatureVersion="1")), "SignatureVersion": "2"},
        "signature",
        certificate=True,
    ),
    Forged("version 2 said to be 1", lambda: {**SIGNER.sign(notification()), "SignatureVersion": "1"}, "signature", certificate=True),
    Forged("version 3", tampered("SignatureVersion", "3"), "signature"),
    Forged("version 2 as a number", lambda: {**SIGNER.sign(notification()), "SignatureVersion": 2}, "signature"),
    Forged("no version", without("SignatureVersion"), "signature"),
    Forged("a key of 1024 bits", lambda: WEAK.sign(notification()), "signature", certificate=True, signer=lambda: WEAK),
    Forged("a key that is not RSA", lambda: CURVE.sign(notification()), "signature", certificate=True, signer=lambda: CURVE),
    # whose topic
    Forged("a topic of somebody else, signed well", lambda: SIGNER.sign(notification(TopicArn=FOREIGN)), "topic"),
    Forged("a confirmation of somebody else's topic", lambda: SIGNER.sign(confirmation(TopicArn=FOREIGN)), "topic"),
    Forged("a topic with a blank behind it", lambda: SIGNER.sign(notification(TopicArn=f"{TOPIC} ")), "topic"),
    Forged("a topic in capitals", lambda: SIGNER.sign(notification(TopicArn=TOPIC.upper())), "topic"),
    Forged("a topic twice", twice("TopicArn", FOREIGN), "not-json"),
    Forged("a message twice", twice("Message", "another"), "not-json"),
    Forged("a signature twice", twice("Signature", "AAAA"), "not-json"),
    # where a confirmation leads
    Forged("confirmation at a machine of ours", subscribe_url("http://169.254.169.254/"), "subscribe-url"),
    Forged("confirmation elsewhere", subscribe_url("https://evil.test/?Action=ConfirmSubscription"), "subscribe-url"),
    Forged(
        "confirmation at a host that begins like SNS",
        subscribe_url(f"https://{HOST}.evil.test/?Action=ConfirmSubscription&TopicArn={TOPIC}"),
        "subscribe-url",
    ),
    Forged("confirmation that deletes a topic", subscribe_url(f"https://{HOST}/?Action=DeleteTopic&TopicArn={TOPIC}"), "subscribe-url"),
    Forged(
        "confirmation of another topic", subscribe_url(f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={FOREIGN}"), "subscribe-url"
    ),
    Forged(
        "confirmation of two topics",
        subscribe_url(f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&TopicArn={FOREIGN}"),
        "subscribe-url",
    ),
    Forged(
        "confirmation with a line end",
        subscribe_url(f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}\r\nHost: evil.test"),
        "subscribe-url",
    ),
    Forged("confirmation without an address", without("SubscribeURL", confirmation), "subscribe-url"),
    # no message of SNS
    Forged("a type that SNS has not", lambda: SIGNER.sign(notification(Type="Evil")), "unknown"),
    Forged("raw delivery", event, "unknown"),
    Forged("an event of Lambda", lambda: {"Records": [{"eventSource": "aws:ses", "ses": event()}]}, "unknown"),
    Forged("an answer of SQS", lambda: {"Messages": [{"Body": json.dumps(event())}]}, "unknown"),
    Forged("a topic that is a list", lambda: {**SIGNER.sign(notification()), "TopicArn": [TOPIC]}, "unknown"),
    Forged("no object", lambda: [SIGNER.sign(notification())], "unknown"),
    Forged("nothing", lambda: b"", "not-json"),
    Forged("no JSON", lambda: b"Type=Notification", "not-json"),
    Forged("another encoding", lambda: json.dumps(SIGNER.sign(notification())).encode("utf-16"), "not-json"),
    Forged("octets that are no text", lambda: b'{"Type": "\xff"}', "not-json"),
    Forged("brackets without end", lambda: b"[" * 500_000, "not-json"),
    Forged("a body that is too large", lambda: SIGNER.sign(notification(Message="x" * (1 << 20))), "unknown"),
]
WEAK, CURVE = Signer.make(bits=1024), Signer.make(key=ec.generate_private_key(ec.SECP256R1()))


class Certificate:
    """Gives a certificate and counts how often it was asked."""

    def __init__(self, signer: Signer) -> None:
        self.signer, self.asked = signer, []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return self.signer.pem


@pytest.fixture
def network(monkeypatch):
    """Every attempt to reach something is written down, and fails."""
    tried = []

    def refuse(*what, **more):
        tried.append(what)
        raise OSError("no network here")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    return tried


@pytest.fixture
def believing():
    """Settings that list one topic."""
    return validate({"ses": {"topics": [TOPIC], "buckets": ["inbound-mail"]}})


def posted(found: Any) -> bytes:
    return found if isinstance(found, bytes) else (found if isinstance(found, str) else json.dumps(found)).encode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_forged_message_is_refused_without_a_word_to_the_network(case, network, believing):
    certificate = Certificate(case.signer())
    with pytest.raises(SesError) as caught:
        ses.read_http(posted(case.body()), certificate=certificate, settings=believing)
    assert (caught.value.code, network) == (case.code, [])
    assert certificate.asked == ([CERT_URL] if case.certificate else [])


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("make", [notification, confirmation, lambda **more: confirmation("UnsubscribeConfirmation", **more)])
def test_what_sns_has_signed_is_taken(version, make, network, believing):
    batch = ses.read_http(posted(SIGNER.sign(make(SignatureVersion=version))), certificate=Certificate(SIGNER), settings=believing)
    assert (len(batch.records), batch.errors, network) == (1, (), [])


def test_a_message_without_a_subject_is_signed_without_it(believing):
    message = {name: value for name, value in notification().items() if name != "Subject"}
    assert ses.read_http(posted(SIGNER.sign(message)), certificate=Certificate(SIGNER), settings=believing).records


def test_without_a_list_of_topics_nothing_is_taken():
    with pytest.raises(SesError, match=r"add it to \[ses\] topics"):
        ses.read_http(posted(SIGNER.sign(notification())), certificate=Certificate(SIGNER))


def test_version_1_can_be_refused():
    strict = validate({"ses": {"topics": [TOPIC], "signature_1": False}})
    with pytest.raises(SesError, match="attribute SignatureVersion to 2"):
        ses.read_http(posted(SIGNER.sign(notification(SignatureVersion="1"))), certificate=Certificate(SIGNER), settings=strict)


def test_an_old_message_is_taken_unless_the_settings_say_how_old_it_may_be(believing):
    old = posted(SIGNER.sign(notification(Timestamp="1999-01-01T00:00:00.000Z")))
    assert ses.read_http(old, certificate=Certificate(SIGNER), settings=believing).records
    strict = validate({"ses": {"topics": [TOPIC], "max_age": 3600}})
    with pytest.raises(SesError) as caught:
        ses.read_http(old, certificate=Certificate(SIGNER), settings=strict)
    assert caught.value.code == "stale"


def test_an_unsubscription_gives_no_address_to_visit(believing):
    message = SIGNER.sign(confirmation("UnsubscribeConfirmation"))
    (record,) = ses.read_http(posted(message), certificate=Certificate(SIGNER), settings=believing).records
    assert (record.url, record.ignore) == (None, "unsubscribed")


@pytest.mark.parametrize("name", ["sns_cert_urls", "sns_subscribe_urls", "sns_variants"])
def test_hostile_messages_of_the_public_cases_are_refused_without_a_word_to_the_network(name, shared, network):
    listing = validate({"ses": {"topics": ["arn:aws:sns:us-east-1:111111111111:good"]}})
    cases = json.loads((shared / "cases" / "json" / f"{name}.json").read_text())
    for case in cases:
        with pytest.raises(SesError):
            ses.read_http(posted(case), certificate=Certificate(SIGNER), settings=listing)
    assert (len(cases) >= 4, network) == (True, [])


HOSTILE_EVENTS = ["unknown", "unknown", "unknown", "unknown", "message-id", "bucket", "bucket", "not-json", "topic"]


def test_hostile_events_of_the_public_cases_are_told_in_words(shared, network, tmp_path):
    listing = validate({"ses": {"buckets": ["good/out"]}})
    events = json.loads((shared / "cases" / "json" / "lambda_events.json").read_text())
    assert [first_code(event_, listing, tmp_path) for event_ in events] == HOSTILE_EVENTS
    assert network == []


def first_code(event_, settings, folder):
    try:
        batch = ses.read(event_, settings=settings)
        for item in batch:
            if item.error:
                raise item.error
        for record in batch.records:
            ses.fetch(record, settings, folder)
    except SesError as error:
        return error.code
