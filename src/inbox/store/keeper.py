"""Group commit: doors ask on the event loop, one thread writes. Whatever waits while it is busy becomes the next group.

One sync serves a whole group: fifty mails that wait together cost little more than one. Wishes of one turn of the loop are handed over
together, and rows are worked out on the loop: each time that the two threads both want Python's lock costs more than a row.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from inbox.errors import StoreError
from inbox.model import Mail, Plan
from inbox.store.arrivals import Arrival
from inbox.store.blobs import SMALL

if TYPE_CHECKING:
    from inbox.store.sqlite import SqliteStore

_LOG = logging.getLogger("inbox.store")
_GROUP = 500
_OF_ONE = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""What SQLite says of a row, not of the disk."""


class _Wish(NamedTuple):
    arrival: Arrival
    answer: asyncio.Future[str]


class Keeper:
    """The door's way into the store. One event loop, one writer thread."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._gathered: list[_Wish] = []  # in this turn of the loop
        self._wishes: SimpleQueue[list[_Wish]] = SimpleQueue()  # an empty list is the end
        self._lock = threading.Lock()  # nothing is put behind the end
        self._closed = False
        self._thread = threading.Thread(target=self._write_for_ever, name="inbox-writer", daemon=True)
        self._thread.start()

    async def keep(self, mail: Mail, plan: Plan | None = None) -> str:
        """Keep a mail; when this returns it is on stable storage, under the id returned (`Arrivals.keep_arrivals`). Raises StoreError.

        Being cancelled while it waits changes nothing: the mail is kept all the same.
        """
        if mail.size > SMALL:
            return await asyncio.shield(asyncio.ensure_future(self._keep_large(mail, plan)))
        return await self._wish(mail, plan)

    async def _keep_large(self, mail: Mail, plan: Plan | None) -> str:
        """The file first, beside the writer, so that small mails do not wait for it."""
        await asyncio.to_thread(self._store.put_large, mail)
        return await self._wish(mail, plan)

    def _wish(self, mail: Mail, plan: Plan | None) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        try:
            wish = _Wish(Arrival.of(mail, plan), loop.create_future())
        except (TypeError, ValueError) as error:
            raise _odd(error) from error
        wish.answer.add_done_callback(_seen)
        with self._lock:
            if self._closed:
                raise StoreError("the store is being closed; the mail was not kept")
            self._gathered.append(wish)
            if len(self._gathered) == 1:
                loop.call_soon(self._hand_over)
        return wish.answer

    def _hand_over(self, *, last: bool = False) -> None:
        with self._lock:
            if self._gathered:
                self._wishes.put(self._gathered)
                self._gathered = []
            if last and not self._closed:
                self._closed = True
                self._wishes.put([])

    def close(self) -> None:
        """Write what waits, then end; blocks until that is done."""
        self._hand_over(last=True)
        self._thread.join()

    # the writer thread

    def _write_for_ever(self) -> None:
        while True:
            group, last = self._next_group()
            if group:
                self._write(group)
            if last:
                return

    def _next_group(self) -> tuple[list[_Wish], bool]:
        """Wait for some, then take all that are there: (the group, whether the end was reached)."""
        group: list[_Wish] = []
        wishes = self._wishes.get()
        while wishes:
            group += wishes
            if len(group) >= _GROUP:
                return group, False
            try:
                wishes = self._wishes.get_nowait()
            except Empty:
                return group, False
        return group, True

    def _write(self, group: Sequence[_Wish]) -> None:
        answers: list[str | Exception]
        try:
            answers = [*self._store.keep_arrivals([wish.arrival for wish in group])]
        except Exception as error:
            of_one = not isinstance(error, StoreError) or isinstance(error.__cause__, _OF_ONE)
            if len(group) > 1 and of_one:  # one odd mail must not fail the others
                for wish in group:
                    self._write([wish])
                return
            answers = _not_kept(group, error)
        _tell(group, answers)


def _not_kept(group: Sequence[_Wish], error: Exception) -> list[str | Exception]:
    if isinstance(error, StoreError):
        _LOG.error("mail not kept", extra={"mails": len(group), "why": str(error)})
        return [error] * len(group)
    _LOG.error("mail not kept", exc_info=error, extra={"mail": group[0].arrival.mail.id})
    return [_odd(error)]


def _odd(error: Exception) -> StoreError:
    return StoreError(f"the mail cannot be kept: {type(error).__name__}: {error}")


def _tell(group: Sequence[_Wish], answers: Sequence[str | Exception]) -> None:
    try:
        group[0].answer.get_loop().call_soon_threadsafe(_settle, group, answers)
    except RuntimeError:
        _LOG.warning("the event loop ended before its mails were kept; nobody waits for them", extra={"mails": len(group)})


def _settle(group: Sequence[_Wish], answers: Sequence[str | Exception]) -> None:
    for wish, answer in zip(group, answers, strict=True):
        if wish.answer.done():
            continue
        if isinstance(answer, Exception):
            wish.answer.set_exception(answer)
        else:
            wish.answer.set_result(answer)


def _seen(answer: asyncio.Future[str]) -> None:
    """Look at the failure once: whoever asked may be gone."""
    if not answer.cancelled():
        answer.exception()
