"""The words of mail servers that tell that a mail did not arrive, in many languages: tables of phrases, each a pattern for one line of text.

Servers write the same few sentences in endless shapes, so the tables know phrases and not servers. Text is lower case with single blanks
when FAILED, DELAYED and GIVEN_UP are searched; the other patterns look at the lines as they stand. What subjects say is in `bounce_signs.py`:
it is looked at for every mail, these only for suspects.
"""

from __future__ import annotations

import re

_FAILED = (
    # English
    r"(?:could|can|may) ?not be (?:delivered|sent|processed|forwarded|reached|completed|relayed|transmitted)|(?:was|were|is|are|has|have) not (?:been )?delivered",
    r"(?:unable|not able|impossible) to (?:deliver|send|complete|forward|relay|reach)|n[o']t able to deliver|failed to deliver|un(?:able|successful).{0,20} deliver",
    r"(?:can|could)(?: ?not|n't) (?:deliver|be deliver|send your|forward)|(?:did|does) ?n[o']t ?(?:reach|receive)|did ?n[o']t (?:reach|receive|get)|not delivered to",
    r"deli?ve?ry (?:to|of|for|has|attempts?|status|of your).{0,70}(?:fail|abort|unsuccessful|not possible|impossible|problem)|deli?very .{0,20}(?:failure|failed|errors?|problem)",
    r"(?:mail|message|transmission|e-?mail) (?:delivery |has |was |could )?(?:failed|failure|undelivered)|undeliver(?:able|ed)|non[- ]?delivery|delivery report",
    r"return(?:ing|ed) (?:message |mail |your |e-?mail )?to (?:the )?sender|returned (?:mail|message|e-?mail)|(?:mail|message) (?:has been |was |is being |is )?(?:returned|bounced)",
    r"(?:was|has been|is|been|automatically) (?:automatically )?(?:rejected|refused|discarded|blocked)|(?:message|mail) rejected|rejected (?:mail|message)",
    r"permanent (?:fatal )?(?:delivery )?(?:error|failure)|fatal errors?|address(?:es|\(es\))? (?:had|failed|below failed)|failed (?:recipients?|address)|delivery errors?",
    r"(?:no such|unknown) (?:user|recipient|addressee)|user (?:unknown|not known)|invalid (?:final delivery userid|recipient|address)|not listed in .{0,20}directory",
    r"encountered (?:an error|delivery problems?)|error.{0,30} (?:while|during) (?:being )?(?:process|deliver)|does not have a final email|(?:email|mail) address.{0,60}(?:wrong|no longer valid)",
    r"did not exactly match|not (?:been )?(?:accepted|recogni[sz]ed)|because it has not been collected|undelivered|problem with the e-?mail address|mailbox (?:is full|unavailable|not found)",
    r"(?:user|recipient|member|account)(?:'s)? (?:is )?(?:over|exceeded) (?:the |their |his )?(?:disk )?quota|cannot be delivered|message (?:not|was not|wasn't) delivered",
    r"wasn't delivered|weren't delivered|couldn't be (?:delivered|found|sent)|address not found|isn't receiving mail|message blocked|hasn't been delivered|(?:isn't|not) an? (?:.{0,20} )?user",
    # German
    r"(?:konnten?|kann|k\u00f6nnen|wurde|wurden|werden).{0,90}nicht .{0,40}(?:zugestellt|ausgeliefert|\u00fcbermittelt|versendet|versandt|weitergeleitet|zustellen)",
    r"unzustellbar|nicht zustellbar|nicht zugestellt|zustellung .{0,60}(?:fehlgeschlagen|nicht m\u00f6glich|gescheitert)|fehler bei der (?:zustellung|nachrichten)|unbekannter empf\u00e4nger",
    # French
    r"n['\u2019 ](?:a|ont|est|\u00e9tait|avons|avait)(?: pas)? ?(?:pas )?(?:pu|pus|\u00e9t\u00e9|ete)? ?(?:pu )?(?:\u00eatre|etre)? ?(?:d[\u00e9e]livr|remis|distribu|envoy|livr|achemin|transmis)",
    r"n['\u2019](?:a|ont) pas pu|non remis|non distribu|non d[\u00e9e]livr|[\u00e9e]chec (?:de (?:la )?|d['\u2019])(?:remise|distribution|livraison|envoi|acheminement)|impossible de (?:remettre|livrer|distribuer|d[\u00e9e]livrer)",
    # Spanish, Catalan, Portuguese, Galician, Italian, Romanian
    r"no (?:se )?(?:ha |han |pudo|pudieron|ha podido|puede|fue|es posible|s'ha pogut).{0,30}(?:entreg|envi|lliur)|error (?:en|de) (?:la )?entrega|fallo en la entrega|no entregad|mensaje devuelto|correo devuelto",
    r"n[\u00e3a]o (?:p[\u00f4o]de|pode|foi poss[\u00edi]vel|foi|p[\u00f4o]de ser|est\u00e1).{0,30}(?:entreg|envi)|falha (?:na|de) entrega|mensagem devolvida|n[\u00e3a]o entregue",
    r"impossibile (?:recapitare|consegnare|inviare)|non (?:\u00e8|e'|e|pu\u00f2|possono|puo).{0,30}(?:possibile|recapitat|consegnat|stato)|manca(?:to|ta) (?:recapito|consegna)|nu (?:a putut|au putut).{0,20}(?:livrat|trimis)",
    # Dutch, Swedish, Danish, Norwegian, Finnish
    r"(?:kon|kan|konden|kunnen|is|zijn) niet .{0,60}(?:bezorgd|afgeleverd|verzonden)|onbestelbaar|niet bezorgd|kunde inte .{0,20}(?:levereras|skickas)|gick inte att .{0,20}leverera",
    r"kun(?:ne|de)? (?:ikke|inte) .{0,20}(?:leveres|levereres|afleveres|sendes)|kan ikke leveres|ikke leveret|ikke levert|ei voi(?:tu|da) (?:toimittaa|l\u00e4hett\u00e4\u00e4)|toimitus ep\u00e4onnistui",
    # Polish, Czech, Slovak, Hungarian, Turkish, Greek
    r"nie (?:m\u00f3g\u0142|mo\u017ce|mog\u0142a|mog\u0142o|mo\u017cna|uda\u0142o|zosta\u0142a|zosta\u0142).{0,60}(?:dostarcz|dor\u0119cz|wys\u0142an)|niedor\u0119czon|niedostarczon|nie dostarczono|zwrot wiadomo\u015bci",
    r"nelze doru\u010dit|nebylo mo\u017en\u00e9 .{0,20}doru\u010dit|nedoru\u010diteln|nedoru\u010den|nemohla? b\u00fdt doru\u010den|nepodarilo .{0,20}doru\u010di\u0165|nem (?:siker\u00fclt|lehetett|k\u00e9zbes\u00edthet)|k\u00e9zbes\u00edthetetlen",
    r"(?:iletilemedi|teslim edilemedi|g\u00f6nderilemedi)|\u03b4\u03b5\u03bd (?:\u03ae\u03c4\u03b1\u03bd|\u03b5\u03af\u03bd\u03b1\u03b9) \u03b4\u03c5\u03bd\u03b1\u03c4\u03ae|\u03b1\u03b4\u03cd\u03bd\u03b1\u03c4\u03b7 \u03b7 \u03c0\u03b1\u03c1\u03ac\u03b4\u03bf\u03c3\u03b7",
    # Russian, Ukrainian
    r"\u043d\u0435 (?:\u043c\u043e\u0436\u0435\u0442 \u0431\u044b\u0442\u044c|\u0431\u044b\u043b\u043e?|\u0443\u0434\u0430\u043b\u043e\u0441\u044c|\u0443\u0434\u0430\u0451\u0442\u0441\u044f|\u0432\u0434\u0430\u043b\u043e\u0441\u044f|\u043c\u043e\u0436\u0435\u043c)? ?.{0,30}\u0434\u043e\u0441\u0442\u0430\u0432",
    r"\u043d\u0435\u0432\u043e\u0437\u043c\u043e\u0436\u043d\u043e .{0,20}\u0434\u043e\u0441\u0442\u0430\u0432\u0438\u0442\u044c|\u043d\u0435\u0434\u043e\u0441\u0442\u0430\u0432\u043b\u0435\u043d|\u043e\u0448\u0438\u0431\u043a\u0430 .{0,20}\u0434\u043e\u0441\u0442\u0430\u0432\u043a",
    # Japanese, Chinese, Korean
    r"(?:\u914d\u4fe1|\u9001\u4fe1|\u914d\u9001|\u9001\u9054)(?:\u3067\u304d\u307e\u305b\u3093|\u3067\u304d\u306a|\u4e0d\u80fd|\u306b\u5931\u6557|\u3055\u308c\u307e\u305b\u3093|\u51fa\u6765\u307e\u305b\u3093|\u30a8\u30e9\u30fc|\u5931\u6557)|\u304a?\u5c4a\u3051?(?:\u3067\u304d\u307e\u305b\u3093|\u304d\u307e\u305b\u3093)|\u5b9b\u5148(?:\u4e0d\u660e|\u304c\u898b\u3064\u304b\u308a\u307e\u305b\u3093)",
    r"(?:\u65e0\u6cd5|\u7121\u6cd5|\u672a\u80fd|\u4e0d\u80fd|\u672a)(?:\u88ab|\u5c06|\u5c07|\u6b63\u5e38)?(?:\u9001\u8fbe|\u9001\u9054|\u6295\u9012|\u6295\u905e|\u53d1\u9001|\u767c\u9001|\u50b3\u905e|\u50b3\u9001|\u4f20\u9012|\u905e\u9001|\u4f20\u9001|\u5bc4\u9001)|(?:\u6295\u9012|\u6295\u905e|\u53d1\u9001|\u767c\u9001|\u4f20\u8f93|\u50b3\u8f38|\u50b3\u905e|\u4f20\u9012|\u50b3\u9001|\u905e\u9001|\u5bc4\u9001)\u5931[\u8d25\u6557]|\u9000\u4fe1|\u88ab?\u9000\u56de",
    r"(?:\uc804\uc1a1|\ubc30\ub2ec|\ubc1c\uc1a1|\uc804\ub2ec)(?:\ud560 \uc218 \uc5c6|\ub418\uc9c0|\ud558\uc9c0 \ubabb|\uc5d0 \uc2e4\ud328|\uc774 \uc2e4\ud328|\uc2e4\ud328| \uc2e4\ud328|\uc774 \ubd88\uac00)|\ubc18\uc1a1",
)  # fmt: skip
FAILED = re.compile("|".join(_FAILED))
"""The mail was not delivered."""

DELAYED = re.compile(
    r"(?:has|have|was|were) (?:not yet|still not) been delivered|not yet (?:been )?deliver|delivery attempts will|will (?:continue|keep|still) .{0,20}(?:try|attempt|deliver)|"
    r"will (?:be retried|try again|retry|be attempted)|warning message only|(?:just|only) a warning|advisory-only|has been (?:delayed|postponed|deferred)|"
    r"delivery .{0,60}(?:is |been )?(?:delayed|deferred)|(?:message|mail)\b.{0,30} (?:is |been |was )?delayed|delivery (?:status notification )?\(?delay|"
    r"temporarily (?:delayed|deferred)|still being (?:tried|retried)|do not need to resend|don't need to resend|there was a temporary problem delivering|"
    r"verz\u00f6ger|weitere zustellversuche|noch nicht zugestellt|retard[\u00e9e]|nouvelles? tentatives?|aplazad|retrasad|demorad|atrasad|ritard|vertraagd|"
    r"f\u00f6rsenad|forsinke|op\u00f3\u017anion|zadr\u017ean|\u0437\u0430\u0434\u0435\u0440\u0436|\u043e\u0442\u043b\u043e\u0436\u0435\u043d|\u9045\u5ef6|\u5ef6\u8fdf|\u5ef6\u9072|\u918d\u5ef6|\uc9c0\uc5f0"
)
"""It is still being tried."""

GIVEN_UP = re.compile(
    r"gav(?:e|en) up|given up|permanent|not going to try|will not be (?:retried|delivered)|no further (?:delivery )?attempts|fatal|too long in (?:the )?queue|"
    r"in the queue too long|was aborted|endg\u00fcltig|definitiv"
)
"""It is not, whatever else is said."""

RETURNED = re.compile(
    r"(?im)^[ \t]{0,200}+(?:"
    # a row of dashes, with a word for the mail or for what is below
    r"[|*]?[-=_\u2014]{2,200}+(?![^\n]{0,80}(?:transcript|session))[^\n]{0,100}?(?:original|returned|unsent|undelivered|copy|kopie|copia|copie|headers?\b|message (?:text|body|follow|below)|"
    r"mail follow|below|forwarded|attachment|adjunt|enclosed|anhang|ursprung|urspr\u00fcng|\u043a\u043e\u043f\u0438\u044f|\u043e\u0440\u0438\u0433\u0438\u043d\u0430\u043b|\u5143\u306e|\u539f|\u9644\u4ef6|\u526f\u672c)"
    # or a sentence
    r"|(?:the )?(?:original|returned|undelivered|unsent|failed|rejected)[ -](?:message|mail|e-?mail|header)(?:'s)?\b[^\n]{0,60}(?:follow|below|attached|headers?|:|\.\.\.|details)"
    r"|(?:your |the )?(?:original )?(?:message|mail) (?:headers? |text |body )?(?:follows|reads|as received)[^\n]{0,60}$"
    r"|(?:here is|included is|this is|below is|below this line is|attached is) (?:a |the )?(?:first part of|copy|header|original|returned|message)"
    r"|a (?:copy|summary) of (?:the|your)[^\n]{0,40} (?:message|mail|headers?)[^\n]{0,60}$"
    r"|the (?:first \d+ lines|headers?|header and[^\n]{0,30}) of (?:the|your)"
    r"|old message:|original message[ \t]*:?$|(?:die )?(?:urspr\u00fcngliche|original)[ -]?(?:nachricht|mail)[^\n]{0,40}$"
    r"|(?:le )?message (?:d'origine|original)[^\n]{0,40}$|(?:el )?mensaje original[^\n]{0,40}$|(?:il )?messaggio originale[^\n]{0,40}$|mensagem original[^\n]{0,40}$"
    # or the fields themselves
    r"|>?[ ]?received:[ \t]*\(?(?:from|by|qmail)[ \t][^\n]*\n|>?return-path:[ \t]*<[^\n]*\n"
    r"|>?(?:dkim-signature|arc-seal|x-original-to|delivered-to|mime-version):[ \t][^\n]+\n[ \t>]*[\w-]+:?"
    r")"
)
"""What follows is the returned mail."""

CONTACT = re.compile(
    r"contact|questions?|assist|call |support|help|write to|please (?:send|forward|e-?mail|mail|reply|notify)|report|postmaster|administrator|problems?,|kontakt|wenden",
    re.IGNORECASE,
)
"""A line with the address of somebody else, who may help."""

GREETING = re.compile(
    r"\s*(?:(?:hi|hello|hey|dear|hallo|liebe[rs]?|sehr geehrte|guten (?:tag|morgen)|bonjour|salut|hola|buenos|ciao|buongiorno|ol[\u00e1a]|hej|beste|geachte|"
    r"\u0434\u043e\u0431\u0440\u044b\u0439|\u0437\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435)\b(?!\. this is the)(?!\. the mta)[^\n]{0,60})",
    re.IGNORECASE,
)
"""How people begin."""
