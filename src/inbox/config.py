"""Settings: `inbox.toml` (optional), each also a flag and an `INBOX_…` variable. Flags win over variables, variables over the file.

`INBOX_SMTP=127.0.0.1:8025`, `INBOX_LIMITS__SIZE=1000000` (two underscores go into a table; lists are separated by commas).
"""

from __future__ import annotations

import os
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from inbox import origins
from inbox.aws.names import Account, Bucket, Check, Endpoint, Identity, QueueUrl, Topic, Word
from inbox.errors import ConfigError
from inbox.networks import Filters, check_name_server, read_network
from inbox.options import Reference, Seconds
from inbox.parsing.limits import DEFAULT
from inbox.parsing.limits import Limits as ParsingLimits
from inbox.rates import OFF, Rate

MIB = 1 << 20
DNS_FACTS = frozenset(("spf", "dkim", "dkim.domain", "dmarc", "dmarc.policy", "arc", "arc.sealer", "verified", "dnsbl"))
AWS_HANDLERS = frozenset(("s3", "sns", "sqs", "lambda", "ses-bounce", "dynamodb-put", "eventbridge"))


def _listener(text: str) -> str:
    """`HOST:PORT` or `[IPv6]:PORT`; ValueError says the form."""
    found = re.fullmatch(r"(?:\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):(\d{1,5})", text)
    if not found or int(found[1]) > 65_535:
        raise ValueError(f"{text!r} is no address to listen on; write HOST:PORT or [::1]:PORT")
    return text


def _network(text: str) -> str:
    return str(read_network(text))


def _filters(texts: tuple[str, ...]) -> tuple[str, ...]:
    Filters(texts)
    return texts


def _rate(value: Any) -> str:
    Rate.read(str(value))
    return str(value)


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is no folder; name one, or one that can be made")
    return path


Listener = Annotated[str, AfterValidator(_listener)]
NetworkText = Annotated[str, AfterValidator(_network)]
FilterTexts = Annotated[tuple[str, ...], AfterValidator(_filters)]
RateText = Annotated[str, BeforeValidator(_rate)]
Folder = Annotated[Path, AfterValidator(_folder)]
NameServer = Annotated[str, AfterValidator(check_name_server)]
Positive = Annotated[Seconds, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, defer_build=True)  # checks are built once, with Settings

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError(f"{str(value).lower()} is of the wrong kind; only settings that are on or off take it")
        return value


class Tls(_Table):
    """Certificate and key for STARTTLS and implicit TLS (PEM files). `required`: MAIL is refused before STARTTLS (530 5.7.0).

    `clients`: certificates of authorities (or of clients themselves); a client may then show its own, and must if `clients_required`.
    """

    certificate: Path | None = None
    key: Path | None = None
    required: bool = False
    clients: Path | None = None
    clients_required: bool = False


class Rates(_Table):
    """So many within so long, `"100/1h"`; all are off until they are set. The first three count for each client address (IPv6: its /64)."""

    connections: RateText = OFF
    mails: RateText = OFF
    recipients: RateText = OFF
    sender: RateText = OFF  # mails of one envelope sender, wherever they come from
    sender_domain: RateText = OFF  # mails of all envelope senders of one domain


class Limits(_Table):
    """Limits of the door, with the defaults of docs/operations.md. Sizes in octets, times in seconds."""

    size: int = Field(default=25 * MIB, gt=0)
    recipients: int = Field(default=100, gt=0)
    command_line: int = Field(default=2048, ge=512)
    connections: int = Field(default=200, gt=0)
    connections_per_address: int = Field(default=10, gt=0)
    exempt: tuple[NetworkText, ...] = ("127.0.0.0/8", "::1/128")  # networks whose addresses may have more (as Postfix exempts mynetworks)
    errors: int = Field(default=20, gt=0)
    commands: int = Field(default=100, gt=0)  # without effect (NOOP, RSET, EHLO, VRFY, HELP), for each mail
    rates: Rates = Rates.model_construct()
    idle: Positive = 30
    session: Positive = 600
    data: Positive = 3600
    data_rate: int = Field(default=500, ge=0)  # octets a second that DATA must come with, on average
    handshake: Positive = 30
    greet_delay: Annotated[Seconds, Field(ge=0)] = 0  # who talks before the greeting is refused; 0: nobody is kept waiting
    line_endings: Literal["strict", "normalize"] = "strict"  # bare CR, LF, NUL in DATA: refused, or mended to CRLF
    min_free: int | None = Field(default=None, ge=0)  # octets free on the disk; None: twice `size`
    backlog: int = Field(default=100_000, gt=0)


class Parsing(_Table):
    """How much of a mail is looked at: the fields and defaults of `inbox.parsing.limits.Limits`, where they are explained."""

    depth: int = Field(default=DEFAULT.depth, gt=0)
    parts: int = Field(default=DEFAULT.parts, gt=0)
    headers: int = Field(default=DEFAULT.headers, gt=0)
    header_block: int = Field(default=DEFAULT.header_block, gt=0)
    header: int = Field(default=DEFAULT.header, gt=0)
    text: int = Field(default=DEFAULT.text, gt=0)
    addresses: int = Field(default=DEFAULT.addresses, gt=0)
    odd_addresses: int = Field(default=DEFAULT.odd_addresses, ge=0)
    reply: int = Field(default=DEFAULT.reply, gt=0)
    reply_lines: int = Field(default=DEFAULT.reply_lines, gt=0)
    defects: int = Field(default=DEFAULT.defects, gt=0)
    archive_members: int = Field(default=DEFAULT.archive_members, gt=0)
    archive_octets: int = Field(default=DEFAULT.archive_octets, gt=0)
    archive_ratio: int = Field(default=DEFAULT.archive_ratio, gt=0)

    def limits(self) -> ParsingLimits:
        return ParsingLimits(**self.model_dump())


class Dns(_Table):
    """Name servers for what authentication and block lists ask (those of the system by default), and seconds for all questions of one mail.

    `sealers`: domains whose ARC seals are believed: `verified` holds when they say that a mail was authentic when it came to them.
    """

    nameservers: tuple[NameServer, ...] = ()
    timeout: Positive = 20
    sealers: tuple[str, ...] = ()


class Relay(_Table):
    """The SMTP server that takes mail which handlers send. `password` is a reference: env:NAME or file:PATH."""

    host: str = "127.0.0.1"
    port: int = Field(default=25, gt=0, le=65_535)
    tls: Literal["none", "starttls", "implicit"] = "none"
    user: str | None = None
    password: Reference | None = None
    timeout: Seconds = 30


class Aws(_Table):
    """Region and endpoint of AWS for sources, stores and handlers; left out, boto3 looks where it always does (environment, profile)."""

    region: str | None = None
    endpoint: Endpoint | None = None


class Ses(_Table):
    """What of Amazon SES is believed, and where its mail lies (docs/aws.md). No list means: nothing is taken from there.

    `buckets`: `BUCKET` or `BUCKET/PREFIX`, the only places that mail is fetched from; `topics`: ARNs of the SNS topics that are listened to;
    `prefix`: key prefix of mails that Lambda events are about (None: that of the first of `buckets`, where such mails are looked for).
    """

    buckets: tuple[Bucket, ...] = ()
    topics: tuple[Topic, ...] = ()
    account: Account | None = None  # whose SES may have encrypted an object
    prefix: str | None = None
    size: int = Field(default=50 * MIB, gt=0)  # octets of an object; SES takes mails of 40 MB
    signature_1: bool = True  # whether SNS may sign with SHA-1, its own default
    max_age: Positive | None = None  # seconds that a message of SNS may be old; what comes back from a dead-letter queue is days old
    rules: tuple[Path, ...] = ()  # receipt rules that are served in place of rules.yaml (docs/local-ses.md)
    verdicts: Mapping[Check, Word] = Field(default_factory=dict)  # what is said of checks that nobody made; GRAY unless it stands here
    parameters: Mapping[str, str] = Field(default_factory=dict)  # values of references in a template of CloudFormation
    verified: tuple[Identity, ...] = ()  # domains that mail is taken for, with their subdomains; none: those of the recipients


LIKE_SES: Mapping[str, Mapping[str, Any]] = {"limits": {"size": 40 * MIB}, "work": {"retry_for": 4 * 3600}}
"""What is otherwise where receipt rules of SES are served, unless it is set: its limit of size, and how long it tries an action."""


class Work(_Table):
    """How plans are carried out."""

    step_timeout: Seconds = 60
    send_timeout: Seconds = 660  # of steps that send: a next hop may take 10 minutes for its last answer
    fact_timeout: Seconds = 10
    judge_timeout: Seconds = 30
    memory: int = Field(default=1024 * MIB, gt=0)  # address space of one worker process beyond what it starts with
    strikes: int = Field(default=3, gt=0)
    retry: tuple[Seconds, ...] = (60, 300, 900, 3600)
    retry_for: Seconds = 5 * 86_400
    batch: int = Field(default=50, gt=0)


class Log(_Table):
    """`addresses`: whether logs may name senders and recipients."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    addresses: bool = False
    emf: bool = False  # metrics for CloudWatch on standard output, once a minute; a Lambda function always writes them
    namespace: str = Field(default="inbox", min_length=1, max_length=255)  # of metrics in CloudWatch


class Settings(_Table):
    """Everything that can be set; `inbox doctor` prints what is in force."""

    dir: Folder = Path("inbox-data")
    store: str | None = None  # where AWS Lambda keeps mail: a folder, or dynamodb://TABLE; the daemon keeps it in `dir`
    rules: Path = Path("rules.yaml")
    plugins_dir: Path | None = None
    hostname: str = "localhost"
    smtp: tuple[Listener, ...] = ()
    lmtp: tuple[Listener, ...] = ()
    smtps: tuple[Listener, ...] = ()
    http: Listener | None = None
    sns: Listener | None = None  # where SNS posts what SES sends
    sqs: tuple[QueueUrl, ...] = ()  # queues that are polled for what SES sends
    workers: int = Field(default=1, ge=0)
    proxy_from: tuple[NetworkText, ...] = ()  # networks whose PROXY header is believed
    xclient_from: tuple[NetworkText, ...] = ()  # networks whose XCLIENT is believed
    filters: FilterTexts = ()  # "block 10.0.0.0/8", "allow 10.1.2.3": the most specific decides, who is in none may come
    tls: Tls = Tls.model_construct()
    auth: Mapping[str, Reference] = Field(default_factory=dict)  # user = reference to its password; AUTH is offered within TLS only
    limits: Limits = Limits.model_construct()
    parsing: Parsing = Parsing.model_construct()
    relay: Relay = Relay.model_construct()
    work: Work = Work.model_construct()
    log: Log = Log.model_construct()
    dns: Dns = Dns.model_construct()
    aws: Aws = Aws.model_construct()
    ses: Ses = Ses.model_construct()
    handlers: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # settings of handlers, facts and plugins, by name

    def of(self, name: str) -> Mapping[str, Any]:
        """The settings of one handler or fact: `[handlers.NAME]`; those that call AWS see `[aws]` too, those that ask DNS `[dns]`. No plugin sees those of another."""
        own = self.handlers.get(name, {})
        if name in DNS_FACTS:
            return {**self.dns.model_dump(), **own}
        said = {"verdicts": self.ses.verdicts} if self.ses.verdicts else {}
        return {**self.aws.model_dump(exclude_none=True), **said, **own} if name in AWS_HANDLERS else own


def load(file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `inbox.toml` (or `file`), `INBOX_…` variables and flags; ConfigError names every mistake and its place."""
    given = {key: value for key, value in (flags or {}).items() if value not in (None, ())}
    path, text, in_file = _from_file(file)
    in_environment = _from_environment(os.environ if environment is None else environment)

    def place(names: tuple[str, ...]) -> str:
        if _has(given, names):
            return origins.flag(names)
        if _has(in_environment, names):
            return origins.variable(_whole(in_environment, names))
        return f"{path}:{line}" if (line := origins.line_of(text, names)) else str(path) if in_file else ""

    settings = validate(_filled(_merge(_merge(in_file, in_environment), given)), place)
    if settings.plugins_dir is None and Path("plugins").is_dir():
        settings = settings.model_copy(update={"plugins_dir": Path("plugins")})
    return settings


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """What is set, over defaults that depend on it."""
    ses = data.get("ses")
    return _merge(LIKE_SES, data) if isinstance(ses, Mapping) and ses.get("rules") else data


def with_flags(settings: Settings, flags: Mapping[str, Any]) -> Settings:
    """The settings with flags on top, checked as a whole; ConfigError names the flag."""
    return validate(_merge(settings.model_dump(), flags), lambda names: origins.flag(names) if _has(flags, names) else "")


def validate(data: Mapping[str, Any], place: origins.Place = lambda _: "") -> Settings:
    """Settings from plain data; ConfigError has a line for every mistake, which begins with its place."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(origins.sentence(problem, place, _known) for problem in error.errors())) from None


def _from_file(file: Path | None) -> tuple[Path, str, dict[str, Any]]:
    """Path, text and data; no text when there is no file and none was asked for."""
    path = file or Path("inbox.toml")
    if file is None and not path.exists():
        return path, "", {}
    try:
        text = path.read_text(encoding="utf-8")
        return path, text, tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        where, words = (f"{path}:{found[2]}:{found[3]}", found[1]) if found else (str(path), str(error))
        raise ConfigError(f"{where}: {words}; this is not TOML") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith("INBOX_") or name in ("INBOX_SHARED", "INBOX_CONFIG"):
            continue
        path = tuple(name.removeprefix("INBOX_").lower().split("__"))
        table = found
        for part in path[:-1]:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{name} goes into {part}, which {origins.variable((part,))} sets as a whole; unset one of the two")
            table = inner
        table[path[-1]] = text.split(",") if _is_list(path) else text
    return found


def _has(data: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """Whether something is set at this path, or a value that stands in the way of it."""
    found: Any = data
    for name in names:
        if not isinstance(found, Mapping):
            return True
        if name not in found:
            return False
        found = found[name]
    return bool(names)


def _whole(data: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """The path of the variable that set this: as long as there are tables below it, down to the first of their settings."""
    found: Any = data
    for name in names:
        found = found[name] if isinstance(found, Mapping) else found
    while isinstance(found, Mapping):
        name = next(iter(found))
        names, found = (*names, name), found[name]
    return names


def _table(names: tuple[str, ...]) -> type[BaseModel] | None:
    """The model of the table at this path, if it is one of ours."""
    model: type[BaseModel] = Settings
    for name in names:
        field = model.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return None
        model = field.annotation
    return model


def _known(names: tuple[str, ...]) -> Iterable[str]:
    table = _table(names)
    return table.model_fields if table else ()


def _is_list(path: tuple[str, ...]) -> bool:
    table = _table(path[:-1])
    field = table.model_fields.get(path[-1]) if table else None
    return field is not None and isinstance(field.annotation, types.GenericAlias) and typing.get_origin(field.annotation) is tuple


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
