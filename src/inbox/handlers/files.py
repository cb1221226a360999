"""Handlers that write files: maildir and file. The path comes from the rules, the name from the mail's id: nothing from the mail itself."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from inbox.errors import Deferred

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step

_OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def maildir(mail: Mail, step: Step, copy: Callable[[], bytes], *, path: str, trace: bool = True) -> str:
    """Deliver the mail into a Maildir, once, as it came in, with the trace fields above it.

    path: the folder that holds tmp, new and cur; it is made when it is missing. A relative one begins where the program was started. trace: whether
    Return-Path, Received, Received-SPF and Authentication-Results stand above it; yes by default.
    """
    folder = Path(path)
    name = f"{int(mail.received_at.timestamp())}.{mail.id}_{step.n}.inbox"
    with _as_deferred(folder):
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        if next((folder / "cur").glob(f"{name}*"), None) or (folder / "new" / name).exists():
            return f"{name} was there already"
        _write(folder / "tmp" / name, folder / "new" / name, copy() if trace else mail.raw)
    return name


def file(
    mail: Mail,
    message: Message,
    step: Step,
    copy: Callable[[], bytes],
    *,
    path: str,
    format: Literal["eml", "json"] = "eml",  # noqa: A002  the word that users write
    trace: bool = False,
) -> str:
    """Write the mail into a folder, as a file named by its id.

    path: the folder, made when it is missing; a relative one begins where the program was started. format: eml, the octets as they came
    in, or json, the message as `inbox parse` prints it together with its envelope. trace: for eml, whether trace fields stand above it (see maildir).
    """
    folder = Path(path)
    name = f"{mail.id}-{step.n}.{format}"
    with _as_deferred(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = _json(mail, message) if format == "json" else copy() if trace else mail.raw
        _write(folder / f".{name}.part", folder / name, content)
    return name


def check_path(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the option path: braces, because a mail must not choose where it is written."""
    if "{" in options["path"] or "}" in options["path"] or "\0" in options["path"]:
        yield "path is fixed: no {placeholder} in it, because a mail must not choose where it is written"


def _json(mail: Mail, message: Message) -> bytes:
    data = {"mail": mail.to_dict(), "message": message.to_dict(mail.envelope)}
    return json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _write(part: Path, place: Path, content: bytes) -> None:
    """Write beside, sync, rename, sync the folder: the file is there whole or not at all, mode 0600, and no link is followed."""
    part.unlink(missing_ok=True)
    with open(os.open(part, _OPEN_NEW, 0o600), "wb") as stream:  # noqa: PTH123  opened by descriptor
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(place)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def _as_deferred(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Deferred(f"cannot write into {folder}: {error.strerror}") from None
