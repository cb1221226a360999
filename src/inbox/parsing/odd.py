"""The one place that asks flanker: single addresses that the simple grammar does not match."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def parse_odd(member: str) -> tuple[str, str] | None:
    """(display name, address) of one address, or None when it is none. Without flanker nothing odd is an address."""
    parse = _flanker()
    if parse is None:
        return None
    try:
        found = parse(member)
        address = getattr(found, "address", None)
        name = found.display_name or "" if address else ""
    except Exception:  # a parser of others, on hostile text: whatever it raises, it is no address
        return None
    return (name, address) if address else None


@cache
def _flanker() -> Callable[[str], Any] | None:
    """flanker's parser without its noise, or None when it cannot be imported (it wants `imghdr`, which Python 3.13 dropped)."""
    noisy = logging.getLogger("flanker")
    noisy.addHandler(logging.NullHandler())
    noisy.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from flanker.addresslib import address  # noqa: PLC0415 (0.25 s and 31 MB: only when it is needed)
    except Exception:  # an old package on a new Python can fail in any way; plain addresses work without it
        return None
    parse: Callable[[str], Any] = address.parse
    return parse
