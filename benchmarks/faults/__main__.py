"""python benchmarks/faults [--size full|short|tiny] [--list] [NAME ...]: prove the durability contract from outside.

One line a proof: PASS, FAIL or skip, its name, figures, seconds. Ends with 1 when one fails. All of it takes about an hour at full size,
some minutes at short. Every server runs on 127.0.0.1 and is killed at the end. The last results stand in docs/durability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import clock
import crash
import damage
import inline
import limits
import stopping
import syscalls
from server import Broken, Skip, descendants

SIZES = ("full", "short", "tiny")


class Proof(NamedTuple):
    name: str
    prove: Callable[[Path, int], str]
    sizes: tuple[int, int, int]  # full, short, tiny: what is counted stands in the docstring


PROOFS = (
    Proof("kill9", crash.kill9, (200, 20, 1)),
    Proof("kill9-control", crash.kill9_control, (200, 60, 60)),
    Proof("kill-start", crash.kill_start, (60, 10, 2)),
    Proof("powercut", crash.powercut, (1000, 80, 20)),
    Proof("powercut-control", crash.powercut_control, (1000, 200, 200)),
    Proof("syscalls", syscalls.syscalls, (228, 48, 8)),
    Proof("syscalls-control", syscalls.syscalls_control, (1, 1, 1)),
    Proof("syscalls-start", syscalls.syscalls_start, (16, 4, 1)),
    Proof("read-only", syscalls.read_only, (5, 2, 1)),
    Proof("slow-disk", syscalls.slow_disk, (8, 4, 2)),
    Proof("full-disk", limits.full_disk, (400, 200, 120)),
    Proof("descriptors", limits.descriptors, (120, 90, 60)),
    Proof("clock", clock.clock, (6, 6, 2)),
    Proof("sigterm", stopping.sigterm, (100, 10, 2)),
    Proof("sigterm-control", stopping.sigterm_control, (3, 3, 3)),
    Proof("damaged-page", damage.damaged_page, (40, 6, 2)),
    Proof("damaged-running", damage.damaged_running, (200, 50, 20)),
    Proof("cut-log", damage.cut_log, (30, 5, 2)),
    Proof("locked", damage.locked, (10, 10, 7)),
    Proof("moved", damage.moved, (5, 2, 1)),
    Proof("two-daemons", damage.two_daemons, (5, 2, 1)),
    Proof("inline-sqlite", inline.inline_sqlite, (10_000, 2_000, 200)),
    Proof("inline-dynamodb", inline.inline_dynamodb, (10_000, 500, 25)),
)


def run(proof: Proof, size: str) -> bool:
    """Prove it and print its line; False when it failed."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="inbox-faults-") as folder:
        try:
            verdict, figures = "PASS", proof.prove(Path(folder), proof.sizes[SIZES.index(size)])
        except Skip as why:
            verdict, figures = "skip", str(why)
        except Broken as why:
            verdict, figures = "FAIL", str(why)
        except Exception as error:  # the other proofs go on
            verdict, figures = "FAIL", f"{type(error).__name__}: {error}"
        finally:
            kill_all()
    print(f"{verdict}  {proof.name:18} {figures}  [{time.monotonic() - started:.0f} s]", flush=True)
    return verdict != "FAIL"


def kill_all() -> None:
    """Whatever was started here and still runs."""
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def stop(*_: object) -> None:
    """SIGTERM: first the servers, while it is known whose they are."""
    kill_all()
    sys.exit(143)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--list", action="store_true", help="print the names of the proofs")
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these only")
    options = parser.parse_args()
    if unknown := set(options.names) - {proof.name for proof in PROOFS}:
        parser.error(f"no proof named {', '.join(sorted(unknown))}; --list shows the names")
    chosen = [proof for proof in PROOFS if not options.names or proof.name in options.names]
    if options.list:
        print(*(f"{proof.name:18} {proof.prove.__doc__}" for proof in chosen), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, stop)
    good = [run(proof, options.size) for proof in chosen]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
