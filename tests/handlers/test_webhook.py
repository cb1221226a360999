"""The webhook's contract, against a real web server (H08 to H10, F12)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest

from inbox.errors import RulesError
from inbox.testing import make_mail

ALLOWED = {"handlers": {"webhook": {"allow": ["127.0.0.1"]}}}


def test_the_mail_arrives_as_json(one_step, hook):
    mail = make_mail(subject="Grüße", text="hi\n")
    outcome = one_step({"webhook": {"url": f"{hook.url}/in?x=1", "headers": {"Authorization": "Bearer {subject}"}}}, mail, **ALLOWED)
    assert (outcome.state, outcome.detail) == ("done", "200 OK")
    ((path, headers, body),) = hook.requests
    assert path == "/in?x=1"
    assert headers["content-type"] == "application/json" and headers["idempotency-key"] == f"{mail.id}-1"
    assert headers["authorization"].encode("latin-1").decode() == "Bearer Grüße"
    found = json.loads(body)
    assert found["mail"]["id"] == mail.id and found["message"]["subject"] == "Grüße"
    assert (found["rule"], found["recipients"]) == ("a", ["bob@example.com"])


def test_the_mail_arrives_raw(one_step, hook):
    one_step({"webhook": {"url": hook.url, "body": "raw"}}, make_mail(b"Subject: \xff\0\r\n\r\nx"), **ALLOWED)
    assert hook.requests[0][1]["content-type"] == "message/rfc822" and hook.requests[0][2] == b"Subject: \xff\0\r\n\r\nx"


def test_the_signature_holds_time_and_body_and_the_secret_is_nowhere(one_step, hook, inbox_for, rule, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cr3t-s3cr3t")
    box, mail = inbox_for(rule({"webhook": {"url": hook.url, "secret": "env:HOOK_SECRET"}}), **ALLOWED), make_mail()
    receipt = box.process(mail)
    _, headers, body = hook.requests[0]
    fields = dict(part.split("=") for part in headers["x-inbox-signature"].split(","))
    assert abs(int(fields["t"]) - time.time()) < 5
    assert fields["v1"] == hmac.new(b"s3cr3t-s3cr3t", f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert "s3cr3t" not in json.dumps(receipt.to_dict())


def test_a_retry_has_the_same_key_and_the_same_body(inbox_for, rule, hook):
    hook.statuses, hook.headers = [503, 200], {"Retry-After": "7200"}
    box, mail = inbox_for(rule({"webhook": {"url": hook.url}}), **ALLOWED), make_mail()
    (step,) = box.judge(mail).steps
    first, second = box.attempt(mail, step, 1), box.attempt(mail, step, 2)
    assert (first.outcome.state, second.outcome.state) == ("deferred", "done")
    assert (first.due_at - first.outcome.at).total_seconds() >= 7199
    one, two = hook.requests
    assert one[1]["idempotency-key"] == two[1]["idempotency-key"] and one[2] == two[2]


@pytest.mark.parametrize(
    ("status", "state"), [(204, "done"), (404, "dead"), (410, "dead"), (429, "deferred"), (500, "deferred"), (302, "dead")]
)
def test_what_becomes_of_the_step(one_step, hook, status, state):
    hook.statuses, hook.headers = [status], {"Location": "http://127.0.0.1:1/"}
    assert one_step({"webhook": {"url": hook.url}}, **ALLOWED).state == state
    assert len(hook.requests) == 1


def test_a_value_of_a_mail_adds_no_header_and_no_path_elsewhere(one_step, hook):
    mail = make_mail(b"Subject: =?utf-8?q?a=0D=0AX-Evil:_1_/../@evil.test=23?=\r\n\r\n")
    one_step({"webhook": {"url": hook.url + "/in/{subject}?s={subject}", "headers": {"X-Subject": "{subject}"}}}, mail, **ALLOWED)
    ((path, headers, _),) = hook.requests
    assert path.startswith("/in/a%20X-Evil") and "x-evil" not in headers
    assert headers["x-subject"] == "a X-Evil: 1 /../@evil.test#"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "http://{subject}/"}, "host are fixed"),
        ({"url": "{subject}"}, "host are fixed"),
        ({"url": "http://hooks.test{subject}/"}, "host are fixed"),
        ({"url": "http://hooks.test:{subject}/"}, "host are fixed"),
        ({"url": "http://a\\{subject}@b/"}, "refused|no host"),
        ({"url": "http://169.254.169.254/latest/meta-data/"}, "not public"),
        ({"url": "http://127.1/"}, "not public"),
        ({"url": "http://localhost:8000/"}, "private network"),
        ({"url": "ftp://hooks.test/"}, "no web address"),
        ({"url": "https://u:p@hooks.test/"}, "with a user in it"),
        ({"url": "https://hooks.test/", "headers": {"X-A: b\r\nBcc": "x"}}, "cannot be the name"),
        ({"url": "https://hooks.test/", "headers": {"X-A": "b\r\nX-B: c"}}, "a value is one line"),
        ({"url": "https://hooks.test/", "headers": {"host": "x"}}, "set by the handler itself"),
    ],
)
def test_what_is_found_at_load(inbox_for, rule, options, words):
    with pytest.raises(RulesError, match=words):
        inbox_for(rule({"webhook": options}))


def test_a_private_host_is_allowed_by_settings_only(inbox_for, rule, one_step, hook):
    with pytest.raises(RulesError, match="not public"):
        inbox_for(rule({"webhook": {"url": hook.url}}))
    port = hook.url.rpartition(":")[2]
    with pytest.raises(RulesError, match="not public"):
        inbox_for(rule({"webhook": {"url": hook.url}}), handlers={"webhook": {"allow": ["127.0.0.1:1"]}})
    assert one_step({"webhook": {"url": hook.url}}, handlers={"webhook": {"allow": [f"127.0.0.1:{port}"]}}).state == "done"


@pytest.mark.parametrize("case", ["webhook_ssrf", "webhook_template_url", "forward_loop"])
def test_hostile_rules_of_the_public_cases_are_errors_at_load(inbox_for, shared, case):
    with pytest.raises(RulesError, match=f"{case}.yaml:6:|{case}.yaml:5:"):
        inbox_for(shared / f"cases/yaml/{case}.yaml")
