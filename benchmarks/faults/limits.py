"""What a machine can run out of: room on the disk, descriptors."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from server import Client, Record, Server, Skip, message, need, sound

SIZES = (900, 9_000, 100_000, 900, 200_000, 9_000, 1_500_000)


@contextlib.contextmanager
def _disk(folder: Path, kib: int) -> Iterator[Path]:
    """A disk of this size with a filler of 64 MiB on it beside."""
    folder.mkdir()
    if os.geteuid():
        raise Skip("mounting a disk needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib + 65_536}k", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        raise Skip("no tmpfs can be mounted here")
    try:
        (folder / "filler").write_bytes(bytes(65_536 << 10))
        yield folder / "filler"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def full_disk(work: Path, size: int) -> str:
    """Mails of all sizes fill the disk; 4xx while it is full, 250 when there is room again, with no restart. `size`: mails."""
    full, after = Record(), Record()
    with _disk(work / "data", 4096) as filler, Server(work, "--workers", "1") as server:
        server.start()
        full.send_all(server.port, [message(n, SIZES[n % len(SIZES)]) for n in range(size)])
        refused = sum(count for code, count in full.answers.items() if code.startswith("4"))
        need(refused and full.acknowledged, f"the disk never filled: {full}")
        need(not full.fives and not full.answers["closed"], f"disk full: {full}")
        filler.unlink()
        after.send_all(server.port, [message(size + n, SIZES[n % len(SIZES)]) for n in range(20)])
        need(len(after.acknowledged) == 20, f"when there is room again: {after}")
        need(not full.lost(server.folder) and not after.lost(server.folder) and sound(server.folder), "lost or damaged")
        need(server.settles(), "mail waits for ever")
        need(server.terminate() == 0, server.words())
    return f"full: {full}; with room again: {after}; 0 lost"


def descriptors(work: Path, size: int) -> str:
    """`ulimit -n 64` and many connections; then all descriptors of a running daemon are taken. `size`: connections."""
    environment = {"INBOX_LIMITS__CONNECTIONS": "1000", "INBOX_LIMITS__CONNECTIONS_PER_ADDRESS": "1000"}
    tight = ("sh", "-c", 'ulimit -n 64; exec "$0" "$@"')
    with Server(work, "--workers", "1", prefix=tight, **environment) as server:
        server.start()
        said = _crowd(server, size)
    with Server(work, "--workers", "1", **environment) as server:
        server.start()
        used = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 12, 4096))
        return f"ulimit -n 64: {said}; {used + 12} descriptors while it runs: {_crowd(server, size)}"


def _crowd(server: Server, size: int) -> str:
    """So many connections at once: who is greeted is served, the rest are turned away or wait; when they go, all is well."""
    record, greeted, away = Record(), [], 0
    for _ in range(size):
        try:
            client = Client(server.port, 1)
        except OSError:
            away += 1
            continue
        if client.greeting[0] == 220:
            greeted.append(client)
        else:
            client.close()
            away += 1
    need(greeted and away, f"{len(greeted)} greeted, {away} turned away: no shortage")
    for number, client in enumerate(greeted):
        with contextlib.suppress(OSError):
            record.send(client, message(number))
    for client in greeted:
        client.close()
    need(not record.fives, f"5xx: {record}")
    need(len(record.acknowledged) == len(greeted), f"of {len(greeted)} greeted: {record}")
    time.sleep(1.5)
    after = Record()
    after.send_all(server.port, [message(size + n, bytes_) for n, bytes_ in enumerate(SIZES)])
    need(len(after.acknowledged) == len(SIZES), f"when they are gone: {after}")
    need(not record.lost(server.folder) and not after.lost(server.folder), "lost")
    return f"{len(greeted)} of {size} greeted and served ({record}), {away} turned away, then {after}"
