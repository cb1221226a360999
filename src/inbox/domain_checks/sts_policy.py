"""The policy file of MTA-STS as data (RFC 8461 sections 3.2 and 4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 31_557_600
"""Seconds, about a year: the most that max_age may be."""
_SERVER = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+", re.IGNORECASE)
_RECORD = re.compile(r"v=STSv1[ \t]*(?:;[ \t]*[A-Za-z0-9_.-]{1,32}=[^;]*)*?;[ \t]*id=([A-Za-z0-9]{1,32})[ \t]*(?:;.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """`mode`: enforce, testing or none; `servers`: names of mail servers in lower case, `*.example.com` for one label more; `max_age`: seconds."""

    mode: str
    servers: tuple[str, ...]
    max_age: int

    def allows(self, server: str) -> bool:
        """Whether mail may be handed to this server."""
        name = server.lower().rstrip(".")
        return any(name == one or (one.startswith("*.") and name.partition(".")[2] == one[2:]) for one in self.servers)


def is_sts(text: str) -> bool:
    """Whether a TXT record means to announce a policy."""
    return text.startswith("v=STSv1") and text[7:8] in ("", ";", " ", "\t")


def policy_id(text: str) -> str | None:
    """The id of a record; it changes when the policy does. None for a record that is none."""
    found = _RECORD.fullmatch(text)
    return found[1] if found else None


def read_policy(text: str) -> StsPolicy:
    """Read a policy file. ValueError says what is wrong with it. Of a key that stands twice, the first counts; unknown keys are passed over."""
    values: dict[str, str] = {}
    names: list[str] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise ValueError(f"{line[:60]!r} is no line of a policy; write key: value")
        if key == "mx":
            names.append(value.lower().rstrip("."))
        values.setdefault(key, value)
    if values.get("version") != "STSv1":
        raise ValueError("the first line must be version: STSv1")
    mode = values.get("mode", "")
    if mode not in ("enforce", "testing", "none"):
        raise ValueError(f"mode: {mode[:40]!r}; it must be enforce, testing or none")
    age = values.get("max_age", "")
    if not re.fullmatch(r"\d{1,10}", age) or int(age) > LONGEST:
        raise ValueError(f"max_age: {age[:40]!r}; it must be seconds, {LONGEST} at most")
    if not names and mode != "none":
        raise ValueError("no mx: names a mail server")
    if bad := next((name for name in names if not _SERVER.fullmatch(name)), None):
        raise ValueError(f"mx: {bad[:60]!r} is no name of a server")
    return StsPolicy(mode, tuple(names), int(age))
