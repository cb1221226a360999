"""Lambda functions of Python files on this machine: AWS Lambda's Invoke over HTTP, enough for what calls functions, and nothing else of Lambda.

A file is read anew when it has changed. Functions run in threads of this process, with its environment and its packages.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from inbox.errors import ConfigError
from inbox.model import new_id

_LOG = logging.getLogger("inbox.functions")
_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations(?:\?.*)?")
_SECONDS = 900
_LARGEST = 6 << 20
"""Octets of an event that is waited for; Lambda takes no more."""


@dataclass(frozen=True)
class Context:
    """What a function is told about its call, as far as it means something here."""

    function_name: str
    aws_request_id: str = field(default_factory=new_id)
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"
    began: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """How long the function may still run, if it had Lambda's longest time."""
        return max(0, int((_SECONDS - (time.monotonic() - self.began)) * 1000))


class Function:
    """One function of a file; `app.py:handler`. ConfigError when the file or the function is not there."""

    def __init__(self, name: str, path: Path, attribute: str) -> None:
        self.name, self._path, self._attribute = name, path, attribute
        self._turn = threading.Lock()
        self._stamp = 0
        self._call: Callable[[Any, Context], Any] = self._loaded()

    @classmethod
    def read(cls, text: str) -> Function:
        """`NAME=FILE.py:FUNCTION`, as the template names them."""
        found = re.fullmatch(r"([A-Za-z0-9_-]{1,64})=(.+\.py):([A-Za-z_][A-Za-z0-9_]*)", text)
        if not found:
            raise ConfigError(f"{text!r} names no function; write NAME=FILE.py:FUNCTION, Gate=app.py:handler")
        return cls(found[1], Path(found[2]), found[3])

    def __call__(self, event: Any) -> Any:
        """What the function returns. Raises whatever it raises."""
        with self._turn:
            if self._path.stat().st_mtime_ns != self._stamp:
                self._call = self._loaded()
        return self._call(event, Context(self.name))

    def _loaded(self) -> Callable[[Any, Context], Any]:
        if not self._path.is_file():
            raise ConfigError(f"{self.name}: there is no file {self._path}")
        self._stamp = self._path.stat().st_mtime_ns
        folder = str(self._path.absolute().parent)
        if folder not in sys.path:
            sys.path.insert(0, folder)  # a function finds the modules beside it, as in Lambda
        spec = importlib.util.spec_from_file_location(self._path.stem, self._path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found = getattr(module, self._attribute, None)
        if not callable(found):
            raise ConfigError(f"{self.name}: {self._path} has no function {self._attribute}")
        call: Callable[[Any, Context], Any] = found
        return call


class FunctionServer(ThreadingHTTPServer):
    """Serves functions by name on `host:port`; port 0 takes a free one. OSError when it cannot listen."""

    daemon_threads = True

    def __init__(self, host: str, port: int, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        super().__init__((host, port), _Invoke)


class _Invoke(BaseHTTPRequestHandler):
    """One call of Invoke (AWS Lambda API, version 2015-03-31)."""

    protocol_version = "HTTP/1.1"
    server: FunctionServer

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not re.fullmatch(r"[0-9]{1,12}", length) or int(length) > _LARGEST:
            self.close_connection = True  # where the next request begins is not known
            status = 413 if re.fullmatch(r"[0-9]{1,12}", length) else 411
            self._say(status, {"Type": "User", "Message": f"Content-Length: 0 to {_LARGEST} octets, as a number"})
            return
        body = self.rfile.read(int(length))
        found = _PATH.fullmatch(self.path)
        name = unquote(found[1]).rpartition(":function:")[2].partition(":")[0] if found else ""
        function = self.server.functions.get(name)
        if function is None:
            known = ", ".join(self.server.functions)
            self._say(404, {"Type": "User", "Message": f"no function {name!r}; there are {known}"}, "X-Amzn-ErrorType", _NOT_FOUND)
            return
        if self.headers.get("X-Amz-Invocation-Type") == "Event":
            threading.Thread(target=_answer, args=(function, body), daemon=True).start()
            self._say(202, None)
            return
        answer, failed = _answer(function, body)
        self._say(200, answer, *(("X-Amz-Function-Error", "Unhandled") if failed else ()))

    def _say(self, status: int, answer: Any, *header: str) -> None:
        said = b"" if status == 202 else json.dumps(answer).encode()
        self.send_response(status)
        if header:
            self.send_header(*header)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Calls are told by `_answer`."""


_NOT_FOUND = "ResourceNotFoundException"


def _answer(function: Function, body: bytes) -> tuple[Any, bool]:
    """What a call came to, and whether it failed: then it is what Lambda says of an exception."""
    try:
        answer = function(json.loads(body or b"null"))
        json.dumps(answer)
    except Exception as error:
        _LOG.exception("%s failed", function.name)
        lines = traceback.format_exception(error)
        return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": lines}, True
    _LOG.info("%s answered %s", function.name, json.dumps(answer))
    return answer, False
