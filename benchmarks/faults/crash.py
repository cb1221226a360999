"""Processes killed and power cut: kill -9 under load, kill -9 while it starts, power cuts at every 250."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from server import HERE, INBOX, Record, Server, Skip, free_port, message, need, program, sound

SHARED = Path(os.environ.get("INBOX_SHARED", HERE.parents[2] / "shared")) / "faults"
_FIGURE = re.compile(r"(\w+)=(\d+)")


def harness(script: str, *arguments: str, seconds: int = 3600) -> tuple[bool, dict[str, int], str]:
    """Run one of the shared harnesses: whether it passed, its figures, its last words."""
    if not (SHARED / script).exists():
        raise Skip(f"no {script} in {SHARED} (INBOX_SHARED)")
    command = [sys.executable, str(SHARED / script), "--port", str(free_port()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    lines = [line for line in done.stdout.splitlines() if "=" in line]
    figures = {name: int(number) for name, number in _FIGURE.findall(lines[-1] if lines else "")}
    return done.returncode == 0, figures, (done.stdout + done.stderr)[-400:].strip()


def _rules(work: Path) -> str:
    rules = work / "rules.yaml"
    rules.write_text("version: 1\ndomains: [local.test]\nrules: []\ndefault: [store]\n")
    return f"--smtp 127.0.0.1:{{port}} --dir {{dir}} --rules {rules}"


def _ids(*options: str) -> str:
    return " ".join((sys.executable, str(HERE / "ids.py"), *options, "{dir}"))


def kill9(work: Path, size: int) -> str:
    """SIGKILL to daemon and workers at random moments under load. `size`: kills at least, and 500 times as many mails; a fresh store every 50."""
    serve, totals = f"{' '.join(INBOX)} serve {_rules(work)}", Counter()
    while totals["kills"] < size or (totals["acknowledged"] < 500 * size and totals["kills"] < 3 * size):
        turn = min(50, size)
        options = ("--kills", str(turn), "--clients", "8", "--up", "0.5", "3", "--seed", str(totals["kills"]))
        good, figures, words = harness("kill9.py", *options, "--server", serve, "--ids", _ids("--own"))
        need(good, words)
        totals.update(figures)
    words = "{kills} kills, {acknowledged:,} acknowledged, {LOST} lost, {stored_unacknowledged} more stored"
    return words.format_map(totals)


def kill9_control(work: Path, size: int) -> str:
    """A server that answers before it commits must lose mail to the same kills."""
    wrong, reference = SHARED / "wrong_server.py", SHARED / "reference_server.py"
    serve = f"{sys.executable} {wrong} --port {{port}} --db {{dir}}/m.db --wrong ack-first"
    ids = f"{sys.executable} {reference} --db {{dir}}/m.db --list"
    good, figures, words = harness("kill9.py", "--control", "--kills", str(max(6, size // 10)), "--server", serve, "--ids", ids)
    need(good, words)
    return f"{figures['LOST']:,} of {figures['acknowledged']:,} lost, as it must be"


def kill_start(work: Path, size: int) -> str:
    """SIGKILL at a random moment of the start, half of them in an empty folder, while tables are made; then a start that serves. `size`: kills."""
    dice, acknowledged, server, started = random.Random(7), Record(), Server(work), time.monotonic()
    with server:
        server.start()
        took = time.monotonic() - started
        acknowledged.send_all(server.port, [message(number) for number in range(50)])
        server.kill()
        for _ in range(size - size // 2):
            server.begin()
            time.sleep(dice.uniform(0, took))
            server.kill()
        server.start()
    need(not acknowledged.lost(server.folder) and sound(server.folder), "mails lost, or the database is damaged")
    for kill in range(size // 2):
        _kill_first_start(work / f"fresh-{kill}", dice.uniform(0.3, 1) * took)
    return f"{size} kills within {took:.1f} s of start, {size // 2} of them in an empty folder; each store served after it, 0 lost"


def _kill_first_start(folder: Path, moment: float) -> None:
    folder.mkdir()
    with Server(folder) as server:
        server.begin()
        time.sleep(moment)
        server.kill()
        server.start()
        record = Record()
        record.send_all(server.port, [message(1)])
        need(len(record.acknowledged) == 1 and not record.lost(server.folder), f"killed after {moment:.2f} s: {record}")


CUTS = (
    ("one client", ("--size", "900")),
    ("groups of 8 clients", ("--size", "900", "--clients", "8")),
    ("checkpoints, 20 KB", ("--size", "20000", "--clients", "4")),
    ("100 KB, strict names", ("--size", "100000", "--clients", "3", "--strict-names")),
    ("1.5 MB, strict names", ("--size", "1500000", "--strict-names")),
)
_SHARE = (6, 6, 4, 3, 1)  # of 20


def powercut(work: Path, size: int) -> str:
    """The disk as it is after a power cut at every 250: worst, and torn. `size`: disks in all."""
    program("strace")
    serve, disks, said = f"{' '.join(INBOX)} serve --workers 0 {_rules(work)}", 0, []
    for (name, options), share in zip(CUTS, _SHARE, strict=True):
        mails = max(2, size * share // 40)
        good, figures, words = harness(
            "powercut.py", "--mails", str(mails), *options, "--server", f"env INBOX_LIMITS__MIN_FREE=0 {serve}", "--ids", _ids("--own")
        )
        need(good, f"{name}: {words}")
        disks += figures["worst"] + figures["torn"]
        said.append(f"{figures['worst'] + figures['torn']} {name}")
    return f"0 of {disks:,} disks miss an acknowledged mail ({'; '.join(said)})"


def powercut_control(work: Path, size: int) -> str:
    """`inbox` itself with synchronous=NORMAL must miss mails."""
    program("strace")
    serve = f"env INBOX_LIMITS__MIN_FREE=0 {sys.executable} {HERE / 'wrong.py'} normal serve --workers 0 {_rules(work)}"
    mails = max(4, size // 50)
    good, figures, words = harness("powercut.py", "--control", "--mails", str(mails), "--server", serve, "--ids", _ids("--own"))
    need(good, words)
    disks, bad = figures["worst"] + figures["torn"], figures["bad_worst"] + figures["bad_torn"]
    return f"{bad} of {disks} disks miss one with synchronous=NORMAL, as it must be"
