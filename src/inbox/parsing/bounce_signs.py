"""Whether a mail that has no delivery status is a bounce all the same: signs in its header, and in its words.

People write about bounces and quote them, and programs write to people from the addresses of daemons. So neither the sender nor the words are
enough: both must speak for it, and the more the less a daemon sent it. `is_bounce` weighs; the weights are the table below.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inbox.parsing.message import Message

_DAEMON = re.compile(
    r"mailer[-_ ]?daemon|post[-_ ]?master|mail[-._ ]?(?:er)?[-._ ]?(?:delivery|administrator|daemon)|delivery[-_ ]?(?:sub)?system|\bmdaemon@|system administrator|"
    r"mail[-._ ]?system|(?:^|\W)bounces?\b|^\W+$|microsoft exchange|e-?mail delivery|mail-?daemon|delivery@|maildelivery",
)
_GATEWAY = re.compile(
    r"\bndr\b|smtp|antivir|virus|imss|interscan|mail[-_ ]?(?:service|server|gate|scan|marshal|sweeper)|gateway|no-?reply|e-?mail server|noreply|security|admin|system|root@|notification|"
    r"filter|lsmtp|listserv|mailman|majordomo|autore[sp]",
)
_SERVER_PROGRAMS = re.compile(
    r"smtp32|internet mail service|microsoft cdo|mime::lite|exchange|mailer-daemon|spamlion|sinamail|mdaemon|domino|notes", re.IGNORECASE
)
_FIRST_PERSON = re.compile(
    r"\b(?:my|our) (?:mail|message|e-?mail|address|server|customer|last|previous)|\bI (?:get|got|tried|sent|have|had|am|was|think|need|will|can|keep)\b|\bI['\u2019]|(?:can|could|would) you\b|"
    r"\bplease (?:help|advise|check with|let me)|\bany idea|\bthanks\b|\bregards\b.{0,60}\n\w|\?\s*$|\? ",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:(?:mail |message |e-?mail )?(?:delivery|transmission|system|processing|routing|nameserver)(?: status| system| subsystem)?(?: notification| failure| error| problem| warning|"
    r" report| failed| delayed)+|undeliver|un-?delivered|non[- ]?deliver|non (?:remis|recapit|distribu|d\u00e9livr)|return(?:ed|ing) (?:mail|message|e-?mail|to)|"
    r"(?:mail|message|e-?mail)\b.{0,40} (?:not (?:be )?deliver|undeliver|could not be deliver|failed|failure|rejected|returned|bounced|delayed)|"
    r"failure (?:notice|delivery|report)|failed (?:mail|delivery)|(?:automatically )?rejected (?:mail|message|e-?mail)|nondeliverable|"
    r"delivery (?:failure|failed|report|has failed|of|problem)|could not (?:be )?(?:deliver|send)|couldn't be delivered|\(?(?:failure|delay)\)?$|error (?:sending|delivering|mail)|mail error|"
    r"user unknown|unknown (?:user|recipient|address)|mailbox (?:full|unavailable)|bounced?\b|\bndr\b|unzustellbar|nicht zustellbar|zustellung|"
    r"[\u00e9e]chec|impossible|entrega|devuelt|devolvid|mancat[oa] |recapito|onbestelbaar|niet bezorgd|levere|toimitus|nedoru\u010d|niedor|zwrot|nie dostarcz|"
    r"utilisateur non|destinataire inconnu|k\u00e9zbes\u00edt|\u0434\u043e\u0441\u0442\u0430\u0432|\u914d\u4fe1|\u9001\u4fe1|\u30a8\u30e9\u30fc|\u9000\u4fe1|\u9000\u56de|\u6295\u9012|\u65e0\u6cd5|\u7121\u6cd5|\u672a\u9001|\u4f20\u8f93|\u50b3|\uc804\uc1a1|\ubc18\uc1a1|\ubc30\ub2ec)",
    re.IGNORECASE,
)
"""What the subject of such a mail says; also of others, so it is never enough."""
_SUBJECT_STEMS = re.compile(
    "notif|fail|error|problem|warning|report|deliver|non |return|reject|bounce|delay|could|unknown|mailbox|ndr|zustell|chec|impossible|inconnu|entrega|devuelt|devolvid|"
    "mancat|recapito|bestelbaar|bezorgd|levere|toimitus|nedoru|niedor|zwrot|dostarcz|utilisateur|k\u00e9zbes|\u0434\u043e\u0441\u0442\u0430\u0432|"
    "\u4fe1|\u30a8\u30e9\u30fc|\u9000\u56de|\u6295\u9012|\u65e0\u6cd5|\u7121\u6cd5|\u672a\u9001|\u4f20\u8f93|\u50b3|\uc804\uc1a1|\ubc18\uc1a1|\ubc30\ub2ec"
)
"""A quick look: without one of these, in lower case, `_SUBJECT` finds nothing."""
_SUBJECT_ENDS = re.compile(r"\((?:delivery )?(?:failed|failure)\)\s*$", re.IGNORECASE)
_REPLIED = re.compile(r"\s*(?:re|fwd?|aw|wg|antw|sv|tr|rv|res|enc|odp|\u043d\u0430|\u56de\u590d|\u56de\u8986|\u8f6c\u53d1|\u8f49\u5bc4)(?:\[\d+\])?\s*[:\uff1a]", re.IGNORECASE)  # fmt: skip
_OTHER_SUBJECT = re.compile(
    r"quarantin|digest|summary|statist|report domain|newsletter|almost full|nearly full|storage|quota (?:warning|notice|alert)|password|welcome|maintenance|spam report|out of office|"
    r"automatic reply|invoice|ticket|subscri(?:be|ption)",
)
_FRAME = re.compile(r"\s*([*=_#~-])\1{9}")
_BEGINNING = 600
_MANY = 3000


class Head(NamedTuple):
    """`weight`: how much the header speaks for a bounce; `daemon`: its sender is one that sends bounces; `report`: multipart/report; `subject`: the
    part of the weight that the words of the subject have, which people use too.
    """

    weight: int
    daemon: bool
    report: bool
    subject: int


class Body(NamedTuple):
    """What the text says: that something failed, right away, addresses it failed for, ones that it did not go to, words of a server, a returned mail."""

    fails: bool
    early: bool
    addresses: bool
    others: bool
    reply: bool
    returned: bool


def read_head(message: Message) -> Head:
    """Looks at a few fields; the body is not touched."""
    sender = " ".join(message.header("from") or message.header("sender")) or ("<>" if message.header("from") else "")
    sender = sender.lower()
    daemon, report = bool(_DAEMON.search(sender)), is_report(message)
    null = _null_sender(message)
    subject = message.subject or ""
    low = subject.lower()
    found = _SUBJECT.search(subject) if _SUBJECT_STEMS.search(low) else None
    replied = bool(_REPLIED.match(subject))
    weights = (
        (3, daemon),
        (1, not daemon and bool(_GATEWAY.search(sender))),
        (1, null),
        (3, report),
        (3, bool(message.header("x-failed-recipients"))),
        (1, any(not value.strip().lower().startswith("no") for value in message.header("auto-submitted"))),
        (2, bool(found and found.start() < 12)),
        (1, bool(found)),
        (3, bool(_SUBJECT_ENDS.search(subject))),
        (-4, not found and not report and bool(_OTHER_SUBJECT.search(low))),
        (1, any(_SERVER_PROGRAMS.search(value) for value in message.header("x-mailer"))),
        (-2, replied and not daemon),
        (-2, not daemon and not null and bool(message.header("in-reply-to") or message.header("references"))),
        (-1 if daemon else -3, bool(message.header("list-id") or message.header("list-post"))),
    )
    of_subject = bool(found) + 2 * bool(found and found.start() < 12)
    return Head(sum(weight for weight, holds in weights if holds), daemon, report, of_subject)


def is_suspect(message: Message) -> bool:
    """Whether the body is worth a look: an ordinary mail is let go by its header."""
    if is_report(message) or message.header("x-failed-recipients"):
        return True
    head = read_head(message)
    return head.daemon or head.weight >= 2


def is_report(message: Message) -> bool:
    return message.media == "multipart/report" and message.report_type in (None, "delivery-status", "disposition-notification")


def is_bounce(head: Head, body: Body, words: str) -> bool:
    """The verdict. `words`: the notice, without the returned mail."""
    if head.daemon and head.report and head.weight >= 9:
        return True
    if not (body.fails or (body.addresses and body.reply)):
        return False
    weight = head.weight + 2 * body.fails + 2 * body.addresses + body.reply + body.returned
    if head.daemon or head.report:
        return weight >= 6 and (body.addresses or body.returned or body.early)
    from inbox.parsing.bounce_reasons import says_code  # noqa: PLC0415 (as above)

    named = body.others or (body.returned and head.weight >= 4)
    framed = bool(_FRAME.match(words))
    program = head.weight > head.subject or body.returned or framed or says_code(words[:_MANY])
    return weight + framed >= 7 and body.early and named and program and not _person(words)


def _person(words: str) -> bool:
    """Whether it is a person who writes: a greeting, first person, a question, something quoted."""
    from inbox.parsing.bounce_phrases import GREETING  # noqa: PLC0415 (as above)

    return bool(GREETING.match(words) or _FIRST_PERSON.search(words[:_MANY]) or re.search(r"(?m)^>", words))


def read_body(words: str, *, addresses: bool, others: bool, returned: bool) -> Body:
    """`addresses`, `others`: whether any are named, and any besides those in the header of the mail itself."""
    from inbox.parsing.bounce_notice import one_line  # noqa: PLC0415 (as above)
    from inbox.parsing.bounce_phrases import DELAYED, FAILED  # noqa: PLC0415 (as above)
    from inbox.parsing.bounce_reasons import tells  # noqa: PLC0415 (as above)

    start = one_line(words[:_MANY])
    found = FAILED.search(start) or DELAYED.search(start)
    return Body(bool(found), bool(found and found.start() < _BEGINNING), addresses, others, tells(words), returned)


def _null_sender(message: Message) -> bool:
    paths = [value.strip().lower() for value in message.header("return-path")]
    return any(path in ("<>", "") or path.startswith("<mailer-daemon") for path in paths[:1])
