"""Every bomb of bombs.py ends early and in little memory: each in a process of its own, with limits that end a hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from conftest import ROOT
from parsing import bombs

SECONDS, MEGABYTES = 10, 250  # generous: a busy machine is slow; what is measured on a quiet one stands in benchmarks/README.md
GROUPS = {
    "structure": bombs.STRUCTURE,
    "headers": bombs.HEADERS,
    "addresses": bombs.ADDRESSES,
    "bodies": bombs.BODIES,
    "contents": bombs.CONTENTS,
}


@pytest.fixture(scope="module", params=GROUPS)
def results(request) -> list[dict]:
    """What became of each bomb of a group."""
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, bombs.__file__, *GROUPS[request.param]],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["name"] for one in found] == list(GROUPS[request.param])
    return found


def test_no_bomb_does_harm(results):
    assert [one for one in results if one["status"] or one["cpu"] >= SECONDS or one["memory"] >= MEGABYTES] == []


def test_there_are_bombs_of_at_least_63_kinds():
    assert len(bombs.BOMBS) == sum(map(len, GROUPS.values())) >= 63
