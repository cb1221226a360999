"""Mails that come several times, in any order, to hosts that work inline and die at any moment: what is to happen once happens once.

No server: each event is a host of its own (`work_inline`), several at a time, and a crash is an exception after which that host makes no
further call. DynamoDB is moto's, in this process, one call after the other, as DynamoDB's are atomic; or that of a server (`DYNAMODB_ENDPOINT=http://127.0.0.1:4566`, MiniStack), all at once.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from server import Skip, need

from inbox import Deferred, Row, hookimpl
from inbox.store import open_store
from inbox.store.inline import work_inline
from inbox.testing import inbox_for, make_mail

RULES = """
version: 1
domains: [local.test]
rules:
- {name: some, recipients: [a@local.test, b@local.test, c@local.test], do: [act, note]}
- {name: all, do: [note]}
default: [discard]
"""
NAMES = tuple(f"{letter}@local.test" for letter in "abcdef")
RULE_OF = {"some": set(NAMES[:3]), "all": set(NAMES)}
THREADS = 6
FATES = ("asking", "answered", "before", "after")
HOLD, DYING = timedelta(minutes=5), timedelta(seconds=1)
"""How long hosts have their mails in hand. Those that are to die hold them for a short time, so that the next one need not wait long."""

LAST = 300.0
"""Seconds after which it is given up, and a tenth of a second more for each event."""


class Dead(BaseException):
    """This host is gone."""


@dataclass
class Host:
    """One host. `fate`: how it dies: "asking" or "answered" at its call number `calls`, "before" or "after" an act; None: it lives."""

    store: Any
    fate: str | None = None
    calls: int = 0
    dead: bool = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            last = not self.calls
            self.calls -= 1
            if self.dead or (last and self.fate == "asking"):
                self.die()
            answer = getattr(self.store, name)(*given, **named)
            if last and self.fate == "answered":
                self.die()
            return answer

        return call

    def die(self) -> None:
        """From now on it makes no call."""
        self.dead = True
        raise Dead


@dataclass
class Effects:
    """What handlers did outside the store."""

    chance: random.Random
    acts: Counter[tuple[str, str]] = field(default_factory=Counter)
    turn: threading.Lock = field(default_factory=threading.Lock)
    here: threading.local = field(default_factory=threading.local)  # the host of this thread
    __name__ = "effects"

    @hookimpl
    def register_handlers(self, register: Any) -> None:
        def act(mail: Any, step: Any) -> None:
            """Do something that cannot be taken back."""
            host: Host = self.here.host
            if host.fate == "before":
                host.die()
            if self.chance.random() < 0.02:
                raise Deferred("not now")
            with self.turn:
                self.acts.update((mail.source_key, recipient) for recipient in step.recipients)
            if host.fate == "after":
                host.die()

        def note(mail: Any, step: Any) -> Row:
            """Ask for a row."""
            return Row("effects", {"key": mail.source_key, "rule": step.rule, "recipients": " ".join(step.recipients)})

        register("act", act, acts=True)
        register("note", note)


class Storm:
    """Some events over one store; `host` gives the store as a new process would have it."""

    def __init__(self, events: int, seed: int, host: Callable[[], Any]) -> None:
        self.chance, self.host = random.Random(seed), host
        self.effects = Effects(self.chance)
        self.queue = [(0.0, *event) for event in self._events(events)]  # when it comes, source key, recipients
        self.wanted: dict[str, set[str]] = {}
        for _, key, recipients in self.queue:
            self.wanted.setdefault(key, set()).update(recipients)
        self.turn = threading.Lock()
        self.working = self.events = self.crashes = self.busy = self.late = 0
        self.errors: list[BaseException] = []

    def _events(self, number: int) -> list[tuple[str, tuple[str, ...]]]:
        """Each mail one to five times, each time for some of the recipients, in any order."""
        found: list[tuple[str, tuple[str, ...]]] = []
        while len(found) < number:
            key = f"ses:{self.chance.getrandbits(40):x}"
            found += [(key, tuple(self.chance.sample(NAMES, self.chance.randint(1, 4)))) for _ in range(self.chance.randint(1, 5))]
        self.chance.shuffle(found)
        return found

    def run(self) -> None:
        """Until every event is done: one that died, or found something undone, comes again."""
        logging.getLogger("inbox").setLevel(logging.CRITICAL)  # what goes wrong here goes wrong on purpose
        threads = [threading.Thread(target=self._work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _work(self) -> None:
        settings = {"work": {"strikes": 1000, "retry": [0.05], "retry_for": 3600}}
        until = time.monotonic() + LAST + len(self.queue) / 10
        box = inbox_for(RULES, modules=[self.effects], **settings)
        try:
            while (event := self._next()) and time.monotonic() < until:
                self._deliver(box, *event)
        except BaseException as error:
            self.errors.append(error)
            raise

    def _next(self) -> tuple[str, tuple[str, ...]] | None:
        while True:
            with self.turn:
                if self.queue and self.queue[0][0] <= time.monotonic():
                    self.working += 1
                    return heapq.heappop(self.queue)[1:]
                if (not self.queue and not self.working) or self.errors:
                    return None
            time.sleep(0.005)

    def _deliver(self, box: Any, key: str, recipients: tuple[str, ...]) -> None:
        """One event at one host."""
        mail = replace(make_mail(recipients=recipients, subject=key), source_key=key)
        fate = self.chance.choice(FATES) if self.chance.random() < 0.2 else None
        host, until = Host(self.host(), fate, self.chance.randrange(8)), datetime.now(UTC) + (DYING if fate else HOLD)
        self.effects.here.host = host
        undone, crashed = True, False
        try:
            receipts = work_inline(box, host, mail, f"host-{self.chance.getrandbits(60):x}", until)
            undone = any(receipt.state in ("kept", "waiting") for receipt in receipts)
        except Dead:
            crashed = True
        box._open.clear()
        with self.turn:
            self.events += 1
            self.working -= 1
            self.crashes += crashed
            self.busy += undone and not crashed
            self.late += datetime.now(UTC) > until
            if undone:
                again = DYING.total_seconds() if crashed else 0.2
                heapq.heappush(self.queue, (time.monotonic() + again, key, recipients))

    def check(self, rows: list[dict[str, Any]]) -> None:
        """Every effect of a row once, every act at least once and more often only for a crash."""
        found = Counter((row["key"], row["rule"], name) for row in rows for name in row["recipients"].split())
        wanted = {(key, rule, name) for key, names in self.wanted.items() for rule, of in RULE_OF.items() for name in names & of}
        need(set(found) == wanted, f"{len(wanted - set(found))} effects are missing, {len(set(found) - wanted)} are too many")
        need(max(found.values()) == 1, f"{sum(n > 1 for n in found.values())} effects came about more than once")
        acts = {(key, name) for key, rule, name in wanted if rule == "some"}
        need(set(self.effects.acts) == acts, f"{len(acts - set(self.effects.acts))} acts are missing")
        again = self.effects.acts.total() - len(acts)
        need(again <= (self.crashes + self.late) * 3, f"{again} acts again, for {self.crashes} crashes of at most 3 recipients each")

    def figures(self) -> str:
        again = self.effects.acts.total() - len(self.effects.acts)
        rows = sum(len(names & of) for names in self.wanted.values() for of in RULE_OF.values())
        return (
            f"{self.events:,} events of {len(self.wanted):,} mails, {self.crashes:,} crashes, {self.busy:,} found a mail in another's hand or "
            f"not due: {rows:,} rows exactly once, {len(self.effects.acts):,} acts, {again} of them again after a crash"
        )


def inline_sqlite(folder: Path, events: int) -> str:
    """N events to hosts that work inline over a folder and die at any call: each row once, each act at least once"""
    with contextlib.closing(open_store(folder / "data")) as store:
        storm = Storm(events, 1, lambda: store)
        storm.run()
        with store._connections.read() as db:
            storm.check([dict(row) for row in db.execute("select key, rule, recipients from effects")])
        need(store.count() == store.count(state="settled"), "some mails are not settled")
    return storm.figures()


class _Counted:
    """A client whose calls are counted; `turn`: what each has to wait for."""

    def __init__(self, client: Any, turn: contextlib.AbstractContextManager[Any]) -> None:
        self._client, self._turn, self.meta, self.calls = client, turn, client.meta, 0

    def __getattr__(self, name: str) -> Any:
        def call(**asked: Any) -> Any:
            with self._turn:
                self.calls += 1
                return getattr(self._client, name)(**asked)

        return call


def _moto() -> Any:
    try:
        from moto import mock_aws  # noqa: PLC0415
    except ImportError:
        raise Skip("moto is not installed") from None
    return mock_aws()


@contextlib.contextmanager
def _dynamodb() -> Iterator[Any]:
    made_up = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    before = dict(os.environ)
    os.environ.update(made_up)
    try:
        from inbox import aws  # noqa: PLC0415

        if server := os.environ.get(SERVER):
            yield _Counted(aws.client("dynamodb", {"endpoint": server}), contextlib.nullcontext())
        else:
            with _moto():
                yield _Counted(aws.client("dynamodb"), threading.RLock())
    finally:
        os.environ.clear()
        os.environ.update(before)


_A_TABLE = 25
"""Events of one table: moto copies a table for each transaction."""

SERVER = "DYNAMODB_ENDPOINT"
"""Variable that names a DynamoDB to be asked over HTTP instead (MiniStack), with one table for all events."""


def inline_dynamodb(folder: Path, events: int) -> str:
    """The same over DynamoDB, 25 events a table, each host with clients and memory of its own"""
    from inbox.store.dynamodb import DynamoStore, create_table  # noqa: PLC0415
    from inbox.store.dynamodb.base import Retention  # noqa: PLC0415
    from inbox.store.dynamodb.octets import Octets  # noqa: PLC0415
    from inbox.store.dynamodb.table import Table  # noqa: PLC0415

    storms, a_table = [], events if os.environ.get(SERVER) else _A_TABLE
    with _dynamodb() as client:
        for number in range(0, events, a_table):
            table = Table(f"mails-{os.getpid()}-{number}", client)
            create_table(table.name, client._client)
            storm = Storm(
                min(a_table, events - number),
                number,
                lambda table=table: DynamoStore(table, Octets(table, None, None), Retention(30, 30)),
            )
            storm.run()
            found = [item["values"] for item in table.query("#pk = :pk", {"pk": "row#effects"})]
            storm.check(found)
            need(not DynamoStore(table, Octets(table, None, None), Retention()).count(state="waiting"), "some mails are not settled")
            storms.append(storm)
    return _together(storms, client.calls)


def _together(storms: list[Storm], calls: int) -> str:
    whole = storms[0]
    for storm in storms[1:]:
        whole.wanted.update(storm.wanted)
        whole.effects.acts.update(storm.effects.acts)
        for name in ("events", "crashes", "busy", "late"):
            setattr(whole, name, getattr(whole, name) + getattr(storm, name))
    return f"{whole.figures()}; {calls / whole.events:.1f} requests an event"
