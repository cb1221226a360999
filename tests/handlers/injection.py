"""Hostile values of mails that are really parsed, through the handler reply: nothing of them becomes a header field, a body, or a line of its own.

`python tests/handlers/injection.py 100000` tries so many mails and says what it found; the last result stands in docs/replies.md.
"""

from __future__ import annotations

import base64
import logging
import random
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory

from inbox import Envelope, Inbox, Mail, parse
from inbox.send import headers as guard
from inbox.send.compose import Draft, compose
from inbox.testing import Outbox

PIECES = (
    "\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\u200b", "\u202e", "\ufeff", "\u560a\u560d", "\U000e000a",
    "\t", " ", "  ", "Bcc: victim@x.test", "\r\nBcc: victim@x.test\r\n", "\r\n\r\nBODY", "\n\nBODY", "\r\n.\r\n", "MIME-Version: 1.0", "Content-Type: text/html; boundary=x", "--x--",
    "=?utf-8?q?=0D=0ABcc:_victim@x.test?=", "=?utf-8?b?DQpCY2M6IHg=?=", "=?utf-16?b?AAoADQ==?=", "=?", "?=", "=?x?=", "=0D=0A", "%0d%0a", "\\r\\n", "&#13;&#10;", "<", ">", "<x@y>",
    "><", ";", ",", ":", '"', "\\", "(", ")", "[", "]", "@", "{subject}", "{{ 7*7 }}", "{% raw %}", "}}", "ü", "日本語", "🦊", "e\u0301", "\ud800", "\udcff", "a", "order 17", "Re: ",
    "a" * 80, "b" * 1000, "ü" * 400, " x" * 60, "x@y.test", "<script>", "-" * 76, "From ", ".", "=",
)  # fmt: skip
CHARSETS = ("utf-8", "latin-1", "utf-16", "utf-7", "iso-2022-jp", "gb18030", "x-unknown")
NAMES = ["Date", "From", "To", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress", "X-Inbox-Loop"]  # fmt: skip
NAMES += ["MIME-Version", "Content-Type"]
OPTIONAL = {"In-Reply-To", "References", "Reply-To"}
RULES = r"""
version: 1
domains: [example.com]
rules:
- name: a
  when: {any: [{header.x-order: {matches: '(?s)(?P<order>.+)'}}, {subject: {exists: true}}, {size: {over: 0}}]}
  set: {team: "team {order}"}
  do:
  - reply:
      text: "BEGIN {{ subject }} {{ from.name }} {{ team }} {{ header['X-Order'] }} {{ text }}\nEND"
      html: "<p>BEGIN {{ subject }} {{ from.name }} {{ team }}</p>"
      subject: "About {subject} {order} {from.name}"
default: [discard]
"""


def payload(chance: random.Random) -> str:
    return "".join(chance.choices(PIECES, k=chance.randint(1, 6)))


def written(chance: random.Random, value: str) -> bytes:
    """A value as it may stand in a field: raw, with folds, or as encoded words in some charset, which may hold anything."""
    way = chance.randint(0, 3)
    if way == 0:
        return value.encode("utf-8", "replace").replace(b"\r\n", b"\r\n ").replace(b"\n", b"\n ")
    if way == 1:
        return value.encode("utf-8", "replace")
    charset = chance.choice(CHARSETS)
    octets = value.encode(charset if charset != "x-unknown" else "utf-8", "replace")
    if way == 2:
        return b"=?%s?b?%s?=" % (charset.encode(), base64.b64encode(octets))
    return b"=?%s?q?%s?=" % (charset.encode(), "".join(f"={octet:02X}" for octet in octets).encode())


def hostile(chance: random.Random) -> Mail:
    """A mail whose fields hold hostile values; each is hostile in its own way."""
    value = lambda: written(chance, payload(chance))  # noqa: E731
    fields = [
        b"Subject: " + value(),
        chance.choice((b"From: %s <alice@example.org>", b'From: "%s" <alice@example.org>', b"From: alice@example.org (%s)")) % value(),
        b"Message-ID: <" + value() + b"@x.test>" if chance.random() < 0.8 else b"Message-ID: " + value(),
        b"References: <a@b> " + value() + b" <c@d> <" + value() + b">",
        b"In-Reply-To: <" + value() + b">",
        b"X-Order: " + value(),
        b"Reply-To: " + value() + b" <alice@example.org>",
    ]
    chance.shuffle(fields)
    kept = fields[: chance.randint(2, len(fields))]
    raw = b"\r\n".join(kept) + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + payload(chance).encode("utf-8", "replace")
    sender = "alice@example.org" if chance.random() < 0.9 else f"alice{payload(chance)}@example.org"
    return Mail.of(raw, Envelope(sender, ("bob@example.com",), source="test"))


def problems(raw: bytes, *, utf8: bool = False) -> Iterator[str]:
    """What is wrong with the octets of a mail that was composed, whatever went into it. `utf8`: it goes to an address that is not ASCII (RFC 6532)."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw):
        yield "a bare CR or LF, or NUL"
    head, _, body = raw.partition(b"\r\n\r\n")
    if not (head.isascii() or utf8) or re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", head):
        yield "the header is not printable ASCII"
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        yield "a line of more than 998 octets"
    if any(not line.strip() for line in head.split(b"\r\n")):
        yield "a blank line in the header"
    names = [line.partition(b":")[0].decode("latin-1") for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    if [name for name in names if name not in OPTIONAL] != [name for name in NAMES if name not in OPTIONAL]:
        yield f"header fields that were not meant: {names}"
    if not body.startswith(b"--=_"):
        yield f"the body begins with {body[:40]!r}"
    message = message_from_bytes(raw, policy=default)
    yield from _read_back(message)


def _read_back(message: EmailMessage) -> Iterator[str]:
    parts = list(message.walk())
    if [part.get_content_type() for part in parts] != ["multipart/alternative", "text/plain", "text/html"]:
        yield f"parts that were not meant: {[part.get_content_type() for part in parts]}"
        return
    text, html = parts[1].get_content(), parts[2].get_content()
    if not (text.startswith("BEGIN ") and text.rstrip().endswith("END")):
        yield f"the text is not whole: {text[:60]!r}"
    if not html.startswith("<p>BEGIN ") or html.count("<") != 2:
        yield f"markup that was not meant: {html[:60]!r}"
    for name in ("In-Reply-To", "References"):
        if any(not re.fullmatch(r"<[!-~]+>", word) for word in str(message[name] or "").split()):
            yield f"{name} holds what is no identifier"


def subject_problems(mail: Mail, raw: bytes) -> Iterator[str]:
    """The subject is read back as it was meant, by us and by Python."""
    message = parse(mail.raw)
    name = message.from_[0].name if len(message.from_) == 1 and not message.ambiguous_from else None
    order = next(iter(message.header("x-order")), None)
    meant = " ".join(guard.clean(f"About {message.subject or ''} {order or ''} {name or ''}").split())
    ours = " ".join((parse(raw).subject or "").split())
    if ours != meant.encode("utf-8", "replace").decode():
        yield f"the subject was to be {meant[:90]!r} and reads {ours[:90]!r}"


def composed(chance: random.Random) -> bytes:
    """The same without a handler: every place of a draft holds a hostile value."""
    draft = Draft(
        from_=(payload(chance), "bob@example.com"),
        to=((payload(chance), "alice@example.org"),),
        subject=payload(chance),
        text=f"BEGIN {payload(chance)}\nEND",
        html="<p>BEGIN </p>",
        message_id="<m.1@example.com>",
        date=datetime(2026, 11, 24, tzinfo=UTC),
        headers=(("Auto-Submitted", payload(chance)), ("X-Auto-Response-Suppress", payload(chance)), ("X-Inbox-Loop", payload(chance))),
        ids=(("In-Reply-To", (f"<{payload(chance)}>",)), ("References", tuple(f"<{payload(chance)}>" for _ in range(3)))),
    )
    return compose(draft)


def run(cases: int, seed: int) -> tuple[int, int, list[str]]:
    """How many mails were answered, how many refused, and what was found wrong."""
    chance, found, outbox, refused = random.Random(seed), [], Outbox(), 0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rules.yaml"
        path.write_text(RULES, encoding="utf-8")
        box = Inbox(path, outbox=outbox)
    for case in range(cases):
        mail = hostile(chance)
        outcome = box.process(mail).outcomes[0]
        sent = [one.raw for one in outbox.sent]
        outbox.sent.clear()
        refused += not sent
        if not sent and not outcome.detail.startswith(("not answered: ", "'alice")):
            found.append(f"case {case} of seed {seed}: {outcome}")
        found += [
            f"case {case} of seed {seed}: {problem}"
            for raw in sent
            for problem in (*problems(raw, utf8=not mail.envelope.sender.isascii()), *subject_problems(mail, raw))
        ]
        found += [f"draft {case} of seed {seed}: {problem}" for problem in problems(composed(chance))]
    return cases - refused, refused, found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    began = time.process_time()
    answered, not_answered, wrong = run(number, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print("\n".join(wrong[:20]))
    print(
        f"{number} hostile mails: {answered} answered, {not_answered} not; {number} drafts; {len(wrong)} found wrong; {time.process_time() - began:.0f} s"
    )
    sys.exit(bool(wrong))
