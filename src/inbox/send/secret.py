"""The secret that return paths are signed with: the one that `[sending] secret` names, or one that is made once, in the folder of everything kept."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from inbox.errors import Deferred
from inbox.options import resolve_secret

NAME = "secret"


def return_path_secrets(reference: str | None, folder: Path | None, *, make: bool = True) -> tuple[bytes, ...]:
    """The secret, and older ones that are still known (one a line, the newest first). `folder`: where it is made when none is named; None: nowhere.

    Without `make`, none is made, and `()` says that there is none. Deferred when it can neither be read nor made: somebody can mend that.
    """
    if reference:
        return _lines(resolve_secret(reference, {}), reference)
    if folder is None:
        if not make:
            return ()
        raise Deferred('return paths need a secret, and there is no folder that lasts: set secret = "env:NAME" in [sending]')
    path = folder / NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _made(path) if make else ()
    except OSError as error:
        raise Deferred(f'{path} cannot be read: {error.strerror}; or set secret = "env:NAME" in [sending]') from None
    return _lines(text, str(path))


def _made(path: Path) -> tuple[bytes, ...]:
    """A new secret, durably; when another process was quicker, its."""
    new = path.with_name(f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(new, secrets.token_urlsafe(32) + "\n")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(new)
        new.unlink()
        _sync(path.parent)
        return _lines(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise Deferred(f'{path} cannot be made: {error.strerror}; set secret = "env:NAME" in [sending]') from None


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(text: str, where: str) -> tuple[bytes, ...]:
    found = tuple(line.strip().encode() for line in text.splitlines() if line.strip())
    if not found or any(len(line) < 8 for line in found):
        raise Deferred(f"{where}: a secret for return paths has at least 8 characters; write a line with 32 of them")
    return found
