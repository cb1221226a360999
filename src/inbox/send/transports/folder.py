"""Mail into a folder, for development: what would leave can be looked at, and read again with `inbox parse`."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from inbox.errors import Deferred
from inbox.send.compose import crlf
from inbox.send.transports.answers import Wire, for_all
from inbox.sending import Answer, Answers, Letter


class FolderTransport:
    """One `.eml` a letter, with its envelope beside it as `.json`; both are on the disk when it answers (`inbox.ports.Transport`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(self, letter: Letter) -> Answers:
        """Write one letter. Deferred: the folder cannot be written."""
        wire = Wire(letter)
        if not wire.recipients:
            return wire.answers({})
        try:
            name = self._write(letter, wire)
        except OSError as error:
            raise Deferred(f"{self.folder}: {error.strerror or error}; make the folder, or let this program write there") from None
        return wire.answers(for_all(wire.recipients, Answer("delivered", f"250 2.0.0 written to {name}")))

    def rates(self) -> Sequence[str]:
        return ()

    def probe(self) -> str:
        """Whether letters can be written. Deferred when they cannot."""
        nearest = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise Deferred(f"{nearest} cannot be written; let this program write there, or name another folder")
        return f"mail is written to {self.folder}"

    def close(self) -> None:
        """Nothing is kept open."""

    def _write(self, letter: Letter, wire: Wire) -> Path:
        at = datetime.now(UTC)
        envelope = {"sender": wire.sender or None, "recipients": list(wire.recipients), "at": at.isoformat(timespec="milliseconds")}
        raw, said = crlf(letter.raw), json.dumps(envelope, ensure_ascii=False, indent=2).encode()
        stem = f"{at:%Y%m%dT%H%M%S.%f}-{hashlib.sha256(said + raw).hexdigest()[:12]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._put(f"{stem}.json", said + b"\n")  # first: no mail without its envelope
        self._put(f"{stem}.eml", raw)
        _sync(self.folder)
        return self.folder / f"{stem}.eml"

    def _put(self, name: str, octets: bytes) -> None:
        new = self.folder / f".new-{secrets.token_hex(8)}"
        try:
            with new.open("xb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.folder / name)
        finally:
            new.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
