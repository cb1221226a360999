"""What the server of local functions answers to lengths that are none."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from inbox.local_functions import Function, FunctionServer


@pytest.mark.parametrize(("length", "status"), [("x", b"411"), ("-1", b"411"), ("99999999", b"413")])
def test_a_length_that_is_none_or_too_long_is_answered_and_ends_the_connection(tmp_path: Path, length: str, status: bytes) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    with FunctionServer("127.0.0.1", 0, {"Gate": Function.read(f"Gate={tmp_path / 'app.py'}:handler")}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=3) as client:
                client.sendall(f"POST /2015-03-31/functions/Gate/invocations HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
                said = b"".join(iter(lambda: client.recv(4096), b""))
        finally:
            server.shutdown()
    assert said.startswith(b"HTTP/1.1 " + status)
