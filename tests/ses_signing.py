"""A signer such as SNS has one, with a key that lives as long as a test run."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

REGION, ACCOUNT = "us-east-1", "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:inbound"
FOREIGN = f"arn:aws:sns:{REGION}:999999999999:inbound"
CERT_URL = f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


@dataclass(frozen=True)
class Signer:
    """A key and its certificate."""

    key: Any
    pem: bytes

    @classmethod
    def make(cls, bits: int = 2048, key: Any = None, days: int = 30) -> Signer:
        key = key or rsa.generate_private_key(65537, bits)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        built = built.not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days=days))
        return cls(key, built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def sign(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message with the signature that its SignatureVersion asks for."""
        names = NOTIFICATION if message["Type"] == "Notification" else CONFIRMATION
        text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None).encode()
        digest = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()
        signature = (
            self.key.sign(text, ec.ECDSA(digest))
            if isinstance(self.key, ec.EllipticCurvePrivateKey)
            else self.key.sign(text, padding.PKCS1v15(), digest)
        )
        return {**message, "Signature": base64.b64encode(signature).decode()}


def event(**more: Any) -> dict[str, Any]:
    """A mail that SES received, in the topic itself."""
    raw = base64.b64encode(b"From: jane@example.org\r\nSubject: hello\r\n\r\nwords\r\n").decode()
    return {
        "notificationType": "Received",
        "mail": {"messageId": ID, "source": "jane@example.org", "timestamp": "2025-11-05T10:00:00.123Z"},
        "receipt": {"recipients": ["support@example.com"], "action": {"type": "SNS", "encoding": "BASE64"}},
        "content": raw,
        **more,
    }


def notification(**more: Any) -> dict[str, Any]:
    """A message as SNS posts it, not signed yet."""
    return {
        "Type": "Notification",
        "MessageId": "da41e39f-ea4d-435a-b922-c6aae3915ebe",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Receipt Notification",
        "Message": json.dumps(event()),
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": "2",
        "SigningCertURL": CERT_URL,
        **more,
    }


def confirmation(kind: str = "SubscriptionConfirmation", **more: Any) -> dict[str, Any]:
    topic = more.get("TopicArn", TOPIC)
    return {
        "Type": kind,
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37f2",
        "TopicArn": topic,
        "Message": f"You have chosen to subscribe to the topic {topic}.",
        "SubscribeURL": f"https://sns.{REGION}.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37f2",
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": "2",
        "SigningCertURL": CERT_URL,
        **more,
    }
