"""AWS on this machine: moto's server on a free port, with made-up credentials, empty at the beginning of every test."""

from __future__ import annotations

import os
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from inbox.aws import client

REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Aws:
    """Where AWS is for a test. `env`: for processes that the test starts; this one has the same."""

    endpoint: str
    region: str = REGION
    env: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """`[aws]` of inbox.toml."""
        return {"region": self.region, "endpoint": self.endpoint}

    def client(self, service: str) -> Any:
        return client(service, self.settings)


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """One server for all tests of a run."""
    pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    app = _with_atomic_tables(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


def _with_atomic_tables(app: Any) -> Any:
    """Calls of DynamoDB one after the other: DynamoDB's are atomic, moto's are not among threads."""
    turn = threading.Lock()

    def call(environ: dict[str, Any], start: Any) -> Any:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return app(environ, start)
        with turn:
            return list(app(environ, start))

    return call


@pytest.fixture
def aws(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An AWS with nothing in it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{aws_endpoint}/moto-api/reset", method="POST"), timeout=10).close()
    return Aws(aws_endpoint, env={**CREDENTIALS, "AWS_ENDPOINT_URL": aws_endpoint})
