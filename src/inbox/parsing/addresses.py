"""Address fields -> addresses (RFC 5322 section 3.4, RFC 6531), in linear time.

A field is split at commas, semicolons and group colons that stand outside of quotes, comments and angle brackets; each member is read
alone, so that one bad member costs only itself. The name is never taken for the address: what counts stands in the angle brackets.
Plain members match one pattern; for the odd rest flanker is asked.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.charsets import decode
from inbox.parsing.domains import normal_domain, readable_domain
from inbox.parsing.words import Hint, decode_phrase, hint_for, unfold

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATOM = r"[^\x00-\x20()<>\[\]:;@\\,\"\x7f]"  # atext and dots (RFC 5322), and what RFC 6531 adds
_DOMAIN = r"[^\x00-,/:-@\[-^`{-\x7f]"  # letters, digits, dots, dashes, _, and what RFC 6531 adds
_PLAIN = re.compile(
    rf"(?:(?:(?P<atoms>[^\"<>()\\@,;:\[\]]*+)|\"(?P<quoted>[^\"\\]*+)\"\s*+)<\s*+(?P<angle>{_ATOM}+@{_DOMAIN}+)\s*+>|(?P<bare>{_ATOM}+@{_DOMAIN}+))"
)
_ASCII_SPEC = r"([\w.!#$%&'*+/?^`{|}~-]++)@([\w.-]++)"
_ASCII_MEMBER = rf" *+(?:(?:\"([^\"\\@]*+)\"|([^\"<>()\\@,;:\[\]]*+)) *+<{_ASCII_SPEC}>|{_ASCII_SPEC}) *+"
_ASCII_LIST = re.compile(rf"{_ASCII_MEMBER}(?:,{_ASCII_MEMBER})*+", re.ASCII)
_ASCII_MEMBERS = re.compile(_ASCII_MEMBER + r"(?:,|\Z)", re.ASCII)
_SPEC = re.compile(
    rf"(?:(?P<local>{_ATOM}+)|\"(?P<quoted>(?:[^\"\\]|\\.)*+)\")\s*+@\s*+(?P<domain>{_DOMAIN}+|\[[0-9A-Za-z:.]+\])",
    re.DOTALL,
)
_SYSTEM = re.compile(r"<?(mailer-daemon|postmaster|root|daemon|nobody)>?", re.IGNORECASE)
_WORD = re.compile(rf"{_ATOM}+@{_DOMAIN}+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*+)\"", re.DOTALL)
_SEVERAL = re.compile(r">\s*+<")
_ATOMS = re.compile(rf"{_ATOM}+")
_ROUTE = re.compile(r"\s*(?:@[^:<>\s]*+|mailto):\s*", re.IGNORECASE)
_SPECIAL = re.compile(
    r"=\?[^?\s]{1,60}\?[bq]\?[^?\s\"\\()<>@]*+\?=|[\"\\()<>\[\],;:]", re.IGNORECASE
)  # a comma in an encoded word parts nothing
_COMMENT_OR_QUOTE = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LONGEST = 1000
_LONGEST_ADDRESS = 320


@dataclass(frozen=True, slots=True)
class Address:
    """`name`: decoded display name or None. `address`: local part as written (unquoted where that is the same), domain in normal form.

    A mailbox of the sending machine itself (`MAILER-DAEMON`, `root`) has no domain.
    """

    name: str | None
    address: str

    @property
    def local(self) -> str:
        """What stands before the last @."""
        local, at, domain = self.address.rpartition("@")
        return local if at else domain

    @property
    def domain(self) -> str:
        """Lower case, A-labels: the form to compare."""
        _, at, domain = self.address.rpartition("@")
        return domain if at else ""

    @property
    def readable(self) -> str:
        """The address for people: U-labels in place of A-labels (RFC 5890). Never compare it: letters can look alike."""
        return f"{self.local}@{readable_domain(self.domain)}" if "xn--" in self.domain else self.address

    @property
    def tag(self) -> str | None:
        """The part of the local part after the first `+`, or None."""
        _, plus, tag = self.local.partition("+")
        return tag if plus else None

    def to_dict(self) -> dict[str, str | None]:
        return {"name": self.name, "address": self.address}


class Members(NamedTuple):
    """The addresses of one field, the members that are none, and whether there were more."""

    addresses: tuple[Address, ...]
    unreadable: tuple[str, ...]
    capped: bool


class OddAddresses:
    """How many members may still be handed to the slow parser."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


def read_addresses(raw: bytes, limit: int, odd: OddAddresses, hint: Hint, *, cut: bool = False) -> Members:
    """The members of an address field. `cut`: the field is not whole, so that its last member is left out."""
    octets = unfold(raw)
    text = octets.decode("ascii") if octets.isascii() else decode(octets, None, hint_for(octets, hint)).text
    if not cut and (plain := _plain_list(text, limit)):
        return Members(plain, (), capped=False)
    members = list(_rejoined(split_members(text, limit + 1)))
    if cut and members:
        members.pop()
    found, unreadable = [], []
    for member in members[:limit]:
        address = _plain(member, hint) or read_address(member, odd, hint)
        if address:
            found.append(address)
        else:
            unreadable.append(member)
    return Members(tuple(found), tuple(unreadable), len(members) > limit or cut)


def _plain_list(text: str, limit: int) -> tuple[Address, ...]:
    """The members of a list that is nothing but `Name <local@domain>` in ASCII, as nearly all are; nothing when one of them takes more care."""
    if "=?" in text or not (text.isascii() and text.isprintable() and _ASCII_LIST.fullmatch(text)):
        return ()
    found: list[Address] = []
    for quoted, atoms, local, domain, bare_local, bare_domain in _ASCII_MEMBERS.findall(text):
        address = _address((quoted or atoms).strip() or None, local or bare_local, domain or bare_domain)
        if address is None or len(found) >= limit:
            return ()
        found.append(address)
    return tuple(found)


def split_members(text: str, limit: int) -> Iterator[str]:
    """The members of a list; group names and empty members are left out (RFC 5322 section 3.4)."""
    if not _SPECIAL.search(text):
        found: list[str] | Iterator[str] = [text]
    else:
        cuts, closed = _cuts(text, quoting=True)
        found = _between(text, cuts if closed else _cuts(text, quoting=False)[0])
    for member in found:
        for one in (member.strip(),) if member.count("@") < 2 else _apart(member.strip()):
            if not one:
                break
            yield one
            limit -= 1
            if not limit:
                return


def _apart(member: str) -> list[str]:
    """Addresses without a comma between them are several: `a@b.test c@d.test`, `<a@b.test> <c@d.test>`. Which one counts, nobody can say."""
    words = member.split()
    if all(map(_WORD.fullmatch, words)):
        return words
    if len(member) > _LONGEST or not _SEVERAL.search(_QUOTED.sub("", member)):
        return [member]
    pieces = [piece.strip() + ">" for piece in member.split(">") if piece.strip()]
    return pieces if all("<" in piece for piece in pieces) else [member]


def _rejoined(members: Iterator[str]) -> Iterator[str]:
    """`Doe, John <john@example.org>`, which should be quoted: words without an address belong to the name behind them."""
    words = ""
    for member in members:
        if "@" not in member and "<" not in member and not _SYSTEM.fullmatch(member):
            if words:
                yield words
            words = member
            continue
        if words and "<" not in member:
            yield words
            words = ""
        yield f"{words}, {member}" if words else member
        words = ""
    if words:
        yield words


def _between(text: str, cuts: list[tuple[int, bool]]) -> Iterator[str]:
    """The texts between the cuts; a cut is (offset, whether what stands before it is the name of a group)."""
    start = 0
    for at, group in cuts:
        if not group:
            yield text[start:at]
        start = at + 1
    yield text[start:]


def _cuts(text: str, *, quoting: bool) -> tuple[list[tuple[int, bool]], bool]:
    """Where members end, and whether every quote and comment was closed. `quoting` False takes quotes and parentheses as plain characters."""
    cuts: list[tuple[int, bool]] = []
    closes, depth, after_backslash = "", 0, -1
    for match in _SPECIAL.finditer(text):
        c, at = match[0], match.start()
        if at == after_backslash or (not quoting and c in '"()\\'):
            continue
        if c == "\\" and closes in ('"', ")"):
            after_backslash = at + 1
        elif closes:
            depth += (c == "(") - (c == ")") if closes == ")" else 0
            closes = "" if c == closes and not depth else closes
        elif c in '"(<[':
            closes = {'"': '"', "(": ")", "<": ">", "[": "]"}[c]
            depth = int(c == "(")
        elif c in ",;:":
            cuts.append((at, c == ":"))
    return cuts, closes not in ('"', ")")


def read_address(member: str, odd: OddAddresses, hint: Hint) -> Address | None:
    """One member that is not plain: comments, routes, quoted local parts, and names that are no phrase. None when it is no address."""
    if len(member) > _LONGEST or "\0" in member:
        return None
    bare, comments = _without_comments(member)
    open_at = bare.rfind("<")
    spec, name = (bare[open_at + 1 :].partition(">")[0], bare[:open_at]) if open_at >= 0 else (_unwrapped(bare), "")
    route = _ROUTE.match(spec)
    spec = spec[route.end() if route else 0 :].strip()
    name = name.rstrip("< ").strip() or " ".join(comments)
    if system := _SYSTEM.fullmatch(spec):
        return Address(_name(name, hint), system[1])
    found = _SPEC.fullmatch(spec)
    if not found:
        return _ask_flanker(member, hint) if odd.take() else None
    local = found["local"] if found["quoted"] is None else _ESCAPED.sub(r"\1", found["quoted"])
    return _address(_name(name, hint), local, found["domain"])


def _unwrapped(text: str) -> str:
    """`'a@b.test'` as Outlook writes it, and `a@b.test>`."""
    if text[:1] == text[-1:] == "'":
        return text[1:-1]
    return text.removesuffix(">").strip()


def _plain(member: str, hint: Hint) -> Address | None:
    found = _PLAIN.fullmatch(member)
    if not found:
        return None
    local, _, domain = (found["angle"] or found["bare"]).rpartition("@")
    written = found["quoted"] if found["quoted"] is not None else found["atoms"]
    return _address(_name(written, hint) if written else None, local, domain)


def _address(name: str | None, local: str, domain: str) -> Address | None:
    normal = normal_domain(domain)
    if not normal or not local or len(local) + len(normal) >= _LONGEST_ADDRESS:
        return None
    if not local.isascii():
        local = unicodedata.normalize("NFC", local)
    if not _ATOMS.fullmatch(local):
        if not local.isprintable():
            return None
        local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
    return Address(name, f"{local}@{normal}")


def _name(written: str, hint: Hint) -> str | None:
    """A display name: quotes undone, encoded words decoded, on one line."""
    text = written.strip()
    if '"' in text:
        text = _QUOTED.sub(lambda found: _ESCAPED.sub(r"\1", found[1]), text) if text.count('"') > 1 else text.strip('"')
    if "=?" in text or not text.isprintable():
        text = decode_phrase(text.encode("utf-8", "replace"), hint).text
    if '"' in text and (text[0] == text[-1] == '"' or text.count('"') == 1):
        text = text.strip('"')
    return text.strip() or None


def _without_comments(text: str) -> tuple[str, list[str]]:
    """The text without its comments that stand outside of quotes, and what they say; those within a comment stay in it (RFC 5322 section 3.2.2)."""
    kept, comments = [], []
    start = depth = 0
    for match in _COMMENT_OR_QUOTE.finditer(text):
        opens, closes = match[0] == "(", match[0] == ")"
        if depth == 0 and opens:
            kept.append(text[start : match.start()])
            start = match.end()
        elif depth == 1 and closes:
            comments.append(text[start : match.start()].strip())
            start = match.end()
        depth = max(0, depth + opens - closes)
    (comments if depth else kept).append(text[start:])
    return " ".join(kept).strip(), [comment for comment in comments if comment]


def _ask_flanker(member: str, hint: Hint) -> Address | None:
    from inbox.parsing.odd import parse_odd  # noqa: PLC0415 (flanker costs 0.25 s and 31 MB: only when it is needed)

    found = parse_odd(member)
    if not found:
        return None
    local, _, domain = found[1].rpartition("@")
    return _address(_name(found[0], hint), local, domain)
