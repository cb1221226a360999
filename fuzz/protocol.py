"""SMTP as a state machine against a model of the protocol: hypothesis says commands in any order and cut, the model says what is right.

The model is the protocol as RFC 5321 tells it, and no more: who was greeted, whether a mail is under way, which recipients were taken, how
many errors are left. Its mails are read by the slow reference. What is answered with 250 is stored, with its envelope, and nothing else is.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from fuzz.door import RememberingGate, door, well_formed
from fuzz.memory import Client, cut, wait_for
from fuzz.reference import Read, read
from fuzz.sessions import finals
from inbox.sources.smtp.session import LmtpSession, Session

LIMITS = {"size": 60, "recipients": 3, "errors": 5, "command_line": 512}

SENDERS = {  # what stands behind MAIL: the sender that is understood, or how it is refused
    "FROM:<a@s.test>": "a@s.test",
    "FROM:<>": None,
    'from:<"a"@s.test>': "a@s.test",
    "FROM:<a@s.test> FOO": "555 5.5.4",
    "FROM:<a@s.test> SIZE=61": "552 5.3.4",
    "FROM:<a": "501 5.5.4",
    "FROM:<é@s.test>": "553 5.6.7",
}
RECIPIENTS = {
    "TO:<u@local.test>": "u@local.test",
    "TO:<v@LOCAL.test>": "v@LOCAL.test",
    'to:<"w"@local.test>': "w@local.test",
    "TO:<x@other.test>": "554 5.7.1",
    "TO:<x%other.test@local.test>": "554 5.7.1",
    "TO:<>": "553 5.1.3",
    "TO:": "501 5.5.4",
}
LINES = [b"", b"x", b".", b"..", b".x", b"x" * 40, b"a\nb", b"a\rb", b"\r", b"\0", b"\n.\n", b"QUIT", b"\xff"]
REASONS = {"line endings": "550 5.5.2", "size": "552 5.3.4"}


def mended(stream: bytes) -> bytes:
    """With CRLF only."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", stream)


def objections(stream: bytes, *, whole: bool, mend: bool) -> frozenset[str]:
    """Why a mail that came so far without dots may be refused; a CR at its end may still become CRLF."""
    seen = stream if whole or not stream.endswith(b"\r") else stream[:-1]
    bare = not mend and (b"\0" in seen or mended(seen) != seen)
    big = len(mended(seen) if mend else seen) > LIMITS["size"]
    return frozenset(name for name, so in (("line endings", bare), ("size", big)) if so)


@dataclass
class Model:
    """What a server knows of a session. Each command gives the beginnings of its replies, several where more than one is right."""

    lmtp: bool
    mend: bool
    greeted: bool = False
    under_way: bool = False
    sender: str | None = None
    taken: list[str] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    chunked: bool = False
    errors: int = 0
    closed: bool = False
    stored: list[tuple[str | None, tuple[str, ...], bytes]] = field(default_factory=list)

    def no(self, *replies: str) -> list[tuple[str, ...]]:
        """A refusal counts when it is for good; the last one that counts ends the session."""
        self.errors += all(reply.startswith("5") for reply in replies)
        if self.errors < LIMITS["errors"]:
            return [replies]
        self.closed = True
        return [replies, ("421 4.7.0",)]

    def forget(self) -> None:
        self.under_way, self.sender, self.taken = False, None, []
        self.chunked, self.chunks = False, []

    def hello(self, verb: str, name: str) -> list[tuple[str, ...]]:
        if (verb == "LHLO") != self.lmtp:
            return self.no("500 5.5.1")
        if not name:
            return self.no("501 5.5.4")
        self.greeted = True
        self.forget()
        return [("250",)]

    def mail(self, argument: str) -> list[tuple[str, ...]]:
        if not self.greeted or self.under_way:
            return self.no("503 5.5.1")
        understood = SENDERS[argument]
        if understood and understood[0] == "5":
            return self.no(understood)
        self.under_way, self.sender = True, understood
        return [("250 2.1.0",)]

    def rcpt(self, argument: str) -> list[tuple[str, ...]]:
        if not self.under_way:
            return self.no("503 5.5.1")
        if len(self.taken) == LIMITS["recipients"]:
            return self.no("452 4.5.3")
        understood = RECIPIENTS[argument]
        if understood[0] == "5":
            return self.no(understood)
        self.taken.append(understood)
        return [("250 2.1.5",)]

    def data(self) -> list[tuple[str, ...]]:
        return [("354",)] if self.taken and not self.chunked else self.no("503 5.5.1")

    def chunk(self, octets: bytes, last: bool) -> list[tuple[str, ...]]:
        """BDAT: no dots; what is wrong with a chunk is said behind it, and again behind all that follow (RFC 3030 section 2)."""
        if not self.taken:
            return self.no("503 5.5.1")
        self.chunked = True
        self.chunks.append(octets)
        stream = b"".join(self.chunks)
        wrong = objections(stream, whole=last, mend=self.mend)
        if last:
            return self.answered(Read(mended(stream) if self.mend else stream, wrong, b""))
        return self.no(*(REASONS[reason] for reason in wrong)) if wrong else [("250 2.0.0",)]

    def content(self, octets: bytes) -> list[tuple[str, ...]]:
        """A mail whose end is the end of these octets."""
        found = read(octets, limit=LIMITS["size"], mend=self.mend)
        assert found is not None
        assert found.rest == b""
        return self.answered(found)

    def answered(self, found: Read) -> list[tuple[str, ...]]:
        answers, replies = len(self.taken) if self.lmtp else 1, tuple(REASONS[reason] for reason in found.reasons)
        if not replies:
            self.stored.append((self.sender, tuple(dict.fromkeys(self.taken)), found.octets))
            self.errors, replies = 0, (f"250 2.0.0 kept as {len(self.stored)}",)
        self.forget()
        return [replies] * answers


class Sessions(RuleBasedStateMachine):
    """Commands gather, pipelined; `deliver` sends them in any pieces and compares."""

    played = 0

    @initialize(lmtp=st.booleans(), mend=st.booleans())
    def begin(self, lmtp: bool, mend: bool) -> None:
        self.runner = asyncio.Runner()
        self.model, self.pending, self.wanted = Model(lmtp, mend), b"", [("220",)]
        self.gate = RememberingGate()
        self.runner.run(self._connect(lmtp, mend))

    async def _connect(self, lmtp: bool, mend: bool) -> None:
        self.server = door({"limits": {**LIMITS, "line_endings": "normalize" if mend else "strict"}}, self.gate)
        self.client = Client((LmtpSession if lmtp else Session)(self.server))

    def say(self, line: str, wanted: list[tuple[str, ...]]) -> None:
        self.pending += line.encode() + b"\r\n"
        self.wanted += wanted

    open_ = precondition(lambda self: not self.model.closed)

    @open_
    @rule(verb=st.sampled_from(["EHLO", "HELO", "LHLO"]), name=st.sampled_from(["c.test", "[192.0.2.1]", ""]))
    def hello(self, verb: str, name: str) -> None:
        verb = verb.replace("HELO", "EHLO")  # parameters are refused after HELO: the model has none of it
        self.say(f"{verb} {name}", self.model.hello(verb, name))

    @open_
    @rule(argument=st.sampled_from(list(SENDERS)))
    def mail(self, argument: str) -> None:
        self.say(f"MAIL {argument}", self.model.mail(argument))

    @open_
    @rule(argument=st.sampled_from(list(RECIPIENTS)))
    def rcpt(self, argument: str) -> None:
        self.say(f"RCPT {argument}", self.model.rcpt(argument))

    @open_
    @rule(lines=st.lists(st.sampled_from(LINES), max_size=4))
    def data(self, lines: list[bytes]) -> None:
        """A client that pipelines DATA sends the mail only when it may hope: after a 354. What ends in the midst of it is not said."""
        wanted = self.model.data()
        self.say("DATA", wanted)
        if wanted == [("354",)]:
            octets = b"".join((b"." if line == b"." else b"") + line + b"\r\n" for line in lines) + b".\r\n"
            self.pending += octets
            self.wanted += self.model.content(octets)

    @open_
    @rule(octets=st.lists(st.sampled_from([*LINES, b"\r\n", b"\n"]), max_size=4).map(b"".join), last=st.booleans())
    def bdat(self, octets: bytes, last: bool) -> None:
        wanted = self.model.chunk(octets, last)
        self.pending += b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"") + octets
        self.wanted += wanted

    @open_
    @rule(mails=st.integers(1, 3), lines=st.lists(st.sampled_from(LINES[:6]), max_size=3))
    def whole_mails(self, mails: int, lines: list[bytes]) -> None:
        """The way of a client that knows what it wants."""
        self.hello("LHLO" if self.model.lmtp else "EHLO", "c.test")
        for _ in range(mails):
            self.mail("FROM:<a@s.test>")
            self.rcpt("TO:<u@local.test>")
            if not self.model.closed:
                self.data(lines)

    @open_
    @rule()
    def rset(self) -> None:
        self.model.forget()
        self.say("RSET", [("250 2.0.0",)])

    @open_
    @rule(line=st.sampled_from(["DATA now", "RSET now", "FOO", "", "MAIL", "N\0OP", "STARTTLS"]))
    def wrong(self, line: str) -> None:
        known = {
            "DATA now": "501 5.5.4" if self.model.taken and not self.model.chunked else "503 5.5.1",
            "RSET now": "501 5.5.4",
            "N\0OP": "500 5.5.2",
            "STARTTLS": "502 5.5.1",
        }
        known["MAIL"] = "503 5.5.1" if not self.model.greeted or self.model.under_way else "501 5.5.4"
        self.say(line, self.model.no(known.get(line, "500 5.5.1")))

    @open_
    @rule(octets=st.integers(511, 2000))
    def too_long(self, octets: int) -> None:
        self.say("NOOP " + "x" * (octets - 5), self.model.no("500 5.5.6"))

    @rule(places=st.lists(st.integers(1, 80), max_size=4))
    def deliver(self, places: list[int]) -> None:
        self.runner.run(self._deliver(places))
        self.compare()

    async def _deliver(self, places: list[int]) -> None:
        for piece in cut(*places)(self.pending):
            self.client.send(piece)
            await asyncio.sleep(0)
        self.pending = b""
        if self.model.closed:
            await wait_for(lambda: self.client.closed)
        else:
            await wait_for(lambda: finals(self.client.said) >= len(self.wanted))
            for _ in range(4):  # nothing else may follow
                await asyncio.sleep(0)

    def compare(self) -> None:
        heard = [reply.split("\n")[-1] for reply in well_formed(self.client.said)]
        assert len(heard) == len(self.wanted), f"heard {heard}, not {self.wanted}"
        for reply, wanted in zip(heard, self.wanted, strict=True):
            assert reply.startswith(wanted), f"heard {reply}, not {wanted}"
        kept = [(envelope.sender, envelope.recipients, raw) for envelope, raw in self.gate.mails]
        assert kept == self.model.stored

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        try:
            if not self.model.closed:
                self.say("QUIT", [("221 2.0.0",)])
                self.model.closed = True
            self.runner.run(self._deliver([]))
            self.compare()
        finally:
            Sessions.played += 1
            self.server.stop()
            self.runner.close()


def few(examples: int) -> settings:
    """So many sessions, of up to 30 steps."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=checks, database=None)


def run_for(seconds: float) -> tuple[int, list[str]]:
    """Play sessions for so long: how many, and the shortest that went wrong."""
    Sessions.played, ends = 0, time.monotonic() + seconds
    quiet = settings(few(100), verbosity=Verbosity.quiet, print_blob=False, phases=[Phase.generate, Phase.shrink])
    try:
        while time.monotonic() < ends:
            run_state_machine_as_test(Sessions, settings=quiet)
    except AssertionError as error:
        return Sessions.played, [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]
    return Sessions.played, []
