"""A whole session: octets in, replies out. No exception, no reply but ours, what is answered with 250 is kept and nothing else is."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Iterator
from typing import Any

from fuzz.door import RememberingGate, door, well_formed
from fuzz.memory import Client, cut, octets, wait_for, whole
from fuzz.sessions import SESSIONS, read_scripts
from inbox.model import INTERNAL, Mail, Reply
from inbox.sources.smtp import replies

TOKENS = (
    b"EHLO c\r\n", b"LHLO c\r\n", b"HELO c\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<u@local.test>\r\n", b"RCPT TO:<x@o.test>\r\n", b"DATA\r\n", b".\r\n",
    b"RSET\r\n", b"BDAT 5\r\n", b"BDAT 0 LAST\r\n", b"QUIT\r\n", b"NOOP\r\n", b"STARTTLS\r\n", b"AUTH PLAIN\r\n", b"XCLIENT ADDR=192.0.2.9\r\n",
    b"\r\n.\r\n", b"\n",
)  # fmt: skip
_LMTP, _MEND, _NARROW, _FAULT = 1, 2, 4, 8
_NARROWED = {"size": 200, "recipients": 2, "errors": 4, "command_line": 512}
_SHORT = 300  # octets up to which a stream is also played octet by octet
_KEPT = re.compile(r"250 2\.0\.0 kept as (\d+)")
_REFUSED_MAIL = {str(replies.BARE_ENDINGS), str(replies.TOO_BIG)}


class FaultyGate(RememberingGate):
    """Every second mail meets a fault of ours."""

    asked = 0

    async def take(self, mail: Mail) -> Any:
        self.asked += 1
        if self.asked % 2:
            raise OSError(28, "No space left on device: '/secret/spool'")
        return await super().take(mail)


class Complaints(logging.Handler):
    """What the session logged as an error of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def check(data: bytes) -> None:
    """The first octet is the mode, the second says where to cut; the others are the client's stream."""
    if len(data) < 2:
        return
    mode, place, stream = data[0], data[1], data[2:]
    complaints = Complaints()
    log = logging.getLogger("inbox.smtp")
    log.propagate = False
    log.addHandler(complaints)
    try:
        _runner().run(_check(mode, place, stream))
    finally:
        log.removeHandler(complaints)
        log.propagate = True
    ours = [record for record in complaints.records if not (mode & _FAULT and record.exc_info and isinstance(record.exc_info[1], OSError))]
    assert not ours, f"a session failed: {ours[0].getMessage()}: {ours[0].exc_info}"


@functools.cache
def _runner() -> asyncio.Runner:
    """One loop for all inputs: to open one costs more than most sessions."""
    return asyncio.Runner()


async def _check(mode: int, place: int, stream: bytes) -> None:
    limits = {"line_endings": "normalize" if mode & _MEND else "strict", **(_NARROWED if mode & _NARROW else {})}
    server = door({"limits": limits})
    known = _fixed_replies(server)
    try:
        small = octets if len(stream) < _SHORT else cut(*range(16, len(stream), 16))
        ends = [await _play(server, mode, stream, pieces, known) for pieces in (whole, cut(place, 2 * place), small)]
    finally:
        server.stop()
    assert ends[0] == ends[1], "cut in three it ends otherwise"
    assert ends[0] == ends[2], "cut into small pieces it ends otherwise"


async def _play(server: Any, mode: int, stream: bytes, pieces: Any, known: set[str]) -> tuple[list[str], list[bytes]]:
    gate = server.gate = FaultyGate() if mode & _FAULT else RememberingGate()
    client = Client(SESSIONS["lmtp" if mode & _LMTP else "smtp"](server))
    for piece in pieces(stream):
        client.send(piece)
        await asyncio.sleep(0)
    client.finish()
    await wait_for(lambda: client.closed)
    said = well_formed(client.said)
    assert not [reply for reply in said if reply not in known and not _KEPT.fullmatch(reply)], f"a reply that is none of ours: {said}"
    assert mode & _FAULT or str(INTERNAL) not in said, "an internal fault"
    kept = {int(found[1]) for reply in said if (found := _KEPT.fullmatch(reply))}
    assert len(kept) == len(gate.mails), f"{len(kept)} mails are answered with 250, {len(gate.mails)} are kept"
    return ["refused" if reply in _REFUSED_MAIL else reply for reply in said], [raw for _, raw in gate.mails]


def _fixed_replies(server: Any) -> set[str]:
    """Every reply that the door has: nothing of what a client says is ever repeated."""
    fixed = {str(value) for value in vars(replies).values() if isinstance(value, Reply)}
    fixed |= {value.decode().rstrip() for value in vars(replies).values() if isinstance(value, bytes)}
    fixed |= {f"220 {server.hostname} ESMTP", f"250 {server.hostname}", str(INTERNAL), "554 5.7.1 We do not take mail for this domain"}
    return fixed | {server.hello(tls=False, auth=False, xclient=False).decode().rstrip().replace("\r\n", "\n")}


def seeds() -> Iterator[bytes]:
    """The sessions of the project, in two modes each."""
    for script in read_scripts():
        if not script.secured and not script.settings.get("proxy_from"):
            mode = _LMTP if script.kind == "lmtp" else 0
            yield bytes([mode, 7]) + script.sent
            yield bytes([mode | _MEND | _NARROW | _FAULT, 40]) + script.sent
