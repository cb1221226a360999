"""DNS block lists, asked of a real name server over UDP."""

from __future__ import annotations

import ipaddress
import time
from functools import cache

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

import inbox
from inbox.config import Settings, validate
from inbox.facts.dnsbl import question
from inbox.inspect import MailFacts, Materials, NamedFact
from inbox.plugins import Plugins
from inbox.testing import MemoryNotes, make_mail
from name_server import NameServer

TTL = 300


class BlockListServer(NameServer):
    """Answers from a table: name to addresses, "servfail" or "silent"; what is not there does not exist."""

    def __init__(self):
        self.table, self.ttl = {}, TTL
        super().__init__()

    def answer(self, query):
        absolute = query.question[0].name.to_text()
        name = absolute.rstrip(".")
        self.asked.append(name)
        found, answer = self.table.get(name), dns.message.make_response(query, recursion_available=True)
        if found == "silent":
            return None
        if found == "servfail":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.test. host.test. 1 1 1 1 {self.ttl}"
            answer.authority.append(dns.rrset.from_text(absolute.partition(".")[2], self.ttl, "IN", "SOA", soa))
        else:
            answer.answer.append(dns.rrset.from_text(absolute, self.ttl, "IN", "A", *found))
        return answer


@pytest.fixture
def names():
    server = BlockListServer()
    yield server
    server.close()


@pytest.fixture
def ask(names):
    """`ask(zones, ip)`: (value, note) of the fact, through the registry as the path of a mail does."""
    plugins = Plugins(entry_points=False)

    def asked(zones, ip="203.0.113.9", **more):
        entry, _ = plugins.facts.find("dnsbl")
        options = entry.options.model_validate({"zones": zones, **more}).model_dump()
        settings = Settings(handlers={"dnsbl": {"nameservers": [names.address]}})
        mail = make_mail(ip=ip)
        materials = Materials(mail, cache(lambda: inbox.parse(mail.raw)), MemoryNotes())
        facts = MailFacts(materials, plugins, {"blocked": NamedFact(entry, None, options)}, settings)
        asked.later = facts.later
        return facts.get("blocked"), facts.note("blocked")

    return asked


@pytest.mark.parametrize(
    ("ip", "name"),
    [
        ("192.0.2.99", "99.2.0.192.bl.test."),
        ("2001:db8:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test."),
    ],
)
def test_the_name_that_is_asked_for_is_that_of_the_rfc(ip, name):
    assert question(ipaddress.ip_address(ip), "bl.test") == name


def test_the_value_is_the_lists_that_have_the_address(names, ask):
    names.table |= {"9.113.0.203.one.test": ["127.0.0.2"], "9.113.0.203.three.test": ["127.0.0.4", "127.0.0.10"]}
    assert ask(["one.test", "two.test", "three.test"]) == (("one.test", "three.test"), None)


def test_an_address_that_no_list_has_is_absent_without_a_note(ask):
    assert ask(["one.test", "two.test"]) == (None, None)


def test_an_ipv6_address_is_asked_by_nibbles(names, ask):
    names.table[question(ipaddress.ip_address("2001:db8::1"), "one.test").rstrip(".")] = ["127.0.0.2"]
    assert ask(["one.test"], "2001:db8::1") == (("one.test",), None)


@pytest.mark.parametrize(
    ("zone", "answers", "listed"),
    [
        ("one.test", ["127.0.0.9"], True),
        ("one.test=127.0.0.2", ["127.0.0.9"], False),
        ("one.test=127.0.0.2", ["127.0.0.9", "127.0.0.2"], True),
        ("one.test=127.0.0.8/29", ["127.0.0.9"], True),
        ("one.test=127.0.0.0/29", ["127.0.0.9"], False),
        ("one.test", ["192.0.2.1"], False),
    ],
)
def test_which_answers_count(names, ask, zone, answers, listed):
    names.table["9.113.0.203.one.test"] = answers
    assert ask([zone]) == (("one.test",) if listed else None, None)


def test_a_list_that_does_not_want_to_be_asked_like_this_is_a_fault_and_lists_nobody(names, ask):
    names.table["9.113.0.203.one.test"] = ["127.255.255.254"]
    value, note = ask(["one.test"])
    assert value is None
    assert "ask through a resolver of your own" in note


@pytest.mark.parametrize("fault", ["silent", "servfail"])
def test_a_list_without_an_answer_makes_the_fact_absent_with_a_note(names, ask, fault):
    names.table["9.113.0.203.one.test"] = fault
    value, note = ask(["one.test", "two.test"], timeout=0.4)
    assert value is None
    assert "one.test gave no answer" in note


@pytest.mark.parametrize(("on_error", "value", "deferred"), [("open", None, False), ("closed", "error", False), ("defer", None, True)])
def test_what_holds_when_a_list_gives_no_answer(names, ask, on_error, value, deferred):
    names.table["9.113.0.203.one.test"] = "servfail"
    found, note = ask(["one.test", "two.test"], timeout=0.4, on_error=on_error)
    assert (found, "blocked" in ask.later) == (value, deferred)
    assert "one.test gave no answer" in note
    names.table["9.113.0.203.three.test"] = ["127.0.0.2"]
    assert ask(["one.test", "three.test"], timeout=0.4, on_error=on_error) == (("three.test",), None)


def test_what_another_list_says_holds_all_the_same(names, ask):
    names.table |= {"9.113.0.203.one.test": "silent", "9.113.0.203.two.test": ["127.0.0.2"]}
    assert ask(["one.test", "two.test"], timeout=0.4) == (("two.test",), None)


def test_lists_are_waited_for_at_the_same_time(names, ask):
    names.table |= {f"9.113.0.203.list{number}.test": "silent" for number in range(10)}
    began = time.monotonic()
    ask([f"list{number}.test" for number in range(10)], timeout=0.5)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("ip", [None, "127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"])
def test_addresses_that_no_list_can_know_are_not_asked_for(names, ask, ip):
    assert ask(["one.test"], ip) == (None, None)
    assert names.asked == []


def test_answers_are_remembered_also_that_there_is_none(names, ask):
    names.table["9.113.0.203.one.test"] = ["127.0.0.2"]
    for _ in range(3):
        assert ask(["one.test", "two.test"]) == (("one.test",), None)
    assert sorted(names.asked) == ["9.113.0.203.one.test", "9.113.0.203.two.test"]


def test_answers_are_forgotten_when_their_time_is_over(names, ask):
    names.ttl = 1
    names.table["9.113.0.203.one.test"] = ["127.0.0.2"]
    assert ask(["one.test"])[0] == ("one.test",)
    del names.table["9.113.0.203.one.test"]
    time.sleep(1.2)
    assert ask(["one.test"])[0] is None


def test_faults_are_not_remembered(names, ask):
    names.table["9.113.0.203.one.test"] = "servfail"
    ask(["one.test"], timeout=0.4)
    names.table["9.113.0.203.one.test"] = ["127.0.0.2"]
    assert ask(["one.test"])[0] == ("one.test",)


def test_the_lists_can_stand_in_the_settings(names):
    from inbox.testing import inbox_for

    names.table["9.113.0.203.one.test"] = ["127.0.0.2"]
    rules = "version: 1\ndomains: [example.com]\ndefault: [store]\nrules: [{name: listed, when: {dnsbl: one.test}, label: suspicious}]\n"
    box = inbox_for(rules, handlers={"dnsbl": {"nameservers": [names.address], "zones": ["one.test"]}})
    assert "suspicious" in box.explain(make_mail(ip="203.0.113.9")).plan.labels


def test_it_is_never_asked_at_rcpt():
    entry, _ = Plugins(entry_points=False).facts.find("dnsbl")
    assert not entry.envelope_only


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ({"zones": []}, {}, "1 to 20"),
        ({"zones": [f"z{n}.test" for n in range(21)]}, {}, "1 to 20"),
        ({"zones": ["not a zone"]}, {}, "write its domain"),
        ({"zones": ["http://bl.test/"]}, {}, "write its domain"),
        ({"zones": ["bl.test=2"]}, {}, "127.0.0.0/29"),
        ({"zones": ["bl.test"]}, {"on_error": "explode"}, "open, closed, defer"),
        ({"zones": ["bl.test"]}, {"nameservers": ["dns.example.org"]}, "192.0.2.53:5353"),
    ],
)
def test_wrong_options_are_told_with_what_would_be_right(options, settings, words):
    from inbox.facts.dnsbl import check

    assert any(words in problem for problem in check(options, (), settings))


def test_a_rule_labels_what_a_list_has(names, tmp_path):
    from inbox.testing import inbox_for

    rules = "facts: {blocked: {dnsbl: {zones: [one.test]}}}\nrules: [{name: listed, when: {blocked: {exists: true}}, label: suspicious}]\n"
    names.table["9.113.0.203.one.test"] = ["127.0.0.2"]
    box = inbox_for(f"version: 1\ndomains: [example.com]\ndefault: [store]\n{rules}", handlers={"dnsbl": {"nameservers": [names.address]}})
    assert "suspicious" in box.explain(make_mail(ip="203.0.113.9")).plan.labels
    assert "suspicious" not in box.explain(make_mail(ip="203.0.113.10")).plan.labels


def test_the_name_servers_of_the_settings_are_those_of_block_lists_too():
    settings = validate({"dns": {"nameservers": ["192.0.2.1"]}, "handlers": {"dnsbl": {"zones": ["bl.test"]}}})
    assert settings.of("dnsbl")["nameservers"] == ("192.0.2.1",)
    own = validate({"dns": {"nameservers": ["192.0.2.1"]}, "handlers": {"dnsbl": {"nameservers": ["192.0.2.2"]}}})
    assert own.of("dnsbl")["nameservers"] == ["192.0.2.2"]
