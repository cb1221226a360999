"""A store that others touch: damaged, cut, locked, moved, removed, or served twice."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path

from server import Load, Record, Server, message, need, sound, stored

REMEDY = ".dump"


def _filled(server: Server, mails: int = 100) -> Record:
    """A store with some mails, after a kill -9 (its log is not empty)."""
    record = Record()
    with server:
        server.start()
        record.send_all(server.port, [message(n, 3000) for n in range(mails)])
    return record


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name.endswith((".db", "-wal"))}


def damaged_page(work: Path, size: int) -> str:
    """Pages of the database are overwritten: no start, words that say how to recover, not an octet written. `size`: pages, one at a time."""
    server, dice = Server(work, "--workers", "1"), random.Random(7)
    _filled(server)
    with server:
        server.start()
        need(server.terminate() == 0, server.words())
    whole = (server.folder / "inbox.db").read_bytes()
    refused = 0
    for _ in range(size):
        page = dice.randrange(1, len(whole) // 4096)
        broken = bytearray(whole)
        broken[page * 4096 : page * 4096 + 4096] = dice.randbytes(4096)
        (server.folder / "inbox.db").write_bytes(broken)
        before = _digests(server.folder)
        with server:
            need(not server.starts(), f"page {page}: it serves a damaged store")
            words = server.words().splitlines()[-1]
            need(REMEDY in words and "durability.md" in words, f"page {page}: it does not say how to recover: {words}")
            need(_digests(server.folder).items() >= before.items(), f"page {page}: the files were written to")
            refused += 1
    need(refused, "no damage was found")
    (server.folder / "inbox.db").write_bytes(whole)
    return f"{size} damaged pages: {refused} x no start, with the remedy, files untouched"


def damaged_running(work: Path, size: int) -> str:
    """The same under a running daemon, in all pages but the first: 451 and not ready from the first sign on. `size`: mails."""
    server, record = Server(work, "--workers", "0"), Record()
    acknowledged = _filled(server)
    with server:
        server.start()
        path = server.folder / "inbox.db"
        length = path.stat().st_size
        with path.open("r+b") as file:
            for page in range(1, length // 4096):
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)
        record.send_all(server.port, [message(1000 + n, 9000) for n in range(size)])
        need(not record.fives and not record.answers["closed"], str(record))
        need(server.process.poll() is None, "the daemon ended")
        need(record.answers["451"], f"it takes mail into a damaged store: {record}")
    with server:
        need(not server.starts(), "it starts on it again")
    return f"{len(acknowledged.acknowledged)} mails, then every page damaged: {record}, no 5xx, no start on it again"


def cut_log(work: Path, size: int) -> str:
    """The log is cut at a random octet, as after a crash of a disk that lied: what is whole is served in order. `size`: cuts."""
    server, dice = Server(work, "--workers", "0"), random.Random(7)
    record = _filled(server)
    ids = list(record.acknowledged)
    copy = work / "whole"
    shutil.copytree(server.folder, copy, ignore=shutil.ignore_patterns("*-shm"))
    kept = []
    for _ in range(size):
        shutil.rmtree(server.folder)
        shutil.copytree(copy, server.folder)
        log = server.folder / "inbox.db-wal"
        os.truncate(log, dice.randrange(0, log.stat().st_size))
        with server:
            server.start()
            more = Record()
            more.send_all(server.port, [message(5000)])
            found = stored(server.folder)
            there = [id_ for id_ in ids if id_ in found]
            need(there == ids[: len(there)], "a hole among the mails")
            need(more.acknowledged.keys() <= found.keys() and more.acknowledged, str(more))
            need(sound(server.folder), "the database is damaged")
            kept.append(len(there))
    return f"{size} cuts: {min(kept)} to {max(kept)} of {len(ids)} mails are there, always the first ones; new mail is taken"


def locked(work: Path, size: int) -> str:
    """Another process holds the database for 10 s: 4xx or a wait, then served. `size`: seconds."""
    with Server(work, "--workers", "1") as server:
        server.start()
        load = Load(server.port, 3)
        time.sleep(0.5)
        other = sqlite3.connect(server.folder / "inbox.db", isolation_level=None, timeout=20)
        other.execute("begin immediate")
        time.sleep(size)
        before = len(load.record.acknowledged)
        other.execute("rollback")
        other.close()
        time.sleep(2)
        record = load.finish()
        need(not record.fives and len(record.acknowledged) > before, f"after the lock: {record}")
        need(not record.lost(server.folder), "lost")
        need(server.settles() and server.terminate() == 0, server.words())
    return f"locked for {size} s: {record}; served again, 0 lost"


def moved(work: Path, size: int) -> str:
    """The database, then the whole folder, is moved away and put back, then removed: never a 250 for what nobody finds. `size`: times."""
    record, away = Record(), work / "away"
    with Server(work, "--workers", "1") as server:
        server.start()
        for turn in range(size):
            for path in (server.folder / "inbox.db", server.folder):
                path.rename(away)
                _refused(server, record, turn * 100)
                need(not path.exists() or (path.is_dir() and not (path / "inbox.db").exists()), "a new store was made beside the lost one")
                if path.is_dir():
                    shutil.rmtree(path)
                away.rename(path)
                back = Record()
                back.send_all(server.port, [message(turn * 100 + 50 + n) for n in range(3)])
                need(len(back.acknowledged) == 3, f"put back: {back}")
                record.answers.update(back.answers)
                record.acknowledged |= back.acknowledged
        need(not record.lost(server.folder) and sound(server.folder), "lost or damaged")
        shutil.rmtree(server.folder)
        _refused(server, record, 100_000)
        need(server.process.poll() is None, "the daemon ended")
        status = server.terminate()
        need(status is not None, "it does not end")
    return f"{size} times moved and put back, then removed: {record}; 250 again once it is back, 0 lost, SIGTERM ends it with {status}"


def _refused(server: Server, record: Record, number: int) -> None:
    gone = Record()
    gone.send_all(server.port, [message(number + n, size) for n, size in enumerate((900, 100_000, 1_500_000))])
    need(not gone.acknowledged and not gone.fives and not gone.answers["closed"], f"while it is gone: {gone}")
    record.answers.update(gone.answers)


def two_daemons(work: Path, size: int) -> str:
    """A second daemon on the same folder ends with words; the first takes mail all the time. `size`: times."""
    with Server(work, "--workers", "1") as first:
        first.start()
        load = Load(first.port, 2)
        for _ in range(size):
            with Server(work, "--workers", "1") as second:
                need(not second.starts(), "two daemons serve one store")
                words = second.words().splitlines()[-1]
                need(str(first.process.pid) in words or "already" in words, f"no clear words: {words}")
        record = load.finish()
        need(not record.fives and not record.lost(first.folder), str(record))
        first.process.send_signal(signal.SIGTERM)
        need(first.ended(40) == 0, first.words())
    return f"{size} times: the second ends and names the first; the first: {record}, 0 lost"
