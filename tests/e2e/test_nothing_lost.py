"""The shortest run of proofs of the durability contract: `make faults` does the long ones (docs/durability.md, "How it is proved")."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import ROOT, SHARED

PROOFS = ["kill9", "syscalls", "syscalls-control", "full-disk", "read-only", "sigterm", "moved", "inline-sqlite", "inline-dynamodb"]


def prove(name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "faults", "--size", "tiny", name]
    return subprocess.run(command, env={**os.environ, "INBOX_SHARED": str(SHARED)}, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("name", PROOFS)
def test_what_was_acknowledged_is_there(name):
    done = prove(name)
    if done.stdout.startswith("skip"):
        pytest.skip(done.stdout.strip())
    assert done.stdout.startswith("PASS"), done.stdout + done.stderr
    assert done.returncode == 0


def test_an_unknown_proof_is_named_with_the_way_to_see_all():
    done = prove("kill10")
    assert done.returncode == 2
    assert "no proof named kill10; --list shows the names" in done.stderr
