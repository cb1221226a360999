"""The bill of a month on AWS, reckoned by hand from the price list."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from inbox.cli import run
from inbox.costs import PRICES, ROADS, Load, bill

BY_HAND = [
    # 1,000,000 mails of 10 KB: 1,000,000 x $0.0001, no complete chunk
    (Load(1_000_000, 10), "sqs", "receiving", "100"),
    (Load(1_000_000, 10), "sqs", "receiving, by size", "0"),
    # 1,000 mails of 600 KB have two complete chunks each: 2,000 x $0.00009
    (Load(1_000, 600), "lambda", "receiving, by size", "0.18"),
    (Load(1_000, 255), "lambda", "receiving, by size", "0"),
    (Load(1_000, 256), "lambda", "receiving, by size", "0.09"),
    # S3: $0.005 for 1,000 PUTs, $0.0004 for 1,000 GETs
    (Load(1_000_000, 10), "daemon", "bucket: SES writes", "5"),
    (Load(1_000_000, 10), "daemon", "bucket: we read", "0.4"),
    # 1,048,576 mails of 100 KB are 100 GB a month; kept for ten months that is 1,000 GB: 1,000 x $0.023
    (Load(1_048_576, 100, days=304), "daemon", "bucket: kept", "23"),
    # SNS: $0.50 for a million
    (Load(2_000_000, 10), "sqs", "topic: SES publishes", "1"),
    (Load(1_000_000, 10), "sns-http", "topic: delivers by HTTPS", "0.6"),
    # SQS: three requests a mail, $0.40 for a million
    (Load(1_000_000, 10), "sqs", "queue: send, receive, delete", "1.2"),
    # one poll of 20 s after the other: 30.4 days x 86,400 s / 20 s = 131,328 requests; Lambda keeps five
    (Load(0, 10), "daemon", "queue: polls while it is empty", "0.0525312"),
    (Load(0, 10), "sqs", "queue: polls while it is empty", "0.262656"),
    # Lambda: a million calls of 1 s with 1 GB: $0.20 and 1,000,000 GB-s x $0.0000133334
    (Load(1_000_000, 10, ms=1000, memory=1024), "lambda", "function: calls", "0.2"),
    (Load(1_000_000, 10, ms=1000, memory=1024), "lambda", "function: time", "13.3334"),
    (Load(1_000_000, 10, ms=500, memory=512), "lambda", "function: time", "3.33335"),
    # DynamoDB: 10 write units and 4 read units a mail; a mail of 10 KB is written in two transactions, which count twice: 40 more
    (Load(1_000_000, 10, writes=10), "lambda", "table: writes", "31.25"),
    (Load(1_000_000, 100, writes=10), "lambda", "table: writes", "6.25"),
    # 1,048,576 mails of 10 KB and 6 KB about each are 16 GB a month; kept for ten months that is 160 GB at $0.25
    (Load(1_048_576, 10, row=6, table_days=304), "lambda", "table: kept", "40"),
    # mails over 64 KB are copied: one PUT, and 100 GB a month, kept for ten months
    (Load(1_000_000, 64), "lambda", "bucket: large mail copied", "0"),
    (Load(1_000_000, 65), "lambda", "bucket: large mail copied", "5"),
    (Load(1_048_576, 100, large_days=304), "lambda", "bucket: large mail kept", "23"),
    (Load(1_000_000, 10, reads=4), "lambda", "table: reads", "0.5"),
    # logs: 1,048,576 mails of 2 KB are 2 GB
    (Load(1_048_576, 10, log=2), "lambda", "logs", "1"),
    # KMS: SES asks for a key, we decrypt it: 2 requests a mail at $0.03 for 10,000
    (Load(1_000_000, 10, kms=True), "lambda", "key: encrypt and decrypt", "6"),
    (Load(1_000_000, 10, kms=True), "lambda", "key", "1"),
    # a machine: 729.6 hours x $0.0168, and as many of an address at $0.005
    (Load(0, 10), "daemon", "machine", "12.25728"),
    (Load(0, 10), "daemon", "machine: address", "3.648"),
    (Load(0, 10, disk=20), "daemon", "machine: disk", "1.6"),
]


@pytest.mark.parametrize(("load", "road", "name", "usd"), BY_HAND)
def test_each_line_is_what_the_price_list_says(load, road, name, usd):
    line = next(line for line in bill(load, road).lines if line.name == name)
    assert round(line.month, 9) == Decimal(usd)


@pytest.mark.parametrize("road", ROADS)
def test_the_total_is_the_sum_of_the_lines_and_the_price_of_1000_mails_leaves_out_what_is_fixed(road):
    one = bill(Load(50_000, 300, kms=True), road)
    assert one.total == sum(line.month for line in one.lines)
    assert one.fixed == sum(line.month for line in one.lines if line.per_1000 is None)
    assert round(one.per_1000 * 50 + one.fixed, 12) == round(one.total, 12)


@pytest.mark.parametrize("road", ROADS)
def test_twice_the_mails_cost_twice_as_much_beyond_what_is_fixed(road):
    once, twice = bill(Load(1000, 300), road), bill(Load(2000, 300), road)
    assert round(twice.total - twice.fixed, 12) == round(2 * (once.total - once.fixed), 12)
    assert once.fixed == twice.fixed


def test_no_mail_costs_what_is_fixed():
    one = bill(Load(0, 10), "sqs")
    assert (one.total, one.per_1000) == (one.fixed, 0)


def test_every_price_says_of_when_it_is_and_is_used():
    assert PRICES["ses mail"].known == PRICES["ses chunk"].known == "2026-07-22"
    assert all(price.known and price.usd > 0 for price in PRICES.values())
    used = {line.price for road in ROADS for line in bill(Load(1, 1, kms=True), road).lines}
    assert used == set(PRICES.values())


def test_the_command_shows_every_line_and_the_date_of_the_prices(capsys):
    assert run(["cost", "--mails", "100000", "--size", "300", "--road", "sqs"]) == 0
    shown = capsys.readouterr().out
    for line in bill(Load(100_000, 300), "sqs").lines:
        assert line.name in shown
    assert "2026-07-22" in shown
    assert "check" in shown
    assert "first" not in shown.lower()


def test_the_command_prints_json_for_every_road(capsys):
    assert run(["cost", "--mails", "1000", "--size", "300", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [road["road"] for road in found["roads"]] == list(ROADS)
    assert found["roads"][0]["total"] == pytest.approx(float(bill(Load(1000, 300), "sqs").total))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mails", "-1", "--size", "10"], "--mails"),
        (["--mails", "1000", "--size", "50000"], "--size"),
        (["--mails", "1000", "--size", "10", "--road", "pigeon"], "sns-http"),
        (["--mails", "1000"], "--size"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(arguments, words, capsys):
    assert run(["cost", *arguments]) == 2
    assert words in capsys.readouterr().err
