"""Filters, as SES has them: the smallest network that holds an address decides, and who is in none may come."""

from __future__ import annotations

import ipaddress
import random

import pytest

from inbox.networks import Filters, Networks, client_network

LIST = (
    "block 0.0.0.0/0",
    "allow 192.0.2.0/24",
    "block 192.0.2.128/25",
    "allow 192.0.2.200",
    "block 2001:db8::/32",
    "allow 2001:db8:1::/48",
)


@pytest.mark.parametrize(
    ("ip", "deciding"),
    [
        ("203.0.113.1", "block 0.0.0.0/0"),
        ("192.0.2.1", "allow 192.0.2.0/24"),
        ("192.0.2.129", "block 192.0.2.128/25"),
        ("192.0.2.200", "allow 192.0.2.200/32"),
        ("2001:db8:2::1", "block 2001:db8::/32"),
        ("2001:db8:1::1", "allow 2001:db8:1::/48"),
        ("2001:db9::1", "None"),
        ("::1", "None"),
    ],
)
def test_the_most_specific_filter_decides_whatever_the_order(ip, deciding):
    for order in (LIST, LIST[::-1]):
        assert str(Filters(order).deciding(ip)) == deciding


def test_without_filters_everybody_may_come():
    assert Filters().deciding("192.0.2.1") is None
    assert not Filters()


def test_it_decides_as_the_plain_reading_of_the_words_does():
    chance = random.Random(7)
    networks = {ipaddress.ip_network((chance.getrandbits(32), chance.randint(0, 32)), strict=False) for _ in range(300)}
    policies = {network: chance.choice(("allow", "block")) for network in networks}
    filters = Filters(f"{policy} {network}" for network, policy in policies.items())
    for _ in range(2000):
        ip = ipaddress.ip_address(chance.getrandbits(32))
        holding = [network for network in networks if ip in network]
        expected = max(holding, key=lambda network: network.prefixlen, default=None)
        found = filters.deciding(str(ip))
        assert (found and (found.network, found.policy)) == (expected and (expected, policies[expected]))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["deny 10.0.0.0/8"], "write block 10.0.0.0/8 or allow 10.1.2.3"),
        (["10.0.0.0/8"], "write block 10.0.0.0/8 or allow 10.1.2.3"),
        (["block"], "is no network; write one such as 10.0.0.0/8"),
        (["block 10.0.0.0/33"], "is no network"),
        (["block mail.example.org"], "is no network"),
        (["block 10.1.2.3/8"], "write 10.0.0.0/8 or 10.1.2.3"),
        (["block 2001:db8::1/32"], "write 2001:db8::/32 or 2001:db8::1"),
        (["block 10.0.0.0/8", "allow 10.0.0.0/8"], "10.0.0.0/8 is allowed and blocked"),
    ],
)
def test_what_is_no_filter_is_refused_with_what_would_be_right(texts, words):
    with pytest.raises(ValueError) as error:
        Filters(texts)
    assert words in str(error.value)


def test_the_same_filter_twice_is_one():
    assert str(Filters(["block 10.0.0.0/8", "BLOCK 10.0.0.0/8"]).deciding("10.1.1.1")) == "block 10.0.0.0/8"


def test_networks_hold_addresses_of_their_own_kind():
    networks = Networks(["10.0.0.0/8", "::1"])
    assert ["10.1.2.3" in networks, "::1" in networks, "11.0.0.1" in networks, "::2" in networks] == [True, True, False, False]
    assert "10.1.2.3" not in Networks([])


def test_one_client_is_an_ipv4_address_or_the_64_of_an_ipv6_address():
    assert client_network("192.0.2.1") == "192.0.2.1"
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff:1") == "2001:db8::/64"
    assert client_network("2001:db8:0:1::1") != client_network("2001:db8::1")
