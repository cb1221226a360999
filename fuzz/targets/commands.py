"""Paths and parameters of MAIL and RCPT: an address that is harmless and reads the same again, or a refusal; nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fuzz.door import well_formed
from fuzz.sessions import read_scripts
from inbox.sources.smtp.address import read_recipient, read_sender
from inbox.sources.smtp.replies import Refused, wire

TOKENS = (
    b"FROM:<",
    b"TO:<",
    b">",
    b"@",
    b'"',
    b"\\",
    b" SMTPUTF8",
    b" SIZE=",
    b" BODY=8BITMIME",
    b"%",
    b"!",
    b"[IPv6:",
    b"]",
    b"postmaster",
    b" NOTIFY=",
    b" ORCPT=rfc822;",
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[^"@<>,; ]+')


def check(data: bytes) -> None:
    """What follows the verb, as the session hands it over: UTF-8 without control characters and outer blanks."""
    try:
        argument = data.decode().strip(" ")
    except UnicodeDecodeError:
        return
    if _CONTROL.search(argument):
        return
    try:
        sender, parameters = read_sender(argument)
    except Refused as no:
        _is_reply(no)
    else:
        assert sender is None or _is_address(sender)
        assert sender is None or sender.isascii() or "SMTPUTF8" in parameters
        if sender:
            assert read_sender(f"FROM:<{sender}>{'' if sender.isascii() else ' SMTPUTF8'}")[0] == sender
    for utf8 in (False, True):
        try:
            recipient, _ = read_recipient(argument, utf8=utf8, postmaster="postmaster")
        except Refused as no:
            _is_reply(no)
        else:
            assert recipient == "postmaster" or _is_address(recipient)
            assert recipient.isascii() or utf8
            assert not re.search("[%!@]", recipient.rpartition("@")[0]), f"{recipient!r} may be relayed by what stands behind us"
            assert read_recipient(f"TO:<{recipient}>", utf8=utf8, postmaster="postmaster")[0] == recipient


def _is_address(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    assert _PART.fullmatch(local), f"{text!r} has no local part that others read as we do"
    assert domain, f"{text!r} has no domain"
    assert not re.search(r'[\s"<>,;@\\]', domain), f"{text!r} has no domain that others read as we do"
    assert text.isprintable(), f"{text!r} has characters that nobody sees"
    return True


def _is_reply(no: Refused) -> None:
    assert no.reply.code >= 500
    well_formed(wire(no.reply))


def seeds() -> Iterator[bytes]:
    """What the sessions say behind MAIL and RCPT."""
    for script in read_scripts():
        yield from (found[1] for found in re.finditer(rb"(?im)^(?:MAIL|RCPT) (.*?)\r?$", script.sent))
