"""Paths and parameters of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531, RFC 1870, RFC 3461, RFC 4954).

One regular expression takes what nearly every mail has, `FROM:<local@domain>`; what is quoted, in UTF-8 or otherwise odd goes the long
way. More is taken than the grammar allows where real senders need it (dots anywhere in a local part, blanks after the colon, no angle
brackets), and less where it has only ever served relaying: no routes, and no `%`, `!` or `@` in the local part of a recipient.
"""

from __future__ import annotations

import re

from inbox.model import Reply
from inbox.sources.smtp import replies
from inbox.sources.smtp.replies import Refused

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?"
_LOCAL_MOST, _DOMAIN_MOST = 255, 255

_PLAIN = {keyword: re.compile(rf"(?i:{keyword}):<((?:{_ATOM}{{1,64}}@{_HOST})?)>(?: (.*))?", re.ASCII) for keyword in ("FROM", "TO")}
_KEYWORD = {keyword: re.compile(rf"(?i:{keyword}): *") for keyword in ("FROM", "TO")}
_BRACKETED = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>])*)>(?: +(.*))?')
_BARE = re.compile(r"([^<> ]+)(?: +(.*))?")
_ROUTE = re.compile(r"@[^:]*:")
_MAILBOX = re.compile(r'("(?:[^"\\]|\\.)*"|[^"@]+)@([^@]+)')
_LOCAL = re.compile(rf"(?:{_ATOM}|[^\x00-\x7f])+")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9_-]|[^\x00-\x7f])+(?:\.(?:[A-Za-z0-9_-]|[^\x00-\x7f])+)*|\[[A-Za-z0-9:.-]+\]")
_RELAY = re.compile(r"[%!@]")

_XTEXT = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})"
_MAIL: dict[str, re.Pattern[str] | None] = {
    "SIZE": re.compile(r"\d{1,40}", re.ASCII),
    "BODY": re.compile(r"7BIT|8BITMIME", re.IGNORECASE),
    "SMTPUTF8": None,
    "RET": re.compile(r"FULL|HDRS", re.IGNORECASE),
    "ENVID": re.compile(rf"{_XTEXT}{{1,100}}"),
    "AUTH": re.compile(rf"<>|{_XTEXT}{{1,500}}"),
}
_RECIPIENT: dict[str, re.Pattern[str] | None] = {
    "NOTIFY": re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE),
    "ORCPT": re.compile(rf"[A-Za-z0-9-]+;(?:{_XTEXT}|[^\x00-\x7f]){{1,500}}"),
}
_KNOWN = {"FROM": _MAIL, "TO": _RECIPIENT}

Parameters = dict[str, str]
_NONE: Parameters = {}


def read_sender(argument: str) -> tuple[str | None, Parameters]:
    """Address and parameters of `FROM:<address> ...`; None is the null sender. Refused."""
    found = _PLAIN["FROM"].fullmatch(argument)
    if found and ".." not in found[1]:
        return found[1] or None, _parameters("FROM", found[2])
    path, rest = _path("FROM", argument, replies.MAIL_SYNTAX)
    parameters = _parameters("FROM", rest)
    path = _ROUTE.sub("", path, count=1) if path.startswith("@") else path  # a route is ignored (RFC 5321 appendix C)
    return (_mailbox(path, "SMTPUTF8" in parameters, replies.BAD_SENDER) if path else None), parameters


def read_recipient(argument: str, *, utf8: bool, postmaster: str) -> tuple[str, Parameters]:
    """Address and parameters of `TO:<address> ...`; `<postmaster>` alone is `postmaster` (RFC 5321 section 4.5.1). Refused."""
    found = _PLAIN["TO"].fullmatch(argument)
    if found and ".." not in found[1]:
        address, rest = found[1], found[2]
    else:
        path, rest = _path("TO", argument, replies.RECIPIENT_SYNTAX)
        if path.startswith("@"):
            raise Refused(replies.RELAY_SYNTAX, "relay")
        address = postmaster if path.lower() == "postmaster" else _mailbox(path, utf8, replies.BAD_RECIPIENT)
    if not address:
        raise Refused(replies.BAD_RECIPIENT, "syntax")
    if _RELAY.search(address.rpartition("@")[0]):
        raise Refused(replies.RELAY_SYNTAX, "relay")
    return address, _parameters("TO", rest)


def _path(keyword: str, argument: str, syntax: Reply) -> tuple[str, str | None]:
    """What stands between the angle brackets, and what follows them."""
    head = _KEYWORD[keyword].match(argument)
    if not head:
        raise Refused(syntax, "syntax")
    rest = argument[head.end() :]
    found = _BRACKETED.fullmatch(rest) or _BARE.fullmatch(rest)
    if not found:
        raise Refused(syntax, "syntax")
    return found[1], found[2]


def _mailbox(path: str, utf8: bool, bad: Reply) -> str:
    """The address in its plainest form: quotes that nothing needs are taken away."""
    if not path.isascii():
        if not utf8:
            raise Refused(replies.NEEDS_UTF8, "syntax")
        if not path.isprintable():
            raise Refused(bad, "syntax")
    found = _MAILBOX.fullmatch(path)
    if not found or not _DOMAIN.fullmatch(found[2]) or len(found[1]) > _LOCAL_MOST or len(found[2]) > _DOMAIN_MOST:
        raise Refused(bad, "syntax")
    local = found[1]
    if local.startswith('"'):
        text = re.sub(r"\\(.)", r"\1", local[1:-1])
        quoted = re.sub(r'(["\\])', r"\\\1", text)
        local = text if _LOCAL.fullmatch(text) else f'"{quoted}"'
    elif not _LOCAL.fullmatch(local):
        raise Refused(bad, "syntax")
    return f"{local}@{found[2]}"


def _parameters(keyword: str, text: str | None) -> Parameters:
    """`NAME=VALUE` pairs, names in upper case, each known, well formed and given once."""
    if not text:
        return _NONE
    known, found = _KNOWN[keyword], Parameters()
    for word in text.split():
        name, equals, value = word.partition("=")
        name = name.upper()
        if name not in known:
            raise Refused(replies.NO_PARAMETER, "syntax")
        form = known[name]
        well_formed = form.fullmatch(value) if form else not equals
        if name in found or not well_formed:
            raise Refused(replies.PARAMETER, "syntax")
        found[name] = value
    return found
