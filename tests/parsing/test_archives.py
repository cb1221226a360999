"""Archives looked into one level deep, types that contradict, programs: in mails, as rules see them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.parsing import parse
from inbox.parsing.archives import read_archive
from inbox.parsing.filetypes import contradicts, detect_type
from inbox.parsing.limits import DEFAULT, Limits
from inbox.parsing.programs import is_program
from inbox.testing import make_mail

EXE = b"MZ" + bytes(200)
PDF = b"%PDF-1.7\n" + bytes(range(256))
NOISE = random.Random(4).randbytes(1 << 20)


def zipped(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, octets in files.items():
            file.writestr(zipfile.ZipInfo(name), octets, method)
    return out.getvalue()


def encrypted(octets: bytes) -> bytes:
    """The same archive with the flag that says that a password is needed, in both places of each member."""
    for start, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        octets = octets.replace(start + octets[4:6], start + octets[4:6])
        pieces = octets.split(start)
        octets = start.join([pieces[0], *(piece[: at - 4] + bytes([piece[at - 4] | 1]) + piece[at - 3 :] for piece in pieces[1:])])
    return octets


def tarred(files: dict[str, bytes], mode: str = "w", link: str | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:
        for name, octets in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            file.addfile(info, io.BytesIO(octets))
        if link:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, link
            file.addfile(info)
    return out.getvalue()


def look(octets: bytes, name: str = "file", limits: Limits = DEFAULT):
    return read_archive(octets, detect_type(octets), name, limits)


LISTED = [
    (
        "zip",
        zipped({"a/b.pdf": PDF, "run.exe": EXE}),
        [("a/b.pdf", len(PDF), "application/pdf"), ("run.exe", 202, "application/x-msdownload")],
        (),
    ),
    ("zip", zipped({"b.pdf": PDF}, method=zipfile.ZIP_LZMA), [("b.pdf", len(PDF), None)], ()),
    ("zip", zipped({"gr\u00fcn.txt": b"x"}), [("gr\u00fcn.txt", 1, None)], ()),
    ("zip", encrypted(zipped({"secret.exe": EXE})), [("secret.exe", 202, None)], ("encrypted",)),
    ("zip", zipped({"../../etc/cron.d/x": b"x"}), [("../../etc/cron.d/x", 1, None)], ("unsafe-name",)),
    ("zip", zipped({"inner.zip": zipped({"x": b"y"})}), [("inner.zip", len(zipped({"x": b"y"})), "application/zip")], ("nested",)),
    ("zip", zipped({"letter.docx": zipped({"word/x": b"y"})}), [("letter.docx", len(zipped({"word/x": b"y"})), "application/zip")], ()),
    ("tar", tarred({"a.pdf": PDF}), [("a.pdf", len(PDF), "application/pdf")], ()),
    ("tar", tarred({"/etc/passwd": b"x"}, link="/etc"), [("/etc/passwd", 1, None), ("link", 0, None)], ("unsafe-name", "link")),
    ("gzip", tarred({"a.exe": EXE}, "w:gz"), [("a.exe", 202, "application/x-msdownload")], ()),
    ("bzip2", tarred({"a.exe": EXE}, "w:bz2"), [("a.exe", 202, "application/x-msdownload")], ()),
    ("xz", tarred({"a.exe": EXE}, "w:xz"), [("a.exe", 202, "application/x-msdownload")], ()),
    ("gzip", gzip.compress(PDF) + gzip.compress(b"more"), [("file", len(PDF) + 4, "application/pdf")], ()),
    ("bzip2", bz2.compress(NOISE), [("file", len(NOISE), None)], ()),
    ("xz", lzma.compress(NOISE), [("file", len(NOISE), None)], ()),
    ("gzip", gzip.compress(NOISE), [("file", len(NOISE), None)], ()),
    ("gzip", gzip.compress(NOISE)[:-1000], None, ("broken",)),
    ("zip", zipped({"a": b"b"})[:-10], [], ("broken",)),
    ("tar", tarred({"a": NOISE})[:1000], [("a", len(NOISE), None)], ("broken",)),
    ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(60), [], ("unlisted",)),
    ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(60) + b"\x06\xf1\x07\x01", [], ("encrypted", "unlisted")),
    ("rar", b"Rar!\x1a\x07\x00" + b"\xcf\x90\x73\x80\x00\x0d" + bytes(20), [], ("encrypted", "unlisted")),
]


@pytest.mark.parametrize(("kind", "octets", "members", "odd"), LISTED, ids=[f"{n} {entry[0]}" for n, entry in enumerate(LISTED)])
def test_an_archive_is_listed(kind, octets, members, odd):
    found = look(octets)
    assert (found.kind, found.odd) == (kind, odd)
    if members is not None:
        assert [(one.name, one.size, one.type) for one in found.members] == members


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (zipped({"zeros": bytes(50_000_000)}), {"bomb"}),
        (gzip.compress(bytes(50_000_000)), {"bomb"}),
        (bz2.compress(bytes(50_000_000)), {"bomb"}),
        (lzma.compress(bytes(50_000_000)), {"bomb"}),
        (gzip.compress(gzip.compress(bytes(50_000_000))), {"nested"}),
        (zipped({str(n): b"" for n in range(1001)}), {"capped"}),
        (zipped({f"{n}{'x' * 200}": b"" for n in range(6000)}), {"capped"}),
        (tarred({str(n): b"" for n in range(1001)}), {"capped"}),
        (gzip.compress(b"x") * 2000, {"capped"}),
    ],
    ids=["zip", "gzip", "bzip2", "xz", "gzip in gzip", "many members", "a long directory", "many in a tar", "many in one"],
)
def test_a_bomb_is_recognised_and_not_unpacked(octets, words):
    found = look(octets)
    assert words <= set(found.odd)
    assert len(found.members) <= 1000


def test_limits_of_archives_can_be_set():
    octets = zipped({"a": b"x" * 5000, "b": b"y"})
    assert look(octets, limits=Limits(archive_members=1)).odd == ("capped",)
    assert look(octets, limits=Limits(archive_octets=4000)).odd == ("bomb",)


def test_small_files_may_pack_as_well_as_they_like():
    assert look(zipped({"zeros.txt": bytes(900_000)})).odd == ()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([octets for _, octets, *_ in LISTED if len(octets) < 10_000]), st.data())
def test_no_damage_makes_a_reader_raise(octets, data):
    damaged = bytearray(octets)
    for at in data.draw(st.lists(st.integers(4, len(octets) - 1), max_size=6)):
        damaged[at] = data.draw(st.integers(0, 255))
    found = look(bytes(damaged))
    assert found is None or (len(found.members) <= 1000 and found.size >= 0)


@pytest.mark.parametrize(
    ("name", "detected", "program"),
    [
        ("a.exe", None, True), ("A.EXE", None, True), ("invoice.pdf.js", None, True), ("x.pdf", "application/x-msdownload", True),
        ("a.exe_$DATA", None, True), ("a.lnk", None, True), ("a.iso", None, True), ("a.rdp", None, True), ("a.py", None, True), ("run.sh", "text/x-script", True),
        ("a.pdf", "application/pdf", False), ("exe", None, False), ("a.exe.pdf", None, False), ("attachment-1.bin", None, False), ("", None, False),
    ],
)  # fmt: skip
def test_a_program_is_known_by_its_name_or_its_octets(name, detected, program):
    assert is_program(name, detected) is program


@pytest.mark.parametrize(
    ("declared", "name", "octets", "other"),
    [
        ("application/pdf", "a.pdf", PDF, False),
        ("application/pdf", "a.pdf", EXE, True),
        ("application/octet-stream", "a.pdf", EXE, True),
        ("application/octet-stream", "a.exe", EXE, False),
        ("application/octet-stream", "a", EXE, False),
        ("image/jpg", "a.jpg", b"\xff\xd8\xff\xe0", False),
        ("image/png", "a.png", b"\xff\xd8\xff\xe0", True),
        ("application/x-zip-compressed", "a.zip", zipped({"a": b"b"}), False),
        ("application/msword", "a.docx", zipped({"word/document.xml": b"b"}), False),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx", zipped({"a": b"b"}), False),
        ("application/vnd.ms-excel", "a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le"), False),
        ("text/plain", "a.txt", b"<html><script>", True),
        ("text/plain", "a.txt", b"words", False),
        ("text/x-python", "a.py", b"#!/usr/bin/python", False),
        ("application/x-gtar", "a.tgz", gzip.compress(b"x", mtime=0), False),
    ],
)
def test_a_file_that_is_something_else_than_it_says(declared, name, octets, other):
    assert contradicts(declared, name, detect_type(octets)) is other


def test_rules_see_into_archives(inbox_for):
    rules = (
        "version: 1\ndomains: [example.com]\nrules:\n"
        "- name: programs\n  when: {attachment.program: {exists: true}}\n  label: program\n"
        "- name: names\n  when: {archive.name: {like: '*.EXE'}}\n  label: exe\n"
        "- name: secret\n  when: {archive.odd: [encrypted, bomb]}\n  label: secret\n"
        "- name: other\n  when: {attachment.mismatch: {exists: true}}\n  label: other\ndefault: [discard]\n"
    )
    box = inbox_for(rules)

    def labels(name: str, kind: str, octets: bytes) -> set[str]:
        return set(box.explain(make_mail(attachments=[(name, kind, octets)])).plan.labels)

    assert labels("a.zip", "application/zip", zipped({"x/run.exe": EXE})) == {"program", "exe"}
    assert labels("a.zip", "application/zip", zipped({"x/photo.jpg": EXE})) == {"program"}
    assert labels("a.zip", "application/zip", encrypted(zipped({"a.txt": b"x"}))) == {"secret"}
    assert labels("a.pdf", "application/pdf", zipped({"a.txt": b"x"})) == {"other"}
    assert labels("a.zip", "application/zip", zipped({"a.txt": b"x"})) == set()


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_a_file_can_be_read_as_a_stream(encoding):
    octets = os.urandom(300_000)
    raw = make_mail(attachments=[("a.bin", "application/x-test", octets)]).raw
    with parse(raw).attachments[0].open() as file:
        assert file.read(10) + file.read() == octets
