"""SIGTERM under load."""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import time
from pathlib import Path

from server import HERE, INBOX, Broken, Client, Load, Record, Server, message, need, sound


def sigterm_control(work: Path, size: int) -> str:
    """`inbox` that ends at once must be caught."""
    try:
        words = sigterm(work, size, (sys.executable, str(HERE / "wrong.py"), "hasty"))
    except Broken as caught:
        return f"caught, as it must be: {str(caught)[:60]}"
    raise Broken(f"not caught: {words}")


def sigterm(work: Path, size: int, command: tuple[str, ...] = INBOX) -> str:
    """SIGTERM at random moments under load, with a client in the middle of DATA: exit 0 within 30 s, nothing lost, nothing cut. `size`: times."""
    dice, total, slowest, finished = random.Random(7), Record(), 0.0, 0
    server = Server(work, "--workers", "1", command=command)
    for turn in range(size):
        with server:
            server.start()
            load = Load(server.port, 4, (900, 900, 100_000))
            time.sleep(dice.uniform(0.1, 1.0))
            slow, data = _in_data(server, 10_000_000 + turn)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            time.sleep(dice.uniform(0, 0.5))
            code, text = _rest(slow, data)
            total.note(code, text, data)
            finished += code == 250
            status = server.ended(35)
            slowest = max(slowest, time.monotonic() - began)
            load.stop.set()
            record = load.finish()
            need(status == 0, f"time {turn}: exit {status}: {server.words()}")
            need(not record.fives, f"time {turn}: {record}")
            total.answers.update(record.answers)
            total.acknowledged |= record.acknowledged
    need(slowest < 30, f"the slowest took {slowest:.0f} s")
    need(finished == size, f"{size - finished} mails of {size} under way were cut: {total}")
    lost = total.lost(server.folder)
    need(not lost and sound(server.folder), f"{lost} of {len(total.acknowledged)} lost")
    return f"{size} times: exit 0, the slowest {slowest:.1f} s, {finished} of {size} mails under way finished, {len(total.acknowledged):,} acknowledged, 0 lost"


def _in_data(server: Server, number: int) -> tuple[Client, bytes]:
    """A client that has sent half of its mail."""
    client, data = Client(server.port, 30), message(number, 20_000)
    need(client.envelope()[0] == 354, "no DATA")
    client.socket.sendall(data[:10_000])
    return client, data


def _rest(client: Client, data: bytes) -> tuple[int, str]:
    with contextlib.closing(client):
        try:
            return client.ask(data[10_000:] + b".\r\n")
        except OSError:
            return 0, "closed"
