"""Whether JSON has the shape of a documented sample: the same keys, and values of the same kind."""

from __future__ import annotations

from typing import Any

OPTIONAL = {"commonHeaders": ("from", "to", "cc", "bcc", "sender", "replyTo", "date", "messageId", "subject"), "receipt": ("dmarcPolicy",)}
"""Keys that are there only if the mail has such a thing."""


def differences(found: Any, sample: Any, where: str = "") -> list[str]:
    """Where JSON differs from the shape of a sample, key by key and kind by kind."""
    if type(found) is not type(sample):
        return [f"{where}: {type(found).__name__}, not {type(sample).__name__}"]
    if isinstance(found, dict):
        free = OPTIONAL.get(where.rpartition(".")[2], ())
        wrong = [f"{where}.{key}: {'missing' if key in sample else 'unknown'}" for key in found.keys() ^ sample.keys() if key not in free]
        return wrong + [line for key in found.keys() & sample.keys() for line in differences(found[key], sample[key], f"{where}.{key}")]
    if isinstance(found, list) and sample:
        return [line for n, item in enumerate(found) for line in differences(item, sample[0], f"{where}[{n}]")]
    return []
