"""The octets behind DATA, without a socket: every case whole, octet by octet, and with octets behind it."""

from __future__ import annotations

import hashlib
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.sources.smtp.data import BLOCK, IN_MEMORY, Body, sweep

CLEAN = [
    (b".\r\n", b""),
    (b"\r\n.\r\n", b"\r\n"),
    (b"a\r\n.\r\n", b"a\r\n"),
    (b"..\r\n.\r\n", b".\r\n"),
    (b"..one\r\n...two\r\n.three\r\n.\r\n", b".one\r\n..two\r\nthree\r\n"),
    (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
    (b"a\r\n. \r\n.\r\n", b"a\r\n \r\n"),
    (b"\r\n\r\n\r\n.\r\n", b"\r\n\r\n\r\n"),
    ("€\u2028.\u2028\r\n.\r\n".encode(), "€\u2028.\u2028\r\n".encode()),
    (b"y" * 5000 + b"\r\n.\r\n", b"y" * 5000 + b"\r\n"),
]
BARE = [
    b"a\nb",
    b"a\rb",
    b"\n.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\r.\r\n",
    b"a\r\n\0.\r\nb",
    b"\r\n.\0\r\nb",
]


@pytest.fixture
def body(tmp_path):
    def make(limit=1 << 20, mend=False, chunked=False):
        return Body(limit, mend=mend, folder=tmp_path / "spool", chunked=chunked)

    return make


def fed(body, data, size):
    """Feed in pieces; what is behind the final dot."""
    for start in range(0, len(data), size):
        rest = body.feed(data[start : start + size])
        if rest is not None:
            return rest + data[start + size :]
    raise AssertionError("the mail did not end")


@pytest.mark.parametrize("behind", [b"", b"MAIL FROM:<b@s.test>\r\n", b".\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1 << 20])
@pytest.mark.parametrize(("sent", "kept"), CLEAN)
def test_a_mail_is_unstuffed_and_what_is_behind_it_is_left(body, sent, kept, size, behind):
    mail = body()
    assert fed(mail, sent + behind, size) == behind
    raw = mail.content()
    assert mail.problem is None
    assert (raw.read(), raw.size, raw.sha256) == (kept, len(kept), hashlib.sha256(kept).hexdigest())


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
@pytest.mark.parametrize("bare", BARE)
def test_a_bare_ending_or_nul_refuses_the_mail_once_it_is_read(body, bare, size):
    mail = body()
    assert fed(mail, b"x\r\n" + bare + b"x\r\nMAIL FROM:<evil@s.test>\r\n.\r\nQUIT\r\n", size) == b"QUIT\r\n"
    assert str(mail.problem).startswith("550 5.5.2 ")


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
@pytest.mark.parametrize("bare", BARE)
def test_the_profile_that_mends_makes_one_mail_with_crlf_only(body, bare, size):
    mail = body(mend=True)
    assert fed(mail, b"x" + bare + b"x\r\n.\r\nQUIT\r\n", size) == b"QUIT\r\n"
    raw = mail.content().read()
    assert mail.problem is None
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)


@given(lines=st.lists(st.text(alphabet=".ab \t", max_size=6)), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_any_lines_in_any_pieces_come_out_as_they_went_in(tmp_path_factory, lines, cuts):
    mail = Body(1 << 20, mend=False, folder=tmp_path_factory.getbasetemp() / "never")
    raw = "".join(f"{line}\r\n" for line in lines).encode()
    wire = b"".join((b"." if line.startswith(".") else b"") + line.encode() + b"\r\n" for line in lines) + b".\r\n"
    rest, turn = None, 0
    while rest is None:
        size = cuts[turn % len(cuts)]
        rest, wire, turn = mail.feed(wire[:size]), wire[size:], turn + 1
    assert mail.content().read() == raw
    assert not mail.problem


def test_a_mail_of_exactly_the_limit_is_taken_and_one_octet_more_is_not(body):
    exact, over = body(limit=10), body(limit=10)
    fed(exact, b"12345678\r\n.\r\n", 4)
    fed(over, b"123456789\r\n.\r\n", 4)
    assert exact.problem is None
    assert str(over.problem).startswith("552 5.3.4 ")


def test_stuffed_dots_do_not_count_for_the_size(body):
    mail = body(limit=4)
    fed(mail, b"...\r\n.\r\n", 2)
    assert mail.problem is None


def spooled(body, octets, limit):
    mail = body(limit=limit)
    wire, rest = memoryview(octets + b".\r\n"), None
    while rest is None:
        rest, wire = mail.feed(bytes(wire[:BLOCK])), wire[BLOCK:]
        if mail.full:
            mail.spill()
    mail.close()
    return mail


def test_a_big_mail_is_in_a_file_that_only_the_owner_reads(body):
    octets = b"".join(b"%07d\r\n" % n for n in range(400_000))
    mail = spooled(body, octets, len(octets))
    raw = mail.content()
    assert mail.spooled
    assert (raw.path.read_bytes(), raw.sha256, raw.size) == (octets, hashlib.sha256(octets).hexdigest(), len(octets))
    assert (raw.path.stat().st_mode & 0o777, raw.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    mail.discard()
    assert not raw.path.exists()


def test_a_mail_that_grows_too_big_while_it_is_spooled_is_refused_and_leaves_nothing(body, tmp_path):
    mail = spooled(body, b"x" * (4 * IN_MEMORY) + b"\r\n", 2 * IN_MEMORY)
    mail.discard()
    assert str(mail.problem).startswith("552 5.3.4 ")
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_disk_that_refuses_gives_a_temporary_answer(body, tmp_path):
    (tmp_path / "spool").write_text("a file where the folder should be")
    mail = spooled(body, b"x" * (2 * IN_MEMORY) + b"\r\n", 4 * IN_MEMORY)
    mail.discard()
    assert mail.problem.code == 451


def test_files_that_a_crash_left_are_removed_at_the_next_start(tmp_path):
    (tmp_path / "old.eml").write_text("half a mail")
    sweep(tmp_path)
    sweep(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_mail_that_comes_in_crumbs_takes_no_more_memory_than_another(body):
    """Two octets at a time: an object for each would take thirty times their size."""
    mail = body(limit=1_000_000, chunked=True)
    tracemalloc.start()
    for number in range(20_000):
        mail.add(b"%02d" % (number % 100))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000
    assert mail.content().read() == b"".join(b"%02d" % (number % 100) for number in range(20_000))
