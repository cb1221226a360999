"""Real parts: MiniStack (which executes Lambda functions), s3rver, the Lambda runtime of AWS. `make test-aws` installs them and says where.

Without that the tests here are skipped. Everything listens on 127.0.0.1 only, and ends with the run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT

REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "S3RVER",  # the one that s3rver knows; MiniStack takes any
    "AWS_SECRET_ACCESS_KEY": "S3RVER",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def tool(variable: str) -> str:
    """Where `make test-aws` has put a program."""
    path = os.environ.get(variable)
    if not path or not Path(path).exists():
        pytest.skip(f"{variable} is not set: make test-aws installs it")
    return path


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str], url: str) -> Iterator[str]:
    """A server, from when it answers at `url` until the block ends; its words are in `folder`/out."""
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        until = time.monotonic() + 60
        while not answers(url):
            assert process.poll() is None and time.monotonic() < until, (folder / "out").read_text(errors="replace")[-2000:]
            time.sleep(0.1)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # node is started by a script, functions by MiniStack
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return CREDENTIALS


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MiniStack: S3, SNS, SQS, DynamoDB, and Python functions that are really run."""
    program, port = tool("MINISTACK_PROGRAM"), free_port()
    folder = tmp_path_factory.mktemp("ministack")
    environment = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), **CREDENTIALS}
    with running([program], folder, environment, f"http://127.0.0.1:{port}/_ministack/health"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def s3rver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another S3, which checks access keys and knows no IfNoneMatch."""
    program, node, port = tool("S3RVER_PROGRAM"), tool("NODE_PROGRAM"), free_port()
    folder = tmp_path_factory.mktemp("s3rver")
    command = [node, program, "--address", "127.0.0.1", "--port", str(port), "--directory", str(folder), "--silent"]
    with running(command, folder, {}, f"http://127.0.0.1:{port}/"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def client_at() -> Any:
    """`client_at(endpoint)("s3")`."""
    from inbox.aws import client

    return lambda endpoint: lambda service: client(service, {"region": REGION, "endpoint": endpoint})


SOURCES = ROOT / "src"
