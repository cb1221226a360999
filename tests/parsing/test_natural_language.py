"""The language of a text: right where it says one, and silent where a text does not tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox import parse
from inbox.parsing.languages import LANGUAGES
from inbox.parsing.natural_language import detect

# fmt: off
TEXTS = {
    "en": "Hello, my parcel has not arrived yet. Can you please tell me when it will be delivered?",
    "de": "Guten Tag, mein Paket ist noch nicht angekommen. Können Sie mir bitte sagen, wann es geliefert wird?",
    "fr": "Bonjour, mon colis n'est pas encore arrivé. Pouvez-vous me dire quand il sera livré, s'il vous plaît ?",
    "es": "Hola, mi paquete todavía no ha llegado. ¿Me puede decir cuándo se entregará, por favor?",
    "pt": "Olá, a minha encomenda ainda não chegou. Você pode me dizer quando ela será entregue, por favor?",
    "it": "Buongiorno, il mio pacco non è ancora arrivato. Mi può dire quando sarà consegnato, per favore?",
    "nl": "Goedendag, mijn pakket is nog niet aangekomen. Kunt u mij zeggen wanneer het wordt bezorgd? Ik heb het nodig.",
    "sv": "Hej, mitt paket har inte kommit än. Kan ni säga när det levereras? Jag behöver det på fredag.",
    "da": "Hej, min pakke er ikke kommet endnu. Kan I sige mig, hvornår den bliver leveret? Hvad skal jeg gøre nu? Tak for hjælpen, jeg venter gerne på svar af jer.",
    "nb": "Hei, pakken min har ikke kommet ennå. Kan dere si meg når den blir levert? Hva skal jeg gjøre nå? Takk for hjelpen av dere.",
    "fi": "Hei, pakettini ei ole vielä tullut. Voitteko kertoa, milloin se toimitetaan? Olen odottanut, mutta mitä voin tehdä?",
    "is": "Góðan dag, pakkinn minn er ekki kominn. Getið þið sagt mér hvenær hann kemur? Ég hef beðið og það er leitt.",
    "pl": "Dzień dobry, moja paczka jeszcze nie dotarła. Czy możecie mi powiedzieć, kiedy będzie dostarczona? Proszę o odpowiedź, to jest pilne.",
    "cs": "Dobrý den, můj balík ještě nedorazil. Můžete mi prosím říct, kdy bude doručen? Nevím, jestli jsem něco zadal špatně, děkuji.",
    "sk": "Dobrý deň, môj balík ešte neprišiel. Môžete mi prosím povedať, kedy bude doručený? Neviem, či som niečo zadal zle, ďakujem. Keď sa dá, tak pre mňa čo najskôr.",
    "hu": "Jó napot, a csomagom még nem érkezett meg. Meg tudják mondani, hogy mikor lesz kézbesítve? Kérem, és köszönöm.",
    "ro": "Bună ziua, coletul meu nu a ajuns încă. Îmi puteți spune când va fi livrat? Vă mulțumesc pentru ajutor, sunt în așteptare și este urgent.",
    "bg": "Здравейте, пратката ми още не е пристигнала. Може ли да ми кажете кога ще бъде доставена? Благодаря, че сте насреща.",
    "el": "Καλημέρα, το δέμα μου δεν έχει φτάσει ακόμα. Μπορείτε να μου πείτε πότε θα παραδοθεί;",
    "hr": "Dobar dan, moj paket još nije stigao. Možete li mi reći kada će biti dostavljen? Hvala, molim što prije, jer sam zabrinut.",
    "lt": "Laba diena, mano siunta dar neatvyko. Ar galite pasakyti, kada ji bus pristatyta? Ačiū, prašau atsakyti, nes tai yra skubu.",
    "lv": "Labdien, mans sūtījums vēl nav pienācis. Vai jūs varat pateikt, kad tas tiks piegādāts? Paldies, lūdzu atbildiet, tas ir steidzami un man vajadzīgs.",
    "et": "Tere, minu pakk ei ole veel saabunud. Kas te saate öelda, millal see kohale toimetatakse? Palun vastake, ma ootan ja tänan.",
    "ru": "Здравствуйте, моя посылка ещё не пришла. Скажите, пожалуйста, когда её доставят? Я жду уже неделю, и мне это очень важно.",
    "uk": "Добрий день, моя посилка ще не прийшла. Скажіть, будь ласка, коли її доставлять? Я чекаю вже тиждень, і це для мене важливо.",
    "tr": "Merhaba, paketim henüz gelmedi. Ne zaman teslim edileceğini söyler misiniz? Bu benim için çok önemli, lütfen yardım edin.",
    "ar": "مرحبا، لم يصل الطرد الخاص بي إلى الآن. هل يمكنكم إخباري متى يتم التسليم؟ شكرا على المساعدة.",
    "he": "שלום, החבילה שלי עדיין לא הגיעה. אפשר לומר לי מתי היא תימסר?",
    "fa": "سلام، بسته من هنوز نرسیده است. لطفا بگویید که چه زمانی به دست من می رسد؟ ممنون از شما.",
    "vi": "Xin chào, gói hàng của tôi vẫn chưa đến. Bạn có thể cho tôi biết khi nào nó được giao không? Cảm ơn bạn.",
    "th": "สวัสดีค่ะ พัสดุของฉันยังไม่มาถึง ช่วยบอกได้ไหมว่าจะส่งเมื่อไหร่",
    "id": "Selamat pagi, paket saya belum sampai. Apakah anda bisa memberi tahu kapan paket itu akan dikirim? Terima kasih.",
    "ja": "こんにちは。荷物がまだ届いていません。いつ配達されるか教えてください。",
    "zh": "您好,我的包裹还没有到。请告诉我什么时候送达?",
    "ko": "안녕하세요, 제 소포가 아직 도착하지 않았습니다. 언제 배송되는지 알려 주세요.",
    "ca": "Bon dia, el meu paquet encara no ha arribat. Em pot dir quan el lliuraran, si us plau? Gràcies, és per a un regal i tinc pressa amb això.",
}
# fmt: on


def test_every_language_of_quotations_has_a_text_here():
    assert set(TEXTS) == set(LANGUAGES)


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_in_each_language(language):
    assert detect(TEXTS[language]) == language


@pytest.mark.parametrize(
    "text",
    ["", "?", "ok", "Rechnung 4711", "IBAN DE02 1203 0000 0000 2020 51", "OK, 123", "Lorem ipsum dolor sit amet", f"{TEXTS['en']} {TEXTS['de']}",
     f"{TEXTS['ru']} {TEXTS['en']}", "a la de", "Hallo Peter", "привет", "https://example.com/the/and/of"],
)  # fmt: skip
def test_what_does_not_tell_is_silent(text):
    assert detect(text) is None


@given(st.text(max_size=300))
def test_any_text_has_a_known_language_or_none(text):
    assert detect(text) in {None, *LANGUAGES}


def test_only_what_the_author_newly_wrote_counts():
    raw = f"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{TEXTS['de']}\r\n\r\nOn Monday, Bob wrote:\r\n> {TEXTS['en']}\r\n> {TEXTS['en']}\r\n"
    assert parse(raw.encode()).language == "de"
    assert parse(b"Subject: x\r\n\r\n").language is None
