"""System calls that fail under a running `inbox serve`, by strace: one write or sync in turn, then all of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from server import HERE, Client, Record, Server, message, need, program, sound

CALLS = ("fdatasync", "fsync", "pwrite64", "write", "openat", "rename")
SIZES = (900, 900, 100_000, 9_000, 1_500_000, 900, 200_000, 900)  # small ones, files, and one that is spooled
NUMBERED = (sys.executable, str(HERE / "wrong.py"), "numbered")
READ_ONLY = "pwrite64,openat,fsync,fdatasync,rename,mkdir,ftruncate"


@contextlib.contextmanager
def failing(server: Server, calls: str, error: str, when: str) -> Iterator[Counter[str]]:
    """Within it these calls of the daemon and its workers fail; the counter says at the end how many of which kind did.

    `write` fails for files alone: pipes, sockets and the event loop's own descriptors are on no disk.
    """
    log = Path(f"/tmp/inbox-strace-{os.getpid()}")
    command = [program("strace"), "-f", "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}", "-o", str(log)]
    if calls == "write":
        names = [
            server.work / "log.jsonl",
            *(server.folder / name.format(n) for n in range(64) for name in ("spool/{}.eml", "blobs/new-{}")),
        ]
        command += itertools.chain.from_iterable(("-P", str(name)) for name in names)
    tracer, hits = _attached(command, server), Counter()
    try:
        yield hits
    finally:
        _detach(tracer)
        with contextlib.suppress(OSError):
            hits.update(
                line.split(None, 2)[1].split("(")[0] for line in log.read_text(errors="replace").splitlines() if "(INJECTED)" in line
            )
            log.unlink()


def _attached(command: list[str], server: Server) -> subprocess.Popen[str]:
    """strace on all processes of the server; tried anew when one of them ended meanwhile."""
    said: list[str] = []
    for _ in range(5):
        pids = server.pids
        attach = itertools.chain.from_iterable(("-p", str(pid)) for pid in pids)
        tracer = subprocess.Popen([*command, *attach], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        said = [tracer.stderr.readline() for _ in pids]
        if all("attached" in line for line in said):
            return tracer
        _detach(tracer)
        time.sleep(0.5)
    need(False, f"strace cannot attach: {' '.join(said).strip()}")
    raise AssertionError


def _detach(tracer: subprocess.Popen[str]) -> None:
    tracer.send_signal(signal.SIGINT)
    tracer.wait(30)
    assert tracer.stderr is not None
    tracer.stderr.close()


def _cases(runs: int) -> list[tuple[str, str, str]]:
    """So many of all (call, error, when): the calls take turns, the rest is in an order by chance that is the same each time."""
    whens = [*map(str, range(1, 17)), "1+", "3+", "6+"]
    turns = [
        random.Random(seed).sample([*itertools.product((call,), ("EIO", "ENOSPC"), whens)], 2 * len(whens))
        for seed, call in enumerate(CALLS)
    ]
    return [case for turn in zip(*turns, strict=True) for case in turn][:runs]


def syscalls(work: Path, size: int) -> str:
    """The Nth call of a kind fails with EIO or ENOSPC, or all from the Nth on, in door and workers. `size`: runs."""
    with Server(work, "--workers", "1", command=NUMBERED) as server:
        server.start()
        return _fail_each(server, _cases(size))


def syscalls_control(work: Path, size: int) -> str:
    """`inbox` that acknowledges what it could not write must be caught."""
    with Server(work, "--workers", "0", command=(sys.executable, str(HERE / "wrong.py"), "deaf")) as server:
        server.start()
        record, hits = _one(server, ("fdatasync", "EIO", "1+"), 0)
        lost = record.lost(server.folder)
    need(hits and lost, f"not caught: {record}, {sum(hits.values())} calls failed, {lost} lost")
    return f"{lost} of {len(record.acknowledged)} lost when it acknowledges what it could not write, as it must be"


def _fail_each(server: Server, cases: list[tuple[str, str, str]]) -> str:
    total, hit, numbers = Record(), Counter(), itertools.count(step=100)
    for case, first in zip(cases, numbers):  # noqa: B905  the numbers do not end
        record, hits = _one(server, case, first)
        hit.update(call for call in hits if hits[call])
        after = Record()
        after.send_all(server.port, [message(first + 50 + n, size) for n, size in enumerate((900, 100_000, 900))])
        need(not record.fives and not after.fives, f"{case}: 5xx: {record}, then {after}")
        need(len(after.acknowledged) == 3, f"{case}: does not recover without a restart: {after} ({server.words()})")
        need(server.process.poll() is None, f"{case}: the daemon ended")
        total.answers.update(record.answers)
        total.acknowledged |= record.acknowledged | after.acknowledged
        need(sound(server.folder), f"{case}: the database is damaged")
    lost = total.lost(server.folder)
    need(not lost, f"{lost} of {len(total.acknowledged)} lost")
    need(server.settles(120), "mail waits for ever")
    need(sum(hit.values()) > len(cases) // 3, f"only {sum(hit.values())} of {len(cases)} runs hit a call")
    status = server.terminate()
    need(status == 0, f"exit {status} at the end: {server.words()}")
    runs = ", ".join(f"{call} {hit[call]}" for call in CALLS)
    return f"{len(cases)} runs, {sum(hit.values())} hit ({runs}): {total}; 0 of {len(total.acknowledged):,} lost, one daemon all along"


def _one(server: Server, case: tuple[str, str, str], first: int) -> tuple[Record, Counter[str]]:
    record = Record()
    with failing(server, *case) as hits:
        record.send_all(server.port, [message(first + n, size) for n, size in enumerate(SIZES)])
    return record, hits


def syscalls_start(work: Path, size: int) -> str:
    """The Nth sync or write fails from the first moment of the program: it starts or says why not, and what it acknowledges is there."""
    counts, hits, record = Counter(), 0, Record()
    for run, (call, n) in enumerate(_first_calls(size)):
        folder = work / str(run)
        folder.mkdir()
        prefix = (
            program("strace"),
            "-f",
            "-q",
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:error=EIO:when={n}",
            "-o",
            str(folder / "trace"),
        )
        with Server(folder, "--workers", "0", prefix=prefix) as server:
            one = Record()
            if server.starts():
                one.send_all(server.port, [message(number, SIZES[number % len(SIZES)]) for number in range(8)])
            else:
                counts["no start"] += 1
                need("Traceback" not in server.words(), f"{call} {n}: {server.words()}")
        with Server(folder, "--workers", "0") as server:
            server.start()
        need(not one.fives and not one.lost(server.folder) and sound(server.folder), f"{call} {n}: {one}")
        hits += "(INJECTED)" in (folder / "trace").read_text(errors="replace")
        record.answers.update(one.answers)
    need(hits, "no call was hit")
    return f"{run + 1} runs, {hits} hit: {counts['no start']} x no start, {record}; 0 lost; all start when the disk is well again"


def _first_calls(size: int) -> Iterator[tuple[str, int]]:
    """Which calls fail. The first hundred and more writes make the tables."""
    for call, step in (("fdatasync", 1), ("fsync", 1), ("pwrite64", 12)):
        yield from ((call, n) for n in range(1, size * step + 1, step))


def read_only(work: Path, size: int) -> str:
    """The file system refuses to be written (EROFS), as after `errors=remount-ro`, and is writable again later. `size`: times."""
    record = Record()
    with Server(work, "--workers", "1") as server:
        server.start()
        for turn in range(size):
            before = Record()
            with failing(server, READ_ONLY, "EROFS", "1+") as hits:
                before.send_all(server.port, [message(100 * turn + n, bytes_) for n, bytes_ in enumerate(SIZES)])
            need(hits and not before.acknowledged and not before.fives and before.answers["451"], f"while read-only: {before}")
            after = Record()
            after.send_all(server.port, [message(100 * turn + 50 + n, bytes_) for n, bytes_ in enumerate(SIZES)])
            need(len(after.acknowledged) == len(SIZES), f"when writable again: {after}")
            record.answers.update(before.answers + after.answers)
            record.acknowledged |= after.acknowledged
        need(not record.lost(server.folder) and sound(server.folder), "lost or damaged")
        need(server.terminate() == 0, server.words())
    return f"{size} times: {record}; 250 again without a restart, 0 lost; {_start_read_only(work)}"


def _start_read_only(work: Path) -> str:
    """Where it may be mounted, a really read-only folder: no start, with words."""
    server = Server(work)
    bind = ["mount", "--bind", str(server.folder), str(server.folder)]
    if os.geteuid() or subprocess.run(bind, capture_output=True, check=False).returncode:
        return "start on a read-only mount not tried (needs root)"
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(server.folder)], check=True, capture_output=True)
        with server:
            need(not server.starts(), "it started on a read-only mount")
            words = server.words().splitlines()[-1]
            need("read-only" in words.lower() or "readonly" in words.lower(), f"no clear words: {words}")
    finally:
        subprocess.run(["umount", str(server.folder)], check=False)
    return "no start on a read-only mount, with words"


def slow_disk(work: Path, size: int) -> str:
    """Every sync takes a second, and a client that closed its sending side after the dot still gets its 250. `size`: clients."""
    record, pauses = Record(), random.Random(7)
    prefix = (program("strace"), "-f", "-q", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_exit=1000000", "-o", "/dev/null")
    with Server(work, "--workers", "0", prefix=prefix) as server:
        server.start()
        for number in range(size):
            data, client = message(number), Client(server.port, 30)
            with contextlib.closing(client):
                client.envelope()
                client.socket.sendall(data + b".\r\n")
                time.sleep(pauses.choice((0, 0.2)))
                client.socket.shutdown(1)
                record.note(*client.reply(), data)
        need(len(record.acknowledged) == size and not record.lost(server.folder), str(record))
    return f"{size} clients closed after the dot: {record}; 0 lost"
