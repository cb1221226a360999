"""Well-formed mails read as two other parsers read them: the standard library's compat32 and flanker."""

from __future__ import annotations

import email
import email.headerregistry
import random
import warnings
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses

import pytest

from inbox.parsing import parse

WORDS = [
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "café",
    "naïve",
    "straße",
    "größer",
    "señor",
    "日本",
    "東京",
    "заказ",
    "счёт",
    "παραγγελία",
    "訂單",
    "a=b",
    "1,5",
    "--",
    "x",
]
NAMES = ["Bob", "Carol, C.", "Åsa Øst", "日本 太郎", "Smith (sales)", 'The "Chief"', "Иван Петров"]
FILES = ["report.pdf", "photo 1.jpg", "größe.txt", "日本.zip", "a-very-long-name-" + "x" * 90 + ".bin", "Счёт № 1.xlsx"]
CHARSETS = ["utf-8", "iso-8859-1", "iso-8859-15", "windows-1251", "koi8-r", "gb18030", "shift_jis", "euc-kr", "iso-2022-jp", "us-ascii"]


def words(rng: random.Random, most: int, charset: str = "utf-8") -> str:
    chosen = (rng.choice(WORDS) for _ in range(rng.randint(1, most)))
    return " ".join(word for word in chosen if word.encode(charset, "ignore").decode(charset) == word) or "x"


def prose(rng: random.Random, charset: str) -> str:
    return "\n".join(words(rng, 14, charset) for _ in range(rng.randint(1, 12))) + "\n"


def with_text(mail: EmailMessage, rng: random.Random) -> None:
    charset = rng.choice(CHARSETS)
    encoding = rng.choice(["quoted-printable", "base64"] + (["8bit"] if charset == "utf-8" else []))
    mail.set_content(prose(rng, charset), charset=charset, cte=encoding)
    if rng.random() < 0.5:
        mail.add_alternative(f"<p>{prose(rng, charset)}</p>", subtype="html", charset=charset)


def attach(mail: EmailMessage, rng: random.Random) -> None:
    for _ in range(rng.choice([0, 0, 1, 2, 3])):
        kind, subtype = rng.choice([("application", "pdf"), ("image", "png"), ("application", "octet-stream"), ("text", "csv")])
        octets = rng.randbytes(rng.choice([0, 1, 100, 5000]))
        if kind == "text":
            mail.add_attachment(prose(rng, "utf-8"), subtype=subtype, filename=rng.choice(FILES))
        else:
            mail.add_attachment(octets, kind, subtype, filename=rng.choice(FILES), disposition=rng.choice(["attachment", "inline"]))


def generated(seed: int) -> bytes:
    rng = random.Random(seed)
    mail = EmailMessage()
    for _ in range(rng.randint(0, 3)):
        mail["Received"] = f"from h{rng.random()} by mx.example.com; Tue, 24 Nov 2026 03:00:00 +0000"
    mail["From"] = email.headerregistry.Address(rng.choice(NAMES), "alice", "example.org")
    mail["To"] = [email.headerregistry.Address(rng.choice(NAMES), f"u{n}", "example.com") for n in range(rng.randint(1, 4))]
    mail["Subject"] = words(rng, 20)
    mail["Message-ID"] = f"<{seed}@example.org>"
    mail["X-Note"] = words(rng, 30)
    with_text(mail, rng)
    attach(mail, rng)
    if rng.random() < 0.2:
        inner = EmailMessage()
        inner["Subject"] = words(rng, 5)
        with_text(inner, rng)
        mail.add_attachment(inner)
    return mail.as_bytes(policy=policy.SMTP.clone(cte_type="8bit"))


def one_line(text: str) -> str:
    return " ".join(text.replace("\r", "").split())


def as_text(part: Message) -> str:
    octets = part.get_payload(decode=True)
    return octets.decode(part.get_content_charset() or "ascii", "replace").replace("\r\n", "\n")


def name_of(part: Message) -> str | None:
    name = part.get_filename()
    return None if name is None else str(make_header(decode_header(name)))


def leaves(mail: Message) -> list[Message]:
    """The parts that are no container; a message is one and is not opened."""
    if mail.get_content_type() == "message/rfc822" or not mail.is_multipart():
        return [mail]
    return [leaf for part in mail.get_payload() for leaf in leaves(part)]


def is_text(part: Message) -> bool:
    return part.get_content_type() in ("text/plain", "text/html") and part.get_filename() is None


@pytest.mark.parametrize("seeds", [range(at, at + 50) for at in range(0, 300, 50)], ids=lambda seeds: f"from {seeds[0]}")
def test_the_standard_library_reads_the_same(seeds):
    for seed in seeds:
        raw = generated(seed)
        ours, theirs = parse(raw), email.message_from_bytes(raw, policy=policy.compat32)
        assert [(header.name, one_line(header.value)) for header in ours.headers] == [
            (name, one_line(str(make_header(decode_header(value))))) for name, value in theirs.items()
        ], seed
        people = getaddresses([theirs["To"]])
        assert [(one.name, one.address) for one in ours.to] == [
            (str(make_header(decode_header(name))), address) for name, address in people
        ], seed
        texts = [part for part in leaves(theirs) if is_text(part)]
        assert ours.text == as_text(texts[0]), seed
        assert ours.html == (as_text(texts[1]) if len(texts) > 1 else None), seed
        files = [part for part in leaves(theirs) if not is_text(part)]
        found = [item for item in ours.attachments if not _within_message(item, ours)]
        assert [item.type for item in found] == [part.get_content_type() for part in files], seed
        assert [(item.filename_raw, item.content()) for item in found if item.type != "message/rfc822"] == [
            (name_of(part), part.get_payload(decode=True)) for part in files if part.get_content_type() != "message/rfc822"
        ], seed
        assert ours.defects == (), seed


def _within_message(item, message) -> bool:
    return bool(item._part.within)


def test_flanker_reads_the_same_texts_and_files():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mime = pytest.importorskip("flanker.mime")
    compared = 0
    for seed in range(1000, 1040):
        raw = generated(seed)
        if b"8bit" in raw or b"message/rfc822" in raw:
            continue  # flanker decodes the whole mail before it knows any charset, and opens messages
        compared += 1
        ours, theirs = parse(raw), mime.from_string(raw)
        parts = [part for part in theirs.walk(with_self=True) if not part.content_type.is_multipart()]
        texts = [part for part in parts if part.content_type.value in ("text/plain", "text/html") and not part.is_attachment()]
        assert ours.subject == theirs.subject, seed
        assert one_line(ours.text) == one_line(texts[0].body), seed
        files = [part for part in parts if part not in texts]
        assert [item.type for item in ours.attachments] == [part.content_type.value for part in files], seed
        assert [item.content() for item in ours.attachments if not item.type.startswith("text/")] == [
            part.body if isinstance(part.body, bytes) else part.body.encode() for part in files if part.content_type.main != "text"
        ], seed
    assert compared > 15
