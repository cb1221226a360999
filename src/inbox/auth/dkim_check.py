"""DKIM (RFC 6376, 8301, 8463): which domains vouch for a mail, and for how much of it. Pure: DNS and the time are handed in.

A signature that does not cover the whole body (`l=`), a second From that is not signed, a key of fewer than 1,024 bits or SHA-1 is no pass,
whatever its arithmetic says: the result is `policy`, with the reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from inbox.auth.canonical import Field, Signed
from inbox.auth.keys import WEAK, PublicKey, find_key
from inbox.auth.resolving import Resolver, Temporary
from inbox.auth.tags import BadTags, Tags

SIGNATURES = 5
"""So many are verified: each costs a question to DNS, and anybody can add more."""
_SKEW = 3600
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_ONCE = (b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version", b"content-type")
_B = re.compile(rb"([;:\s]b[ \t\r\n]*=)[^;]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One signature. `result`: pass fail policy neutral temperror permerror (RFC 8601 section 2.7.1); `domain`: of whom it is (`d=`); `identity`: `i=`;
    `unsigned`: fields that stand more often in the mail than the signature covers; `testing`: its owner is only trying it.
    """

    result: str
    domain: str | None = None
    selector: str | None = None
    algorithm: str | None = None
    identity: str | None = None
    reason: str = ""
    bits: int | None = None
    testing: bool = False
    unsigned: tuple[str, ...] = ()


def dkim(raw: bytes, resolver: Resolver, now: float) -> list[DkimResult]:
    """Verify every signature of a mail, in the order of its header; `now`: seconds since 1970. Never raises for what mail or DNS say."""
    mail = Signed(raw)
    found = [field for field in mail.fields if field.name == b"dkim-signature"]
    results = [_verified(mail, field, resolver, now) for field in found[:SIGNATURES]]
    return results + [DkimResult("policy", reason=f"only {SIGNATURES} signatures are verified")] * (len(found) - SIGNATURES)


def _verified(mail: Signed, field: Field, resolver: Resolver, now: float) -> DkimResult:
    about = DkimResult("permerror")
    try:
        tags = Tags.read(field.value)
        about = DkimResult("permerror", tags.get("d", "").lower() or None, tags.get("s"), tags.get("a"), tags.get("i"))
        signature = Signature.of_dkim(tags, now)
        key = find_key(signature.domain, signature.selector, resolver)
        signature.check_key(key)
    except BadTags as error:
        return replace(about, reason=str(error))
    except Temporary as error:
        return replace(about, result="temperror", reason=str(error))
    result, reason = _judged(mail, field, signature, key, now)
    unsigned = tuple(name.decode() for name in _uncovered(mail, signature.names))
    if result == "pass" and "from" in unsigned:
        result, reason = "policy", "a further From is not signed"
    return replace(about, result=result, reason=reason, bits=key.bits, testing=key.testing, unsigned=unsigned)


def _judged(mail: Signed, field: Field, signature: Signature, key: PublicKey, now: float) -> tuple[str, str]:
    if signature.expires is not None and signature.expires < now:
        return "fail", "the signature has expired"
    if not signature.covers_body(mail):
        return "fail", "the body was changed"
    if not key.verifies(signature.octets, signature.signed(mail, field)):
        return "fail", "the header was changed, or the signature is another's"
    if key.bits < WEAK and key.kind == "rsa":
        return "policy", f"a key of {key.bits} bits proves nothing; {WEAK} is the least"
    if signature.length is not None and signature.length < len(signature.body(mail)):
        return "policy", f"only the first {signature.length} octets of the body are signed"
    return "pass", ""


def _uncovered(mail: Signed, names: list[bytes]) -> Iterator[bytes]:
    """Names of fields that should stand once, of which more are in the mail than the signature covers."""
    for name in _ONCE:
        count = sum(field.name == name for field in mail.fields)
        if count > 1 and names.count(name) < count:
            yield name


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature says, of DKIM or of an ARC-Message-Signature."""

    domain: str
    selector: str
    algorithm: str
    header_form: str
    body_form: str
    names: list[bytes]
    octets: bytes
    body_hash: bytes
    identity_domain: str
    length: int | None = None
    expires: int | None = None

    @classmethod
    def of_dkim(cls, tags: Tags, now: float) -> Signature:
        """Read a DKIM-Signature. BadTags for what RFC 6376 section 6.1.1 does not allow."""
        if tags.need("v") != "1":
            raise BadTags("v= must be 1")
        tags.need("h")
        signature = cls.read(tags)
        if b"from" not in signature.names:
            raise BadTags("h= does not name From")
        if "dns/txt" not in tags.words("q", "dns/txt"):
            raise BadTags("q= names no way to the key that is known; dns/txt is")
        made, expires = tags.number("t"), tags.number("x")
        if made is not None and made > now + _SKEW:
            raise BadTags("t= lies in the future")
        if made is not None and expires is not None and expires <= made:
            raise BadTags("x= is not after t=")
        domain = tags["i"].rpartition("@")[2].lower() if tags.get("i") else signature.domain
        if domain != signature.domain and not domain.endswith(f".{signature.domain}"):
            raise BadTags("i= is not of the domain d=")
        return signature

    @classmethod
    def read(cls, tags: Tags, form: str = "simple") -> Signature:
        """What DKIM and ARC have in common. `form`: the canonical form when the signature names none."""
        name = tags.need("a").lower()
        if name not in _ALGORITHMS:
            raise BadTags(f"a={name}: rsa-sha256 and ed25519-sha256 are taken")
        forms = [*tags.get("c", f"{form}/{form}").lower().split("/"), "simple"]
        if not set(forms) <= {"simple", "relaxed"} or len(forms) > 3:
            raise BadTags(f"c={tags['c']}: simple and relaxed are the forms")
        domain = tags.need("d").lower()
        identity = tags.get("i", "").rpartition("@")[2].lower() or domain
        return cls(
            domain,
            tags.need("s"),
            name,
            forms[0],
            forms[1],
            [part.strip().lower().encode("latin-1") for part in tags.get("h", "").split(":")],
            tags.octets("b"),
            tags.octets("bh"),
            identity,
            tags.number("l"),
            tags.number("x"),
        )

    def check_key(self, key: PublicKey) -> None:
        """BadTags when the key is not for this signature."""
        if key.kind != _ALGORITHMS[self.algorithm]:
            raise BadTags(f"the key is of kind {key.kind}, the signature is {self.algorithm}")
        if key.strict and self.identity_domain != self.domain:
            raise BadTags("the key speaks for its very domain only, and i= is below it")

    def body(self, mail: Signed) -> bytes:
        return mail.relaxed if self.body_form == "relaxed" else mail.simple

    def covers_body(self, mail: Signed) -> bool:
        body = self.body(mail)
        if self.length is not None:
            if self.length > len(body):
                return False
            body = body[: self.length]
        return hashlib.sha256(body).digest() == self.body_hash

    def signed(self, mail: Signed, field: Field) -> bytes:
        """The octets that the header's signature is of."""
        fields = [one.canonical(self.header_form) for one in mail.chosen(self.names, field)]
        return b"".join([*fields, unsigned(field).canonical(self.header_form).removesuffix(b"\r\n")])


def unsigned(field: Field) -> Field:
    """A signature field with an empty `b=`."""
    head, colon, value = field.raw.partition(b":")
    return Field(field.name, head + colon + _B.sub(rb"\1", b";" + value, count=1)[1:].rstrip(b"\r\n") + b"\r\n")
