"""Memory: a large attachment is never held decoded more than once, and not at all where a piece at a time will do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conftest import ROOT

PROGRAM = """
import base64, sys, tracemalloc
from inbox.parsing import parse
octets = bytes(range(256)) * (4096 * {megabytes})
digits = base64.b64encode(octets)
sent = {line_end}.join(digits[at : at + 76] for at in range(0, len(digits), 76)) if {encoding!r} == "base64" else octets.replace(b"--b", b"xxx")
raw = b"From: a@b.c\\r\\nContent-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\ntext\\r\\n--b\\r\\nContent-Type: image/png\\r\\n"
raw += b"Content-Transfer-Encoding: {encoding}\\r\\n\\r\\n" + sent + b"\\r\\n--b--\\r\\n"
del octets, digits, sent
parse(raw[:2000]).to_dict()
tracemalloc.start()
message = parse(raw)
{use}
print(tracemalloc.get_traced_memory()[1] / len(raw))
"""
READ = "message.to_dict()"
STREAM = "total = sum(map(len, message.attachments[0].open()))"
WHOLE = "message.to_dict(); content = message.attachments[0].content()"


def times_the_raw_size(use: str, encoding: str = "base64", line_end: str = 'b"\\r\\n"', megabytes: int = 8) -> float:
    """The most that is held beside the mail itself, as a multiple of its size."""
    program = PROGRAM.format(use=use, encoding=encoding, line_end=line_end, megabytes=megabytes)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.parametrize("encoding", ["base64", "binary"])
@pytest.mark.parametrize("use", [READ, STREAM], ids=["to_dict", "open"])
def test_reading_a_large_attachment_takes_little_beside_the_mail(use, encoding):
    assert times_the_raw_size(use, encoding) < 0.3


def test_a_large_attachment_in_one_line_takes_little_too():
    assert times_the_raw_size(READ, line_end='b""') < 0.3


def test_the_whole_content_is_held_once():
    assert times_the_raw_size(WHOLE) < 0.9


FREED = """
import gc
from pathlib import Path
from inbox.parsing import parse
mails = [path.read_bytes() for path in sorted(Path("fixtures/mail").glob("*.eml"))]
for raw in mails:
    parse(raw).to_dict()
gc.collect()
gc.disable()
for raw in mails:
    parse(raw).to_dict()
print(gc.collect())
"""


def test_a_mail_is_freed_without_a_garbage_collection():
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 0
