"""The field Authentication-Results (RFC 8601): reading the one of a server that is trusted, writing ours, taking away forged ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.auth.results import Results

NAME = b"authentication-results"
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~@/:-]{1,320}")
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s;="()]+)|([;=])|\s+', re.DOTALL)
_DEEPEST = 20
_FIELD = re.compile(rb"(?i)(?<![^\r\n])authentication-results[ \t]*:([^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*)(?:\r\n|\n|\r|\Z)")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_NO_NAME = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Method:
    """One result: `spf=pass smtp.mailfrom=example.com` is method spf, result pass, properties {"smtp.mailfrom": "example.com"}."""

    name: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """One field: who says it (`authserv_id`, in lower case), and what."""

    authserv_id: str
    methods: tuple[Method, ...] = ()


def read_results(value: str) -> Said | None:
    """The field's value, read; None for what is none. Comments are no words, and what stands in quotes is never a method."""
    plain = _without_comments(value)
    pieces = None if plain is None else _pieces(plain)
    if not pieces or not pieces[0] or pieces[0][0][1] in ("=", ";"):
        return None
    return Said(pieces[0][0][0].lower(), tuple(_methods(pieces[1:])))


def _without_comments(value: str) -> str | None:
    """The value with a blank for each comment (RFC 5322 section 3.2.2: they nest); None when one does not end."""
    found, depth, quoted, escaped = [], 0, False, False
    for letter in value:
        if escaped:
            escaped = False
        elif letter == "\\" and (depth or quoted):
            escaped = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
            if not 0 <= depth <= _DEEPEST:
                return None
            found.append(" ")
            continue
        if not depth:
            found.append(letter)
    return None if depth or quoted else "".join(found)


def _pieces(plain: str) -> list[list[tuple[str, str]]] | None:
    """Words of the parts between semicolons, each with its kind: `word`, `text` (quoted) or the sign itself; None for what is neither."""
    parts: list[list[tuple[str, str]]] = [[]]
    at = 0
    while at < len(plain):
        found = _PIECE.match(plain, at)
        if not found:
            return None
        at = found.end()
        text, word, sign = found.groups()
        if sign == ";":
            parts.append([])
        elif text is not None:
            parts[-1].append((re.sub(r"\\(.)", r"\1", text), "text"))
        elif word or sign:
            parts[-1].append((word or sign, "word" if word else sign))
    return parts


def _methods(parts: list[list[tuple[str, str]]]) -> Iterator[Method]:
    for part in parts:
        pairs = list(_pairs(part))
        if pairs and "." not in pairs[0][0]:
            yield Method(pairs[0][0].partition("/")[0], pairs[0][1].lower(), dict(reversed([pair for pair in pairs[1:] if "." in pair[0]])))


def _pairs(part: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """`name=value` where they stand so; the name in lower case. A value such as `jane@example.com` is one word."""
    for (name, kind), (_, sign), (value, _) in zip(part, part[1:], part[2:], strict=False):
        if kind == "word" and sign == "=":
            yield name.lower(), value


def write_results(results: Results) -> str:
    """What stands behind the authserv-id in our field: spf, dkim (one for each signature), dmarc, arc. One line, ASCII."""
    return "; ".join(_written(results)) or "none"


def _written(results: Results) -> Iterator[str]:
    envelope = results.mail.envelope
    if spf := results.spf:
        asked = (
            f"smtp.mailfrom={as_value(envelope.sender, spf.domain)}"
            if envelope.sender
            else f"smtp.helo={as_value(envelope.helo, spf.domain)}"
        )
        yield f"spf={spf.result} {asked}"
    for one in results.dkim:
        about = {"header.d": one.domain, "header.s": one.selector, "header.a": one.algorithm}
        yield " ".join([f"dkim={one.result}", *(f"{name}={as_value(value)}" for name, value in about.items() if value)])
    if not results.dkim:
        yield "dkim=none"
    dmarc, author = results.dmarc, f" header.from={as_value(results.author)}" if results.author else ""
    policy = f" policy.published-domain-policy={dmarc.policy}" if dmarc.policy else ""
    yield f"dmarc={dmarc.result}{policy}{author}"
    arc = results.arc
    if arc.result != "none":
        yield f"arc={arc.result}" + (f" smtp.remote-ip={as_value(envelope.ip)}" if envelope.ip else "")


def write_spf(results: Results) -> str | None:
    """What SPF found, in the words of Received-SPF (RFC 7208 section 9.1), without receiver; None where nothing was checked."""
    spf, envelope = results.spf, results.mail.envelope
    if spf is None:
        return None
    pairs = {
        "client-ip": envelope.ip,
        "envelope-from": envelope.sender,
        "helo": envelope.helo,
        "identity": "mailfrom" if envelope.sender else "helo",
    }
    return f"{spf.result} " + "; ".join(f"{name}={as_value(text)}" for name, text in pairs.items() if text)


def as_value(text: str | None, instead: str = "") -> str:
    """A value as it may stand there: a word, else in quotes; what cannot be said in ASCII is said by `instead`, or by question marks."""
    text = text or instead
    if not text.isascii() and instead and _TOKEN.fullmatch(instead):
        return instead
    if _TOKEN.fullmatch(text):
        return text
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in text[:320])
    return '"' + re.sub(r'(["\\])', r"\\\1", plain) + '"'


def without(raw: bytes, authserv_ids: frozenset[str]) -> bytes:
    """A mail without the fields that claim to be of one of these servers (section 5): somebody else wrote them. Nothing else changes.

    Taken away is what anybody might read as such a field: behind a bare CR or LF, and behind lines that are no fields, as far as the first empty line.
    """
    empty = _EMPTY_LINE.search(raw)
    end = empty.start() + 1 if empty else len(raw)
    head = _FIELD.sub(lambda found: b"" if _claims(found[1], authserv_ids) else found[0], raw[:end])
    return raw if len(head) == end else head + raw[end:]


def _claims(octets: bytes, authserv_ids: frozenset[str]) -> bool:
    """Whether a field names one of these, also where it is written so oddly that it cannot be read: then the name anywhere in its beginning."""
    value = re.sub(rb"[\r\n]+", b"", octets).decode("latin-1")
    beginning = value.strip("; \t").partition(";")[0].lower()
    if (said := read_results(value)) is None:
        return any(name in beginning for name in authserv_ids)
    squeezed = re.sub(r'[\s"\\]', "", _without_comments(beginning) or "")
    names = {name.strip(".") for text in (said.authserv_id, squeezed) for name in _NO_NAME.split(text)}
    return not names.isdisjoint(authserv_ids)
