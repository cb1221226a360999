"""Keys of an identity on disk: `DIR/identities/DOMAIN/SELECTOR.pem` (RSA) and `SELECTOR-ed.pem` (Ed25519), readable by their owner only.

The file `selectors` beside them names the selectors in the order they were made, one a line. The first signs. A later one waits until its record is
known in DNS; when the first is retired, the next signs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inbox.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ORDER = "selectors"
EDWARDS = "-ed"
ALGORITHMS = {"rsa": ("rsa",), "ed25519": ("ed25519",), "both": ("rsa", "ed25519")}
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?)*", re.IGNORECASE | re.ASCII)


class KeyFolder:
    """The keys of one domain, in `DIR/identities/DOMAIN`."""

    def __init__(self, path: Path, domain: str) -> None:
        self.path, self.domain = path, domain

    def selectors(self) -> tuple[str, ...]:
        """Selectors in the order they sign, without `-ed`; none when nothing was made here. OSError when the folder cannot be read."""
        try:
            text = (self.path / ORDER).read_text(encoding="ascii")
        except FileNotFoundError:
            return ()
        return tuple(line.strip() for line in text.splitlines() if line.strip())

    def files(self, selector: str) -> tuple[Path, ...]:
        """The key files of a selector that are there, RSA first."""
        return tuple(path for name in (selector, selector + EDWARDS) if (path := self.path / f"{name}.pem").exists())

    def make(self, selector: str, algorithm: str = "rsa", bits: int = 2048) -> tuple[Path, ...]:
        """Make the key or keys of a selector, durably; their files. `algorithm`: rsa, ed25519 or both; `bits` of RSA. ConfigError when one is there: it is kept."""
        check_selector(selector)
        names = {"rsa": selector, "ed25519": selector + EDWARDS}
        if there := " and ".join(str(path) for path in self.files(selector)):
            mend = "--rotate makes the next selector"
            if selector not in self.selectors():
                mend = f"but nothing signs with it: add the line {selector} to {self.path / ORDER}, or remove it"
            raise ConfigError(f"{there} exists already and is kept; {mend}")
        self._make_folder()
        made = []
        for kind in ALGORITHMS[algorithm]:
            made.append(self.path / f"{names[kind]}.pem")
            _write_new(made[-1], pem_of(generate(kind, bits)))
        self._order([*self.selectors(), selector])
        return tuple(made)

    def next_selector(self, first: str) -> str:
        """The selector that a rotation makes: `inbox`, `inbox-2`, `inbox-3`."""
        used = {*self.selectors(), *(path.stem.removesuffix(EDWARDS) for path in self.path.glob("*.pem"))}
        base = re.sub(r"-\d+$", "", next(iter(self.selectors()), first))
        number = max((int(found[1]) for name in used if (found := re.fullmatch(rf"{re.escape(base)}-(\d+)", name))), default=1) + 1
        return f"{base}-{number}"

    def retire(self) -> tuple[str, str]:
        """Let the next selector sign and delete the keys of the first; (retired, signing now). ConfigError when there is no next one."""
        selectors = self.selectors()
        if len(selectors) < 2:
            raise ConfigError(f"{self.domain} has no further key; make the next one first: inbox identity add {self.domain} --rotate")
        old, now, *_ = selectors
        self._order(selectors[1:])
        for path in self.files(old):
            path.unlink()
        _sync(self.path)
        return old, now

    def too_open(self) -> tuple[Path, ...]:
        """Key files that others than their owner may read or write."""
        return tuple(path for path in sorted(self.path.glob("*.pem")) if path.stat().st_mode & 0o077)

    def _make_folder(self) -> None:
        self.path.parent.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.path.parent, self.path):
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync(folder.parent)

    def _order(self, selectors: Sequence[str]) -> None:
        fresh = self.path / f".{ORDER}.new"
        fresh.unlink(missing_ok=True)
        _write_new(fresh, "".join(f"{name}\n" for name in selectors).encode("ascii"))
        fresh.replace(self.path / ORDER)
        _sync(self.path)


def check_selector(text: str) -> str:
    """The selector again. ConfigError for what is no label of a domain name, or would be taken for an Ed25519 key's."""
    if not _SELECTOR.fullmatch(text):
        raise ConfigError(f"{text[:80]!r} is no selector; write letters, digits and hyphens, as in s2026")
    if text.lower().endswith(EDWARDS):
        raise ConfigError(f"the selector {text!r} ends with {EDWARDS}, as those of Ed25519 keys do by themselves; leave it out")
    return text


def generate(kind: str, bits: int = 2048) -> RSAPrivateKey | Ed25519PrivateKey:
    """A new private key of kind rsa or ed25519. `bits`: 2048, 3072 or 4096 of RSA."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa  # noqa: PLC0415  slow to import

    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65_537, bits)


def pem_of(key: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    """A private key as PEM (PKCS #8), not encrypted."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_new(path: Path, octets: bytes) -> None:
    """Whole, durable, and never over a file that is there; nobody else's from its first octet on."""
    fresh = path.with_name(f".{path.name}.part")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        raise ConfigError(f"{path} exists already and is kept; --rotate makes the next selector") from None
    finally:
        fresh.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
