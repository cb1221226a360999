"""The real door with a gate that takes mail for local.test only: what the wire cases and the fault scripts talk to.

    door_server.py --port 2525 --dir DIR [--cert PEM --key PEM] [--delay SECONDS] [--limit NAME=VALUE ...] [--uvloop]

DIR/count holds how many mails were taken, DIR/newest the octets of the last one; both are written before the 250.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from inbox.config import Settings
from inbox.model import Reply
from inbox.sources.smtp import open_doors


class LocalGate:
    """Takes mail for local.test, after a while."""

    def __init__(self, folder: Path, delay: float, domain: str) -> None:
        self.folder, self.delay, self.domain, self.taken = folder, delay, domain, 0
        (folder / "count").write_text("0")

    def admit(self, envelope, recipient):
        if recipient.rpartition("@")[2].lower() != self.domain:
            return Reply(554, "5.7.1", "We do not take mail for this domain")
        return None

    async def take(self, mail):
        await asyncio.sleep(self.delay)
        self.taken += 1
        (self.folder / "newest").write_bytes(mail.raw)
        (self.folder / "count").write_text(str(self.taken))
        return [Reply(250, "2.0.0", f"kept as {mail.id}") for _ in mail.envelope.recipients]


class NullGate(LocalGate):
    """Takes everything and keeps nothing: for measuring the door alone."""

    def admit(self, envelope, recipient):
        return None

    async def take(self, mail):
        return [Reply(250, "2.0.0", f"kept as {mail.id}") for _ in mail.envelope.recipients]


class NoCounter:
    def count(self, name, by=1, **labels): ...

    def observe(self, name, value, **labels): ...


def settings_of(options) -> Settings:
    limits = {"connections_per_address": 200, **dict(pair.split("=") for pair in options.limit)}
    tls = {"certificate": options.cert, "key": options.key}
    return Settings(dir=options.dir, hostname="mx.local.test", smtp=(f"127.0.0.1:{options.port}",), tls=tls, limits=limits)


async def serve(options) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gate = (NullGate if options.null else LocalGate)(options.dir, options.delay, "local.test")
    doors = await open_doors(settings_of(options), gate, NoCounter())
    sys.stdout.write(f"{doors.addresses[0].port}\n")
    sys.stdout.flush()
    await stop.wait()
    await doors.drain(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--limit", action="append", default=[])
    parser.add_argument("--null", action="store_true")
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    if options.uvloop:
        import uvloop

        uvloop.run(serve(options))
    else:
        asyncio.run(serve(options))


if __name__ == "__main__":
    main()
