"""A header field with text that is not ASCII, in ASCII: encoded words (RFC 2047), parameters (RFC 2231), domains with A-labels (RFC 5890)."""

from __future__ import annotations

import re
from urllib.parse import quote

from inbox.parsing.charsets import guess_codec
from inbox.parsing.words import decode_value
from inbox.send import headers as guard

_ADDRESSES = frozenset(
    b"from sender to cc bcc reply-to resent-from resent-sender resent-to resent-cc resent-bcc resent-reply-to "
    b"disposition-notification-to return-receipt-to errors-to mail-followup-to".split()
)
_PARAMETERS = frozenset((b"content-type", b"content-disposition"))
_STRUCTURED = frozenset(
    b"received return-path message-id in-reply-to references content-id date resent-date resent-message-id mime-version "
    b"content-transfer-encoding dkim-signature domainkey-signature authentication-results received-spf arc-seal arc-message-signature "
    b"arc-authentication-results list-id list-post list-help list-subscribe list-unsubscribe list-unsubscribe-post list-owner list-archive".split()
)
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|\((?:[^()\\]|\\.)*\)|<[^<>]*>|[,;:]|\s+|[^\s\"(<,;:]+|.", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARAMETER = re.compile(r";(\s*)([!#$&+.^_`|~\w-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]*))", re.ASCII)
_LINE = 998


class Impossible(ValueError):
    """It cannot be written in seven bits without breaking something; the text says what."""


def ascii_field(name: bytes, value: bytes) -> bytes:
    """The field in ASCII, with its CRLF. Impossible: an address or an id in it is not ASCII."""
    if not name.isascii():
        raise Impossible("the name of a field is not ASCII")
    known = name.strip().lower()
    if known in _STRUCTURED:
        raise Impossible(f"{known.decode()} holds what is not ASCII")
    if known in _ADDRESSES:
        made = name + b":" + _addresses(_text(value)).encode("ascii")
    elif known in _PARAMETERS:
        made = name + b":" + _parameters(_text(value))
    else:
        return guard.field(name.decode().strip(), decode_value(value, lambda: guess_codec(value)).text)
    return made if made.endswith(b"\r\n") else made + b"\r\n"


def folded(field: bytes) -> bytes:
    """A field whose lines are at most 998 octets long, folded where there are blanks. Impossible when there are none."""
    lines = []
    for line in field.removesuffix(b"\r\n").split(b"\r\n"):
        rest = line
        while len(rest) > _LINE:
            at = max(rest.rfind(b" ", 1, _LINE), rest.rfind(b"\t", 1, _LINE))
            if at <= 0 or not rest[:at].strip():
                raise Impossible("a header field has a line of more than 998 octets and no blank in it")
            lines.append(rest[:at])
            rest = rest[at:]
        lines.append(rest)
    return b"\r\n".join(lines) + b"\r\n"


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode(guess_codec(value), "replace")


def _addresses(text: str) -> str:
    """Names in encoded words, domains with A-labels; addresses, commas and groups stay."""
    made, run = [], ""
    for token in _TOKEN.findall(text):
        if token[0] in '<,;:("' or "@" in token or (token.isspace() and not run):
            made.append(_phrase(run))
            run = ""
            made.append(_phrase(_unquoted(token)) if token[0] == '"' and not token.isascii() else _plain(token))
        else:
            run += token
    return "".join((*made, _phrase(run)))


def _unquoted(token: str) -> str:
    return _ESCAPED.sub(r"\1", token[1:-1])


def _phrase(words: str) -> str:
    if words.isascii():
        return words
    shown = words.strip()
    at = words.index(shown)
    return words[:at] + "\r\n ".join(guard.encoded_words(guard.clean(shown), 60)) + words[at + len(shown) :]


def _plain(token: str) -> str:
    """What is no name: a comment, an address, a mark."""
    if token.isascii():
        return token
    if token[0] == "(":
        return "(" + "\r\n ".join(guard.encoded_words(guard.clean(_unquoted(token)), 60)) + ")"
    local, at, domain = token.rstrip(">").rpartition("@")
    if not local.isascii() or not at:
        raise Impossible("an address is not ASCII")
    return local + at + guard.ascii_domain(domain) + token[len(token.rstrip(">")) :]


def _parameters(text: str) -> bytes:
    def extended(found: re.Match[str]) -> str:
        value = _ESCAPED.sub(r"\1", found[3]) if found[3] is not None else found[4]
        return found[0] if value.isascii() else f";\r\n {found[2]}*=utf-8''{quote(guard.clean(value), safe='')}"

    made = _PARAMETER.sub(extended, text)
    if not made.isascii():
        raise Impossible("what is not ASCII is no parameter")
    return made.encode()
