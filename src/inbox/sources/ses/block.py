"""The header fields that SES writes above a mail that it stores (ses.md section 4). A sender can write the same ones: only the block is SES's word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from inbox.aws.ses_block import MOST, block
from inbox.sources.ses.fields import address

HEAD = MOST
"""Octets of a mail that the block is looked for in."""

_RECEIVED = re.compile(
    r"from (\S+) \([^()\r\n]*\[(?:IPv6:)?([0-9a-fA-F.:]+)\]\)\s+by inbound-smtp\.[a-z0-9-]+\.amazonaws\.com\s+with \S+ id ([0-9A-Za-z]+)"
    r"\s+for (\"[^\"\r\n]*\"@\S+|\S+);\s"
)
_COMMENT = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SETUP = (
    re.compile(rb"^from:[^\n]*\bno-reply-aws@amazon\.com>?[ \t\r]*$", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"^subject:[ \t]*amazon ses setup notification[ \t\r]*$", re.IGNORECASE | re.MULTILINE),
)
_HEAD_ALONE = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Block:
    """What SES says on top of a stored mail. `recipient`: one of those that it is for, SES names no more; `sender` None: the null sender.

    `verdicts`: as written (PASS, pass, softfail …), those that are in the block.
    """

    message_id: str
    recipient: str
    sender: str | None
    helo: str
    ip: str
    verdicts: Mapping[str, str] = field(default_factory=dict)


def read_block(head: bytes) -> Block | None:
    """The block at the beginning of a mail; None when SES has not written one (its own set-up notice, an object of somebody else)."""
    fields = {name: re.sub(rb"\r?\n", b"", value).decode("utf-8", "replace").strip() for name, value, _ in block(head[:HEAD])}
    found = _RECEIVED.match(fields.get(b"received", "").strip() + " ")
    if not found:
        return None
    helo, ip, message_id, recipient = found.groups()
    return Block(message_id, recipient, address(fields.get(b"return-path")), helo, ip, _verdicts(fields))


def is_setup_notice(head: bytes) -> bool:
    """Whether it is what SES writes into a bucket when a rule is made; asked only of what has no block."""
    fields = _HEAD_ALONE.split(head[:HEAD], maxsplit=1)[0]
    return all(field.search(fields) for field in _SETUP)


def _verdicts(fields: Mapping[bytes, str]) -> dict[str, str]:
    results = _results(fields.get(b"authentication-results", ""))
    spf = re.match(r"[A-Za-z]+", fields.get(b"received-spf", ""))
    found = {
        "spam": fields.get(b"x-ses-spam-verdict", ""),
        "virus": fields.get(b"x-ses-virus-verdict", ""),
        "spf": spf[0] if spf else results.get("spf", ""),
        "dkim": results.get("dkim", ""),
        "dmarc": results.get("dmarc", ""),
    }
    return {name: word for name, word in found.items() if word}


def _results(field: str) -> dict[str, str]:
    """spf, dkim and dmarc of Authentication-Results (RFC 8601), if they are SES's and cannot be anybody else's words.

    HELO and envelope sender stand in the field too, in comments and quoted strings even: those go first, and a doubt is no verdict.
    One DKIM signature that holds is a pass, however many do not.
    """
    plain = _QUOTED.sub('""', field)
    while (fewer := _COMMENT.sub("", plain)) != plain:
        plain = fewer
    service, _, rest = plain.partition(";")
    parts = [part.strip() for part in rest.split(";")]
    doubtful = any(sum(part.startswith(name) for part in parts) > 1 for name in ("spf=", "dmarc=", "helo=", "envelope-from="))
    if service.strip().lower() != "amazonses.com" or doubtful:
        return {}
    found = [(name, re.split(r"\s", word)[0]) for name, equals, word in (part.partition("=") for part in parts) if equals and word]
    dkim = [word for name, word in found if name == "dkim"]
    first = {name: word for name, word in reversed(found) if name in ("spf", "dmarc")}
    return {**first, "dkim": "pass" if "pass" in dkim else dkim[0]} if dkim else first
