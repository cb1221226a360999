"""Domains that mail is sent as: which one an address belongs to, and its DKIM signature.

An identity is a domain with a table in the settings (`[identities."example.com"]`) or with keys made by `inbox identity add` in
`DIR/identities/DOMAIN`. Mail of a name below it (`news.example.com`) is signed as it: DKIM is aligned in relaxed mode (RFC 7489 section 3.1.1).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox.auth.organization import organizational_domain
from inbox.auth.signing import SigningKey, dkim_signature
from inbox.errors import Deferred, Failed
from inbox.next_hops import amazon_region
from inbox.options import resolve_secret
from inbox.parsing.domains import normal_domain
from inbox.send.key_files import EDWARDS, KeyFolder
from inbox.tables import Identity as IdentitySettings

if TYPE_CHECKING:
    from pathlib import Path

    from inbox.config import Settings

FOLDER = "identities"
_REWRITTEN = ("date", "message-id")
_log = logging.getLogger("inbox.send")


@dataclass(frozen=True, slots=True)
class Identity:
    """One domain that mail is sent as. `transport`: the way its mail leaves (its own, else that of [sending], else None: the relay);
    `selectors`: those of its keys, in the order they sign.
    """

    domain: str
    settings: IdentitySettings
    transport: str | None
    selectors: tuple[str, ...]
    folder: KeyFolder
    _loaded: dict[str, SigningKey]

    @property
    def amazon(self) -> bool:
        """Whether Amazon SES sends its mail: SES writes Date and Message-ID anew, and takes one DKIM-Signature only (SES, header fields)."""
        return is_amazon(self.transport)

    @property
    def signing_key(self) -> SigningKey | None:
        """The key that signs alone, and seals: RSA where there is one. None when the identity has none: then nobody here signs. Deferred when it
        cannot be read.
        """
        return next(iter(self.signing_keys), None)

    @property
    def signing_keys(self) -> tuple[SigningKey, ...]:
        """All keys of the selector that signs, RSA first (RFC 8463: who does not know Ed25519 passes over that signature). Deferred."""
        return self.keys_of(self.selectors[0]) if self.selectors else ()

    def keys_of(self, selector: str) -> tuple[SigningKey, ...]:
        """The keys of one selector: the one that the settings refer to, or those in the folder. Deferred when one cannot be read."""
        reference = self.settings.key
        if reference is not None:
            return (self._load(selector, reference),)
        paths = self.folder.files(selector)
        if not paths:  # never silently unsigned
            raise Deferred(f"{self.domain} is to be signed with selector {selector}, but {self.folder.path / selector}.pem is not there")
        return tuple(self._load(path.stem, f"file:{path}") for path in paths)

    def sign(self, raw: bytes, *, now: float | None = None) -> bytes:
        """The mail (CRLF only) with its DKIM-Signature fields on top, one for each key; as it is when the identity has no key.

        `now`: seconds since 1970. The mail must have its final form. Through Amazon SES it bears one signature, not of Date and Message-ID, which
        SES writes anew. Failed for a mail without From, Deferred when a key cannot be read.
        """
        keys, moment = self.signing_keys, time.time() if now is None else now
        try:
            if self.amazon:
                return b"".join(dkim_signature(raw, key, moment, without=_REWRITTEN) for key in keys[:1]) + raw
            return b"".join(dkim_signature(raw, key, moment) for key in keys) + raw
        except ValueError as error:
            raise Failed(f"cannot be signed as {self.domain}: {error}") from None

    def _load(self, selector: str, reference: str) -> SigningKey:
        from inbox.auth.keys import load_private_key  # noqa: PLC0415  slow to import, and not every mail is signed

        known = self._loaded.get(f"{selector} {reference}")
        if known is None:
            pem = resolve_secret(reference, {})
            try:
                known = SigningKey(self.domain, selector, load_private_key(pem.encode()))
            except (ValueError, TypeError) as error:
                place = reference.removeprefix("file:")
                raise Deferred(f"the key of {self.domain} at {place} cannot be used: {error}; it is PEM, not encrypted") from None
            self._loaded[f"{selector} {reference}"] = known
        return known


class Identities:
    """All identities of the settings. Keys are read when they are first asked for; a rotation is seen without a restart."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tables = {normal_domain(name) or name.lower(): table for name, table in settings.identities.items()}
        self._loaded: dict[str, dict[str, SigningKey]] = {}
        self._warned: set[Path] = set()

    def __iter__(self) -> Iterator[Identity]:
        """All identities, by name."""
        folder = self._settings.dir / FOLDER
        made = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
        yield from (identity for name in sorted({*self._tables, *made}) if (identity := self._exactly(name)))

    def of(self, address_or_domain: str) -> Identity | None:
        """The identity of an address or a domain: the domain itself, else the nearest one above it that is an identity and of the same
        organization. None when there is none, or for what is no domain.
        """
        domain = normal_domain(address_or_domain.rpartition("@")[2].strip("<> "))
        if domain is None or domain.startswith("["):
            return None
        if exact := self._exactly(domain):
            return exact
        organization = organizational_domain(domain)
        above = domain.partition(".")[2]
        while organization and (above == organization or above.endswith(f".{organization}")):
            if found := self._exactly(above):
                return found
            above = above.partition(".")[2]
        return None

    def folder(self, domain: str) -> KeyFolder:
        """Where the keys of a domain (in its normal form) are, or would be."""
        return KeyFolder(self._settings.dir / FOLDER / domain, domain)

    def _exactly(self, domain: str) -> Identity | None:
        folder = self.folder(domain)
        table = self._tables.get(domain)
        try:
            selectors = folder.selectors()
        except (OSError, ValueError) as error:
            raise Deferred(f"the keys of {domain} in {folder.path} cannot be read: {error}") from None
        if table is None and not selectors:
            return None
        table = table or IdentitySettings()
        if "selector" in table.model_fields_set or table.key or not selectors:
            selectors = (table.selector,) if table.key or selectors or folder.files(table.selector) else ()
        self._warn(folder)
        loaded = self._loaded.setdefault(domain, {})
        return Identity(domain, table, table.transport or self.transport, selectors, folder, loaded)

    @property
    def transport(self) -> str | None:
        """The way of mail whose identity says nothing else: that of [sending]; a relay that is Amazon's is told apart, since it writes fields anew."""
        relay = f"smtp://{self._settings.relay.host}:{self._settings.relay.port}"
        return self._settings.sending.transport or (relay if is_amazon(relay) else None)

    def _warn(self, folder: KeyFolder) -> None:
        for path in folder.too_open():
            if path not in self._warned:
                self._warned.add(path)
                _log.warning("others may read the key %s; chmod 600 %s", path, path)


def is_amazon(transport: str | None) -> bool:
    """Whether a way that mail leaves is Amazon SES: its API, or its SMTP interface."""
    return amazon_region(transport) is not None


__all__ = ["EDWARDS", "FOLDER", "Identities", "Identity", "is_amazon"]
