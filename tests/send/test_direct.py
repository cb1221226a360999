"""direct://: real servers on loopback, a real name server, real certificates; which server gets the mail, and how."""

from __future__ import annotations

import contextlib
import random
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from far_server import FarServer
from inbox.auth import NotFound
from inbox.config import validate
from inbox.errors import Failed
from inbox.networks import Networks
from inbox.send.transports import open_transport
from inbox.send.transports.mta_sts import Policies
from inbox.send.transports.mx import exchangers, why_not
from inbox.sending import Letter
from name_server import ZoneServer

MAIL = b"Subject: x\r\n\r\nx\r\n"
ZONE = {
    ("one.test", "MX"): ["10 mx1.one.test."],
    ("mx1.one.test", "A"): ["127.0.0.1"],
    ("two.test", "MX"): ["20 mx2.two.test.", "10 mx1.two.test."],
    ("mx1.two.test", "A"): ["127.0.0.2"],
    ("mx2.two.test", "A"): ["127.0.0.3"],
    ("implicit.test", "A"): ["127.0.0.1"],
    ("null.test", "MX"): ["0 ."],
    ("silent.test", "MX"): None,
    ("empty.test", "TXT"): ["nothing to see"],
    ("lost.test", "MX"): ["10 nowhere.lost.test."],
    ("private.test", "MX"): ["10 mx.private.test."],
    ("mx.private.test", "A"): ["10.1.2.3"],
    ("ours.test", "MX"): ["10 me.example.com.", "20 backup.ours.test."],
    ("backup.ours.test", "A"): ["127.0.0.1"],
    ("cname.test", "MX"): ["10 alias.cname.test."],
}


@pytest.fixture
def zone():
    server = ZoneServer(dict(ZONE))
    yield server
    server.close()


@pytest.fixture
def direct(zone, tmp_path):
    """`direct(port, **settings)`: a transport that goes to this port; loopback is allowed."""
    made = []

    def make(port, policy_port=443, allow=("127.0.0.0/8",), **more):
        own = {"port": port, "timeout": 5, "policy_port": policy_port, "allow": list(allow), **more}
        settings = validate(
            {
                "dir": tmp_path / "data",
                "hostname": "me.example.com",
                "dns": {"nameservers": [zone.address], "timeout": 1},
                "sending": {"direct": own},
            }
        )
        made.append(open_transport("direct://", settings))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def letter(*recipients, **more):
    return Letter("me@example.com", recipients, MAIL, **more)


def test_the_recipients_of_a_domain_are_one_mail_to_its_server(direct):
    with FarServer() as far:
        answers = direct(far.port).deliver(letter("a@one.test", "b@implicit.test", "c@ONE.test"))
    assert [answer.state for answer in answers.values()] == ["delivered"] * 3
    assert sorted(recipients for _, recipients, _ in far.taken) == [["a@one.test", "c@ONE.test"], ["b@implicit.test"]]
    assert answers["a@one.test"].text.startswith("250 2.0.0 taken (mx1.one.test:")


REFUSED = {
    "a@null.test": "556 5.1.10 null.test takes no mail",
    "a@nonesuch.test": "550 5.1.2 there is no domain nonesuch.test",
    "a@lost.test": "550 5.4.4 mail for lost.test cannot be sent to its servers: they have no address",
    "a@empty.test": "550 5.4.4 mail for empty.test cannot be sent to its servers: they have no address",
    "a@private.test": "550 5.4.4 mail for private.test cannot be sent to its servers: mx.private.test: 10.1.2.3 is not public",
    "a@[10.1.2.3]": "550 5.4.4 mail for [10.1.2.3] cannot be sent to its servers: [10.1.2.3]: 10.1.2.3 is not public",
    "a@[IPv6:::1]": "550 5.4.4",
    "a@ours.test": "554 5.4.6 mail for ours.test would come back to us",
}


@pytest.mark.parametrize("address", REFUSED)
def test_what_can_never_arrive_is_refused_at_once(direct, address):
    with FarServer() as far:
        answer = direct(far.port).deliver(letter(address))[address]
    assert answer.state == "refused" and answer.text.startswith(REFUSED[address]), answer
    assert far.connections == 0


def test_no_answer_of_dns_makes_the_mail_wait_and_holds_up_nobody_else(direct):
    with FarServer() as far:
        answers = direct(far.port).deliver(letter("a@silent.test", "b@one.test"))
    assert [answer.state for answer in answers.values()] == ["deferred", "delivered"]
    assert answers["a@silent.test"].text.startswith("451 4.4.3")


@pytest.mark.parametrize("first", [None, "421 4.3.2 not now", "554 5.3.2 never", "drop", "garbage"])
def test_the_next_server_gets_the_mail_when_the_first_cannot_be_talked_to(direct, first):
    with contextlib.ExitStack() as stack:
        second = stack.enter_context(FarServer(address="127.0.0.3"))
        if first:
            stack.enter_context(
                FarServer(act=lambda stage, _: first if stage == "greeting" else None, address="127.0.0.2", port=second.port)
            )
        answer = direct(second.port).deliver(letter("a@two.test"))["a@two.test"]
    assert answer.state == "delivered" and "mx2.two.test" in answer.text and len(second.taken) == 1


def test_an_answer_counts_whatever_it_is_so_the_next_server_is_not_asked(direct):
    with FarServer(address="127.0.0.3") as second:
        refusing = FarServer(act=lambda stage, _: "550 5.1.1 unknown" if stage == "rcpt" else None, address="127.0.0.2", port=second.port)
        with refusing:
            answer = direct(second.port).deliver(letter("a@two.test"))["a@two.test"]
    assert answer.state == "refused" and second.connections == 0


def test_no_server_that_can_be_talked_to_makes_the_mail_wait(direct):
    with FarServer(address="127.0.0.4") as elsewhere:
        answer = direct(elsewhere.port).deliver(letter("a@two.test"))["a@two.test"]
    assert answer.state == "deferred" and answer.text.startswith("451 4.4.1 no server of two.test can be talked to: mx1.two.test")
    assert "mx2.two.test" in answer.text


def test_a_connection_is_kept_for_the_next_mail(direct):
    with FarServer() as far:
        transport = direct(far.port)
        for _ in range(3):
            transport.deliver(letter("a@one.test"))
        assert far.connections == 1 and len(far.taken) == 3


def served_by(authority, name):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_is_taken_where_it_is_offered_whatever_the_certificate(direct, authority):
    with FarServer(offers=("STARTTLS",), context=served_by(authority, "somebody.else")) as far:
        answer = direct(far.port).deliver(letter("a@one.test"))["a@one.test"]
    assert answer.state == "delivered" and answer.text.endswith(", TLS)") and "STARTTLS" in far.said


def test_clear_text_is_what_is_left_where_tls_fails(direct):
    with FarServer(offers=("STARTTLS",), context="broken") as far:
        answer = direct(far.port).deliver(letter("a@one.test"))["a@one.test"]
    assert answer.state == "delivered" and "TLS" not in answer.text and far.connections == 2


class PolicyServer:
    """A web server with the policy of one.test; `policy` is what it says, `asked` how often."""

    def __init__(self, authority, name="mta-sts.one.test"):
        self.policy, self.asked, self.kind = "", 0, "text/plain"
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked += 1
                assert self.path == "/.well-known/mta-sts.txt"
                self.send_response(200 if server.policy else 404)
                self.send_header("Content-Type", server.kind)
                self.end_headers()
                self.wfile.write(server.policy.encode())

            def log_message(self, *_):
                """Say nothing."""

        self.web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.web.socket = served_by(authority, name).wrap_socket(self.web.socket, server_side=True)
        self.port = self.web.server_port
        self.thread = threading.Thread(target=self.web.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.web.shutdown()
        self.web.server_close()
        self.thread.join(5)


def policy(mode="enforce", mx=("mx1.one.test",), age=86400):
    return "version: STSv1\r\n" + f"mode: {mode}\r\nmax_age: {age}\r\n" + "".join(f"mx: {name}\r\n" for name in mx)


@pytest.fixture
def web(zone, authority, tls):
    """The policy server of one.test, announced in DNS; its authority is trusted."""
    zone.table |= {("_mta-sts.one.test", "TXT"): ['"v=STSv1; id=1"'], ("mta-sts.one.test", "A"): ["127.0.0.1"]}
    with PolicyServer(authority) as server:
        yield server


@pytest.fixture
def secured(authority, tls):
    """A server that offers TLS with the certificate of mx1.one.test."""
    with FarServer(offers=("STARTTLS",), context=served_by(authority, "mx1.one.test")) as server:
        yield server


def test_a_policy_that_is_to_be_held_to_wants_a_certificate_that_is_checked(direct, web, secured):
    web.policy = policy()
    transport = direct(secured.port, web.port)
    for _ in range(2):
        assert transport.deliver(letter("a@one.test"))["a@one.test"].text.endswith(", TLS, certificate checked)")
    assert web.asked == 1, "the policy is kept"


def outcome(transport):
    return transport.deliver(letter("a@one.test"))["a@one.test"]


@pytest.mark.parametrize(("mode", "state"), [("enforce", "deferred"), ("testing", "delivered"), ("none", "delivered")])
def test_a_certificate_of_another_name_is_an_attack_only_where_the_policy_is_to_be_held_to(direct, web, authority, mode, state):
    web.policy = policy(mode)
    with FarServer(offers=("STARTTLS",), context=served_by(authority, "evil.test")) as far:
        answer = outcome(direct(far.port, web.port))
    assert answer.state == state and bool(far.taken) == (state == "delivered"), answer
    assert state == "delivered" or "certificate verify failed" in answer.text


def test_a_server_without_tls_gets_nothing_where_the_policy_is_to_be_held_to(direct, web):
    web.policy = policy()
    with FarServer() as far:
        answer = outcome(direct(far.port, web.port))
    assert answer.state == "deferred" and "does not offer STARTTLS" in answer.text and far.taken == []


def test_a_server_that_the_policy_does_not_name_gets_nothing(direct, web, secured):
    web.policy = policy(mx=("*.elsewhere.test",))
    answer = outcome(direct(secured.port, web.port))
    assert answer.state == "deferred" and "mx1.one.test is not named by the domain's MTA-STS policy" in answer.text
    assert secured.connections == 0


def test_who_takes_the_record_away_does_not_take_the_policy_away_not_even_from_the_next_process(direct, web, zone):
    web.policy = policy()
    with FarServer() as far:
        assert outcome(direct(far.port, web.port)).state == "deferred"
        del zone.table["_mta-sts.one.test", "TXT"]
        web.policy = ""
        assert outcome(direct(far.port, web.port)).state == "deferred"
        assert far.taken == [] and web.asked == 1


def test_a_new_id_brings_the_new_policy(direct, web, zone):
    web.policy = policy()
    with FarServer() as far:
        transport = direct(far.port, web.port)
        assert outcome(transport).state == "deferred"
        web.policy = policy("none", mx=())
        zone.table["_mta-sts.one.test", "TXT"] = ['"v=STSv1; id=2"']
        transport._servers.cache.flush()
        assert outcome(transport).state == "delivered"


@pytest.mark.parametrize(
    "trouble", ["no page", "another type", "no policy", "cut off", "a certificate of another name", "two records", "switched off"]
)
def test_a_policy_that_cannot_be_had_is_none(direct, web, zone, authority, trouble):
    web.policy = policy()
    if trouble == "no page":
        web.policy = ""
    if trouble == "another type":
        web.kind = "text/html"
    if trouble == "no policy":
        web.policy = "mode: enforce\r\n"
    if trouble == "cut off":
        web.policy = policy(mx=()).replace("max_age", "mx: mx1.one.test\r\nmax_age").removesuffix("400\r\n")
    if trouble == "a certificate of another name":
        authority.issue_cert("other.test").configure_cert(web.web.socket.context)
    if trouble == "two records":
        zone.table["_mta-sts.one.test", "TXT"] = ['"v=STSv1; id=1"', '"v=STSv1; id=2"']
    with FarServer() as far:
        assert outcome(direct(far.port, web.port, mta_sts=trouble != "switched off")).state == "delivered"


def test_a_policy_server_that_fails_is_left_alone_for_a_while_and_a_policy_ends():
    now, asked, down = [1000.0], [], [True]

    def fetch(domain):
        asked.append(domain)
        if down[0]:
            raise OSError("down")
        return policy(age=600)

    policies = Policies(fetch, clock=lambda: now[0])

    def records(name, kind):
        return ["v=STSv1; id=1"]

    assert policies.of("one.test", records) is None and policies.of("one.test", records) is None and len(asked) == 1
    down[0] = False
    now[0] += 301
    assert policies.of("one.test", records).mode == "enforce" and len(asked) == 2
    now[0] += 299
    assert policies.of("one.test", records).mode == "enforce" and len(asked) == 2
    now[0] += 2
    assert policies.of("one.test", records).mode == "enforce" and len(asked) == 3, "half its time is over: it is renewed"
    down[0] = True
    now[0] += 598
    assert policies.of("one.test", records).mode == "enforce" and len(asked) == 4, "it holds to its end though it cannot be renewed"
    now[0] += 3
    assert policies.of("one.test", records) is None and len(asked) == 4


def table(**records):
    def resolver(name, kind):
        if name not in records:
            raise NotFound(name)
        return records[name]

    return resolver


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers())
def test_servers_come_by_preference_and_in_any_order_among_equals(preferences, seed):
    records = [f"{preference} mx{n}.test" for n, preference in enumerate(preferences)]
    found = exchangers("d", table(d=records), hostname="me.test", random=random.Random(seed))
    assert sorted(found) == sorted(f"mx{n}.test" for n in range(len(preferences)))
    assert [preferences[int(name[2:-5])] for name in found] == sorted(preferences)


def test_servers_of_one_preference_share_the_load():
    firsts = {exchangers("d", table(d=["5 a.test", "5 b.test"]), hostname="me.test", random=random.Random(seed))[0] for seed in range(20)}
    assert firsts == {"a.test", "b.test"}


def test_only_servers_that_are_preferred_to_us_get_mail_so_that_it_never_turns_back():
    records = ["5 first.test", "10 ME.test", "10 same.test", "20 last.test"]
    assert exchangers("d", table(d=records), hostname="me.test", random=random.Random(1)) == ("first.test",)
    with pytest.raises(Failed, match=r"554 5\.4\.6"):
        exchangers("d", table(d=records[1:]), hostname="me.test", random=random.Random(1))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:10.0.0.1", "0.0.0.0"])
def test_mail_does_not_go_into_private_networks_unless_they_are_allowed(address):
    assert "not public" in why_not(address, Networks(()))
    assert why_not(address, Networks((address,))) is None
    assert why_not("8.8.8.8", Networks(())) is None


def test_mail_does_not_go_to_this_machine(monkeypatch):
    monkeypatch.setattr("inbox.send.transports.mx.is_public", lambda address: True)  # no machine of a test has a public address
    assert why_not("127.0.0.1", Networks(())) == "127.0.0.1 is this machine"
    assert why_not("192.0.2.1", Networks(())) is None
