"""1,000 mails through a server that fails at every stage in every way: nothing is lost, and nothing arrives twice that could be helped.

A mail may arrive twice only when the connection was lost between the final dot and the answer; the server counts those.
"""

from __future__ import annotations

import threading
from collections import Counter, deque

import pytest

from far_server import STAGES, FarServer
from flaky import Whims
from inbox.errors import Deferred
from inbox.next_hops import Server
from inbox.send.transports.smtp import SmtpTransport
from inbox.sending import Letter

MAILS, WORKERS, ATTEMPTS = 1000, 4, 60


def letters(many):
    body = b"x" * 70 + b"\r\n.\r\n"
    for n in range(many):
        raw = b"Message-ID: <%d@me.test>\r\nSubject: %d\r\n\r\n" % (n, n) + body * (1 + n % 50)
        yield Letter("me@me.test", (f"r{n % 7}@far.test",), raw)


def send_all(transport, queue):
    """What a worker does: one letter after the other, those that are deferred come again later. What was refused for good, and why."""
    due, refused, lock = deque((letter, 1) for letter in queue), [], threading.Lock()

    def work():
        while True:
            with lock:
                if not due:
                    return
                letter, attempt = due.popleft()
            try:
                answers = transport.deliver(letter)
                assert set(answers) == set(letter.recipients)
                again = any(answer.state == "deferred" for answer in answers.values())
                refused.extend(answer.text for answer in answers.values() if answer.state == "refused")
            except Deferred:
                again = True
            if again:
                assert attempt < ATTEMPTS, "a mail never gets through"
                with lock:
                    due.append((letter, attempt + 1))

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    return refused


@pytest.mark.parametrize("offers", [("PIPELINING", "SIZE 1000000"), ("8BITMIME",)], ids=["pipelining", "step by step"])
def test_nothing_is_lost_and_nothing_doubled_but_what_was_never_answered(offers):
    whims = Whims(seed=len(offers))
    with FarServer(act=whims, offers=offers) as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5), "me.test")
        sent = list(letters(MAILS // 2))
        assert send_all(transport, sent) == []
        transport.close()
    arrived = Counter(raw for _, _, raw in far.taken)
    assert set(arrived) == {letter.raw for letter in sent}, "lost, or not octet for octet"
    beyond = {raw for raw, times in arrived.items() if times > 1 + far.unanswered[raw]}
    assert beyond == set(), "arrived twice though the server had said that it took it"
    assert {stage for stage, _ in whims.done} == set(STAGES), "every stage failed"
    assert sum(far.unanswered.values()) > 0 and far.connections < len(far.said)


@pytest.mark.parametrize("lmtp", [False, True], ids=["smtp", "lmtp"])
def test_a_kept_connection_that_died_costs_no_attempt(lmtp):
    with FarServer(lmtp=lmtp) as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, "lmtp" if lmtp else "smtp", timeout=5))
        first, second, third = list(letters(3))
        assert transport.deliver(first)[first.recipients[0]].state == "delivered"
        assert transport.deliver(second)[second.recipients[0]].state == "delivered"
        assert far.connections == 1
        far.drop_all()
        assert transport.deliver(third)[third.recipients[0]].state == "delivered"
        assert far.connections == 2 and len(far.taken) == 3
        transport.close()


def test_a_kept_connection_that_the_server_is_tired_of_costs_no_attempt():
    tired = []
    with FarServer(act=lambda stage, argument: tired.pop() if stage == "mail" and tired else None) as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5))
        first, second = list(letters(2))
        transport.deliver(first)
        tired.append("421 4.4.2 idle for too long")
        assert transport.deliver(second)[second.recipients[0]].state == "delivered"
        assert far.connections == 2
        transport.close()


def test_what_may_have_been_taken_is_never_sent_again_within_one_attempt():
    with FarServer(act=lambda stage, argument: "drop-taken" if stage == "dot" else None) as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5))
        for letter in letters(2):
            answer = transport.deliver(letter)[letter.recipients[0]]
            assert answer.state == "deferred" and "may have been taken" in answer.text
        assert len(far.taken) == 2
        transport.close()


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data", "dot"])
def test_a_reply_without_end_costs_one_attempt_and_little_memory(stage):
    with FarServer(act=lambda at, argument: "endless" if at == stage else None) as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5))
        (letter,) = letters(1)
        try:
            assert transport.deliver(letter)[letter.recipients[0]].state == "deferred"
        except Deferred as error:
            assert "reply of more than" in str(error)


def test_a_connection_is_not_kept_for_longer_than_its_100_mails():
    with FarServer() as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5))
        for letter in letters(150):
            assert transport.deliver(letter)[letter.recipients[0]].state == "delivered"
        assert far.connections == 2
        transport.close()


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data"])
def test_a_server_that_falls_silent_costs_one_attempt(stage):
    with FarServer(act=lambda at, argument: "silent" if at == stage else None) as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=0.2))
        (letter,) = letters(1)
        try:
            text = transport.deliver(letter)[letter.recipients[0]].text
        except Deferred as error:
            text = str(error)
        assert "no answer within 0.2 s" in text and far.taken == []
