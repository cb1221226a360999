r"""Sessions as files: what the client says, what it must hear, what must be stored. tests/smtp/sessions/*.txt

    # why the session is as it is
    over lmtp                        smtp (also when nothing is said), lmtp, smtps
    set limits.errors = 3            a setting, as in inbox.toml
    C: EHLO c.test                   the client says a line, with CRLF
    C| .\n                           the same without CRLF
    P| STARTTLS\r\nEHLO d\r\n         the same in one packet, which is never cut
    S: 250 2.1.0                     it hears a reply that begins so (the last line of one that has several)
    wait                             what follows is sent when all that stands above was heard
    tls                              the same, and then comes the handshake
    fin                              the client has said all (half-close)
    closed                           the server hangs up by itself
    stored 1                         how many mails are kept in the end
    mail 1                           what the lines M: (with CRLF) and M| (without) below it say the first of them is

Escapes: \r \n \t \0 \\, \xff an octet, \u20ac a character in UTF-8, \*500(x) five hundred times x.
Without `wait` the client's octets are one stream: it is pipelined throughout, DATA included.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.door import SESSIONS, RememberingGate, well_formed
from fuzz.memory import Client, wait_for
from inbox.sources.smtp.server import Server

FOLDER = Path(__file__).parent.parent / "tests" / "smtp" / "sessions"

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|\*(\d+)\((.*?)\)|([rnt0\\]))")
_LETTERS = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
_ALIKE = 4  # octets on both sides of a place where cutting is like cutting beside it


@dataclass
class Script:
    """One file, read. `actions`: "send" and "packet" with octets; "wait", "tls", "fin" with the number of replies before them."""

    name: str
    kind: str = "smtp"
    toml: list[str] = field(default_factory=list)
    actions: list[tuple[str, Any]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    closed: bool = False
    stored: int = -1
    mails: dict[int, bytes] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        return tomllib.loads("\n".join(self.toml))

    @property
    def secured(self) -> bool:
        return self.kind == "smtps" or any(action == "tls" for action, _ in self.actions)

    @property
    def sent(self) -> bytes:
        return b"".join(octets for action, octets in self.actions if action == "send")


def read_scripts(folder: Path = FOLDER) -> list[Script]:
    """All sessions of a folder."""
    return [read_script(path) for path in sorted(folder.glob("*.txt"))]


def read_script(path: Path) -> Script:
    """One session; ValueError names file and line that cannot be read."""
    script = Script(path.stem)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        word, _, rest = line.partition(" ")
        if word not in ("", "#"):
            try:
                _WORDS[word](script, rest)
            except KeyError:
                raise ValueError(f"{path}:{number}: a line begins with one of # {' '.join(_WORDS)}") from None
    if script.stored < 0:
        raise ValueError(f"{path}: it does not say how many mails are `stored`")
    return script


def _send(script: Script, octets: bytes) -> None:
    if script.actions and script.actions[-1][0] == "send":
        octets = script.actions.pop()[1] + octets
    script.actions.append(("send", octets))


def _sync(word: str) -> Callable[[Script, str], None]:
    return lambda script, _: script.actions.append((word, len(script.replies)))


def _stored(script: Script, octets: bytes) -> None:
    script.mails[max(script.mails)] += octets


_WORDS: dict[str, Callable[[Script, str], None]] = {
    "over": lambda script, rest: setattr(script, "kind", rest),
    "set": lambda script, rest: script.toml.append(rest),
    "C:": lambda script, rest: _send(script, _octets(rest) + b"\r\n"),
    "C|": lambda script, rest: _send(script, _octets(rest)),
    "P|": lambda script, rest: script.actions.append(("packet", _octets(rest))),
    "S:": lambda script, rest: script.replies.append(rest),
    "wait": _sync("wait"),
    "tls": _sync("tls"),
    "fin": _sync("fin"),
    "closed": lambda script, _: setattr(script, "closed", True),
    "stored": lambda script, rest: setattr(script, "stored", int(rest)),
    "mail": lambda script, rest: script.mails.update({int(rest): b""}),
    "M:": lambda script, rest: _stored(script, _octets(rest) + b"\r\n"),
    "M|": lambda script, rest: _stored(script, _octets(rest)),
}


def _octets(text: str) -> bytes:
    found, at = b"", 0
    for escape in _ESCAPE.finditer(text):
        found += text[at : escape.start()].encode()
        at = escape.end()
        octet, letter, times, repeated, name = escape.groups()
        if octet:
            found += bytes([int(octet, 16)])
        elif letter:
            found += chr(int(letter, 16)).encode()
        elif times:
            found += _octets(repeated) * int(times)
        else:
            found += _LETTERS[name]
    return found + text[at:].encode()


@dataclass(frozen=True)
class Transcript:
    """What became of a session: the replies, and the mails that were kept with their envelopes."""

    replies: list[str]
    mails: list[tuple[Any, bytes]]


Cut = Callable[[bytes], Iterable[bytes]]


async def play(script: Script, server: Server, pieces: Callable[[int], Cut], context: ssl.SSLContext | None = None) -> Transcript:
    """Play a session. `pieces(begins)` says how to cut the octets that begin at this place of the client's stream."""
    gate = server.gate = RememberingGate()
    session = SESSIONS["lmtp" if script.kind == "lmtp" else "smtp"](server, implicit_tls=script.kind == "smtps")
    client = Client(session)
    if script.kind == "smtps" and context:
        await client.handshake(context)
    sent = 0
    for action, argument in script.actions:
        if action == "send":
            for piece in pieces(sent)(argument):
                client.send(piece)
                await asyncio.sleep(0)
            sent += len(argument)
        elif action == "packet":
            client.send(argument)
            await asyncio.sleep(0)
        elif action == "fin":
            client.finish()
        else:
            await wait_for(lambda count=argument: client.closed or finals(client.said) >= count)
            if action == "tls" and context:
                await client.handshake(context)
    if not script.closed:
        client.finish()
    await wait_for(lambda: client.closed)
    return Transcript(well_formed(client.said), gate.mails)


def finals(said: bytes) -> int:
    """How many replies are whole."""
    return len(re.findall(rb"(?m)^\d{3} ", said))


def places(data: bytes) -> Iterator[int]:
    """Every place where a stream can be cut in two, but for the inner ones of long runs of one octet: they are all alike."""
    for place in range(1, len(data)):
        if len(set(data[max(0, place - _ALIKE) : place + _ALIKE])) > 1 or not _ALIKE <= place <= len(data) - _ALIKE:
            yield place


def objection(script: Script, seen: Transcript) -> str:
    """'' when the transcript is what the file says, else how it differs."""
    heard = [reply.split("\n")[-1] for reply in seen.replies]
    if len(heard) != len(script.replies) or not all(map(str.startswith, heard, script.replies)):
        return "heard\n  " + "\n  ".join(heard) + "\nnot\n  " + "\n  ".join(script.replies)
    if len(seen.mails) != script.stored:
        return f"{len(seen.mails)} mails are stored, not {script.stored}"
    for number, octets in script.mails.items():
        if seen.mails[number - 1][1] != octets:
            return f"mail {number} is {seen.mails[number - 1][1][-200:]!r}, not {octets[-200:]!r}"
    return ""
