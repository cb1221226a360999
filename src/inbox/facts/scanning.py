"""What the facts of all scanners share: one question about one mail, with one deadline; what was answered is remembered; and what holds when
there was no answer: `on_error`.

    on_error   no answer, or one that is none           larger than `size`, or than the scanner takes
    open       absent, with a note                      absent, with a note
    closed     as if something had been found; a rule   as if something had been found
               that refuses answers 451 all the same
    defer      Deferred: the mail is judged later       absent, with a note: it would be as large then
"""

from __future__ import annotations

import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from inbox.errors import Deferred
from inbox.ports import Noted

if TYPE_CHECKING:
    from inbox.model import Mail, Value
    from inbox.send.http import Limited

_MAILS = 64
_MOST_READ = 1 << 20
_SHOWN = 200

Found = TypeVar("Found")


class TooLarge(Exception):
    """The scanner does not take a mail of this size, however often it is asked."""


class Garbled(ValueError):
    """An answer that means nothing."""

    def __init__(self, answer: bytes | str) -> None:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        super().__init__(f"its answer cannot be read: {_line(text)!r}" if text else "it closed the connection without an answer")


@dataclass(frozen=True)
class Fault:
    """Why there is no answer; `lasting`: nor will there be another one later."""

    why: str
    lasting: bool = False


class Scans(Generic[Found]):
    """One scanner. `ask(mail, settings, connection)` puts the question and reads the answer.

    It raises OSError (TimeoutError), ValueError or HTTPException when there is none, TooLarge when it is of no use to ask again.
    """

    _UNKNOWN = object()

    def __init__(self, name: str, ask: Callable[[Mail, Mapping[str, Any], Limited], Found]) -> None:
        self.name, self._ask = name, ask
        self._known: OrderedDict[str, Found] = OrderedDict()
        self._fault: tuple[Mail, Fault] | None = None

    def fact(self, mail: Mail, settings: Mapping[str, Any], pick: Callable[[Found], Value], found: Value) -> Value | Noted:
        """What `pick` takes from the answer; `found`: what holds without an answer when `on_error` is closed. Deferred."""
        if not settings.get("server"):
            return Noted(None, unset(self.name))
        answer = self._answer(mail, settings)
        if not isinstance(answer, Fault):
            return pick(answer)
        if settings["on_error"] == "closed":
            return Noted(found, answer.why, fault=not answer.lasting)
        if settings["on_error"] == "defer" and not answer.lasting:
            raise Deferred(answer.why)
        return Noted(None, answer.why)

    def _answer(self, mail: Mail, settings: Mapping[str, Any]) -> Found | Fault:
        """Several facts of one mail are one question, also when it was in vain; the same mail judged anew is asked about anew then."""
        known, fault = self._known.get(mail.id, self._UNKNOWN), self._fault  # once each: other threads scan other mails
        if known is not self._UNKNOWN:
            return cast("Found", known)
        if fault and fault[0] is mail:
            return fault[1]
        answer = self._scan(mail, settings)
        if isinstance(answer, Fault):
            self._fault = mail, answer
            return answer
        self._known[mail.id] = answer
        while len(self._known) > _MAILS:
            self._known.popitem(last=False)
        return answer

    def _scan(self, mail: Mail, settings: Mapping[str, Any]) -> Found | Fault:
        from http.client import HTTPException  # noqa: PLC0415  slow to import, and of no use without a scanner

        from inbox.send.http import Limited  # noqa: PLC0415  as above

        who = f"{self.name} at {settings['server']}"
        if mail.size > settings["size"]:
            return Fault(f"not shown to {self.name}: {mail.size} octets are more than its `size` of {settings['size']}", lasting=True)
        deadline = time.monotonic() + settings["timeout"]
        try:
            with _connect(settings["server"], settings["timeout"]) as plain:
                return self._ask(mail, settings, Limited(plain, deadline, _MOST_READ))
        except TimeoutError:
            return Fault(f"{who}: no answer within {settings['timeout']:g} s")
        except TooLarge as error:
            return Fault(f"{who}: {error}", lasting=True)
        except Deferred as error:
            return Fault(f"{who}: {error}")
        except (OSError, ValueError, HTTPException) as error:
            return Fault(f"{who}: {_line(getattr(error, 'strerror', None) or str(error) or type(error).__name__)}")


def unset(name: str) -> str:
    """The note of a fact whose scanner is not set."""
    return f"no {name} is set; write its `server` in [scanners.{name.lower()}] of inbox.toml"


def checked(name: str) -> Callable[[Mapping[str, Any], tuple[str, ...], Mapping[str, Any]], list[str]]:
    """A check for rules: they cannot ask a scanner that is not set."""

    def check(_options: Mapping[str, Any], _recipients: tuple[str, ...], settings: Mapping[str, Any]) -> list[str]:
        return [] if settings.get("server") else [unset(name)]

    return check


def _connect(server: str, seconds: float) -> socket.socket:
    """A connection to `HOST:PORT` or `unix:/PATH`. OSError."""
    if not server.startswith("unix:"):
        host, _, port = server.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout=seconds)
    plain = socket.socket(socket.AF_UNIX)
    try:
        plain.settimeout(seconds)
        plain.connect(server.removeprefix("unix:"))
    except BaseException:
        plain.close()
        raise
    return plain


def _line(text: str) -> str:
    from inbox.send.headers import clean  # noqa: PLC0415  as above

    return clean(text)[:_SHOWN]
