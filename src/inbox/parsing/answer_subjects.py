"""What programs that answer write into the subject, in many languages. A person may use the same words, so only the forms of programs count."""

from __future__ import annotations

import re

_AUTO = (
    r"auto(?:matic|matisch\w*|mated|matically)?[- _]?(?:generated )?(?:reply|replied|response|responder|respond|answer|message|mail)|(?-i:AUTO) ?(?=:)|auto ?(?=: ?(?:re|aw|antw|sv|fwd?|wg)\b)|autoresponder|auto[- ]?antwort|automatische (?:antwort|r\u00fcckantwort|e-?mail|nachricht)|"
    r"automatisch antwoord|automatisch beantwoord|r[\u00e9e]ponse automatique|respuesta autom[\u00e1a]tica|contestaci[\u00f3o]n autom[\u00e1a]tica|resposta autom[\u00e1a]tica|risposta automatica|"
    r"autosvar|automatisk(?:t)? (?:svar|besked)|automaattinen vastaus|automaatvastus|automaatne vastus|odpowied\u017a automatyczna|automatyczna odpowied\u017a|automatick\u00e1 (?:odpov\u011b\u010f|odpove\u010f)|"
    r"automatikus v\u00e1lasz|r\u0103spuns automat|automatski odgovor|samodejni odgovor|otomatik (?:yan\u0131t|cevap)|\u03b1\u03c5\u03c4\u03cc\u03bc\u03b1\u03c4\u03b7 \u03b1\u03c0\u03ac\u03bd\u03c4\u03b7\u03c3\u03b7|"
    r"\u0430\u0432\u0442\u043e(?:\u043c\u0430\u0442\u0438\u0447\u0435\u0441\u043a\u0438\u0439 )?\u043e\u0442\u0432\u0435\u0442|\u0430\u0432\u0442\u043e\u043c\u0430\u0442\u0438\u0447\u043d\u0430 \u0432\u0456\u0434\u043f\u043e\u0432\u0456\u0434\u044c|tr\u1ea3 l\u1eddi t\u1ef1 \u0111\u1ed9ng|"
    r"\u81ea\u52a8(?:\u56de\u590d|\u7b54\u590d)|\u81ea\u52d5(?:\u56de\u8986|\u7b54\u8986|\u5fdc\u7b54|\u8fd4\u4fe1)|\u81ea\u52d5\u7b54\u8986|\uc790\ub3d9 ?(?:\ud68c\uc2e0|\uc751\ub2f5|\ub2f5\uc7a5)|\u05de\u05e2\u05e0\u05d4 \u05d0\u05d5\u05d8\u05d5\u05de\u05d8\u05d9|\u0631\u062f \u062a\u0644\u0642\u0627\u0626\u064a"
)
_AWAY = (
    r"out[- ]of[- ](?:the[- ])?office|(?:away|absent) from (?:the |my )?(?:office|mail|desk)|(?:vacation|holiday|away|absence) (?:notice|message|reply|response|notification)|"
    r"\booo\b|abwesenheits?(?:notiz|nachricht|meldung|assistent|benachrichtigung|info)?|abwesend|nicht im (?:b\u00fcro|haus)|urlaubs?(?:notiz|nachricht|meldung|benachrichtigung|vertretung)|"
    r"(?:absence|absent\w?|absent\(e\)) du bureau|message d['\u2019]absence|fuera de (?:la )?oficina|fora do escrit[\u00f3o]rio|fuori (?:sede|ufficio)|"
    r"afwezig(?:heid\w*)?|niet aanwezig|fr[\u00e5\u00e6a]v[\u00e6\u00e4a]r\w*|ikke til stede|ej p\u00e5 kontoret|poissa\w*|nieobecno\u015b\u0107|poza biurem|nep\u0159\u00edtomnost|mimo kancel\u00e1\u0159|nepr\u00edtomnos\u0165|"
    r"h\u00e1zon k\u00edv\u00fcl|\u0443 \u0432\u0456\u0434\u043f\u0443\u0441\u0442\u0446\u0456|\u0432 \u043e\u0442\u043f\u0443\u0441\u043a\u0435|\u0432\u043d\u0435 \u043e\u0444\u0438\u0441\u0430|ofis d\u0131\u015f\u0131|"
    r"\u4e0d\u5728\u529e\u516c\u5ba4|\u4e0d\u5728\u8fa6\u516c\u5ba4|\u4e0d\u5728(?:\u306e\u304a\u77e5\u3089\u305b|\u901a\u77e5)|\ubd80\uc7ac ?\uc911"
)
_AWAY_OR_THEME = (
    r"on (?:vacation|holiday|annual leave|maternity leave|parental leave)|urlaub|absence|absent\w?|absent\(e\)|ausencia|ausente|aus[\u00eae]ncia|assenza|assente|"
    r"\u043e\u0442\u0441\u0443\u0442\u0441\u0442\u0432\u0443|\u4f11\u5047|\u5916\u51fa"
)
_BRACKETS = r"[\[(<\u3010*=-]?\s*"
SAYS_AUTOMATIC = re.compile(
    rf"\s*{_BRACKETS}(?:{_AUTO})(?:\s*$|\s*[:\uff1a|\])\u3011(.!*\u2013-]|\s+(?:from|re|von|de|fra|van)\b|(?<=[^\x00-\u0fff]))",
    re.IGNORECASE,
)
"""It calls itself an automatic answer, and does not go on as a sentence would."""

AWAY_AND_SUBJECT = re.compile(rf"\s*{_BRACKETS}(?:{_AWAY})[^:\uff1a]{{0,40}}[:\uff1a]\s*\S", re.IGNORECASE)
"""Words for absence in front of the subject that is answered: `Out of office: Re: your order`."""

AWAY = re.compile(rf"(?:{_AWAY}|{_AWAY_OR_THEME})", re.IGNORECASE)
"""Words for absence; a person can write them too, some of them even in front of a colon (`Urlaub: Frage zur Buchung`)."""

AUTO = re.compile(r"\s*auto\s?:", re.IGNORECASE)
"""A mark of programs, and a car in many languages."""
