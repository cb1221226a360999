"""A world of mail servers that write to each other: real installations with rules of their own, and foreign programs that know no RFC.

Time is a number that the world moves on; nothing waits. Whatever one of them sends is delivered to the other after its delay.
"""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from pathlib import Path

from inbox.app import Inbox
from inbox.config import validate
from inbox.model import Envelope, Mail, Raw, new_id
from inbox.plugins import Plugins
from inbox.ports import NOTHING
from inbox.rules import load
from inbox.sending import About
from inbox.testing import MemoryNotes

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MOST_FOREIGN = 2
"""Foreign hops in a row that the world delivers: what foreign programs do among themselves is not ours to end."""
PLUGINS = Plugins()


@dataclass(frozen=True)
class Delivery:
    sender: str | None
    recipient: str
    raw: bytes
    foreign: int = 0


@dataclass
class World:
    """Who is there, by domain; what is under way; and what each has sent: (when, who, what it was)."""

    peers: dict[str, Peer] = field(default_factory=dict)
    now: datetime = START
    under_way: list[tuple[datetime, int, Delivery]] = field(default_factory=list)
    sent: list[tuple[datetime, str, str]] = field(default_factory=list)
    _count: int = 0

    def post(self, by: str, what: str, delay: timedelta, delivery: Delivery) -> None:
        self.sent.append((self.now, by, what))
        if delivery.foreign <= MOST_FOREIGN:
            self._count += 1
            heapq.heappush(self.under_way, (self.now + delay, self._count, delivery))

    def run(self, most: int) -> bool:
        """Deliver until nothing is under way; False when more than `most` were delivered."""
        for _ in range(most):
            if not self.under_way:
                return True
            self.now, _, delivery = heapq.heappop(self.under_way)
            if peer := self.peers.get(delivery.recipient.rpartition("@")[2].lower()):
                peer.receive(self, delivery)
        return not self.under_way

    def sent_by(self, domain: str, what: str) -> list[datetime]:
        return [at for at, by, kind in self.sent if (by, kind) == (domain, what)]


class Peer:
    domain: str

    def receive(self, world: World, delivery: Delivery) -> None:
        raise AssertionError("each kind of peer says what it does")


@dataclass
class Installation(Peer):
    """A real `Inbox`, behind a server that may take fields away from what comes in. `steps`: of its rules, one list for each rule."""

    domain: str
    steps: list[list[dict]]
    settings: dict[str, str]
    strips: frozenset[str]
    delay: timedelta
    memory: MemoryNotes = field(default_factory=MemoryNotes)

    def __post_init__(self) -> None:
        rules = {
            "version": 1,
            "domains": [self.domain],
            "rules": [{"name": f"r{n}", "do": steps} for n, steps in enumerate(self.steps)],
            "default": ["discard"],
        }
        self.handlers = {"reply": self.settings, "forward": {"in_all": self.settings["in_all"], "alike": "20/1d"}}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rules.yaml"
            path.write_text(json.dumps(rules), encoding="utf-8")
            settings = validate({"handlers": self.handlers})
            self.box = Inbox(load(path, PLUGINS, settings), plugins=PLUGINS, settings=settings, memory=self.memory)

    def receive(self, world: World, delivery: Delivery) -> None:
        sender = delivery.sender
        if "null sender" in self.strips and sender is None:
            sender = parseaddr(message_from_bytes(delivery.raw).get("From", ""))[1] or None
        mail = Mail(
            new_id(world.now.timestamp()), Envelope(sender, (delivery.recipient,)), Raw.of(without(delivery.raw, self.strips)), world.now
        )
        self.box.outbox = _Out(world, self)
        self.box.process(mail)


@dataclass
class _Out:
    world: World
    own: Installation

    def send(self, sender: str | None, recipients: Sequence[str], raw: bytes, *, about: About = NOTHING) -> str:
        assert about.mail, "whoever sends says for which mail"
        ours = (
            f"Message-ID: <{about.mail}.{about.n}.auto@{self.own.domain}>".encode()
        )  # a reply; one that is passed on was made for another mail
        what = "reply" if sender is None and ours in raw else "forward"
        for recipient in recipients:
            self.world.post(self.own.domain, what, self.own.delay, Delivery(sender, recipient, raw))
        return "250 taken"


@dataclass
class Responder(Peer):
    """Answers whatever comes, also null senders, and says nowhere that it is a program."""

    domain: str
    to: str  # envelope, from, reply-to
    sender: str  # own, fresh, null
    refers: bool
    copies: int
    delay: timedelta

    def receive(self, world: World, delivery: Delivery) -> None:
        message = message_from_bytes(delivery.raw)
        target = _target(self.to, message, delivery)
        if not target:
            return
        for copy in range(self.copies):
            own = f"robot{len(world.sent) if self.sender == 'fresh' else copy}@{self.domain}"
            subject = message.get("Subject", "")
            raw = written(
                own, target, f"Re: {subject}", f"{len(world.sent)}.{copy}@{self.domain}", message.get("Message-ID") if self.refers else None
            )
            world.post(
                self.domain, "answer", self.delay, Delivery(None if self.sender == "null" else own, target, raw, delivery.foreign + 1)
            )


@dataclass
class Bouncer(Peer):
    """Sends everything back, as a report or in its own words, to whom it should not, with an address of its own as envelope sender."""

    domain: str
    to: str
    report: bool
    delay: timedelta

    def receive(self, world: World, delivery: Delivery) -> None:
        target = _target(self.to, message_from_bytes(delivery.raw), delivery)
        if not target:
            return
        own = f"mail@{self.domain}"
        raw = written(own, target, "Returned", f"{len(world.sent)}@{self.domain}", None)
        if self.report:
            raw = raw.replace(b"Content-Type: text/plain", b"Content-Type: multipart/report; report-type=delivery-status; boundary=b", 1)
        world.post(self.domain, "bounce", self.delay, Delivery(own, target, raw, delivery.foreign + 1))


@dataclass
class MailingList(Peer):
    """Sends what comes to all its members, the author among them, and may launder it: no trace, a new Message-ID, a new date, itself as author."""

    domain: str
    members: tuple[str, ...]
    strips: frozenset[str]
    author: bool
    renews: bool
    sender: str  # author, own, null
    delay: timedelta

    def receive(self, world: World, delivery: Delivery) -> None:
        own = f"list@{self.domain}"
        fields = [f"From: {own}\r\n".encode()] if self.author else []
        raw = without(delivery.raw, self.strips | ({"from"} if self.author else set()))
        if self.renews:
            raw = without(raw, frozenset(("message-id", "date")))
            fields += [f"Message-ID: <{len(world.sent)}@{self.domain}>\r\nDate: {world.now:%a, %d %b %Y %H:%M:%S} +0000\r\n".encode()]
        sender = {"author": delivery.sender, "own": own, "null": None}[self.sender]
        for member in self.members:
            world.post(
                self.domain,
                "list",
                self.delay,
                Delivery(sender, member, b"".join(fields) + raw + b"-- \r\nfooter\r\n", delivery.foreign + 1),
            )


def _target(to: str, message: Message, delivery: Delivery) -> str:
    if to == "envelope" and delivery.sender:
        return delivery.sender
    return parseaddr(str(message.get("Reply-To" if to == "reply-to" and message.get("Reply-To") else "From", "")))[1]


def written(author: str, to: str, subject: str, message_id: str, refers: str | None) -> bytes:
    fields = [f"From: {author}", f"To: {to}", f"Subject: {subject[:200]}", f"Message-ID: <{message_id}>"]
    fields += [f"In-Reply-To: {refers}", f"References: {refers}"] if refers else []
    return "\r\n".join([*fields, "MIME-Version: 1.0", "Content-Type: text/plain", "", "Hello there.", ""]).encode("utf-8", "replace")


def without(raw: bytes, names: frozenset[str] | set[str]) -> bytes:
    """The mail without fields of these names."""
    head, _, body = raw.partition(b"\r\n\r\n")
    fields: list[list[bytes]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in b" \t" and fields:
            fields[-1].append(line)
        else:
            fields.append([line])
    kept = [b"\r\n".join(lines) for lines in fields if lines[0].partition(b":")[0].strip().lower().decode("latin-1") not in names]
    return b"\r\n".join(kept) + b"\r\n\r\n" + body


def first_mails(world: World, mails: list[tuple[str, str, bool]]) -> None:
    """Mails of people (or of installations, whose addresses somebody forged) with which it begins."""
    for n, (sender, recipient, null) in enumerate(mails):
        raw = written(sender, recipient, f"first {n}", f"first{n}@people.test", None)
        world.post("people.test", "first", timedelta(0), replace(Delivery(None if null else sender, recipient, raw)))
