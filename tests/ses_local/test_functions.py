"""Lambda functions of Python files: the Invoke API as boto3 speaks it."""

from __future__ import annotations

import json
import os
import threading

import pytest

from inbox.aws import client
from inbox.errors import ConfigError
from inbox.local_functions import Function, FunctionServer
from waiting import until

ARN = "arn:aws:lambda:us-east-1:000000000000:function:Gate"


@pytest.fixture
def serve(tmp_path, aws):
    """`serve(text)`: a client for the function Gate of a file with this text."""
    servers = []

    def start(text):
        (tmp_path / "app.py").write_text(text, encoding="utf-8")
        servers.append(FunctionServer("127.0.0.1", 0, {"Gate": Function.read(f"Gate={tmp_path / 'app.py'}:handler")}))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return client("lambda", {"region": "us-east-1", "endpoint": f"http://127.0.0.1:{servers[-1].server_port}"})

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def invoked(service, name="Gate", kind="RequestResponse", event=None):
    answer = service.invoke(FunctionName=name, InvocationType=kind, Payload=json.dumps(event))
    return answer["StatusCode"], answer.get("FunctionError"), json.loads(answer["Payload"].read() or b"null")


@pytest.mark.parametrize("name", ["Gate", ARN, f"{ARN}:live"])
def test_a_function_answers_by_any_of_its_names(serve, name):
    service = serve(
        "def handler(event, context):\n    return [event['a'], context.function_name, context.get_remaining_time_in_millis() > 0]\n"
    )
    assert invoked(service, name, event={"a": "\u00e9"}) == (200, None, ["\u00e9", "Gate", True])


def test_a_file_that_changed_is_read_anew(serve, tmp_path):
    service = serve("def handler(event, context):\n    return 1\n")
    assert invoked(service)[2] == 1
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 2\n", encoding="utf-8")
    os.utime(tmp_path / "app.py", (1, 1))
    assert invoked(service)[2] == 2


def test_a_function_that_raises_is_what_lambda_says_of_it(serve):
    status, error, said = invoked(serve("def handler(event, context):\n    return {}['key']\n"))
    assert (status, error, said["errorType"], said["errorMessage"]) == (200, "Unhandled", "KeyError", "'key'")


def test_what_is_no_json_is_an_error_of_the_function(serve):
    assert invoked(serve("def handler(event, context):\n    return {1, 2}\n"))[1] == "Unhandled"


def test_an_event_is_not_waited_for(serve, tmp_path):
    done = tmp_path / "done"
    service = serve(f"import time, pathlib\ndef handler(event, context):\n    time.sleep(0.3)\n    pathlib.Path({str(done)!r}).touch()\n")
    assert invoked(service, kind="Event")[:2] == (202, None)
    until(done.exists, "the function ends")


def test_an_unknown_function_is_not_found(serve):
    service = serve("def handler(event, context):\n    return 1\n")
    with pytest.raises(service.exceptions.ResourceNotFoundException, match="there are Gate"):
        invoked(service, "Other")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Gate", "NAME=FILE.py:FUNCTION"),
        ("Gate=app:handler", "NAME=FILE.py:FUNCTION"),
        ("Gate=none.py:handler", "there is no file none.py"),
        ("Gate=app.py:other", "has no function other"),
    ],
)
def test_what_names_no_function_is_told(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        Function.read(text)
