"""Why a mail could not be delivered: from the status (RFC 3463) and the server's words to one of a closed set of reasons.

The set is that of SES's bounce types: no-mailbox, suppressed, unsubscribed, mailbox-full, too-large, expired, content, attachment, other,
unknown.
"""

from __future__ import annotations

import re

_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_BY_STATUS = {
    "1.0": "no-mailbox", "1.1": "no-mailbox", "1.2": "no-mailbox", "1.3": "no-mailbox", "1.6": "no-mailbox", "1.10": "no-mailbox",
    "2.1": "no-mailbox", "2.2": "mailbox-full", "2.3": "too-large", "3.4": "too-large", "4.7": "expired",
    "6.0": "content", "6.1": "content", "6.3": "content", "7.7": "content",
}  # fmt: skip
_BY_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        ("suppressed", r"suppression list|suppressed"),
        ("unsubscribed", r"unsubscribed|opted out"),
        ("mailbox-full", r"quota|mailbox (?:is )?full|over ?limit|insufficient (?:disk|storage)|mailfolder is full"),
        ("no-mailbox", (r"(?:user|recipient|mailbox|address|account)\s.{0,60}?(?:unknown|not found|does ?n.t exist|does not exist|disabled|inactive)"
         r"|(?:unknown|invalid|no such|nonexistent) (?:user|recipient|mailbox|address|person|local part)|no mailbox here|user unknown"
         r"|mailbox unavailable|host (?:or domain name )?not found|domain not found|bad destination")),
        ("too-large", r"too (?:large|big)|message size|size limit|exceeds .{0,30}size"),
        ("attachment", r"attachment|executable|file type|virus|infected|malware"),
        ("expired", r"expired|too old|queue time|retry (?:time|timeout) (?:not reached|exceeded)|could not be delivered (?:for|within) \d"),
        ("content", r"spam|content (?:rejected|filter)|message (?:content )?rejected|blacklist|blocklist|blocked|policy"),
    )
)  # fmt: skip
_TRANSIENT = ("mailbox-full", "too-large", "expired", "content", "attachment", "unsubscribed")


def status_of(text: str) -> str | None:
    """The first status code in a text, or None."""
    found = _STATUS.search(text)
    return found[0] if found else None


def reason_of(action: str | None, status: str | None, diagnostic: str | None) -> tuple[str, bool | None]:
    """(reason, permanent); permanent None when nobody can tell."""
    reason = _reason(status, diagnostic)
    if reason in _TRANSIENT:  # as SES has it: a full mailbox, a refused content or a late mail says nothing about the address
        return reason, False
    if status:
        return reason, status.startswith("5")
    return reason, {"failed": True, "delayed": False}.get(action or "")


def _reason(status: str | None, diagnostic: str | None) -> str:
    """By the more telling status of the two, else by the server's words."""
    for found in (status, status_of(diagnostic or "")):
        if found and found[2:] != "1.0" and (reason := _BY_STATUS.get(found[2:])):
            return reason
    for reason, words in _BY_WORDS:
        if diagnostic and words.search(diagnostic):
            return reason
    if status and status[2:] == "1.0":
        return "no-mailbox"
    return "other" if status or diagnostic else "unknown"
