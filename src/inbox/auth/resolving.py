"""What authentication asks of DNS, as a function that is handed in: `resolver(name, type) -> list of strings`.

TXT chunks are joined, MX is `"10 mail.example.com"`, CNAMEs are followed; case and a last dot do not matter. A name that does not exist raises
NotFound, one without that type gives `[]`, no answer in time raises Temporary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inbox.errors import Deferred, InboxError

Resolver = Callable[[str, str], Sequence[str]]


class NotFound(InboxError):
    """The name does not exist in DNS."""


class Temporary(Deferred):
    """DNS gave no answer: nothing can be said now."""
