"""Real servers at the far end: SMTP (aiosmtpd) that answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from dataclasses import dataclass, field

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult

from aws_endpoint import aws, aws_endpoint

__all__ = ["aws", "aws_endpoint"]


@dataclass
class FarEnd:
    """A server's handler: what it took, and what it answers to whom."""

    answers: dict[str, str] = field(default_factory=dict)
    data: str = "250 2.0.0 queued as 4711"
    mail_from: str | None = None
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    options: list[list[str]] = field(default_factory=list)
    helo: list[str] = field(default_factory=list)
    secured: bool = False
    login: object = None

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        session.host_name = hostname
        self.helo.append(hostname)
        self.secured = session.ssl is not None
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        envelope.mail_from = address
        self.options.append(options)
        return self.mail_from or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data.startswith("2"):
            self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        self.login = session.auth_data
        return self.data


@pytest.fixture
def far_end():
    return FarEnd()


@pytest.fixture
def serve():
    """Start a server with this handler on a free port; it is stopped after the test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def start(handler, ssl_context=None, **more):
        def session():
            return SMTP(handler, hostname="far.test", decode_data=False, **more)

        server = loop.create_server(session, "127.0.0.1", 0, ssl=ssl_context)
        return asyncio.run_coroutine_threadsafe(server, loop).result(5).sockets[0].getsockname()[1]

    async def stop():
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    yield start
    asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority, tmp_path, monkeypatch):
    """A server's TLS context for localhost, and the clients of this test trust its authority."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def authenticator():
    def check(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"me", b"s3cret"), handled=False, auth_data=data.login)

    return check
