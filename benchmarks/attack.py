"""What other clients notice, and what the daemon grows by, while somebody attacks the door of a real `inbox serve`.

    attack.py [--case NAME ...] [--rounds N] [--mib 25] [--dir DIR] [--table]

Cases: `quiet` (nobody attacks: what all others are to be set against), `mail` (one mail of 25 MiB arrives), `lines` (a flood of empty lines
as commands), `body` (a flood of empty lines within DATA), `fifty` (50 connections bring 25 MiB each), `two-hundred` (200 connections
bring 25 MiB each, all of them in flight at once, and never end). Meanwhile one client, a process of its own, sends small mails one after
the other; the time of one counts from MAIL FROM to the last 250, sync included. Memory is read from /proc: resident before, peak after.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

RULES = "version: 1\ndomains: [local.test]\nrules: []\ndefault: [store]\n"
GOALS = {"p99": 25.0, "max": 100.0}  # milliseconds of the other client
MIB = 1 << 20
SMALL = b"From: a@s.test\r\nTo: u@local.test\r\nSubject: small\r\n\r\n" + b"x" * 70 + b"\r\n.\r\n"
OPENING = b"EHLO attack.test\r\nMAIL FROM:<a@s.test>\r\nRCPT TO:<u@local.test>\r\nDATA\r\n"
TEXT, EMPTY = (b"x" * 998 + b"\r\n") * 64, b"\r\n" * 32_768
REPEATS = {"mail": 10, "lines": 10, "body": 10}  # short attacks come one after the other
BOUND = 180.0  # seconds that one case may take


class Result(NamedTuple):
    """One round of one case: latencies of the other client in ms, seconds of the attack, MiB resident before and by how much the peak is above."""

    p50: float
    p99: float
    worst: float
    mails: int
    seconds: float
    resident: float
    growth: float


class Daemon:
    """`inbox serve` in a folder of its own; receives only."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        rules = folder / "rules.yaml"
        rules.write_text(RULES)
        environment = {**os.environ, "INBOX_LIMITS__CONNECTIONS": "400", "INBOX_LOG__LEVEL": "warning", "INBOX_LIMITS__MIN_FREE": "0"}
        command = [sys.executable, "-m", "inbox", "serve", "--workers", "0", "--smtp", f"127.0.0.1:{self.port}"]
        command += ["--rules", str(rules), "--dir", str(folder / "data")]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=log, start_new_session=True)
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        sys.exit("the daemon did not start; its log is in the folder given with --dir")

    def memory(self, field: str) -> float:
        """MiB of VmRSS (resident) or VmHWM (peak)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


class Client:
    """One session, blocking."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb")
        self.answer()

    def answer(self) -> bytes:
        line = self.replies.readline()
        while line[3:4] == b"-":
            line = self.replies.readline()
        return line

    def ask(self, octets: bytes) -> bytes:
        self.socket.sendall(octets)
        return self.answer()

    def open_mail(self) -> None:
        self.socket.sendall(OPENING)
        if not [self.answer() for _ in range(4)][-1].startswith(b"354"):
            raise ConnectionError("the door did not want the attack's mail")


def send_small_mails(port: int, stop, told) -> None:
    """The other client: small mails until `stop`; hands over when each began and ended."""
    client, times = Client(port), []
    client.ask(b"EHLO other.test\r\n")
    while not stop.is_set():
        began = time.perf_counter()
        client.ask(b"MAIL FROM:<a@s.test>\r\n")
        client.ask(b"RCPT TO:<u@local.test>\r\n")
        client.ask(b"DATA\r\n")
        if not client.ask(SMALL).startswith(b"250"):
            break
        times.append((began, time.perf_counter()))
        time.sleep(0.002)
    told.send(times)


# the attacks: each returns when it is over


def quiet(port: int, octets: int) -> None:  # noqa: ARG001  all attacks are called alike
    time.sleep(3)


def _bring(client: Client, block: bytes, octets: int) -> None:
    client.open_mail()
    _pour(client.socket, block, octets)


def mail(port: int, octets: int, block: bytes = TEXT) -> None:
    client = Client(port)
    _bring(client, block, octets - MIB)
    if not client.ask(b"\r\n.\r\n").startswith(b"250"):
        raise ConnectionError("the door did not take the attack's mail")


def lines(port: int, octets: int) -> None:
    client = Client(port)
    threading.Thread(target=_swallow, args=(client.socket,), daemon=True).start()
    _pour(client.socket, EMPTY, octets)


def body(port: int, octets: int) -> None:
    mail(port, octets, EMPTY)


def fifty(port: int, octets: int) -> None:
    crew = [threading.Thread(target=mail, args=(port, octets)) for _ in range(50)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()


def two_hundred(port: int, octets: int) -> None:
    clients = [Client(port) for _ in range(200)]
    crew = [threading.Thread(target=_bring, args=(client, TEXT, octets - MIB)) for client in clients]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    time.sleep(0.5)  # all in flight
    for client in clients:
        client.socket.close()


CASES = {"quiet": quiet, "mail": mail, "lines": lines, "body": body, "fifty": fifty, "two-hundred": two_hundred}


def _pour(sock: socket.socket, block: bytes, octets: int) -> None:
    """Send so many octets, or until the door hangs up."""
    sent = 0
    try:
        while sent < octets:
            sock.sendall(block)
            sent += len(block)
    except OSError:
        pass


def _swallow(sock: socket.socket) -> None:
    try:
        while sock.recv(65536):
            pass
    except OSError:
        pass


def attack(case: str, port: int, octets: int) -> None:
    for _ in range(REPEATS.get(case, 1)):
        CASES[case](port, octets)


def play(case: str, octets: int, folder: Path) -> Result:
    """One case against a fresh daemon."""
    folder.mkdir()
    daemon = Daemon(folder)
    try:
        warm = Client(daemon.port)
        warm.open_mail()
        warm.ask(SMALL)
        stop, (told, tells) = multiprocessing.Event(), multiprocessing.Pipe(duplex=False)
        other = multiprocessing.Process(target=send_small_mails, args=(daemon.port, stop, tells), daemon=True)
        other.start()
        time.sleep(0.5)
        daemon.forget_peak()
        resident, began = daemon.memory("VmRSS"), time.perf_counter()
        attacker = multiprocessing.Process(target=attack, args=(case, daemon.port, octets), daemon=True)
        attacker.start()
        attacker.join(BOUND)
        ended = time.perf_counter()
        attacker.kill()
        growth = daemon.memory("VmHWM") - resident
        stop.set()
        times = [(end - start) * 1000 for start, end in told.recv() if end > began and start < ended]
        other.join(10)
    finally:
        daemon.stop()
        shutil.rmtree(folder / "data", ignore_errors=True)
    cut = statistics.quantiles(times, n=100)
    return Result(cut[49], cut[98], max(times), len(times), (ended - began) / REPEATS.get(case, 1), resident, growth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--mib", type=int, default=25)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as place:
        print(
            "| case | other client's mails | p50 ms | p99 ms | max ms | attack s | resident MiB | peak above it MiB | |\n|---|---|---|---|---|---|---|---|---|"
        )
        for number in range(options.rounds):
            for case in options.case or CASES:
                found = play(case, options.mib * MIB, Path(place) / f"{case}-{number}")
                well = found.p99 < GOALS["p99"] and found.worst < GOALS["max"]
                print(
                    f"| {case} | {found.mails} | {found.p50:.1f} | {found.p99:.1f} | {found.worst:.1f} | {found.seconds:.1f} "
                    f"| {found.resident:.0f} | {found.growth:.0f} | {'' if well else 'missed'} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
