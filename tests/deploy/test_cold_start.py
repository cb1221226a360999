"""What a cold start does not import: each of these costs more than a mail needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from conftest import ROOT

HEAVY = {
    "boto3",
    "botocore",
    "flanker",
    "aiosmtpd",
    "smtplib",
    "sqlite_utils",
    "click",
    "asyncio",
    "cryptography",
    "jinja2",
    "chardet",
    "dns",
    "nh3",
}
HANDLER = "from inbox import lambda_handler\n"
JUDGED = """
from inbox import Envelope, Inbox, Mail
box = Inbox("deploy/aws/rules.yaml")
mail = Mail.of(b"From: Alice <alice@example.org>\\r\\nSubject: order 4711\\r\\n\\r\\nhello\\r\\n", Envelope("alice@example.org", ("orders@example.com",)))
assert box.judge(mail).steps[0].options["values"]["order"] == "4711"
"""
LOADED = "import sys, json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded(program: str) -> set[str]:
    """Packages that a fresh interpreter has imported after a program."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "INBOX_LOG__LEVEL": "error"}
    done = subprocess.run([sys.executable, "-c", program + LOADED], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("program", [HANDLER, HANDLER + JUDGED], ids=["the handler", "the handler and a plain mail judged"])
def test_nothing_heavy_is_imported_before_it_is_needed(program):
    assert loaded(program) & HEAVY == set()


def test_what_is_needed_is_seen_by_this_test():
    assert "flanker" in loaded("from inbox.parsing import odd\nodd._flanker()\n")
