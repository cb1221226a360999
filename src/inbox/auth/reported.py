"""What a server in front of us has found, taken from its Authentication-Results: believed only where the settings trust it, and the client is it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox.auth.canonical import Signed
from inbox.auth.dkim_check import DkimResult
from inbox.auth.dmarc_check import DmarcResult
from inbox.auth.results_field import NAME, Method, Said, read_results
from inbox.auth.spf_check import SpfResult

if TYPE_CHECKING:
    from collections.abc import Collection

_TRACE = frozenset((b"received", b"return-path", b"delivered-to", b"received-spf", b"x-original-to", b"authentication-results"))
_PLAIN = re.compile(rb"(?i)authentication-results:[ \t\r\n]*[a-z0-9._-]+(?:[ \t\r\n]+[0-9]+)?[ \t\r\n]*;")
"""How servers write their name. In quotes, beside a comment or otherwise odd it is a stranger's, which the server has not known as its own."""
_SPF = frozenset(("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"))
_DKIM = frozenset(("pass", "fail", "policy", "neutral", "none", "temperror", "permerror"))
_DMARC = frozenset(("pass", "fail", "none", "temperror", "permerror"))
_POLICIES = frozenset(("none", "quarantine", "reject"))


@dataclass(frozen=True, slots=True)
class Reported:
    """What one server says of a mail, as if we had found it."""

    server: str
    methods: tuple[Method, ...]

    @property
    def spf(self) -> SpfResult | None:
        """None when it says nothing of SPF."""
        for method in self._of("spf", _SPF):
            about = method.properties.get("smtp.mailfrom") or method.properties.get("smtp.helo") or ""
            return SpfResult(method.result, about.rpartition("@")[2].lower(), self._reason)
        return None

    @property
    def dkim(self) -> tuple[DkimResult, ...]:
        """One for each signature that it speaks of."""
        return tuple(
            DkimResult(
                method.result,
                (method.properties.get("header.d") or method.properties.get("header.i", "").rpartition("@")[2]).lower() or None,
                method.properties.get("header.s"),
                method.properties.get("header.a"),
                method.properties.get("header.i"),
                self._reason,
            )
            for method in self._of("dkim", _DKIM)
            if method.result != "none"
        )

    def dmarc_of(self, author: str | None) -> DmarcResult | None:
        """Its word on DMARC, if it is about this author; None when there is none."""
        for method in self._of("dmarc", _DMARC):
            if author and method.properties.get("header.from", "").lower() == author:
                policy = method.properties.get("policy.published-domain-policy", "").lower()
                return DmarcResult(method.result, policy if policy in _POLICIES else None, author, reason=self._reason)
        return None

    @property
    def _reason(self) -> str:
        return f"said by {self.server}"

    def _of(self, name: str, words: frozenset[str]) -> list[Method]:
        return [method for method in self.methods if method.name == name and method.result in words]


def reported(raw: bytes, servers: Collection[str]) -> Reported | None:
    """What the first of these servers (in lower case) says on top of a mail; None when none does.

    Only the top of the trace counts: fields above the server's own Received, or, where none is there, between that and the next one. What is further
    down may be anybody's. The server must take away what claims to be its own (RFC 8601 section 5).
    """
    found: list[Said] = []
    passed = 0
    for field in Signed(raw).fields:
        passed += field.name == b"received"
        if field.name not in _TRACE or passed > 1 or (passed and found):
            break
        said = read_results(field.value) if field.name == NAME and _PLAIN.match(field.raw) else None
        if said and said.authserv_id in servers and (not found or found[0].authserv_id == said.authserv_id):
            found.append(said)
    return Reported(found[0].authserv_id, tuple(method for said in found for method in said.methods)) if found else None
