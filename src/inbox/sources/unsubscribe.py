"""The endpoint of `[sending] unsubscribe_url`: POST /unsubscribe/TOKEN unsubscribes (RFC 8058); GET shows a page with a button and changes nothing.

Mail programs fetch links on their own, so only POST counts; no login, no cookie, no redirect. The token says who: nothing else of the request is used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Protocol

from inbox.send.unsubscribe import PATH, Subscriber, read_token
from inbox.sending import SendingEvent
from inbox.sources.http import Answer, Request

LONGEST = 4096
"""Octets of a body; the one of RFC 8058 has 26, with multipart/form-data around it some hundred."""

_LOG = logging.getLogger("inbox.unsubscribe")
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>Unsubscribe</title></head><body><main><h1>{title}</h1>{body}</main></body></html>
"""
_BUTTON = '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form>'


Note = Callable[[Sequence[SendingEvent]], object]


class Subscriptions(Protocol):
    """What the endpoint asks of the store."""

    def suppress(self, address: str, reason: str, source: str, until: datetime | None = None, identity: str | None = None) -> None:
        """Send nothing more to an address as an identity."""


class Unsubscribing:
    """Answers requests below `/unsubscribe/`. `note` writes events down, with what follows from them (`Ledger.note`); `secrets` gives the secrets
    that tokens may be signed with.
    """

    def __init__(self, store: Subscriptions, note: Note, secrets: Callable[[], Sequence[bytes]]) -> None:
        self._store, self._note, self._secrets = store, note, secrets

    async def answer(self, request: Request) -> Answer:
        """The answer to a request; a fault of ours is 503, and whoever asks tries again."""
        if request.method not in ("GET", "HEAD", "POST"):
            return Answer(405, "GET or POST\n", "text/plain; charset=utf-8", allow="GET, HEAD, POST")
        try:
            return await asyncio.to_thread(self._answer, request)
        except Exception:
            _LOG.exception("a recipient could not unsubscribe")
            return _page(503, "Not now", "<p>Something is wrong here. Please try again in a few minutes.</p>")

    def _answer(self, request: Request) -> Answer:
        who = read_token(request.path.partition(PATH)[2], self._secrets())
        if who is None:
            return _page(404, "Unknown link", "<p>This link is not one of ours. Please copy it from the mail as a whole.</p>")
        if request.method != "POST":
            return _page(200, "Unsubscribe?", f"<p>{escape(who.address)} will get no more mail from {escape(who.identity)}.</p>{_BUTTON}")
        if b"List-Unsubscribe" not in request.body or b"One-Click" not in request.body:
            return _page(400, "Unsubscribe?", f"<p>The request lacks List-Unsubscribe=One-Click (RFC 8058).</p>{_BUTTON}")
        self._unsubscribe(who)
        return _page(200, "Unsubscribed", f"<p>{escape(who.address)} gets no more mail from {escape(who.identity)}.</p>")

    def _unsubscribe(self, who: Subscriber) -> None:
        """The list first: what is noted may be looked up by programs that want it to hold."""
        self._store.suppress(who.address, "unsubscribed", who.mail, identity=who.identity)
        key, now = f"{who.mail}.0:{who.address}:subscription", datetime.now(UTC)
        event = SendingEvent(key, "subscription", now, who.mail, who.address, who.identity, detail="unsubscribed with one click")
        self._note([event])


def _page(status: int, title: str, body: str) -> Answer:
    return Answer(status, _PAGE.format(title=title, body=body), "text/html; charset=utf-8")
