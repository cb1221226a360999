"""A daemon in CloudWatch: metrics on standard output in the Embedded Metric Format, logs with the id of the mail on standard error."""

from __future__ import annotations

import json
import signal
import smtplib
import subprocess

from waiting import until

RULES = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [broken]\n"
PLUGIN = '''
from inbox import hookimpl

@hookimpl
def register_handlers(register):
    register("broken", broken)

def broken(mail):
    """Raise what nobody expects."""
    raise ZeroDivisionError("oh")
'''


def test_metrics_stand_on_standard_output_and_logs_name_the_mail(program):
    (program.folder / "my").mkdir()
    (program.folder / "my" / "broken.py").write_text(PLUGIN)
    (program.folder / "rules.yaml").write_text(RULES)
    out, log = program.folder / "out.jsonl", program.folder / "log.jsonl"
    arguments = (
        "serve",
        "--lmtp",
        "127.0.0.1:0",
        "--rules",
        str(program.folder / "rules.yaml"),
        "--plugins-dir",
        str(program.folder / "my"),
    )
    command, env = program.command(*arguments), {**program.env(), "INBOX_LOG__EMF": "true", "INBOX_LOG__NAMESPACE": "Mail"}
    with out.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(command, cwd=program.folder, env=env, stdout=stdout, stderr=stderr, start_new_session=True)
    try:
        until(lambda: '"serving"' in log.read_text(), "the daemon serves")
        listening = next(entry["listen"][0] for entry in entries(log) if entry["event"] == "serving")
        id_ = deliver(listening)
        until(lambda: '"handler raised"' in log.read_text(), "the step was tried")
        process.send_signal(signal.SIGTERM)
        assert process.wait(35) == 0
    finally:
        process.kill()
    assert next(entry for entry in entries(log) if entry["event"] == "handler raised")["mail"] == id_
    lines = entries(out)
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in lines} == {"Mail"}
    assert [line["source"] for line in lines if line.get("inbox_accepted_total") == 1] == ["lmtp"]
    (tried,) = [line for line in lines if "inbox_steps_total" in line]
    assert (tried["handler"], tried["state"], tried["service"]) == ("broken", "deferred", "mx.example.com")


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def deliver(listening):
    host, _, port = listening.removeprefix("lmtp ").rpartition(":")
    with smtplib.LMTP(host, int(port)) as lmtp:
        lmtp.ehlo()
        lmtp.mail("alice@example.org")
        lmtp.rcpt("support@example.com")
        _, answer = lmtp.data(b"Subject: x\r\n\r\nx\r\n")
    return answer.decode().split()[-1]
