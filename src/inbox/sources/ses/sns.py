"""SNS over HTTP: who says so? (ses.md section 8). Cheap checks that need nothing come first; a certificate is asked for only after them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from inbox.sources.ses.errors import Refused, Unfinished, Unreadable
from inbox.sources.ses.fields import moment, octets, text
from inbox.sources.ses.records import Confirmation

if TYPE_CHECKING:
    from inbox.tables import Ses

Certificate = Callable[[str], bytes]
"""Gives the PEM for a SigningCertURL that was checked. Raises Unfinished when it cannot be had now."""

LONGEST = 1 << 20
"""Octets of a body: 256 KiB, and what JSON's escapes make of them."""

_HOST = r"https://sns\.[a-z]{2,6}(?:-[a-z]{2,16}){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
"""A region, not just any word as in AWS's own pattern: sns.s3-us-west-2.amazonaws.com is somebody's bucket."""

_CERTIFICATE = re.compile(_HOST + r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
_SUBSCRIBE = re.compile(_HOST + r"/\?[\x21\x24-\x7e]{1,2048}")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {"Notification": _NOTIFICATION, "SubscriptionConfirmation": _CONFIRMATION, "UnsubscribeConfirmation": _CONFIRMATION}
_OPTIONAL = "Subject"
_SMALLEST_KEY = 2048


def verified_body(body: bytes | str) -> Mapping[str, Any]:
    """A body as JSON object, if it may be one of SNS. Raises Unreadable."""
    if len(body) > LONGEST:
        raise Unreadable("unknown", f"the body has {len(body)} octets; SNS sends {LONGEST} at most")
    try:
        words = body.decode("utf-8") if isinstance(body, bytes) else body
        found = json.loads(words, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not-json", f"the body is no JSON: {error}; SNS posts one JSON object") from None
    if not isinstance(found, Mapping) or not all(isinstance(found.get(name), str) for name in ("Type", "TopicArn", "Message")):
        remedy = "raw message delivery must be off: it has no signature"
        raise Unreadable("unknown", f"the body has no Type, TopicArn and Message, so it is not SNS's envelope; {remedy}")
    return found


def verified(
    message: Mapping[str, Any], topics: Collection[str], certificate: Certificate | None, settings: Ses | None
) -> Confirmation | None:
    """Check that SNS signed a message, for a listed topic; a confirmation is returned. Raises Refused, Unreadable, Unfinished.

    Nothing is fetched for a message that can be refused without.
    """
    topic, kind = text(message, "TopicArn"), text(message, "Type")
    if topic is None or topic not in topics:
        raise Refused("topic", f"topic {topic} is not listed; add it to [ses] topics if it is yours", topic=topic)
    if kind not in _SIGNED:
        raise Unreadable("unknown", f"a message of type {kind!r}; SNS has {', '.join(_SIGNED)}", topic=topic)
    url = text(message, "SigningCertURL", "SigningCertUrl") or ""
    if not _CERTIFICATE.fullmatch(url):
        raise Refused(
            "cert-url",
            f"SigningCertURL {url[:200]!r} is none of https://sns.REGION.amazonaws.com/SimpleNotificationService-….pem",
            topic=topic,
        )
    subscribe = _subscribe_url(message, topic) if kind == "SubscriptionConfirmation" else None
    _check_signature(message, _SIGNED[kind], topic, lambda: _key((certificate or _fetched)(url), topic), settings)
    _check_age(message, topic, settings)
    if kind == "Notification":
        return None
    return Confirmation(topic, subscribe, None if subscribe else "unsubscribed")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in it")
    return found


def _subscribe_url(message: Mapping[str, Any], topic: str) -> str:
    """The address to visit: of SNS, and for what the message says, nothing else."""
    url = text(message, "SubscribeURL") or ""
    asked = parse_qs(urlsplit(url).query) if _SUBSCRIBE.fullmatch(url) else {}
    if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [topic]:
        what = f"ConfirmSubscription of {topic} at https://sns.REGION.amazonaws.com"
        raise Refused("subscribe-url", f"SubscribeURL {url[:200]!r} is not {what}", topic=topic)
    return url


def canonical(message: Mapping[str, Any], names: Collection[str]) -> bytes:
    """The text that is signed: each name and value on a line, those that are there. ValueError for what SNS never sends."""
    lines: list[str] = []
    for name in names:
        value = message.get(name)
        if value is None and name == _OPTIONAL:
            continue
        if not isinstance(value, str):
            raise ValueError(f"{name} is missing or no text")  # noqa: TRY004  the words of a message, not a slip of the caller
        lines += (name, value)
    return "".join(f"{line}\n" for line in lines).encode()


def _check_signature(message: Mapping[str, Any], names: Collection[str], topic: str, key: Callable[[], Any], settings: Ses | None) -> None:
    version = text(message, "SignatureVersion")
    if version not in ("1", "2") or (version == "1" and settings is not None and not settings.signature_1):
        known = "set the topic's attribute SignatureVersion to 2" if version == "1" else "there are 1 and 2"
        raise Refused("signature", f"SignatureVersion {version!r} is not taken; {known}", topic=topic)
    try:
        signature = octets(text(message, "Signature") or "")
        signed = canonical(message, names)
    except ValueError as error:
        raise Refused("signature", f"what SNS signs is not there as it should be: {error}", topic=topic) from None
    if not signature:
        raise Refused("signature", "Signature is empty; SNS signs every message that is not delivered raw", topic=topic)
    if not _is_signed(key(), signature, signed, version):
        raise Refused("signature", "the signature does not fit; the message was changed, or SNS did not send it", topic=topic)


def _is_signed(key: Any, signature: bytes, signed: bytes, version: str) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  slow to import
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    digest = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303  version 1 is SNS's own default; a setting refuses it
    try:
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def _key(pem: bytes, topic: str) -> Any:
    """The RSA key of a certificate."""
    from cryptography import x509  # noqa: PLC0415  slow to import
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except ValueError as error:
        raise Unfinished("certificate", f"what stands at SigningCertURL is no certificate: {error}", topic=topic) from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_KEY:
        raise Refused("signature", f"the certificate's key is no RSA key of {_SMALLEST_KEY} bits or more", topic=topic)
    return key


def _check_age(message: Mapping[str, Any], topic: str, settings: Ses | None) -> None:
    """Off unless it is set: what comes back from a dead-letter queue is days old, and a mail is kept once however often it comes."""
    longest = settings.max_age if settings is not None else None
    if longest is None:
        return
    at = moment(message, "Timestamp")
    if at is None or abs((datetime.now(UTC) - at).total_seconds()) > longest:
        raise Refused("stale", f"Timestamp {text(message, 'Timestamp')} is further from now than [ses] max_age, {longest:g} s", topic=topic)


def _fetched(url: str) -> bytes:
    from inbox.sources.ses.certificates import Certificates  # noqa: PLC0415  only when no certificate was handed in

    return Certificates()(url)
