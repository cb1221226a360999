"""Mails from files: one file, all mails of a folder, a maildir, or standard input. They are read as they are; LF-only files are common."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from inbox.errors import InboxError

STANDARD_INPUT = "-"
_MAILDIR = ("new", "cur")
_MBOX = b"From "
_DATABASE = "inbox.db"  # a folder with it is a store, not a folder of mails


def read(paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """(name, octets) of every mail named: `-` is standard input; a folder stands for all mails in it, sorted by name, folders too.

    Hidden files are passed over, and where some are named `.eml`, all others too; of a maildir `new` and `cur` are read. InboxError names
    what is missing, empty or no single mail.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            yield STANDARD_INPUT, sys.stdin.buffer.read()
        else:
            yield from _read(Path(path))


def _read(path: Path) -> Iterator[tuple[str, bytes]]:
    if (path / _DATABASE).exists():
        raise InboxError(f"{path} is a store, not a folder of mails; `inbox raw ID --dir {path}` writes one of its mails out")
    if not path.is_dir():
        yield str(path), _octets(path)
        return
    files = sorted(_files(path))
    files = [file for file in files if file.suffix.lower() == ".eml"] or files
    if not files:
        raise InboxError(f"there is no mail in {path}; name a file, a folder with mails in it, or - for standard input")
    for file in files:
        yield str(file), _octets(file)


def _files(folder: Path) -> Iterator[Path]:
    """Plain files of a folder and its folders; a maildir's `tmp` holds mails that are not whole yet."""
    maildir = all((folder / name).is_dir() for name in _MAILDIR)
    for entry in folder.iterdir():
        if entry.name.startswith(".") or (entry / _DATABASE).exists():
            continue
        if entry.is_dir():
            if not maildir or entry.name in _MAILDIR:
                yield from _files(entry)
        elif entry.is_file():
            yield entry


def _octets(path: Path) -> bytes:
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        raise InboxError(f"there is no file {path}; name a file, a folder, or - for standard input") from None
    except OSError as error:
        raise InboxError(f"{path} cannot be read: {error.strerror}") from None
    if octets.startswith(_MBOX):
        raise InboxError(f"{path} is a mailbox of many mails (mbox); name files of one mail each, or a maildir")
    return octets
