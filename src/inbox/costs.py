"""What receiving on AWS costs in a month: a table of prices with their dates, a table of what each road uses, and one sum.

Conservative: free tiers are not counted, every mail comes alone (a batch of one), and notifications are sent for each mail.
Prices are list prices in US dollars for US East (N. Virginia); those of SES are of 2026-07-22, the others are older (`Price.known`): check
them before you rely on them. Pure: nothing is asked of AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

KB_OF_A_GB = Decimal(1 << 20)
CHUNK = 256
"""KB. SES counts complete chunks of a mail; what is below one costs nothing beyond the mail itself."""

IN_TABLE = 64
"""KB up to which a raw mail lies in the table; it is written in two transactions, which count twice. Larger ones are copied within the bucket."""

_DAYS = Decimal("30.4")
_SECONDS = _DAYS * 86_400
_LONG_POLL = 20
_POLLERS = 5
"""Long polls that Lambda keeps open on a queue, also on one in which nothing comes."""

_SES, _OTHERS = "2026-07-22", "2025-01"


@dataclass(frozen=True, slots=True)
class Price:
    """`usd` for `per` of `unit`, as it was known at `known` (a day or a month)."""

    usd: Decimal
    per: int
    unit: str
    known: str = _OTHERS


PRICES: Mapping[str, Price] = {
    "ses mail": Price(Decimal("0.10"), 1000, "mails", _SES),
    "ses chunk": Price(Decimal("0.09"), 1000, "complete chunks of 256 KB", _SES),
    "s3 put": Price(Decimal("0.005"), 1000, "requests"),
    "s3 get": Price(Decimal("0.0004"), 1000, "requests"),
    "s3 storage": Price(Decimal("0.023"), 1, "GB and month"),
    "sns publish": Price(Decimal("0.50"), 1_000_000, "requests of 64 KB"),
    "sns http": Price(Decimal("0.60"), 1_000_000, "deliveries"),
    "data out": Price(Decimal("0.09"), 1, "GB"),
    "sqs request": Price(Decimal("0.40"), 1_000_000, "requests of 64 KB"),
    "lambda request": Price(Decimal("0.20"), 1_000_000, "requests"),
    "lambda time": Price(Decimal("0.0000133334"), 1, "GB-seconds on arm64"),
    "dynamodb write": Price(Decimal("0.625"), 1_000_000, "write units of 1 KB"),
    "dynamodb read": Price(Decimal("0.125"), 1_000_000, "read units of 4 KB"),
    "dynamodb storage": Price(Decimal("0.25"), 1, "GB and month"),
    "kms request": Price(Decimal("0.03"), 10_000, "requests"),
    "kms key": Price(Decimal(1), 1, "key and month"),
    "logs": Price(Decimal("0.50"), 1, "GB taken in"),
    "metric": Price(Decimal("0.30"), 1, "metric and month"),
    "alarm": Price(Decimal("0.10"), 1, "alarm and month"),
    "machine": Price(Decimal("0.0168"), 1, "hours of a t4g.small"),
    "disk": Price(Decimal("0.08"), 1, "GB and month of gp3"),
    "address": Price(Decimal("0.005"), 1, "hours of a public IPv4 address"),
}


@dataclass(frozen=True)
class Load:
    """What comes in a month and what one mail takes. Sizes in KB (1,024 octets), `memory` of the function in MB, `ms` that it runs a mail.

    `writes`, `reads`: DynamoDB units a mail, without its octets (docs/stores.md); `row`: KB that the table keeps of it; `log`: KB that the
    function writes and AWS adds. `days`, `table_days`, `large_days`: how long SES's objects, the table, and copies of large mails are kept.
    `metrics`, `alarms`: how many there are. `kms`: SES encrypts with a key of one's own.
    """

    mails: int
    size: int
    days: int = 30
    table_days: int = 90
    large_days: int = 365
    ms: int = 250
    memory: int = 512
    writes: int = 26
    reads: int = 4
    row: int = 4
    log: int = 2
    notification: int = 6
    metrics: int = 16
    alarms: int = 7
    disk: int = 20
    kms: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """One line of a bill: what is used, its price, and how much of it in a month."""

    name: str
    price: str
    quantity: Callable[[Load], Decimal]
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill. `month`: US dollars; `per_1000`: for 1,000 mails, None for what is paid whether mail comes or not."""

    name: str
    quantity: Decimal
    price: Price
    month: Decimal
    per_1000: Decimal | None


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of a road for one month in US dollars. `per_1000` leaves out what is `fixed`."""

    road: str
    words: str
    lines: tuple[Line, ...]
    fixed: Decimal
    total: Decimal
    per_1000: Decimal


def _a_mail(number: int = 1) -> Callable[[Load], Decimal]:
    return lambda load: Decimal(load.mails * number)


def _always(number: Decimal) -> Callable[[Load], Decimal]:
    return lambda _: number


def _gigabytes(kilobytes: Callable[[Load], int]) -> Callable[[Load], Decimal]:
    return lambda load: load.mails * kilobytes(load) / KB_OF_A_GB


def _kept(kilobytes: Callable[[Load], int], days: Callable[[Load], int]) -> Callable[[Load], Decimal]:
    """GB on average when as many mails come every month and each is kept for so many days."""
    return lambda load: load.mails * kilobytes(load) / KB_OF_A_GB * days(load) / _DAYS


def _small(load: Load) -> int:
    """KB of a mail that lie in the table."""
    return load.size if load.size <= IN_TABLE else 0


def _large(load: Load) -> int:
    """KB of a mail that are copied within the bucket."""
    return load.size - _small(load)


_RECEIVED = (
    Use("receiving", "ses mail", _a_mail()),
    Use("receiving, by size", "ses chunk", lambda load: Decimal(load.mails * (load.size // CHUNK))),
    Use("bucket: SES writes", "s3 put", _a_mail()),
    Use("bucket: we read", "s3 get", _a_mail()),
    Use("bucket: kept", "s3 storage", _kept(lambda load: load.size, lambda load: load.days)),
)
_TOPIC = (Use("topic: SES publishes", "sns publish", _a_mail()),)
_QUEUE = (Use("queue: send, receive, delete", "sqs request", _a_mail(3)),)
_FUNCTION = (
    Use("function: calls", "lambda request", _a_mail()),
    Use("function: time", "lambda time", lambda load: load.mails * Decimal(load.ms) / 1000 * load.memory / 1024),
    Use("table: writes", "dynamodb write", lambda load: Decimal(load.mails * (load.writes + 4 * _small(load)))),
    Use("table: reads", "dynamodb read", lambda load: Decimal(load.mails * load.reads)),
    Use("table: kept", "dynamodb storage", _kept(lambda load: load.row + _small(load), lambda load: load.table_days)),
    Use("bucket: large mail copied", "s3 put", lambda load: Decimal(load.mails if _large(load) else 0)),
    Use("bucket: large mail kept", "s3 storage", _kept(_large, lambda load: load.large_days)),
    Use("logs", "logs", _gigabytes(lambda load: load.log)),
    Use("metrics of the function", "metric", lambda load: Decimal(load.metrics), fixed=True),
)
_ALARMS = (Use("alarms", "alarm", lambda load: Decimal(load.alarms), fixed=True),)
_MACHINE = (
    Use("machine", "machine", _always(_DAYS * 24), fixed=True),
    Use("machine: disk", "disk", lambda load: Decimal(load.disk), fixed=True),
    Use("machine: address", "address", _always(_DAYS * 24), fixed=True),
)


def _empty_polls(pollers: int) -> Use:
    return Use("queue: polls while it is empty", "sqs request", _always(_SECONDS / _LONG_POLL * pollers), fixed=True)


_KEY = (
    Use("key: encrypt and decrypt", "kms request", _a_mail(2)),
    Use("key", "kms key", _always(Decimal(1)), fixed=True),
)

ROADS: Mapping[str, tuple[str, tuple[Use, ...]]] = {
    "sqs": (
        "SES, bucket, topic, queue, function, table: deploy/aws/template.yaml",
        (*_RECEIVED, *_TOPIC, *_QUEUE, *_FUNCTION, _empty_polls(_POLLERS), *_ALARMS),
    ),
    "lambda": (
        "SES writes the bucket and calls the function itself; table",
        (*_RECEIVED, *_FUNCTION, *_ALARMS),
    ),
    "sns-http": (
        "SES, bucket, topic, HTTPS to the daemon on a machine",
        (
            *_RECEIVED,
            *_TOPIC,
            Use("topic: delivers by HTTPS", "sns http", _a_mail()),
            Use("topic: data out", "data out", _gigabytes(lambda load: load.notification)),
            *_MACHINE,
            *_ALARMS,
        ),
    ),
    "daemon": (
        "SES, bucket, topic, queue, which the daemon on a machine polls",
        (*_RECEIVED, *_TOPIC, *_QUEUE, _empty_polls(1), *_MACHINE, *_ALARMS),
    ),
}
"""What one can build, by name: words for it, and what it uses."""


def bill(load: Load, road: str) -> Bill:
    """What a month on a road costs, every line of it. KeyError for a road that is not in ROADS."""
    words, uses = ROADS[road]
    lines = tuple(_line(load, use) for use in (*uses, *(_KEY if load.kms else ())))
    total = sum((line.month for line in lines), Decimal(0))
    fixed = sum((line.month for line in lines if line.per_1000 is None), Decimal(0))
    return Bill(road, words, lines, fixed, total, _for_1000(total - fixed, load))


def _line(load: Load, use: Use) -> Line:
    price, quantity = PRICES[use.price], use.quantity(load)
    month = quantity * price.usd / price.per
    return Line(use.name, quantity, price, month, None if use.fixed else _for_1000(month, load))


def _for_1000(usd: Decimal, load: Load) -> Decimal:
    return usd * 1000 / load.mails if load.mails else Decimal(0)
