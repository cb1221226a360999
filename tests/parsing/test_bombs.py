"""Every bomb of bombs.py ends early and in little memory: each in a process of its own, with limits that end a hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from conftest import ROOT
from parsing import bombs

SECONDS, MEGABYTES = 10, 250  # generous: a busy machine is slow; what is measured on a quiet one stands in benchmarks/README.md
GROUPS = [bombs.STRUCTURE, bombs.HEADERS, bombs.ADDRESSES, bombs.BODIES, bombs.CONTENTS]


@cache
def results(group: int) -> dict[str, dict]:
    """What became of each bomb of a group."""
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, bombs.__file__, *GROUPS[group]],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return {found["name"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize(("group", "name"), [(n, name) for n, group in enumerate(GROUPS) for name in group])
def test_a_bomb_does_no_harm(group, name):
    found = results(group)[name]
    assert found["status"] == 0, found
    assert found["cpu"] < SECONDS
    assert found["memory"] < MEGABYTES


def test_there_are_bombs_of_at_least_63_kinds():
    assert len(bombs.BOMBS) == sum(map(len, GROUPS)) >= 63
