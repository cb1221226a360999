"""A real daemon that serves receipt rules of SES, moto's server as AWS, and functions that answer as they are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aws_endpoint import aws, aws_endpoint  # noqa: F401  fixtures
from e2e.conftest import Daemon, daemon_of, next_hop, program  # noqa: F401  fixtures

TOPIC = "arn:aws:sns:us-east-1:123456789012:{}"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:{}"


def rule(name: str, recipients: list[str], *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One receipt rule, enabled."""
    return {"Name": name, "Enabled": True, "Recipients": recipients, "Actions": list(actions), **more}


def rule_set(*rules: dict[str, Any], **more: Any) -> str:
    """What describe-active-receipt-rule-set prints."""
    return json.dumps({"Metadata": {"Name": "inbound", "CreatedTimestamp": "2025-11-05T10:00:00.123Z"}, "Rules": list(rules), **more})


def header(name: str, value: str) -> dict[str, Any]:
    return {"AddHeaderAction": {"HeaderName": name, "HeaderValue": value}}


def stop() -> dict[str, Any]:
    return {"StopAction": {"Scope": "RuleSet"}}


@pytest.fixture
def ses(program, tmp_path) -> Iterator[Callable[..., Daemon]]:  # noqa: F811
    """`ses(rule set, *arguments)`: a daemon that serves it."""
    started: list[Daemon] = []

    def start(text: str, *arguments: str) -> Daemon:
        path = tmp_path / "ruleset.json"
        path.write_text(text, encoding="utf-8")
        started.append(Daemon(program, path, arguments, flag="--ses").start())
        return started[-1]

    yield start
    for daemon in started:
        daemon.kill()


class Functions(ThreadingHTTPServer):
    """A stand-in for AWS Lambda's Invoke: keeps the events, and answers what `answers` says for a function, or fails with a status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Invoke)
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Invoke(BaseHTTPRequestHandler):
    server: Functions

    def do_POST(self) -> None:
        name = self.path.split("/")[3].replace("%3A", ":").rpartition(":")[2]
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = self.headers["X-Amz-Invocation-Type"]
        self.server.events.append((name, kind, event))
        answer = self.server.answers.get(name)
        said = json.dumps(answer).encode()
        self.send_response(202 if kind == "Event" else 200)
        if isinstance(answer, dict) and "errorMessage" in answer:
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def functions() -> Iterator[Functions]:
    server = Functions()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def samples(shared) -> Path:
    """Shapes as AWS documents them."""

    return shared / "ses" / "samples"
