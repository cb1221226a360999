"""MTA-STS (RFC 8461): a domain says in a policy, on a web server with a certificate, which servers take its mail and that they speak TLS.

A policy is fetched when the domain's DNS record names another id than the one kept, and counts until its `max_age` is over: who can forge
DNS can neither take it away nor make it weaker.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from inbox.auth.resolving import NotFound, Resolver, Temporary
from inbox.errors import InboxError

_RECORD = re.compile(r"v=STSv1[ \t]*(?:;[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c\x3e-\x7e]+[ \t]*)+;?[ \t]*")
_ID = re.compile(r";[ \t]*id=([A-Za-z0-9]{1,32})[ \t]*(?:;|$)")
_DOMAIN = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_LONGEST_AGE = 31_557_600
_PAUSE = 300.0  # seconds until a policy that could not be had is asked for again (RFC 8461 section 3.3)
_REMEMBERED = 10_000

Mode = Literal["enforce", "testing", "none"]
Fetch = Callable[[str], bytes]
"""The octets of the policy of a domain: https://mta-sts.DOMAIN/.well-known/mta-sts.txt, its certificate checked. Failed, Deferred."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain wants: `mx` are names of its servers, `*.` stands for one label. `until`: seconds of the clock up to which it counts."""

    id: str
    mode: Mode
    mx: tuple[str, ...]
    until: float

    def names(self, host: str) -> bool:
        """Whether a server is one of those that the policy names (RFC 8461 section 4.1)."""
        name = host.lower().rstrip(".")
        return any(name == mx or (mx.startswith("*.") and name.partition(".")[2] == mx[2:]) for mx in self.mx)


def record_id(texts: Sequence[str]) -> str | None:
    """The id in the TXT records at `_mta-sts.DOMAIN`; None unless there is exactly one record of MTA-STS, and it is well made."""
    records = [text for text in texts if text.startswith("v=STSv1")]
    if len(records) != 1 or not _RECORD.fullmatch(records[0]):
        return None
    found = _ID.search(records[0])
    return found[1] if found else None


def read_policy(octets: bytes, id_: str, now: float) -> Policy:
    """The policy that a web server gave (RFC 8461 section 3.2); ValueError says what is wrong with it."""
    said: dict[str, list[str]] = {}
    for line in octets.decode("utf-8").splitlines():
        name, colon, value = line.partition(":")
        if line.strip() and not colon:
            raise ValueError(f"{line[:60]!r} is no line of a policy")
        said.setdefault(name.strip(), []).append(value.strip())
    if said.get("version", [""])[0] != "STSv1":
        raise ValueError("its version is not STSv1")
    mode, age = said.get("mode", [""])[0], said.get("max_age", [""])[0]
    mx = tuple(name.lower().rstrip(".") for name in said.get("mx", ()))
    if mode not in ("enforce", "testing", "none"):
        raise ValueError(f"mode {mode[:20]!r} is none of enforce, testing, none")
    if not re.fullmatch(r"\d{1,10}", age, re.ASCII) or int(age) > _LONGEST_AGE:
        raise ValueError(f"max_age {age[:20]!r} is no number of seconds up to {_LONGEST_AGE}")
    if (mode != "none" and not mx) or not all(_DOMAIN.fullmatch(name) for name in mx):
        raise ValueError("it names no servers in mx, or what is no name")
    return Policy(id_, mode, mx, now + int(age))  # type: ignore[arg-type]


class Policies:
    """Policies of domains, kept in memory and in `folder` (None: in memory alone, so they are forgotten when the process ends)."""

    def __init__(self, fetch: Fetch, folder: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._fetch, self._folder, self._clock = fetch, folder, clock
        self._kept: dict[str, Policy] = {}
        self._not_before: dict[tuple[str, str], float] = {}

    def of(self, domain: str, resolver: Resolver) -> Policy | None:
        """The policy that counts now; None when there is none, or none can be had."""
        kept = self._fresh(domain)
        id_ = _announced(domain, resolver)
        if id_ is None or (kept and kept.id == id_) or self._not_before.get((domain, id_), 0) > self._clock():
            return kept
        try:
            policy = read_policy(self._fetch(domain), id_, self._clock())
        except (InboxError, ValueError):
            self._not_before = {**_younger(self._not_before, self._clock()), (domain, id_): self._clock() + _PAUSE}
            return kept
        self._keep(domain, policy)
        return policy

    def _fresh(self, domain: str) -> Policy | None:
        kept = self._kept.get(domain) or self._load(domain)
        if kept is None or kept.until <= self._clock():
            return None
        return kept

    def _keep(self, domain: str, policy: Policy) -> None:
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        self._kept[domain] = policy
        if self._folder is None:
            return
        with contextlib.suppress(OSError), _new(self._folder) as new:
            new.write_text(json.dumps(asdict(policy)), encoding="utf-8")
            new.replace(self._folder / f"{domain}.json")

    def _load(self, domain: str) -> Policy | None:
        if self._folder is None:
            return None
        try:
            said = json.loads((self._folder / f"{domain}.json").read_text(encoding="utf-8"))
            policy = Policy(str(said["id"]), said["mode"], tuple(said["mx"]), float(said["until"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._kept[domain] = policy
        return policy


def _announced(domain: str, resolver: Resolver) -> str | None:
    try:
        return record_id(resolver(f"_mta-sts.{domain}", "TXT"))
    except (NotFound, Temporary):
        return None


def _younger(pauses: Mapping[tuple[str, str], float], now: float) -> dict[tuple[str, str], float]:
    return {key: until for key, until in pauses.items() if until > now}


@contextlib.contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """A name for a file that is not whole yet."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f".new-{secrets.token_hex(8)}"
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)
