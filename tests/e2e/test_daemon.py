"""The main job on real input: mail comes in over SMTP, is kept, judged, and its plan is carried out."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import FIXTURES
from waiting import free_port, until

STORE = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n"
RECIPIENTS = ("support@example.com", "accounts@example.com")


def fixture(name: str) -> bytes:
    return (FIXTURES / "mail" / f"{name}.eml").read_bytes()


def test_every_fixture_sent_is_listed_shown_explained_and_found(daemon_of, program, shipped, next_hop):
    daemon = daemon_of(shipped)
    sent = {}
    for path in sorted((FIXTURES / "mail").glob("*.eml")):
        try:
            sent[path.stem] = daemon.send(path.read_bytes(), recipients=RECIPIENTS)
        except smtplib.SMTPResponseException as refusal:
            assert refusal.smtp_code == 550, f"{path.stem}: {refusal}"
            sent[path.stem] = None
    assert [name for name, id_ in sent.items() if id_ is None] == ["program"]
    ids = [id_ for id_ in sent.values() if id_]
    for id_ in ids:
        assert daemon.settled(id_)["state"] in ("settled", "waiting"), daemon.show(id_)
    assert program("list", "--ids").split() == ids
    assert {row["id"] for row in program.json("list", "--limit", "100")} == set(ids)
    assert sent["refund"] in program("search", "refund")
    assert "refunds" in program("show", sent["refund"])
    assert "topic is refund" in program("explain", sent["refund"], "--rules", shipped)
    assert program.run("raw", sent["refund"]).stdout.endswith(fixture("refund"))


def test_a_reply_and_a_forward_arrive_at_the_next_hop(daemon_of, shipped, next_hop):
    daemon = daemon_of(shipped)
    reply, forward = daemon.send(fixture("refund")), daemon.send(fixture("invoice"), recipients=("accounts@example.com",))
    assert daemon.settled(reply)["state"] == daemon.settled(forward)["state"] == "settled"
    by_recipient = {recipients[0]: (sender, raw) for sender, recipients, raw in next_hop.mails}
    sender, raw = by_recipient["alice@example.org"]
    assert sender in ("", "<>", None)
    assert b"Auto-Submitted: auto-replied" in raw
    assert b"order 4711" in raw
    _, raw = by_recipient["bookkeeping@example.net"]
    assert raw.endswith(fixture("invoice").split(b"\r\n\r\n", 1)[1])


def test_a_robot_is_never_answered(daemon_of, shipped, next_hop):
    daemon = daemon_of(shipped)
    id_ = daemon.send(fixture("refund").replace(b"Subject:", b"Auto-Submitted: auto-replied\r\nSubject:", 1))
    assert daemon.settled(id_)["state"] == "settled"
    assert next_hop.mails == []


def test_a_250_names_the_mail_and_the_octets_are_unchanged(daemon_of, program):
    daemon = daemon_of(STORE)
    raw = b"Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n"
    id_ = daemon.send(raw)
    assert program.run("raw", id_).stdout.endswith(raw)


def test_mail_for_other_domains_is_refused_at_rcpt(daemon_of):
    daemon = daemon_of(STORE)
    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        daemon.send(b"Subject: x\r\n\r\nx\r\n", recipients=("u@elsewhere.example",))
    assert refusal.value.smtp_code == 554


def test_no_domains_means_no_mail(daemon_of):
    daemon = daemon_of(STORE.replace("[example.com]", "[]"))
    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        daemon.send(b"Subject: x\r\n\r\nx\r\n")
    assert refusal.value.smtp_code == 554


REFUSING = """
version: 1
domains: [example.com]
rules:
- name: blocked sender
  when: {sender: {domain: spam.example}}
  refuse: We do not know you
- name: blocked word
  recipients: [support@example.com]
  when: {subject: {has: casino}}
  refuse: Not here
default: [store]
"""


def test_a_rule_that_refuses_on_the_envelope_refuses_at_rcpt(daemon_of, program):
    daemon = daemon_of(REFUSING)
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=20) as client:
        client.ehlo("x.example")
        client.mail("a@spam.example")
        code, text = client.rcpt("support@example.com")
    assert code == 550
    assert b"We do not know you" in text
    assert program("list", "--count").strip() == "0"


def test_a_rule_that_refuses_on_content_refuses_instead_of_the_250(daemon_of, program):
    daemon = daemon_of(REFUSING)
    with pytest.raises(smtplib.SMTPResponseException, match="Not here"):
        daemon.send(b"Subject: Casino!\r\n\r\nx\r\n")
    assert program("list", "--count").strip() == "0"


def test_a_partly_refused_mail_is_accepted_and_the_receipt_says_for_whom_not(daemon_of):
    daemon = daemon_of(REFUSING)
    id_ = daemon.send(b"Subject: Casino!\r\n\r\nx\r\n", recipients=("support@example.com", "sales@example.com"))
    receipt = daemon.settled(id_)
    assert receipt["state"] == "settled"
    assert list(receipt["plan"]["refused"]) == ["support@example.com"]
    assert [step["recipients"] for step in receipt["plan"]["steps"]] == [["sales@example.com"]]
    assert any(outcome["state"] == "refused" for outcome in receipt["outcomes"])


def test_two_daemons_on_one_store_the_second_refuses(daemon_of, program):
    daemon_of(STORE)
    done = program.run("serve", "--smtp", "127.0.0.1:0", "--rules", "rules.yaml")
    assert done.returncode in (2, 75)
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 1


def rule(label: str) -> str:
    return STORE.replace("rules: []", f"rules:\n- {{name: r, label: {label}}}")


def labels(daemon) -> list[str]:
    return daemon.settled(daemon.send(b"Subject: x\r\n\r\nx\r\n"))["plan"]["labels"]


def reloads(daemon, count: int) -> bool:
    return daemon.log().count('"rules loaded"') >= count


@pytest.mark.parametrize("how", ["file", "sighup"])
def test_rules_are_reloaded_while_it_runs(daemon_of, how):
    daemon = daemon_of(rule("old"))
    assert labels(daemon) == ["old"]
    daemon.rules.write_text(rule("fresh"))
    if how == "sighup":
        daemon.signal(signal.SIGHUP)
    until(lambda: labels(daemon) == ["fresh"], "new rules")


def test_a_broken_file_leaves_the_old_rules_live_and_says_so(daemon_of):
    daemon = daemon_of(rule("old"))
    daemon.rules.write_text("version: 1\nrules: [{wehn: 1}]\n")
    until(lambda: "the old ones stay live" in daemon.log(), "the log says so")
    assert labels(daemon) == ["old"]
    daemon.rules.write_text(rule("mended"))
    until(lambda: labels(daemon) == ["mended"], "mended rules")


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_and_health(daemon_of, program):
    http = free_port()
    daemon = daemon_of(REFUSING, "--http", f"127.0.0.1:{http}")
    daemon.settled(daemon.send(b"Subject: x\r\n\r\nx\r\n"))
    with pytest.raises(smtplib.SMTPResponseException):
        daemon.send(b"Subject: Casino\r\n\r\nx\r\n")
    base = f"http://127.0.0.1:{http}"
    assert get(f"{base}/healthz")[0] == 200
    assert get(f"{base}/readyz")[0] == 200
    assert get(f"{base}/elsewhere")[0] == 404

    def complete():
        text = get(f"{base}/metrics")[1]
        wanted = ('inbox_accepted_total{source="smtp"} 1', 'inbox_refused_total{reason="rule"} 1', 'inbox_mails{state="settled"} 1')
        return all(line in text for line in wanted) and "inbox_settled_total" in text and "alice" not in text

    until(complete, "the figures are in /metrics")
    printed = program("stats")
    assert "accepted" in printed
    assert "refused" in printed


def test_logs_are_json_lines_without_addresses(daemon_of):
    import json

    daemon = daemon_of(REFUSING)
    daemon.settled(daemon.send(b"Subject: x\r\n\r\nx\r\n"))
    with pytest.raises(smtplib.SMTPResponseException):
        daemon.send(b"Subject: x\r\n\r\nx\r\n", recipients=("secret.person@elsewhere.example",))
    daemon.stop()
    lines = [json.loads(line) for line in daemon.log().splitlines()]
    assert lines
    assert "secret.person" not in daemon.log()


def test_sigterm_ends_in_time_with_status_0(daemon_of):
    daemon = daemon_of(STORE)
    daemon.send(b"Subject: x\r\n\r\nx\r\n")
    assert daemon.stop() == 0


def test_mail_is_refused_for_now_while_the_disk_is_too_full(daemon_of, program):
    program.environment["INBOX_LIMITS__MIN_FREE"] = str(1 << 60)
    http = free_port()
    daemon = daemon_of(STORE, "--http", f"127.0.0.1:{http}")
    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        daemon.send(b"Subject: x\r\n\r\nx\r\n")
    assert refusal.value.smtp_code == 452
    assert get(f"http://127.0.0.1:{http}/healthz")[0] == 200
    assert get(f"http://127.0.0.1:{http}/readyz")[0] == 503


def test_receiving_and_working_in_two_programs(daemon_of, program):
    daemon = daemon_of(rule("old"), "--workers", "0")
    id_ = daemon.send(b"Subject: x\r\n\r\nx\r\n")
    work = subprocess.Popen(
        program.command("work", "--rules", str(daemon.rules)), cwd=program.folder, env=program.env(), stderr=subprocess.DEVNULL
    )
    try:
        assert daemon.settled(id_)["plan"]["labels"] == ["old"]
        daemon.rules.write_text(rule("fresh"))
        until(lambda: labels(daemon) == ["fresh"], "the workers read the rules anew")
    finally:
        work.terminate()
        assert work.wait(35) == 0


CUSTOMERS = """
from pathlib import Path
from inbox import hookimpl

@hookimpl
def register_facts(register):
    register("customer", customer)

def customer(envelope):
    \"\"\"Asks a list that may be out of reach.\"\"\"
    return envelope.sender in Path("customers.txt").read_text().split() or None
"""


def test_a_fact_that_fails_refuses_nobody_for_good(daemon_of, program):
    (program.folder / "plugins").mkdir()
    (program.folder / "plugins" / "customers.py").write_text(CUSTOMERS)
    (program.folder / "customers.txt").write_text("alice@example.org")
    rules = "rules: [{name: strangers, unless: {customer: {exists: true}}, refuse: We do not know you}]"
    daemon = daemon_of(STORE.replace("rules: []", rules))

    def code(sender):
        try:
            daemon.send(b"Subject: x\r\n\r\nx\r\n", sender=sender)
        except smtplib.SMTPResponseException as refusal:
            return refusal.smtp_code
        return 250

    assert (code("alice@example.org"), code("bob@example.org")) == (250, 550)
    (program.folder / "customers.txt").unlink()
    assert (code("alice@example.org"), code("bob@example.org")) == (451, 451)


def test_rules_that_name_an_impossible_file_do_not_end_the_daemon(daemon_of):
    daemon = daemon_of(rule("old"))
    daemon.rules.write_text('version: 1\ndomains: [example.com]\nlists: {v: {file: "a\\0b"}}\nrules: []\ndefault: [store]\n')
    until(lambda: "the old ones stay live" in daemon.log(), "the log says so")
    assert labels(daemon) == ["old"]
