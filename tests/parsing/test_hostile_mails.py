"""Every mail of ../shared/cases/eml: what its README says must happen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import SHARED
from inbox.model import Envelope
from inbox.parsing import parse
from inbox.parsing.message import Message


def codes(message: Message) -> set[str]:
    return {defect.code for defect in message.defects}


def names(message: Message) -> list[str]:
    return [attachment.filename for attachment in message.attachments]


def authors(message: Message) -> list[str]:
    return [author.address for author in message.from_]


def nested(message: Message) -> bool:
    return codes(message) == {"nesting"}


def unanswered(reason: str) -> Callable[[Message], bool]:
    return lambda m: m.may_reply(Envelope("a@s.test", ("u@local.test",))).reasons == (reason,)


def on_one_line(message: Message) -> bool:
    return not any(set(header.value) & set("\r\n\0") for header in message.headers)


EXPECTED: dict[str, Callable[[Message], bool]] = {
    "addrs_20k": lambda m: len(m.to) == 1000 and m.to[999].address == "u999@x.test" and "addresses-capped" in codes(m),
    "ar_spoof": lambda m: m.header("authentication-results")[0].startswith("mx.local.test;") and not codes(m),
    "ar_spoof_case": lambda m: m.header("Authentication-Results") == ("MX.LOCAL.TEST. (c) 1 ; dmarc=pass",),
    "att_absolute": lambda m: names(m) == ["passwd"],
    "att_ads": lambda m: names(m) == ["a.txt_evil.exe"],
    "att_dash": lambda m: names(m) == ["_rf"],
    "att_dotdot": lambda m: names(m) == ["attachment-1.bin"] and m.attachments[0].filename_raw == "..",
    "att_empty": lambda m: names(m) == ["attachment-1.bin"] and m.attachments[0].filename_raw == "",
    "att_encword": lambda m: names(m) == ["x"] and m.attachments[0].filename_raw == "../x",
    "att_html": lambda m: names(m) == ["_img src=x onerror=alert(1)_.png"],
    "att_long": lambda m: len(names(m)[0].encode()) == 255 and names(m)[0].endswith(".txt"),
    "att_newline": lambda m: names(m) == ["a X-Evil_1"] and m.attachments[0].filename_raw == "a X-Evil:1",
    "att_reserved": lambda m: names(m) == ["_NUL"],
    "att_rfc2231": lambda m: names(m) == ["etc%2fx"] and m.attachments[0].filename_raw == "../etc%2fx",
    "att_rfc2231_nul": lambda m: names(m) == ["a.pdf.exe"],
    "att_rlo": lambda m: names(m) == ["invoicefdp.exe"],
    "att_trailing": lambda m: names(m) == ["x.exe"],
    "att_traversal": lambda m: names(m) == ["x"] and m.attachments[0].content() == b"z",
    "att_two": lambda m: names(m) == ["safe.txt"] and codes(m) == {"parameter-duplicate"},
    "att_win": lambda m: names(m) == ["_CON.txt"],
    "auto_replied": unanswered("automatic:auto-reply"),
    "badb64": lambda m: m.text == "" and codes(m) == {"base64-invalid"},
    "bom": lambda m: m.subject == "x" and codes(m) == {"bom"},
    "boundary_prefix": lambda m: m.text == "z" and not codes(m),
    "charset_klingon": lambda m: m.text.endswith("x") and "\ufffd" in m.text and "charset-unknown" in codes(m),
    "date_bad": lambda m: m.date is None and codes(m) == {"date-invalid"},
    "dkim_l_tag": lambda m: m.text == "0123456789<b>appended</b>\n",
    "dup_ct": lambda m: m.html is None and m.text == "<script>1</script>" and codes(m) == {"duplicate-header"},
    "empty": lambda m: m.size == 0 and m.headers == () and m.subject is None and not m.text and not codes(m),
    "encword_20k": lambda m: m.subject.startswith("a" * 4000) and "header-cut" in codes(m),
    "from_comment": lambda m: authors(m) == ["evil@x.test"],
    "from_display_spoof": lambda m: authors(m) == ["evil@x.test"] and m.from_[0].name == "ceo@corp.test",
    "from_group": lambda m: authors(m) == ["ceo@corp.test", "evil@x.test"] and m.sender[0].address == "evil@x.test",
    "from_homograph": lambda m: m.from_[0].domain == "xn--crp-sed.test" and codes(m) == {"mixed-script"},
    "from_name_crlf": lambda m: m.from_[0].name == "Bob Bcc: evil@x.test" and authors(m) == ["a@s.test"],
    "from_null": lambda m: m.from_ == () and codes(m) == {"nul", "address-invalid"} and b"\0" in m.headers[0].raw,
    "from_puny": lambda m: m.from_ == parse((SHARED / "cases/eml/from_homograph.eml").read_bytes()).from_,
    "gzip_bomb": lambda m: m.attachments[0].size < 100_000 and m.attachments[0].detected_type == "application/gzip",
    "header_1mb": lambda m: len(m.subject) < 1 << 16 and codes(m) == {"header-cut"} and m.text == "x" and m.size == 1_000_014,
    "headers_100k": lambda m: len(m.headers) == 2000 and "headers-capped" in codes(m) and m.text == "x",
    "html_xss": lambda m: m.from_[0].name == "<script>alert(1)</script>" and "alert" not in (m.text or ""),
    "lf_only": lambda m: m.subject == "x" and m.text == "body\n",
    "log_inject": lambda m: m.subject.startswith("x 2030-01-01 INFO") and m.message_id == "<ab@x>",
    "loop_received_60": lambda m: m.hops == 60 and unanswered("too-many-hops")(m),
    "nest_1000": nested,
    "nest_101": nested,
    "nest_50": lambda m: m.text == "x" and not codes(m),
    "nest_5000": nested,
    "no_boundary": lambda m: m.text == "x" and m.attachments == () and codes(m) == {"boundary-missing"},
    "no_headers": lambda m: m.headers == () and m.text == "just text, no header\n" and codes(m) == {"header-end-missing"},
    "nul_in_header": lambda m: m.subject == "a\ufffdb" and codes(m) == {"nul"} and b"a\0b" in m.raw,
    "only_headers": lambda m: m.subject == "x" and m.text == "" and not codes(m),
    "parts_10k": lambda m: len(m._parts) == 1001 and codes(m) == {"parts-capped"},
    "precedence_bulk": lambda m: m.list.id == "l.test" and unanswered("automatic:list")(m),
    "redos_subject": lambda m: m.subject.startswith("a" * 49_999) and m.reply.text is not None and not codes(m),
    "rfc822_nest_5000": nested,
    "s3key_msgid": lambda m: m.message_id == "<../../other-tenant/x@h>" and m.to[0].tag == "..%2f..",
    "ses_verdict_spoof": lambda m: m.header("x-ses-spam-verdict") == ("PASS",),
    "smtputf8_addr": lambda m: m.from_[0].address == "δοκιμή@xn--hxajbheg2az3al.test" and m.subject == "ü",
    "subject_crlf_encoded": lambda m: m.subject == "a Bcc: evil@x.test" and m.reply_to[0].address == "r@s.test",
    "template_inject": lambda m: "{{7*7}}" in m.subject and m.text.startswith("{% for"),
    "two_from": lambda m: authors(m) == ["ceo@corp.test", "evil@x.test"] and unanswered("ambiguous-from")(m),
    "unclosed": lambda m: m.text == "x" and codes(m) == {"boundary-unclosed"},
    "utf7_xss": lambda m: "<" not in m.html and m.text.startswith("+ADw-script") and codes(m) == {"charset-unknown"},
    "x_loop_self": lambda m: m.loops == ("v1",) and unanswered("own-loop")(m),
    "zip_bomb_50MB_in_49KB": lambda m: m.attachments[0].size < 100_000 and m.attachments[0].detected_type == "application/zip",
    "zip_slip": lambda m: names(m) == ["s.zip"] and m.attachments[0].detected_type == "application/zip",
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_hostile_mail_is_handled_as_the_table_says(name, eml: Path):
    raw = (eml / f"{name}.eml").read_bytes()
    message = parse(raw)
    assert EXPECTED[name](message), message.to_dict()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_hostile_mail_can_be_printed_and_is_the_same_each_time(name, eml: Path):
    raw = (eml / f"{name}.eml").read_bytes()
    message = parse(raw)
    printed = json.dumps(message.to_dict(), ensure_ascii=False).encode("utf-8")
    assert message.raw == raw
    assert on_one_line(message)
    assert json.dumps(parse(raw).to_dict(), ensure_ascii=False).encode("utf-8") == printed


def test_the_table_covers_every_file(eml: Path):
    assert {path.stem for path in eml.glob("*.eml")} == set(EXPECTED)
