"""MTA-STS (RFC 8461): a domain says in a policy, on a web server with a certificate, which servers take its mail and that they speak TLS.

A policy is fetched when the domain's DNS record names another id than the one kept, and anew when half of its `max_age` is over; it counts until
all of that is: who can forge DNS can neither take it away nor make it weaker.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from inbox.auth.resolving import NotFound, Resolver, Temporary
from inbox.domain_checks.sts_policy import StsPolicy, is_sts, policy_id, read_policy

_PAUSE = 300.0  # seconds until a policy that could not be had is asked for again (RFC 8461 section 3.3)
_REMEMBERED = 10_000

Fetch = Callable[[str], str]
"""The text of the policy of a domain, https://mta-sts.DOMAIN/.well-known/mta-sts.txt. ValueError: there is none that counts; OSError: no answer."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A policy, the id that the domain gave it, and up to when it counts (seconds of the clock)."""

    id: str
    policy: StsPolicy
    until: float


class Policies:
    """Policies of domains, kept in memory and in `folder` (None: in memory alone, so they are forgotten when the process ends)."""

    def __init__(self, fetch: Fetch, folder: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._fetch, self._folder, self._clock = fetch, folder, clock
        self._kept: dict[str, _Kept] = {}
        self._not_before: dict[tuple[str, str], float] = {}

    def of(self, domain: str, resolver: Resolver) -> StsPolicy | None:
        """The policy that counts now; None when there is none, or none can be had."""
        kept = self._fresh(domain)
        id_ = _announced(domain, resolver)
        if id_ is not None and (kept is None or kept.id != id_ or self._old(kept)):
            kept = self._renewed(domain, id_) or kept
        return kept.policy if kept else None

    def _old(self, kept: _Kept) -> bool:
        """Whether half its time is over: it is fetched anew, so that who keeps us from its server at its end has no gap (RFC 8461 section 3.3)."""
        return kept.until - self._clock() < kept.policy.max_age / 2

    def _renewed(self, domain: str, id_: str) -> _Kept | None:
        if self._not_before.get((domain, id_), 0) > self._clock():
            return None
        try:
            policy = read_policy(self._fetch(domain))
        except (ValueError, OSError):
            self._not_before = {**_younger(self._not_before, self._clock()), (domain, id_): self._clock() + _PAUSE}
            return None
        kept = _Kept(id_, policy, self._clock() + policy.max_age)
        self._keep(domain, kept)
        return kept

    def _fresh(self, domain: str) -> _Kept | None:
        kept = self._kept.get(domain) or self._load(domain)
        return kept if kept and kept.until > self._clock() else None

    def _keep(self, domain: str, kept: _Kept) -> None:
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        self._kept[domain] = kept
        if self._folder is None:
            return
        with contextlib.suppress(OSError), _new(self._folder) as new:
            new.write_text(json.dumps(asdict(kept)), encoding="utf-8")
            new.replace(self._folder / f"{domain}.json")

    def _load(self, domain: str) -> _Kept | None:
        if self._folder is None:
            return None
        try:
            said = json.loads((self._folder / f"{domain}.json").read_text(encoding="utf-8"))
            of = said["policy"]
            kept = _Kept(str(said["id"]), StsPolicy(of["mode"], tuple(of["servers"]), int(of["max_age"])), float(said["until"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._kept[domain] = kept
        return kept


def _announced(domain: str, resolver: Resolver) -> str | None:
    """The id in the domain's record; None unless there is exactly one, and it is well made (RFC 8461 section 3.1)."""
    try:
        records = [text for text in resolver(f"_mta-sts.{domain}", "TXT") if is_sts(text)]
    except (NotFound, Temporary):
        return None
    return policy_id(records[0]) if len(records) == 1 else None


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
