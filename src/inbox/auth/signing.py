"""Signing mail that leaves, with DKIM (RFC 6376 section 5, RFC 8301, RFC 8463) and ARC (RFC 8617 section 5.1). Pure: key and time are handed in.

Everything is relaxed/relaxed and SHA-256. From and what a reader or a mail program acts on is named once more than it stands in the mail
(section 8.15), so that nobody can add a second one. The mail must have its final form: whoever changes an octet afterwards breaks the signature.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox.auth.canonical import Field, Signed
from inbox.auth.keys import algorithm, sign

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

COVERED = (
    "from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version", "content-type", "content-transfer-encoding",
    "content-id", "content-description", "in-reply-to", "references", "list-id", "list-unsubscribe", "list-unsubscribe-post", "list-post",
    "auto-submitted",
)  # fmt: skip
"""Fields that are signed when they are there."""

_ALWAYS_ONCE_MORE = frozenset(("from", "subject", "to", "cc", "reply-to"))
"""Also where there is none: a reader is shown them, or answers to them, and nobody on the way has a reason to add one."""
_ONCE_MORE = _ALWAYS_ONCE_MORE | {
    "sender", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding", "in-reply-to", "references",
    "list-unsubscribe", "list-unsubscribe-post",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Whose key it is, and where its other half stands in DNS: `selector._domainkey.domain`."""

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey

    def __post_init__(self) -> None:
        for name, text in (("domain", self.domain), ("selector", self.selector)):
            if not text or not text.isascii() or any(c in " \t\r\n;=" for c in text):
                raise ValueError(f"{name} {text!r} is no name; it is written in ASCII, without blanks")


def dkim_signature(
    raw: bytes, key: SigningKey, now: float, *, expires: float | None = None, identity: str | None = None, without: Collection[str] = ()
) -> bytes:
    """The DKIM-Signature field to be put above a mail, with its CRLF. `now` and `expires`: seconds since 1970; `identity`: `i=`, an address or @domain
    below the key's domain; `without`: fields in lower case that are not signed, since somebody on the way writes them anew (Amazon SES: Date and
    Message-ID). ValueError for a mail without From.
    """
    mail = Signed(raw)
    names = [name for name in _names(mail) if name not in without]
    if b"from" not in {field.name for field in mail.fields}:
        raise ValueError("the mail has no From field; a signature must cover it")
    tags = {
        "v": "1",
        "a": algorithm(key.key),
        "c": "relaxed/relaxed",
        "d": key.domain,
        "s": key.selector,
        "t": str(int(now)),
        **({"x": str(int(expires))} if expires else {}),
        **({"i": identity} if identity else {}),
        "h": ":".join(names),
        "bh": _b64(hashlib.sha256(mail.relaxed).digest()),
        "b": "",
    }
    return _signed(mail, "DKIM-Signature", tags, key)


def _names(mail: Signed) -> list[str]:
    """The fields that are signed, each as often as it stands, those that a reader sees once more."""
    there = Counter(field.name.decode("latin-1") for field in mail.fields)
    once_more = _ALWAYS_ONCE_MORE | (_ONCE_MORE & there.keys())
    return [name for name in COVERED for _ in range(there[name] + (name in once_more))]


def _signed(mail: Signed, name: str, tags: dict[str, str], key: SigningKey) -> bytes:
    field = _field(name, tags)
    chosen = mail.chosen([one.encode("latin-1") for one in tags["h"].split(":")])
    octets = b"".join([*(one.canonical("relaxed") for one in chosen), field.canonical("relaxed").removesuffix(b"\r\n")])
    return field.raw.removesuffix(b"\r\n") + _folded(_b64(sign(key.key, octets))) + b"\r\n"


def _field(name: str, tags: dict[str, str]) -> Field:
    """A field with these tags, folded; what is appended to it belongs to the last one."""
    text = "; ".join(f"{tag}={value.replace(':', ' : ') if tag == 'h' else value}" for tag, value in tags.items())
    return Field(name.lower().encode(), _in_lines(f"{name}: {text}"))


def _in_lines(text: str) -> bytes:
    """A field in lines of about 75 characters, broken at its blanks, with its CRLF."""
    line, *words = text.split(" ")
    lines = []
    for word in words:
        if len(line) + len(word) > 75:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}"
    return "\r\n ".join([*lines, line]).encode() + b"\r\n"


def _folded(text: str) -> bytes:
    return "".join(f"\r\n {text[at : at + 72]}" for at in range(0, len(text), 72)).encode()


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def seal(raw: bytes, key: SigningKey, now: float, *, results: str, chain: str, earlier: Sequence[tuple[Field, Field, Field]] = ()) -> bytes:
    """The three ARC fields of the next link, to be put above a mail, with their CRLF (section 5.1).

    `results`: authserv-id and what was found, as in Authentication-Results; `chain`: none for the first link, pass or fail of the chain up to here;
    `earlier`: the fields of that chain in order. ValueError when a chain of 50 links is full, or one that is broken would be gone on with.
    """
    number = len(earlier) + 1
    if number > 50:
        raise ValueError("a chain has 50 links at most")
    if algorithm(key.key) != "rsa-sha256":
        raise ValueError("seals are made with RSA keys (RFC 8617 section 4.1.3); this one is another")
    if not results.isascii() or "\r" in results or "\n" in results:
        raise ValueError("results are one line of ASCII")
    if (chain == "none") != (number == 1):
        raise ValueError(f"the chain has {len(earlier)} links, so it cannot be {chain!r}")
    mail = Signed(raw)
    said = Field(b"arc-authentication-results", _in_lines(f"ARC-Authentication-Results: i={number}; {results}"))
    names = [name for name in _names(mail) if not name.startswith("arc-")]
    tags = {"i": str(number), "a": "rsa-sha256", "c": "relaxed/relaxed", "d": key.domain, "s": key.selector, "t": str(int(now))}
    tags |= {"h": ":".join(names), "bh": _b64(hashlib.sha256(mail.relaxed).digest()), "b": ""}
    message = Field(b"arc-message-signature", _signed(mail, "ARC-Message-Signature", tags, key))
    own = {"i": str(number), "a": "rsa-sha256", "cv": chain, "d": key.domain, "s": key.selector, "t": str(int(now)), "b": ""}
    outline = _field("ARC-Seal", own)
    links = [field for link in earlier for field in link] if chain == "pass" else []
    octets = b"".join([field.canonical("relaxed") for field in (*links, said, message)])
    octets += outline.canonical("relaxed").removesuffix(b"\r\n")
    sealed = outline.raw.removesuffix(b"\r\n") + _folded(_b64(sign(key.key, octets))) + b"\r\n"
    return sealed + message.raw + said.raw
