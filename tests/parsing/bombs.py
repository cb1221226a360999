"""Mails that are made to hang a parser or to eat its memory: a table, and a way to blow each up in a process of its own.

    python tests/parsing/bombs.py [NAME...]      a JSON line for each: CPU seconds, peak memory in MB, exit status

Each is parsed and printed as JSON in a fork with limits on its CPU time and its address space, so that a hang ends and is told.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import sys
from collections.abc import Callable

import parsing.winmail as tnef

Bomb = Callable[[], bytes]
CPU_SECONDS, MEMORY = 20, 1 << 30
B64 = b"Content-Transfer-Encoding: base64\r\n"
QP = b"Content-Transfer-Encoding: quoted-printable\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
REPORT = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
)


def field(name: bytes, value: bytes, body: bytes = b"x") -> bytes:
    return name + b": " + value + b"\r\n\r\n" + body


def text(body: bytes, kind: bytes = b"text/plain", more: bytes = b"") -> bytes:
    return b"Content-Type: " + kind + b"\r\n" + more + b"\r\n" + body


def nested(count: int, same: bool = False) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % ((n, n) if not same else (0, 0)) for n in range(count)
    )


def folded(name: bytes, piece: bytes, count: int) -> bytes:
    return field(name, b"\r\n ".join([piece] * count))


def messages_in_base64(count: int, most: int = 4_000_000) -> bytes:
    raw = b"Subject: core\r\n\r\nx"
    for _ in range(count):
        outer = b"Content-Type: message/rfc822\r\n" + B64 + b"\r\n" + base64.encodebytes(raw)
        if len(outer) > most:
            break
        raw = outer
    return raw


def attached(name: bytes, content: bytes, count: int = 1) -> bytes:
    part = (
        b'--b\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename="' + name + b'"\r\n' + B64 + b"\r\n" + content
    )
    return MIXED + (part + b"\r\n") * count + b"--b--\r\n"


STRUCTURE: dict[str, Bomb] = {
    "multiparts nested 5,000 deep": lambda: nested(5000),
    "multiparts nested 5,000 deep, one boundary": lambda: nested(5000, same=True),
    "messages nested 5,000 deep": lambda: b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    "messages in base64 within each other": lambda: messages_in_base64(60),
    "100,000 parts": lambda: MIXED + b"--b\r\n\r\nx\r\n" * 100_000,
    "100,000 parts without an empty line": lambda: MIXED + b"--b\r\nA: b\r\n" * 100_000,
    "100,000 messages of a digest": lambda: MIXED.replace(b"mixed", b"digest") + b"--b\r\n\r\nSubject: x\r\n\r\nx\r\n" * 100_000,
    "500,000 delimiter lines": lambda: MIXED + b"--b\r\n" * 500_000,
    "300,000 lines that only begin like a delimiter": lambda: MIXED + b"--bx\r\n" * 300_000,
    "a million dashes": lambda: MIXED + b"\n--" * 1_000_000,
    "a boundary of 50 KB": lambda: MIXED.replace(b"=b", b"=" + b"b" * 50_000) + (b"--" + b"b" * 50_000 + b"\r\n") * 50,
    "a delimiter line of 10 MB": lambda: MIXED + b"--b" + b" " * 10_000_000,
    "1,000 multiparts without a boundary": lambda: (
        MIXED + b"--b\r\nContent-Type: multipart/mixed\r\n\r\n--c\r\nContent-X\r\n" * 1000 + b"-" * 10**6
    ),
    "1,000 multiparts whose boundary never comes": lambda: MIXED + b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\nx\r\n" * 1000,
    "a wrong boundary and 5 MB of dashes": lambda: MIXED.replace(b"=b", b"=c") + b"--b \r\n" * 800_000,
    "delimiters full of blanks": lambda: (
        MIXED.replace(b"=b", b"=c") + b"--" + b" " * 900 + b"c\r\n" + (b"--" + b" " * 900 + b"\r\n") * 5000
    ),
    "5 MB of CR": lambda: b"\r" * 5_000_000,
    "5 MB of LF": lambda: b"\n" * 5_000_000,
    "5 MB of NUL": lambda: b"\0" * 5_000_000,
    "CR and LF by turns after a header": lambda: b"A: b\r" + b"\r\n\r" * 1_500_000,
    "1,000 attachments": lambda: attached(b"a.zip", b"UEsDBA==", 1000),
}
HEADERS: dict[str, Bomb] = {
    "100,000 fields": lambda: b"A: b\r\n" * 100_000 + b"\r\nx",
    "a field of 10 MB": lambda: field(b"Subject", b"a" * 10_000_000),
    "a name of 1 MB": lambda: field(b"A" * 1_000_000, b"b"),
    "5 MB without a colon": lambda: b"a" * 5_000_000 + b"\r\n\r\nx",
    "a field of 300,000 folds": lambda: folded(b"Subject", b"a", 300_000),
    "60 KB of blanks in a field": lambda: field(b"Subject", b" " * 60_000 + b"x"),
    "60 KB of blanks before a colon": lambda: b"Subject" + b" " * 60_000 + b"x: y\r\n\r\nx",
    "blank folds": lambda: field(b"Subject", b"\r\n " * 20_000 + b"x"),
    "100,000 Content-Type": lambda: b"Content-Type: text/plain\r\n" * 100_000 + b"\r\nx",
    "100,000 semicolons in Content-Type": lambda: field(b"Content-Type", b"text/plain" + b";" * 100_000),
    "60,000 semicolons in Content-Disposition": lambda: field(b"Content-Disposition", b"attachment" + b";" * 60_000),
    "10,000 parameters": lambda: field(b"Content-Type", b"text/plain" + b"".join(b"; a%d=b" % n for n in range(7000))),
    "10,000 sections of a parameter": lambda: field(b"Content-Type", b"text/plain" + b"".join(b"; name*%d=b" % n for n in range(5000))),
    "a percent-encoded parameter": lambda: field(b"Content-Disposition", b"attachment; filename*=utf-8''" + b"%e2%82%ac" * 7000),
    "30,000 unclosed quotes in Content-Type": lambda: field(b"Content-Type", b'text/plain; a="' * 4000),
    "backslashes in a quoted parameter": lambda: field(b"Content-Type", b'text/plain; name="' + b"\\" * 60_000),
    "equals signs in Content-Type": lambda: field(b"Content-Type", b"text/plain; " + b"a= " * 20_000),
    "blanks between words of a parameter": lambda: field(b"Content-Type", b"text/plain; a=" + b"b " * 30_000 + b" " * 5000),
    "nested comments in Content-Type": lambda: field(b"Content-Type", b"text/plain " + b"(" * 60_000),
    "20,000 encoded words": lambda: folded(b"Subject", b"=?utf-8?q?=C3=A9?=", 20_000),
    "3,000 encoded words of a field": lambda: folded(b"Subject", b"=?utf-8?q?=C3=A9?=", 3000),
    "encoded words that never end": lambda: field(b"Subject", b"=?utf-8?q?" * 6000),
    "starts of encoded words": lambda: field(b"Subject", b"=?" * 32_000),
    "ends of encoded words": lambda: field(b"Subject", b"?=" * 32_000 + b"=?utf-8?q?"),
    "encoded words in unknown charsets": lambda: field(b"Subject", b" ".join(b"=?x-%d?q?=ff?=" % n for n in range(3000))),
    "encoded words in bad base64": lambda: field(b"Subject", b"=?utf-8?b?=A=?= " * 3900),
    "encoded words in many charsets by turns": lambda: field(b"Subject", b"=?big5?b?pKQ=?= =?koi8-r?b?wQ==?= " * 1800),
    "60 KB of undeclared octets in a field": lambda: field(b"Subject", bytes(range(128, 256)) * 480),
    "a subject of 15,000 Re:": lambda: field(b"Subject", b"Re: " * 15_000),
    "a subject of 15,000 brackets": lambda: field(b"Subject", b"[a] " * 15_000),
    "a subject for backtracking": lambda: field(b"Subject", b"a" * 60_000 + b"!"),
    "a date of parentheses": lambda: field(b"Date", b"(" * 60_000),
    "a date of digits": lambda: field(b"Date", b"Mon, " + b"9" * 60_000),
    "15,000 references": lambda: b"".join(folded(b"References", b"<%d@h>" % n, 6000)[:-5] + b"\r\n" for n in range(3)) + b"\r\nx",
    "angles in References": lambda: field(b"References", b"<" * 60_000),
    "angles in List-Unsubscribe": lambda: field(b"List-Unsubscribe", b"<" * 30_000 + b">" * 30_000),
    "comments in Auto-Submitted": lambda: field(b"Auto-Submitted", b"(" * 30_000 + b")" * 30_000),
    "2,000 Received": lambda: b"Received: from a by b; Tue, 24 Nov 2026 03:00:00 +0000\r\n" * 2000 + b"\r\nx",
}
ADDRESSES: dict[str, Bomb] = {
    "50,000 commas": lambda: field(b"To", b"," * 50_000),
    "50,000 semicolons": lambda: field(b"To", b";" * 50_000),
    "20,000 addresses": lambda: field(b"To", b", ".join(b"u%d@x.test" % n for n in range(20_000))),
    "2,000 To fields": lambda: b"To: a@b.c, d@e.f, g@h.i\r\n" * 2000 + b"\r\nx",
    "20,000 groups": lambda: field(b"To", b"a:b@c.d;" * 7000),
    "60,000 colons": lambda: field(b"To", b":" * 60_000),
    "30,000 unclosed quotes": lambda: field(b"From", b'"a@b.c, ' * 7000),
    "60,000 parentheses": lambda: field(b"From", b"(" * 60_000),
    "parentheses within each other": lambda: field(b"From", b"a@b.c " + b"(" * 30_000 + b")" * 30_000),
    "60,000 angles": lambda: field(b"From", b"<" * 60_000),
    "backslashes in quotes": lambda: field(b"From", b'"' + b"\\" * 60_000 + b'" <a@b.c>'),
    "1,000 odd addresses": lambda: field(b"To", b", ".join(b"a b%d@c.d" % n for n in range(1000))),
    "one odd address of 900 octets": lambda: field(b"From", b'a "b' * 200 + b"@c.d"),
    "a route of 10,000 hops": lambda: field(b"From", b"<" + b"@a.b," * 10_000 + b"@c.d:e@f.g>"),
    "addresses without commas": lambda: field(b"To", b"a@b.c " * 10_000),
    "a local part of dots": lambda: field(b"From", b"." * 60_000 + b"@b.c"),
    "a domain of 20,000 labels": lambda: field(b"From", b"a@" + b"b." * 20_000 + b"c"),
    "an international domain of 10,000 labels": lambda: field(b"From", b"a@" + "ü.".encode() * 10_000 + b"de"),
    "a long A-label": lambda: field(b"From", b"a@xn--" + b"a" * 57 + b".de, " + b"a@xn--" + b"z" * 60_000),
}
BODIES: dict[str, Bomb] = {
    "10 MB of what is no base64": lambda: text(b"!" * 10_000_000, b"application/x", B64),
    "5 MB of padding": lambda: text(b"=" * 5_000_000, b"application/x", B64),
    "a million padded texts": lambda: text(b"QQ==" * 1_000_000, b"application/x", B64),
    "base64 of one digit a line": lambda: text(b"Q\r\n" * 1_000_000, b"application/x", B64),
    "5 MB of equals signs": lambda: text(b"=" * 5_000_000, b"text/plain", QP),
    "a million soft line breaks": lambda: text(b"=\r\n" * 1_000_000, b"text/plain", QP),
    "blanks at the ends of lines": lambda: text((b" " * 1000 + b"\r\n") * 4000, b"text/plain", QP),
    "a text of 25 MB": lambda: text(b"Hello, how are you?\r\n" * 1_200_000),
    "a line of 25 MB": lambda: text(b"a" * 25_000_000),
    "200 KB in punycode": lambda: text(b"a" * 100_000 + b"-" + b"9" * 100_000, b"text/plain; charset=punycode"),
    "2 MB in utf-7": lambda: text(b"+AGE-" * 400_000, b"text/plain; charset=utf-7"),
    "2 MB in unicode_escape": lambda: text(b"\\N{DIGIT ONE}" * 150_000, b"text/plain; charset=unicode_escape"),
    "2 MB of escapes in iso-2022-jp": lambda: text(b"\x1b$B\x1b(B" * 300_000, b"text/plain; charset=iso-2022-jp"),
    "2 MB of shifts in hz": lambda: text(b"~{VP~}" * 330_000, b"text/plain; charset=hz-gb-2312"),
    "2 MB of half surrogates": lambda: text(b"\xd8\x00" * 1_000_000, b"text/plain; charset=utf-16be"),
    "5 MB that nobody declared": lambda: text(bytes(range(128, 256)) * 40_000),
    "a charset that does not exist": lambda: text(b"\xff" * 2_000_000, b"text/plain; charset=" + b"x" * 50_000),
    "100,000 nested elements": lambda: text(b"<div>" * 100_000, b"text/html"),
    "100,000 quotations in HTML": lambda: text(b"<blockquote>" * 100_000, b"text/html"),
    "comments that never end": lambda: text(b"<!--" * 300_000, b"text/html"),
    "a million angles": lambda: text(b"<" * 1_000_000, b"text/html"),
    "a million ampersands": lambda: text(b"&" * 1_000_000, b"text/html"),
    "a tag of 1 MB": lambda: text(b"<a " + b"b='" * 300_000, b"text/html"),
    "hidden elements": lambda: text(b"<p style='display:none'>x</p>" * 60_000, b"text/html"),
    "scripts that never end": lambda: text(b"<script>" * 200_000, b"text/html"),
    "tables within each other": lambda: text(b"<table><tr><td>" * 60_000, b"text/html"),
    "100,000 quoted lines": lambda: text(b"> a\r\n" * 100_000),
    "100,000 marks of quotation in a line": lambda: text(b">" * 1_000_000),
    "20,000 lines that begin On Mon": lambda: text(b"On Mon\r\n" * 20_000),
    "50,000 times On and a quote": lambda: text(b'On "' * 50_000),
    "30,000 lines From:": lambda: text(b"From: a\r\n" * 30_000),
    "30,000 signatures": lambda: text(b"-- \r\na\r\n" * 30_000),
    "30,000 rules": lambda: text(b"_" * 40 + b"\r\n" + b"-----Original Message-----\r\n" * 30_000),
}
CONTENTS: dict[str, Bomb] = {
    "100,000 begin lines": lambda: text(b"begin 644 a\r\n#86)C\r\n" * 100_000),
    "uuencode that never ends": lambda: text(b"begin 644 a\r\n" + (b"M" + b"8" * 60 + b"\r\n") * 80_000),
    "100,000 uuencoded files": lambda: text(b"begin 644 a\r\n#86)C\r\n`\r\nend\r\n" * 100_000),
    "uuencode of odd lines": lambda: text(b"begin 644 a\r\n#86)C\r\n" + b"!8\r\n" * 300_000 + b"`\r\nend\r\n"),
    "100,000 ybegin lines": lambda: text(b"=ybegin line=1 name=a\r\n" * 100_000),
    "yEnc of escapes": lambda: text(b"=ybegin line=1 name=a\r\n" + b"=}" * 1_000_000 + b"\r\n=yend size=1\r\n"),
    "a winmail.dat of four billion properties": lambda: text(
        base64.encodebytes(tnef.winmail(tnef.attribute(1, 0x9003, 6, b"\xff" * 4 + b"\x02\x10\0\x10" + b"\xff" * 4))),
        b"application/ms-tnef",
        B64,
    ),
    "a winmail.dat of a million attributes": lambda: text(
        base64.encodebytes(tnef.winmail(tnef.attribute(2, 0x9002, 6, b"") * 400_000)), b"application/ms-tnef", B64
    ),
    "a file name of 60 KB": lambda: attached("ü\u0301".encode() * 10_000, b"QQ=="),
    "a delivery report of 100,000 groups": lambda: REPORT + b"Final-Recipient: rfc822; a@b.c\r\nAction: failed\r\n\r\n" * 100_000,
    "a delivery report of 100,000 fields": lambda: REPORT + b"Status: 5.1.1\r\n" * 100_000,
    "a complaint of 100,000 recipients": lambda: (
        REPORT.replace(b"message/delivery-status", b"message/feedback-report") + b"Original-Rcpt-To: <a@b.c>\r\n" * 100_000
    ),
    "a bounce in words of 1 MB": lambda: field(b"From", b"MAILER-DAEMON@b.c", b"550 5.1.1 <a@b.c> unknown user\r\n" * 35_000),
    "a calendar of 5 MB": lambda: text(b"BEGIN:VEVENT\r\n" * 350_000, b"text/calendar"),
    "a picture of 10 MB": lambda: text(base64.encodebytes(b"\xff\xd8\xff" + bytes(10_000_000)), b"image/jpeg", B64),
    "HTML that is an attachment of 5 MB": lambda: attached(b"a.html", base64.encodebytes(b"<!--" * 1_200_000)),
}
BOMBS: dict[str, Bomb] = {**STRUCTURE, **HEADERS, **ADDRESSES, **BODIES, **CONTENTS}


def blow_up(bomb: Bomb) -> tuple[float, float, int]:
    """(CPU seconds, peak memory in MB, exit status; a negative one is a signal) of parsing and printing one mail."""
    raw = bomb()
    child = os.fork()
    if child == 0:
        os._exit(_parse(raw))
    _, status, usage = os.wait4(child, 0)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def _parse(raw: bytes) -> int:
    from inbox.parsing import parse

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.alarm(3 * CPU_SECONDS)
    try:
        json.dumps(parse(raw).to_dict())
    except BaseException as error:  # whatever it is, it is told by the status
        sys.stderr.write(f"{error!r:.300}\n")
        return 1
    return 0


def main(names: list[str]) -> None:
    from inbox.parsing import parse

    parse("From: a b@c.d\r\n\r\nUn été".encode("latin-1")).to_dict()  # what is imported when it is first needed is not counted

    for name in names or BOMBS:
        cpu, memory, status = blow_up(BOMBS[name])
        sys.stdout.write(json.dumps({"name": name, "cpu": round(cpu, 3), "memory": round(memory, 1), "status": status}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
