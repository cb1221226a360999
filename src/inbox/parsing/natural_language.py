"""In which language a text is written: by its script, and by the small words that every text is full of. None when that does not tell.

A word counts for a language the more, the fewer of the others have it; the best must be well ahead of the second. The languages are those in
which quotations are known (`inbox.parsing.languages`), by their codes of ISO 639-1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache

LONGEST = 2000
"""Letters that are looked at."""
_ENOUGH, _AHEAD = 1.0, 2.0

_SCRIPTS: Mapping[str, str] = {
    "ja": "\u3040-\u30ff",
    "ko": "\uac00-\ud7a3\u1100-\u11ff",
    "zh": "\u4e00-\u9fff",
    "el": "\u0370-\u03ff",
    "he": "\u0590-\u05ff",
    "th": "\u0e00-\u0e7f",
    "arabic": "\u0600-\u06ff",
    "cyrillic": "\u0400-\u04ff",
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
}
_OF_SCRIPT = re.compile("|".join(f"(?P<{name}>[{letters}])" for name, letters in _SCRIPTS.items()))
_NO_WORDS = re.compile(r"\S{1,200}(?:://|@)\S{1,200}")
"""Addresses of the web and of mail."""
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")

# fmt: off
_SMALL_WORDS: Mapping[str, Mapping[str, str]] = {
    "latin": {
        "en": "the and of to is in that it for you with this have not are on be was we your will can please from my i has been they when would thanks",
        "de": "der die und das ist nicht ich sie wir zu den mit auf für ein eine es im von dem haben bitte sind auch wenn kann werden mir mich noch aber ihre habe wie danke",
        "fr": "le la les et des est une je vous pas que pour dans nous avec sur du au votre il ne qui ce merci suis mon ma cette ai avez être plus par",
        "es": "el la los que de y en un una por con para es no su se las del lo como está pero gracias mi al yo he usted este muy ha me tengo",
        "pt": "o a os que de e em um uma não para com por do da se na no obrigado obrigada está você é ao mas meu minha foi tenho isso muito das dos",
        "it": "il la che di e un una non per con sono è del della in si mi lo gli grazie ho questo anche ma al nel vorrei mio mia le ancora",
        "nl": "de het een en van ik is niet dat op te zijn voor met we u je aan hebben er graag bij kan wij mijn heb nog maar dit bedankt ook",
        "sv": "och att det är jag inte en ett som på för med den av har vi till du kan om från mig tack men min mitt när ni hur så",
        "da": "og at det er jeg ikke en et som på for med den af har vi til du kan om fra mig hvad tak men min mit når i hvordan nu gerne",
        "nb": "og at det er jeg ikke en et som på for med den av har vi til du kan om fra meg hva takk men min mitt når dere hvordan nå gjerne",
        "fi": "ja on ei että se en olen mutta kun niin tämä hän ovat myös jos mitä voi oli kiitos minun ole kuin sekä te vielä",
        "is": "og að það er ekki sem við ég til með fyrir um en þetta hefur þú var þið mig takk á í frá hvernig ef",
        "pl": "i w nie na się że to do z jest jak ale dla czy o proszę po od są mam mnie dziękuję przez już tego",
        "cs": "a se na je že v to s z do pro ale jsem jak za by nebo jsou děkuji prosím mi si jste není při kdy už",
        "sk": "a sa na je že v to s z do pre ale som ako za by alebo sú ďakujem prosím mi si ste nie pri keď už",
        "hu": "a az és hogy nem is egy van meg ez de csak ha már kérem vagy mert köszönöm nekem volt még mi lehet",
        "ro": "și în de la nu un o cu pe este să mai din ce pentru că sunt vă mulțumesc am ați mea dar si sa",
        "hr": "i je u da na se za su ne što od s kao ali nije sam hvala ili molim mi bi to koji kako još",
        "lt": "ir į yra kad ne su iš tai bet kaip ar aš ačiū prašau dėl mes mano nuo man jūs",
        "lv": "un ir ar no ka uz nav par es bet lai kā paldies lūdzu jūs mēs mans man vai pie",
        "et": "ja on ei et see ma oma kui mis aga kas ta olen siis tänan palun ning minu me kuid veel",
        "tr": "ve bir bu için ne ile de da çok değil var ama olarak ben gibi teşekkürler lütfen mı mi benim daha kadar nasıl",
        "vi": "và của là không có cho được tôi với các những này một trong đã để xin cảm ơn bạn",
        "id": "dan yang di untuk dengan tidak ini itu saya dari ke ada akan pada bisa terima kasih anda kami belum sudah juga",
        "ca": "el la i de que els les un una amb per no és en del al gràcies però com vostè meva meu aquest vaig dels he tinc",
    },
    "cyrillic": {
        "ru": "и в не на что я с это по как но для у мы вы из за от пожалуйста спасибо же мне меня ещё еще был есть или мой так",
        "uk": "і в не на що я з це по як але для у ми ви із за від будь ласка дякую та мені мене ще був є або мій так",
        "bg": "и в не на че да за с от по е ще са се ми но как благодаря съм моля аз още или беше това мога",
    },
    "arabic": {
        "ar": "في من على أن إلى هذا مع لا ما هل التي شكرا الذي هذه لم لقد يرجى عن كان أنا",
        "fa": "و در به از که این را با است برای می لطفا ممنون من شما هنوز آن ما نیست",
    },
}
# fmt: on


def detect(text: str) -> str | None:
    """The code of the language that a text is written in (`de`); None when it is too short, mixed, or in none that is known."""
    text = _NO_WORDS.sub(" ", text[:LONGEST])
    letters = Counter(match.lastgroup for match in _OF_SCRIPT.finditer(text))
    if letters["ja"] and letters["ja"] * 5 > letters["zh"]:  # Japanese writes Chinese characters too
        letters["ja"] += letters.pop("zh", 0)
    if not letters:
        return None
    script, number = letters.most_common(1)[0]
    if script is None or number * 10 < letters.total() * 7:
        return None
    return _by_words(script, text) if script in _SMALL_WORDS else script if number >= 4 else None


def _by_words(script: str, text: str) -> str | None:
    scores = dict.fromkeys(_SMALL_WORDS[script], 0.0)
    weights = _weights(script)
    for word in _WORD.findall(text.lower()):
        for language, weight in weights.get(word, ()):
            scores[language] += weight
    (best, first), (second, _) = sorted(((score, language) for language, score in scores.items()), reverse=True)[:2]
    return first if best >= _ENOUGH and best >= _AHEAD * second else None


@cache
def _weights(script: str) -> Mapping[str, tuple[tuple[str, float], ...]]:
    """For each small word the languages that have it, each with its share of the word."""
    languages: dict[str, list[str]] = {}
    for language, words in _SMALL_WORDS[script].items():
        for word in words.split():
            languages.setdefault(word, []).append(language)
    return {word: tuple((language, 1 / len(having)) for language in having) for word, having in languages.items()}
