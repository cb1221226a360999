"""`python -m fuzz [--seconds 60] [TARGET ...]`: run each target for so long, print what was done and found; 1 when something was found.

The octet targets run under atheris (coverage-guided, extra `fuzz`), each in a process of its own, and at random where there is none; `protocol` is a hypothesis state machine.
What is learnt stays in .fuzz/TARGET/corpus, so that the next run goes on from there; an input that breaks something is kept as
.fuzz/TARGET/found-*, and `python -m fuzz TARGET --input FILE` plays it again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from fuzz.unguided import search

ROOT = Path(__file__).parent.parent
OCTETS = ("data", "commands", "session", "parse")
TARGETS = (*OCTETS, "protocol")
WORK = ROOT / ".fuzz"
PASSWORD = {"INBOX_FUZZ_PASSWORD": "secret"}
_PER_INPUT = 20  # seconds after which one input is taken for a hang
_LONGEST = {"data": 400, "commands": 700, "session": 800, "parse": 20_000}  # octets


class Result(NamedTuple):
    """What one target did."""

    target: str
    executions: int
    found: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all when none is named")
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs (default 60)")
    parser.add_argument("--input", type=Path, help="play one input again")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    os.environ.update(PASSWORD)
    if options.input:
        for target in options.targets:
            importlib.import_module(f"fuzz.targets.{target}").check(options.input.read_bytes())
        return 0
    results = [run(target, options.seconds) for target in options.targets or TARGETS]
    return 1 if any(result.found for result in results) else 0


def run(target: str, seconds: int) -> Result:
    """Run one target and print its line."""
    began = time.monotonic()
    executions, found = run_protocol(seconds) if target == "protocol" else run_octets(target, seconds)
    text = f"{len(found)} findings" if found else "nothing found"
    print(f"{target:9} {executions:>10,} executions in {time.monotonic() - began:4.0f} s, {text}", flush=True)
    for line in found:
        print(f"          {line}", flush=True)
    return Result(target, executions, found)


def run_octets(target: str, seconds: int) -> tuple[int, list[str]]:
    """One target under atheris, or at random where there is none: executions, and what was found."""
    folder = WORK / target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    module = importlib.import_module(f"fuzz.targets.{target}")
    if not importlib.util.find_spec("atheris"):
        return search(module, seconds, _LONGEST[target], folder)
    for seed in module.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed)
    (folder / "tokens").write_text("".join(f'"{_quoted(token)}"\n' for token in module.TOKENS))
    flags = [f"-max_total_time={seconds}", f"-timeout={_PER_INPUT}", f"-max_len={_LONGEST[target]}", f"-dict={folder / 'tokens'}"]
    flags += [f"-artifact_prefix={folder}/found-", "-rss_limit_mb=2048", "-print_final_stats=1", str(corpus)]
    command = [sys.executable, "-m", "fuzz.instrumented", target, *flags]
    with (folder / "log").open("wb") as log:
        status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False, cwd=ROOT).returncode
    said = (folder / "log").read_text(encoding="utf-8", errors="replace")
    count = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    return int(count[1]) if count else 0, _findings(target, said, status)


def _findings(target: str, said: str, status: int) -> list[str]:
    if status == 0:
        return []
    why = re.findall(r"(?m)^(?:\w+\.)*\w*(?:Error|Exception|Hung)\b.*$|^==\d+== ERROR: .*$", said)
    where = re.search(r"Test unit written to (\S+)", said)
    return [
        f"{why[0] if why else 'ended with ' + str(status)}",
        f"python -m fuzz {target} --input {where[1] if where else 'FILE'}; log: {WORK / target / 'log'}",
    ]


def _quoted(token: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in token)


def run_protocol(seconds: int) -> tuple[int, list[str]]:
    """The state machine, again and again with other seeds: sessions played, and what was found."""
    from fuzz.protocol import run_for  # noqa: PLC0415  hypothesis is not needed for the others

    return run_for(seconds)


if __name__ == "__main__":
    raise SystemExit(main())
