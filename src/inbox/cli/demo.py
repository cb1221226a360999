"""`demo`: start everything in a temporary place, send five mails over SMTP, show for each the rule trace and what was done."""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK
from inbox.cli.common import print_json, visible
from inbox.cli.trace import receipt_lines
from inbox.errors import InboxError
from inbox.model import Envelope, Mail, Reply

if TYPE_CHECKING:
    from inbox.demo.mails import Sample
    from inbox.model import Receipt
    from inbox.store import SqliteStore

_PATIENCE = 20.0


class NextHop:
    """The mail server of the others: a door of ours in a thread that takes whatever the demo replies and forwards."""

    def __init__(self, folder: Path) -> None:
        self.mails: list[Mail] = []
        self._folder = folder
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        if not self._started.wait(_PATIENCE):
            raise InboxError("the demo's second mail server did not start")

    def admit(self, envelope: Envelope, recipient: str) -> Reply | None:  # noqa: ARG002  it takes everything
        return None

    async def take(self, mail: Mail) -> Sequence[Reply]:
        self.mails.append(mail)
        return [Reply(250, "2.0.0", f"taken as {mail.id}") for _ in mail.envelope.recipients]

    def _run(self) -> None:
        self._loop.run_until_complete(self._open())
        self._started.set()
        self._loop.run_forever()

    async def _open(self) -> None:
        from inbox.config import Settings
        from inbox.metrics import Metrics
        from inbox.sources.smtp import open_doors

        doors = await open_doors(Settings(smtp=("127.0.0.1:0",), hostname="next-hop.example", dir=self._folder), self, Metrics())
        self.port = doors.addresses[0].port


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def demo(*, as_json: bool) -> int:
    """Start everything in a temporary place, send five mails over SMTP, and show what became of each, and why."""
    from inbox import store as stores
    from inbox.app import Inbox
    from inbox.demo.mails import samples
    from inbox.plugins import Plugins

    with tempfile.TemporaryDirectory(prefix="inbox-demo-") as name:
        folder, hop = Path(name), NextHop(Path(name) / "hop")
        _lay_out(folder)
        port, server = _start(folder, hop.port)
        try:
            sent = [(sample, *_send(port, sample)) for sample in samples()]
            store = stores.open_store(folder / "data", read_only=True)
            settled = _wait(store, [id_ for _, id_, _ in sent if id_])
            box = Inbox(folder / "rules.yaml", plugins=Plugins(entry_points=False))
            receipts = [(sample, box.every_decision(store.receipt(id_)) if id_ else None, answer) for sample, id_, answer in sent]
            _print(receipts, hop.mails, as_json=as_json)
            store.close()
        finally:
            server.terminate()
            server.wait(35)
    return OK if settled else NO


def _lay_out(folder: Path) -> None:
    from importlib import resources

    for name in ("rules.yaml", "ack.txt"):
        with resources.as_file(resources.files("inbox.demo") / name) as path:
            shutil.copyfile(path, folder / name)
    (folder / "refund.eml").write_bytes(_refund())


def _refund() -> bytes:
    from inbox.demo.mails import samples

    return samples()[0].raw


def _start(folder: Path, relay: int) -> tuple[int, subprocess.Popen[bytes]]:
    """Start `inbox serve` on a free port and wait until it greets."""
    port = _free_port()
    command = [sys.executable, "-m", "inbox", "serve", "--smtp", f"127.0.0.1:{port}", "--dir", "data", "--rules", "rules.yaml"]
    environment = {**os.environ, "INBOX_RELAY__HOST": "127.0.0.1", "INBOX_RELAY__PORT": str(relay), "INBOX_HOSTNAME": "shop.example"}
    log = (folder / "log.jsonl").open("wb")
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603  ourselves
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            smtplib.SMTP("127.0.0.1", port, timeout=2).quit()
        except (OSError, smtplib.SMTPException):
            time.sleep(0.1)
        else:
            return port, server
    server.kill()
    raise InboxError(f"the demo's daemon did not start: {(folder / 'log.jsonl').read_text(errors='replace')[-500:]}")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _send(port: int, sample: Sample) -> tuple[str | None, str]:
    """(mail id or None, the server's answer)."""
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.ehlo("sender.example")
        client.mail(sample.sender)
        client.rcpt(sample.recipient)
        code, text = client.data(sample.raw)
    answer = text.decode("ascii", "replace")
    return (answer.split()[-1] if code == 250 else None), f"{code} {answer}"


def _wait(store: SqliteStore, ids: list[str]) -> bool:
    """Until every mail has left the states kept and waiting; False after some seconds."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if all(store.receipt(id_).state not in ("kept", "waiting") for id_ in ids):
            return True
        time.sleep(0.1)
    return False


def _print(receipts: list[tuple[Sample, Receipt | None, str]], arrived: list[Mail], *, as_json: bool) -> None:
    if as_json:
        print_json(_document(receipts, arrived))
        return
    for sample, receipt, answer in receipts:
        click.secho(f"\n== {sample.title}", bold=True)
        click.echo(f"the server answered: {answer}")
        if receipt:
            click.echo("\n".join(receipt_lines(receipt)))
    click.secho("\n== what left", bold=True)
    for mail in arrived:
        click.echo(f"to {', '.join(mail.envelope.recipients)}, from {mail.envelope.sender or '<>'}: {visible(_subject(mail))}")
    click.echo("\nNow: write a rules.yaml, `inbox check` it, `inbox explain FILE --to ADDR`, and `inbox serve`.")


def _document(receipts: list[tuple[Sample, Receipt | None, str]], arrived: list[Mail]) -> dict[str, Any]:
    return {
        "mails": [
            {"title": sample.title, "answer": answer, "receipt": receipt.to_dict() if receipt else None}
            for sample, receipt, answer in receipts
        ],
        "left": [{"envelope": mail.envelope.to_dict(), "subject": _subject(mail)} for mail in arrived],
    }


def _subject(mail: Mail) -> str | None:
    from inbox.parsing import parse

    return parse(mail.raw).subject
