"""The header block that SES puts in front of a mail it stores: written for our own mail, and found in SES's.

SES writes these eight fields, in this order, above the sender's own octets. A sender can write fields of the same names, so a reader
trusts what stands above `X-SES-DKIM-SIGNATURE` and nothing below it. Fields that rules add stand right below the block.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.model import Mail
    from inbox.parsing.message import Message

Fields = tuple[tuple[str, str], ...]
"""Names and values of header fields; a value may be folded with CRLF and a blank."""

NAMES = (
    b"return-path",
    b"received",
    b"x-ses-spam-verdict",
    b"x-ses-virus-verdict",
    b"received-spf",
    b"authentication-results",
    b"x-ses-receipt",
    b"x-ses-dkim-signature",
)
MOST = 65_536
"""Octets in which a block ends, if it is one."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\n]|\n[ \t])*)(?:\n|$)")
_UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff()<>;,]+")
_RESULTS: Mapping[str, str] = {"pass": "pass", "fail": "fail", "gray": "none", "processing_failed": "temperror"}
_SPF: Mapping[str, str] = {
    "pass": "domain of {domain} designates {ip} as permitted sender",
    "fail": "domain of {domain} does not designate {ip} as permitted sender",
    "temperror": "SPF of {domain} could not be checked",
    "none": "SPF of {domain} is not known",
}


def ses_id(mail: Mail) -> str:
    """The id that SES gave to a mail, or 40 characters of [0-9a-v] made of our own, always the same."""
    source, _, given = (mail.source_key or "").partition(":")
    if source == "ses" and given:
        return given
    return base64.b32hexencode(hashlib.sha256(mail.id.encode()).digest()).decode().lower()[:40]


def block(head: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """The fields of SES's block in the first octets of a stored mail: name, value as it stands, where the field ends.

    They come in SES's order, each at most once, from the top until another one comes. The order matters where SES leaves fields out: what a sender
    wrote right below must not fill the gap.
    """
    place = position = 0
    while place < len(NAMES) and (found := _FIELD.match(head, position)):
        name = found[1].lower()
        if name not in NAMES[place:]:
            return
        place, position = NAMES.index(name) + 1, found.end()
        yield name, found[2], position


def block_end(head: bytes) -> int:
    """Where SES's block ends in the first octets of a stored mail; 0 when there is none."""
    return next((end for name, _, end in block(head) if name == NAMES[-1]), 0)


def has_block(mail: Mail, message: Message) -> bool:
    """Whether SES itself put its block in front of this mail: it came through SES, and the block is there."""
    return (mail.source_key or "").startswith("ses:") and block_end(message.raw[:MOST]) > 0


def block_fields(mail: Mail, message: Message, recipient: str, region: str) -> Fields:
    """The fields of the block. The same mail and recipient give the same fields; what nobody checked is not said to have passed."""
    verdicts = mail.envelope.verdicts or {}
    scans = tuple((f"X-SES-{name.title()}-Verdict", verdicts[name].upper()) for name in ("spam", "virus") if _scanned(verdicts, name))
    spf = _spf(mail)
    receipt = base64.b64encode(hashlib.sha256(f"{mail.id}\n{recipient}".encode()).digest()).decode()
    return (
        ("Return-Path", f"<{_word(mail.envelope.sender)}>"),
        ("Received", _received(mail, recipient, region)),
        *scans,
        ("Received-SPF", spf),
        ("Authentication-Results", _results(message, spf, verdicts)),
        ("X-SES-RECEIPT", receipt),
        ("X-SES-DKIM-SIGNATURE", f"a=none; d=inbox.invalid; t={int(mail.received_at.timestamp())}; v=1; b=;"),
    )


def header_block(mail: Mail, message: Message, recipient: str, region: str, added: Sequence[tuple[str, str]] = ()) -> bytes:
    """The block as octets, with the fields that rules `added` below it; CRLF line ends. Nothing signs it: `a=none` says so."""
    return octets((*block_fields(mail, message, recipient, region), *added))


def front(mail: Mail, message: Message, recipient: str, region: str, added: Sequence[tuple[str, str]] = ()) -> tuple[bytes, int]:
    """What stands in front of a mail as SES stores it, and how many octets of the mail it takes the place of.

    A mail that came through SES keeps the block it has; any other gets one.
    """
    if has_block(mail, message):
        end = block_end(message.raw[:MOST])
        return message.raw[:end] + octets(added), end
    return header_block(mail, message, recipient, region, added), 0


def octets(fields: Sequence[tuple[str, str]]) -> bytes:
    """Header fields as they stand in a mail."""
    return b"".join(f"{name}: {value}\r\n".encode("utf-8", "replace") for name, value in fields)


def _scanned(verdicts: Mapping[str, str], name: str) -> bool:
    return verdicts.get(name, "disabled") != "disabled"


def _word(text: str | None) -> str:
    """A word that a stranger chose, as one word: nothing in it can end the line or the comment that it stands in."""
    return _UNFIT.sub("_", text or "")[:320]


def _received(mail: Mail, recipient: str, region: str) -> str:
    from email.utils import format_datetime  # noqa: PLC0415  reading a block needs none of it

    helo, ip = _word(mail.envelope.helo) or "unknown", _word(mail.envelope.ip) or "unknown"
    return (
        f"from {helo} ({helo} [{ip}])\r\n by inbound-smtp.{_word(region)}.amazonaws.com with SMTP id {_word(ses_id(mail))}\r\n"
        f" for {_word(recipient)};\r\n {format_datetime(mail.received_at.astimezone(UTC))} (UTC)"
    )


def _spf(mail: Mail) -> str:
    envelope = mail.envelope
    result = _RESULTS.get((envelope.verdicts or {}).get("spf", ""), "none")
    ip, helo, sender = _word(envelope.ip) or "unknown", _word(envelope.helo) or "unknown", _word(envelope.sender)
    why = _SPF[result].format(domain=sender.rpartition("@")[2] or helo, ip=ip)
    return f"{result} (spfCheck: {why}) client-ip={ip}; envelope-from={sender}; helo={helo};"


def _results(message: Message, spf: str, verdicts: Mapping[str, str]) -> str:
    dkim, dmarc = (_RESULTS.get(verdicts.get(name, ""), "none") for name in ("dkim", "dmarc"))
    author = _word(message.from_[0].address.rpartition("@")[2]) if len(message.from_) == 1 else ""
    about = f" header.from={author}" if author else ""
    return f"amazonses.com;\r\n spf={spf}\r\n dkim={dkim};\r\n dmarc={dmarc}{about};"
