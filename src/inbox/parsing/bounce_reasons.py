"""Why a mail could not be delivered: from the status (RFC 3463) and the server's words to one of a closed set of reasons.

The set is that of SES's bounce types: no-mailbox, suppressed, unsubscribed, mailbox-full, too-large, expired, content, attachment, other,
unknown.
"""

from __future__ import annotations

import re

_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_CODE = re.compile(r"(?<![\w./-])(?<!\d:)([45])[0-57]\d(?=[ :;,-]|\.?\s|\.?$|[)\]])")
_ADDRESSES = re.compile(r"[^\s@<>\[\]]{1,80}@[^\s@<>\[\]]{1,255}")
_BY_STATUS = {
    "1.0": "no-mailbox", "1.1": "no-mailbox", "1.2": "no-mailbox", "1.3": "no-mailbox", "1.6": "no-mailbox", "1.10": "no-mailbox",
    "2.0": "no-mailbox", "2.1": "no-mailbox", "2.2": "mailbox-full", "2.3": "too-large", "3.4": "too-large", "4.3": "other", "4.7": "expired",
    "6.0": "content", "6.1": "content", "6.3": "content", "7.7": "content",
}  # fmt: skip
_VAGUE = ("0.0", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "7.1", "5.4", "4.3")
"""Statuses that servers use for whatever there is no other for: their words say more."""

_BY_WORDS: tuple[tuple[str, str], ...] = (
    ("suppressed", r"suppression list|suppressed (?:address|recipient)|on (?:the|your|our) suppress|previously (?:bounced|unsubscribed or bounced)"),
    ("unsubscribed", r"unsubscribed|opted[ -]?out|previously unsubscribed"),
    ("mailbox-full", (
        r"(?:over|exceed\w*|beyond|above|out of|disk|mail(?:box)?|storage|user|account|folder|for) ?(?:the |its |their |his |your |mail(?:box)? |disk |storage |allotted )*quota|quota (?:exceed|violat|full|is|has|over|reached|limit)|"
        r"quota|(?:mail ?box|mail ?folder|inbox|account|mailbox for [^.]{0,60}|storage|mail ?drop) (?:is |are |has been |was |too )*full|full mail ?box|mailbox (?:size|limit)|mailbox exceed|mailbox has exceed|mailbox ?full|"
        r"over (?:the )?(?:storage |size )?limit|space limit|exceeds allowed size|zu ?viele mails|insufficient (?:disk|system storage|storage|space|mailbox)|not enough (?:storage|space|disk|room)|no space left|out of (?:storage|disk|space)|"
        r"too much mail|too many messages (?:in|on)|postfach (?:ist )?voll|speicherplatz|bo\u00eete (?:aux lettres )?(?:est )?pleine|bo\u00eete pleine|buz[\u00f3o]n (?:est\u00e1 )?lleno|"
        r"caixa (?:postal |de correio )?(?:est\u00e1 )?cheia|casella (?:di posta )?piena|cuota|skrzynk\w+ .{0,20}(?:pe\u0142n|przepe\u0142n)|"
        r"\u043f\u0435\u0440\u0435\u043f\u043e\u043b\u043d\u0435\u043d|\u043f\u0435\u0440\u0435\u043f\u043e\u0432\u043d\u0435\u043d|\u90ae\u7bb1(?:\u5df2)?\u6ee1|\u4fe1\u7bb1\u5df2\u6eff|\u5bb9\u91cf|\u7a7a\u9593\u4e0d\u8db3|\u7a7a\u95f4\u4e0d\u8db3|\u6e80\u676f|\uc6a9\ub7c9"
    )),
    ("attachment", (
        r"(?:attachment|executable|file ?(?:type|name|extension)|banned (?:file|name|part))|(?:virus|infect|malware|trojan|worm)\w*|zip file"
    )),
    ("too-large", (
        r"(?:message|mail|size|header|it)\b.{0,40}(?:too (?:large|big|long)|exceed\w*.{0,40}(?:size|limit|maximum)|larger than)|(?:maximum|max)\w* .{0,20}(?:message )?size|size limit|"
        r"message (?:size|length) exceeds|exceeds .{0,30}size|over the maximum (?:allowed )?size|zu gro(?:\u00df|ss)|trop (?:grand|volumineu)|demasiado grande|muito grande|troppo grande"
    )),
    ("content", (
        r"\b(?:spam|unsolicited|junk|phish\w*|uce)\b|spam|black ?list|block ?list|dnsbl|\brbl\b|(?:spamhaus|spamcop|sorbs|barracuda(?:central)?|cloudmark|surbl|uribl|dnswl)|"
        r"content (?:rejected|filter|restriction|policy|denied|block)|content\b.{0,30}(?:reject|refus|not accept|prohibit|violat)|message (?:content )?(?:rejected|refused|blocked|filtered)|"
        r"(?:rejected|blocked|refused|denied) .{0,40}(?:policy|filter|content|reputation|security)|policy (?:reject|violation|reason|restrict)|bulk ?e?-?mail|junk ?mail|"
        r"forbidden (?:word|phrase|content)|advertis|bad reputation|poor reputation|low reputation|considered .{0,20}(?:harmful|dangerous)|message looks like|blocked (?:by|using|for|due)|(?:is|been|was) blocked|spamverdacht"
    )),
    ("other", r"(?:after|reply to) mail from|sender (?:address )?(?:rejected|refused|denied|unknown|verif)|ptr record|relay(?:ing)? (?:access )?(?:denied|not permitted|prohibited)"),
    ("no-mailbox", (
        r"(?:user|recipient|mail ?box|address\w*|account|addressee|person|member|alias|rcpt|name|e-?mail|inbox|domain|host|employee|customer|<[^>]{1,80}>)\b['\"]?\W{0,3}(?:[^\n.!]{0,50}?[\s(])?"
        r"(?:unknown|not (?:be )?(?:found|known|exist|exists|recogni[sz]ed|listed|valid|active|allowed|here|local|available|our)|does ?n[o']t exist|doesn['\u2019]t|do(?:es)? not (?:exist|have)|no longer|disabled|"
        r"inactive|deactivated|suspended|discontinued|closed|terminated|deleted|expired|invalid|nonexist|non-exist|wrong|unavailable|rejected|obsolete|dormant|abandoned|locked|was not|could not be found|undefined|cannot be found|isn't|couldn)|"
        r"(?:unknown|invalid|no such|nonexistent|non-existent|bad|illegal|not a (?:valid|known)|not an? (?:\w+ )?|unrouteable|unroutable|undeliverable|unrecogni[sz]ed|ambiguous|incorrect|inactive|disabled|expired|deactivated|ambiguous) "
        r"\(?(?:or \w+ )?(?:local )?(?:user|recipient|mail ?box|address|person|local part|addressee|account|destination|host|domain|rcpt|name|alias|customer|here|e-?mail)|"
        r"no (?:mail ?box|user|account|recipient|valid recipients|one here|such|matches|route|longer)|user unknown|unknown user|(?:mailbox|address|account) (?:is )?(?:unavailable|not available)|"
        r"host (?:or domain name )?(?:not found|unknown)|(?:unknown|non-?existent|invalid|no such) (?:host|domain)|host unknown|domain (?:name )?(?:not found|does not exist|doesn't exist)|name or service not known|name service error|"
        r"bad destination|invalid final delivery|does not have a final|did not exactly match|bad[ _]?rcpt ?to|bad[ _]recipient|nxdomain|couldn['\u2019]t find any host|no mx|(?:mx|dns) (?:lookup|record).{0,40}(?:fail|not found|error|exist)|unable to (?:find|locate) |could not find|can(?:not|'t) find|not (?:a |our )?(?:local |known )?(?:user|customer|member|recipient)|"
        r"has moved|moved to|left the|retired|access denied\W*$|unrout(?:e)?able|undisclosed|adressbuch|unbekannt|existiert nicht|nicht (?:vorhanden|bekannt|gefunden)|nicht mehr g\u00fcltig|n['\u2019]existe (?:pas|plus)|inconnu|non recens|no existe|inexistente|desconocid|n\u00e3o existe|"
        r"sconosciut|non esiste|inesistente|onbekend|bestaat niet|ok\u00e4nd|finns inte|ukendt|findes ikke|ukjent|nieznan|nie istnieje|neexistuje|nezn\u00e1m|nem l\u00e9tezik|bulunamad|"
        r"\u043d\u0435 (?:\u0441\u0443\u0449\u0435\u0441\u0442\u0432|\u043d\u0430\u0439\u0434\u0435\u043d|\u0437\u0430\u0440\u0435\u0433\u0438\u0441\u0442\u0440)|\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u043d|\u7528\u6237\u4e0d\u5b58\u5728|\u4e0d\u5b58\u5728|\u672a\u627e\u5230|\u5b9b\u5148\u4e0d\u660e|\u898b\u3064\u304b\u308a\u307e\u305b\u3093|\u5b58\u5728\u3057|\u67e5\u65e0|\uc874\uc7ac\ud558\uc9c0|\uc5c6\ub294"
    )),
    ("expired", (
        r"expired|too old|queue time|retry (?:time|timeout) (?:not reached|exceeded)|could not be delivered (?:for|within|after) \w|within (?:the )?(?:allowed queue|\d)|in the queue too long|too long in (?:the )?queue|"
        r"not (?:been )?collected|delivery failed \d+ attempts|failing for a long time|(?:aborted|failed|condition occurred|tried|attempts?|hours?|days?) (?:after|over|for) [\d.]+|exceeded maximum delivery attempts|maximum (?:number of )?(?:delivery )?(?:attempts|retries)|time ?out (?:exceeded|of)|"
        r"delivery time|lifetime|gave up|timed? ?out|connection (?:refused|reset|failed|lost)|(?:not|n't|no) respon[ds]\w*|(?:unable|failed|not able|n't able|could ?n[o']t) (?:to )?(?:establish|connect|make a connection)|unreachable|no answer|socket error|requests to connect|network (?:error|problem)|unavailable or busy|deferred"
    )),
    ("content", r"policy|spf|dkim|dmarc|banned|prohibited|not permitted|unacceptable|refused by|filter|security|greylist"),
    ("other", r"loop|too many hops|relay|authenticat|permission|authoriz|denied|not accept|restricted|reverse dns|rdns|\bptr\b|helo|sender (?:address|domain|verify|rejected)|protocol|rate ?limit|too many|service (?:not available|unavailable)|challenge|configuration|internal"),
)  # fmt: skip
_WORDS = tuple((reason, re.compile(pattern, re.IGNORECASE)) for reason, pattern in _BY_WORDS)
_SERVER_WORDS = 1000
_BOUNCE_TYPES = {
    "no-mailbox": ("Permanent", "NoEmail"),
    "suppressed": ("Permanent", "Suppressed"),
    "mailbox-full": ("Transient", "MailboxFull"),
    "too-large": ("Transient", "MessageTooLarge"),
    "content": ("Transient", "ContentRejected"),
    "attachment": ("Transient", "AttachmentRejected"),
    "expired": ("Transient", "General"),
    "unsubscribed": ("Transient", "General"),
}


_NOT_TRIED = ("suppressed", "unsubscribed")


def status_of(text: str) -> str | None:
    """The first status code in a text, or None."""
    found = _STATUS.search(text)
    return found[0] if found else None


def code_class(text: str) -> str | None:
    """`5` or `4`: the first figure of the SMTP reply in a text, or None."""
    found = _CODE.search(text)
    return found[1] if found else None


def says_code(text: str) -> bool:
    """Whether a text has a status or an SMTP reply, which people seldom write."""
    return bool(_STATUS.search(text) or _CODE.search(text))


def tells(text: str) -> bool:
    """Whether a text says why: a status, an SMTP reply, or words that are known for it."""
    return says_code(text) or reason_in(text) is not None


def reason_in(text: str) -> str | None:
    """The reason that the words of a server give, or None."""
    text = _ADDRESSES.sub("@", text[:_SERVER_WORDS])  # an address says nothing, and its dots look like the end of a sentence
    return next((reason for reason, words in _WORDS if words.search(text)), None)


def best_status(status: str | None, diagnostic: str | None) -> str | None:
    """The more telling status of the two; the class of the SMTP reply when there is none (`550` gives 5.0.0)."""
    said = status_of(diagnostic or "")
    if said and (status is None or (status.endswith(".0.0") and said[0] == status[0])):
        return said
    if status is None and (figure := code_class(diagnostic or "")):
        return f"{figure}.0.0"
    return status


def reason_of(status: str | None, diagnostic: str | None, notice: str = "") -> str:
    """The reason by the status, by the server's words, by what else the notice says. That an address is not tried at all has no status."""
    told = reason_in(diagnostic) if diagnostic else None
    if told in _NOT_TRIED:
        return told
    for found in (status, status_of(diagnostic or "")):
        if found and found[2:] not in _VAGUE and (reason := _BY_STATUS.get(found[2:])) and (reason, found[0]) != ("no-mailbox", "4"):
            return reason  # 4.1.1 and 4.2.1 are said of addresses that could not be verified or get too much mail just now
    if reason := told or (reason_in(notice) if notice else None):
        return reason
    vague = _BY_STATUS.get(status[2:]) if status and status[0] != "4" else None
    return vague or ("other" if status or diagnostic else "unknown")


def bounce_type(reason: str | None, status: str | None) -> tuple[str, str] | None:
    """SES's bounceType and bounceSubType; None when the mail was delivered. A status of class 4 makes no address `Permanent` (RFC 3463 section 3.1)."""
    if reason is None:
        return None
    if reason == "no-mailbox" and status and status[0] == "4":
        return "Transient", "General"
    if reason == "unknown":
        return "Undetermined", "Undetermined"
    return _BOUNCE_TYPES.get(reason) or ("Transient" if status and status[0] == "4" else "Permanent", "General")
