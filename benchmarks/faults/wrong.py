"""wrong.py FAULT serve ...: `inbox` made wrong on purpose, from outside. A proof that passes it proves nothing.

normal    the commit is not synced (synchronous=NORMAL)       caught by powercut
deaf      a write that failed is acknowledged all the same     caught by syscalls
hasty     at SIGTERM the process ends at once                  caught by sigterm

And one that is right: `numbered` gives files that are being written names out of 64, so that strace can be told of them.
"""

from __future__ import annotations

import itertools
import os
import sys
from types import SimpleNamespace

from inbox.cli import main
from inbox.errors import StoreError
from inbox.store import SqliteStore, connections


def normal() -> None:
    right = connections.connect

    def connect(*arguments, **options):
        connection = right(*arguments, **options)
        connection.execute("pragma synchronous=normal")
        return connection

    connections.connect = connect


def deaf() -> None:
    right = SqliteStore.keep_arrivals

    def keep_arrivals(self, arrivals, **options):
        try:
            return right(self, arrivals, **options)
        except StoreError:
            return [arrival.mail.id for arrival in arrivals]

    SqliteStore.keep_arrivals = keep_arrivals


def hasty() -> None:
    import asyncio  # noqa: PLC0415

    from inbox import daemon  # noqa: PLC0415

    async def drain(self, tasks):
        await asyncio.sleep(0)
        os._exit(0)

    daemon.Daemon._drain = drain


def numbered() -> None:
    from inbox.sources.smtp import data  # noqa: PLC0415
    from inbox.store import blobs  # noqa: PLC0415

    turns = itertools.count()
    data.new_id = lambda: str(next(turns) % 64)
    blobs.secrets = SimpleNamespace(token_hex=lambda _: str(next(turns) % 64))


if __name__ == "__main__":
    {"normal": normal, "deaf": deaf, "hasty": hasty, "numbered": numbered}[sys.argv.pop(1)]()
    main()
