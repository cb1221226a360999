"""The words that mail programs put in front of the mail they quote, in several languages, as patterns for one line or a few."""

from __future__ import annotations

import re

_WROTE = (
    r"(?:wrote|sent|writes|schrieb|schrieben|a \xe9crit|escribi\xf3|escreveu|ha scritto|scrive|schreef|geschreven|skrev|kirjoitti|"
    r"napisa\u0142(?:\(a\)|a)?|napsala?|\u043d\u0430\u043f\u0438\u0441\u0430\u043b(?:\(\u0430\)|\u0430)?|\u043f\u0438\u0448\u0435\u0442|"
    r"\u0111\xe3 vi\u1ebft|\u5199\u9053|\u5beb\u9053|\u306e\u30e1\u30fc\u30eb)"
)
STARTS = re.compile(
    r"[ \t>]{0,20}(?:-{2,}\s*)?(?:On|Le|Am|El|Il|Op|Den|P\xe5|W dniu|Dnia|Dne|Em|V\xe0o|\u0412|Pada|\d{1,2}\.\d{1,2}\.\d{4})\s",
    re.IGNORECASE,
)
"""A line that may begin "On ... wrote:", which can go over four lines."""

WROTE = re.compile(rf"(?:.*\W)?{_WROTE}(?:\W.{{0,200}}[:\uff1a]|\s*[:\uff1a]|\s*-{{2,}})\s*", re.IGNORECASE | re.DOTALL)
"""The whole of it, lines joined by a blank."""

ENDS = re.compile(rf"[:\uff1a]\s*$|-{{2,}}\s*$|{_WROTE}\s*$", re.IGNORECASE)

SOMEBODY_WROTE = re.compile(
    rf"[^\n]{{0,200}}<[^<>\s]+@[^<>\s]+>\s*{_WROTE}\s*:\s*|\s*-{{2,}}[^\n]{{1,100}}\s{_WROTE}\s*-{{2,}}\s*", re.IGNORECASE
)
"""`Name <address> wrote:` and `---- Name wrote ----`."""

DATED = re.compile(r"\s*\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b[^\n<]{0,150}<\s?[^<>\s]+@[^<>\s]+>\s*:?\s*")
"""`2014-10-17 11:28 GMT+03:00 Name <address>:`"""

SHARED_LINE = re.compile(rf"\s*-{{2,}}\s*On\s[^\n]{{1,200}}\s{_WROTE}:\s*$", re.IGNORECASE)
"""The end of a line of text that a quotation follows without a line end."""

ORIGINAL = re.compile(
    r"[\s>*_]{0,20}-{2,}\s*(?:original message|reply message|original appointment|urspr\xfcngliche nachricht|antwort nachricht|original-nachricht|"
    r"message d'origine|message original|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|"
    r"oprindelig meddelelse|opprinnelig melding|ursprungligt meddelande|alkuper\xe4inen viesti|wiadomo\u015b\u0107 oryginalna|"
    r"p\u016fvodn\xed zpr\xe1va|\u0438\u0441\u0445\u043e\u0434\u043d\u043e\u0435 \u0441\u043e\u043e\u0431\u0449\u0435\u043d\u0438\u0435|"
    r"\u539f\u59cb\u90ae\u4ef6|\u539f\u59cb\u90f5\u4ef6|\u5143\u306e\u30e1\u30c3\u30bb\u30fc\u30b8)\s*-{2,}\s*",
    re.IGNORECASE,
)
"""`-----Original Message-----`"""

FORWARDED = re.compile(
    r"[\s*_]{0,20}-{2,}\s*(?:forwarded (?:message|by)|weitergeleitete nachricht|message transf\xe9r\xe9|mensaje reenviado|mensagem encaminhada|"
    r"messaggio inoltrato|doorgestuurd bericht|videresendt (?:meddelelse|melding)|vidarebefordrat meddelande|"
    r"\u043f\u0435\u0440\u0435\u0441\u044b\u043b\u0430\u0435\u043c\u043e\u0435 \u0441\u043e\u043e\u0431\u0449\u0435\u043d\u0438\u0435|"
    r"\u8f6c\u53d1\u7684\u90ae\u4ef6)|\s*begin forwarded message:",
    re.IGNORECASE,
)
"""What follows was sent on, on purpose: it belongs to what the person sends."""

_AUTHOR = (
    r"from|von|de|da|van|fra|fr\xe5n|od|l\xe4hett\xe4j\xe4|\u043e\u0442|\u53d1\u4ef6\u4eba|\u5bc4\u4ef6\u8005|\u5dee\u51fa\u4eba|"
    r"date|datum|fecha|data|dato|sent"
)
_OTHER = (
    r"sent|gesendet|envoy\xe9|enviado(?: el)?|enviada em|inviato|verzonden|sendt|skickat|l\xe4hetetty|wys\u0142ano|odesl\xe1no|"
    r"\u043e\u0442\u043f\u0440\u0430\u0432\u043b\u0435\u043d\u043e|\u53d1\u9001\u65f6\u95f4|\u9001\u4fe1\u65e5\u6642|date|datum|fecha|data|dato|"
    r"to|an|\xe0|para|a|aan|til|till|do|komu|\u043a\u043e\u043c\u0443|\u6536\u4ef6\u4eba|\u5b9b\u5148|cc|kopie|copie|reply-to|"
    r"subject|betreff|objet|asunto|assunto|oggetto|onderwerp|emne|\xe4mne|aihe|temat|p\u0159edm\u011bt|\u0442\u0435\u043c\u0430|\u4e3b\u9898|\u4ef6\u540d"
)
FIELD_FIRST = re.compile(rf"[ \t]{{0,20}}\*{{0,2}}(?:{_AUTHOR})\s?[:\uff1a]\*{{0,2}}\s*\S", re.IGNORECASE)
FIELD_NEXT = re.compile(rf"[ \t]{{0,20}}\*{{0,2}}(?:{_AUTHOR}|{_OTHER})\s?[:\uff1a]\*{{0,2}}(?:\s|$)", re.IGNORECASE)
"""The lines of a quoted header: `From:`, `Sent:`, `To:`, `Subject:`."""

MAY_BEGIN = re.compile(rf"{STARTS.pattern}|[ \t]{{0,20}}(?:\*{{0,2}}(?:{_AUTHOR})\s?[:\uff1a]|\d{{4}}[-/.])", re.IGNORECASE)
"""One look at a line that says whether any of the longer ones is worth it, when it has no `--`, `__` or `>`."""

MOBILE = re.compile(
    r"(?:sent (?:from|via|with) |get outlook for |envoy\xe9 (?:de|depuis) |von meinem .{1,40} gesendet|gesendet (?:von|mit) |enviado desde |enviado do |"
    r"inviato da |verzonden vanaf |skickat fr\xe5n |sendt fra |wys\u0142ane z |\u043e\u0442\u043f\u0440\u0430\u0432\u043b\u0435\u043d\u043e \u0441|"
    r"\u53d1\u81ea\u6211\u7684|iphone\u304b\u3089\u9001\u4fe1)",
    re.IGNORECASE,
)
"""The line that a telephone adds."""
