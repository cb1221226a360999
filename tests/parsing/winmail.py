"""Writes winmail.dat files (MS-OXTNEF), for tests."""

from __future__ import annotations

import struct

SIGNATURE = b"\x78\x9f\x3e\x22\x01\x00"
BINARY, STRING, UNICODE, OBJECT, INTEGER = 0x102, 0x1E, 0x1F, 0x0D, 0x03


def attribute(level: int, id_: int, kind: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, id_, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties(*found: tuple[int, int, bytes]) -> bytes:
    """`found`: (id, type, value)."""
    out = struct.pack("<I", len(found))
    for id_, kind, value in found:
        out += struct.pack("<HH", kind, id_)
        out += value if kind == INTEGER else struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return out


def codepage(number: int) -> bytes:
    return attribute(1, 0x9007, 6, struct.pack("<II", number, 0))


def bodies(*found: tuple[int, int, bytes]) -> bytes:
    return attribute(1, 0x9003, 6, properties(*found))


def file(name: bytes, content: bytes, *more: tuple[int, int, bytes]) -> bytes:
    parts = [attribute(2, 0x9002, 6, b"\0" * 14), attribute(2, 0x8010, 1, name + b"\0")]
    if content:
        parts.append(attribute(2, 0x800F, 6, content))
    return b"".join(parts) + (attribute(2, 0x9005, 6, properties(*more)) if more else b"")


def winmail(*parts: bytes) -> bytes:
    return SIGNATURE + attribute(1, 0x9006, 8, struct.pack("<I", 0x10000)) + b"".join(parts)
