"""The door without sockets: a server, a gate that remembers, and what every reply must look like."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inbox.config import validate
from inbox.model import Envelope, Mail, Reply
from inbox.sources.smtp.server import Server
from inbox.sources.smtp.session import LmtpSession, Session

SESSIONS = {"smtp": Session, "lmtp": LmtpSession}
EXEMPT_FROM_STATUS = re.compile(rb"(?:220|250|334|354)[ -]")  # RFC 2034 section 4: the greeting, EHLO, HELO and 3xx
LINE = re.compile(rb"([2-5][0-9]{2})([ -])(?:(([245])\.\d{1,3}\.\d{1,3}) )?[ -~]*")


class RememberingGate:
    """Takes mail for local.test, and remembers it; ids count from 1, so that two runs say the same."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, bytes]] = []

    def admit(self, envelope: Envelope, recipient: str) -> Reply | None:  # noqa: ARG002  the gate's signature
        local = recipient == "postmaster" or recipient.rpartition("@")[2].lower() == "local.test"
        return None if local else Reply(554, "5.7.1", "We do not take mail for this domain")

    async def take(self, mail: Mail) -> Sequence[Reply]:
        self.mails.append((mail.envelope, mail.raw))
        return [Reply(250, "2.0.0", f"kept as {len(self.mails)}")] * len(mail.envelope.recipients)


class NoCounter:
    """Counts nothing."""

    def count(self, name: str, by: float = 1, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...


def door(settings: Mapping[str, Any] | None = None, gate: Any = None) -> Server:
    """A server with these settings, whose gate is a RememberingGate unless another is given."""
    folder = Path(tempfile.gettempdir()) / "inbox-in-memory"
    checked = validate({"dir": folder, "hostname": "mx.local.test", **(settings or {})})
    return Server(checked, gate or RememberingGate(), NoCounter(), lambda: None, lambda: datetime(2026, 1, 1, tzinfo=UTC))


def well_formed(said: bytes) -> list[str]:
    """The replies of a session, lines joined by line feeds. AssertionError when one is not as RFC 5321 and RFC 2034 want it."""
    assert said == b"" or said.endswith(b"\r\n"), f"the last reply has no end: {said[-80:]!r}"
    replies: list[str] = []
    going_on = False
    for line in said.split(b"\r\n")[:-1]:
        found = LINE.fullmatch(line)
        assert found, f"no reply line: {line!r}"
        assert len(line) <= 510, f"a reply line of {len(line) + 2} octets: {line[:80]!r}"
        assert found[3] or EXEMPT_FROM_STATUS.match(line), f"no enhanced status: {line!r}"
        assert not found[3] or found[4] == line[:1], f"code and enhanced status differ: {line!r}"
        text = line.decode("ascii")
        if going_on:
            assert replies[-1][:3] == text[:3], f"one reply, two codes: {line!r}"
            replies[-1] += f"\n{text}"
        else:
            replies.append(text)
        going_on = found[2] == b"-"
    assert not going_on, f"the last reply goes on: {said[-80:]!r}"
    return replies
