"""Receive at full speed with workers on, for a minute, and print what is accepted, settled and left every few seconds.

    sustained.py SHARED [--seconds 60] [--workers 1,2] [--sessions 50] [--rules 100] [--backlog N] [--dir FOLDER]

SHARED is the folder with the shared benchmarks (INBOX_SHARED): the load client, the mails and the rules are those of its
`bench/compare.py --scenario sustained`. Each number of workers has a daemon, real clients and an empty store of its own. After the load the rest is
waited for, at most as long again. Exit status 1 when the clients or the workers ever stood still, or a mail is missing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from inbox.store import open_store

EVERY = 5.0


@dataclass(frozen=True)
class Look:
    """What one look at the store and at the processes saw. Memory in MB: daemon, workers; `log`: MB of SQLite's log."""

    at: float
    states: dict[str, int]
    oldest: float
    log: float
    daemon: float
    workers: float
    cpu_daemon: float
    cpu_workers: float

    @property
    def kept(self) -> int:
        return sum(self.states.values())

    @property
    def left(self) -> int:
        return self.states["kept"] + self.states["waiting"]


@dataclass
class Run:
    """One daemon with so many workers, under load."""

    folder: Path
    workers: int
    bench: Any  # the modules of SHARED/bench
    looks: list[Look] = field(default_factory=list)
    client: dict[str, Any] = field(default_factory=dict)

    def start(self, options: argparse.Namespace) -> None:
        self.port = self.bench.peers.free_port()
        rules = self.folder / "rules.yaml"
        rules.write_text(self.bench.rules_speed.rules_yaml(self.bench.rules_speed.make_rules(options.rules, "address")), encoding="utf-8")
        command = [sys.executable, "-m", "inbox", "serve", "--smtp", f"127.0.0.1:{self.port}", "--rules", str(rules)]
        command += ["--dir", str(self.folder / "data"), "--workers", str(self.workers)]
        environment = {**os.environ, "INBOX_LIMITS__BACKLOG": str(options.backlog)}
        with (self.folder / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            self.bench.peers.wait_for_banner(self.port, process=self.process)
        except TimeoutError:
            print((self.folder / "log.txt").read_text(), file=sys.stderr)
            self.process.kill()
            raise
        self.store = open_store(self.folder / "data", read_only=True)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.store.close()

    def look(self) -> Look:
        stats, pid, processes = self.store.stats(datetime.now(UTC)), self.process.pid, self.bench.processes
        own, children = [pid], [child for child in processes.tree(pid) if child != pid]
        log = self.folder / "data" / "inbox.db-wal"
        memory = [processes.memory_kb(one) / 1024 for one in (pid, *children)]
        cpu = [sum(sum(map(int, processes.fields(one)[11:13])) for one in group) / processes.TICK for group in (own, children)]
        self.looks.append(
            Look(
                time.monotonic(),
                stats.states,
                max(stats.oldest.values(), default=0.0),
                log.stat().st_size / 1e6,
                memory[0] - sum(memory[1:]),
                sum(memory[1:]),
                *cpu,
            )
        )
        return self.looks[-1]

    def load(self, options: argparse.Namespace) -> None:
        """Clients at full speed for so many seconds, and what the store says meanwhile."""
        scenario = self.bench.compare.SCENARIOS["sustained"]()
        client = self.bench.compare.Client("auto", self.folder, pipeline=False)
        files = self.bench.mails.write(self.folder / "mails", scenario.mails)

        def run() -> None:
            self.client = client.run(self.port, scenario, files, options.seconds, 10_000_000, 0)

        thread = threading.Thread(target=run)
        self.show(None, self.look())
        thread.start()
        while thread.is_alive():
            thread.join(EVERY)
            self.show(self.looks[-1], self.look())

    def drain(self, seconds: float) -> float:
        """How long it takes until nothing is left; the bound, if it takes longer."""
        begin = time.monotonic()
        while self.look().left and time.monotonic() - begin < seconds:
            time.sleep(0.5)
        return time.monotonic() - begin

    def show(self, before: Look | None, now: Look) -> None:
        if before is None:
            print(
                f"\n{self.workers} worker(s)\n   s  accepted/s  settled/s     left  oldest s  log MB  daemon MB  workers MB  us a mail: daemon, workers"
            )
            return
        span = now.at - before.at
        accepted, settled = now.kept - before.kept, now.states["settled"] - before.states["settled"]
        costs = [(now.cpu_daemon - before.cpu_daemon) / max(1, accepted), (now.cpu_workers - before.cpu_workers) / max(1, settled)]
        print(
            f"{now.at - self.looks[0].at:4.0f}  {accepted / span:10,.0f} {settled / span:10,.0f} {now.left:8,} {now.oldest:9.1f} {now.log:7.1f}"
            f" {now.daemon:10.0f} {now.workers:11.0f}  {costs[0] * 1e6:17,.0f} {costs[1] * 1e6:8,.0f}",
            flush=True,
        )

    def verdict(self, drained: float) -> bool:
        """Print the sums; whether nobody ever stood still, and nothing is missing."""
        last = self.looks[-1]
        loaded = [look for look in self.looks if look.at <= self.looks[0].at + self.client["seconds"] + EVERY]
        pairs = [*pairwise(loaded)][1:-1]
        still = [name for name, of in (("clients", lambda one: one.kept), ("workers", lambda one: one.states["settled"]))
                 if any(of(after) == of(before) for before, after in pairs if after.at - before.at > 1)]  # fmt: skip
        lost = self.client["mails"] - last.kept
        print(
            f"accepted {self.client['mails']:,} ({self.client['rate']:,.0f}/s, p50 {self.client['p50']:.1f} ms, p99 {self.client['p99']:.0f} ms,"
            f" {self.client['failed']} refused or failed); {last.left:,} left {drained:.1f} s after the load; missing: {lost};"
            f" stood still: {', '.join(still) or 'nobody'}"
        )
        return not still and not lost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--backlog", type=int, default=100_000, help="limits.backlog: above it the door answers 451 to MAIL")
    parser.add_argument("--dir", type=Path, help="where the stores are made: use the disk that you mean to use")
    options = parser.parse_args()
    sys.path.insert(0, str(options.shared / "bench"))
    bench = argparse.Namespace(**{name: __import__(name) for name in ("compare", "mails", "peers", "processes", "rules_speed")})
    good = True
    for workers in map(int, options.workers.split(",")):
        with tempfile.TemporaryDirectory(prefix="sustained-", dir=options.dir) as folder:
            run = Run(Path(folder), workers, bench)
            run.start(options)
            try:
                run.load(options)
                good &= run.verdict(run.drain(options.seconds * 2))
            finally:
                run.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
