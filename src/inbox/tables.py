"""The tables of `inbox.toml`: what each setting means, its default, and what is wrong with a value (`inbox.config` reads the file)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from inbox.aws.names import Account, Bucket, Check, Endpoint, Topic, Word
from inbox.aws.names import Identity as SesIdentity
from inbox.networks import Filters, check_name_server, read_network
from inbox.options import Reference, Seconds
from inbox.parsing.domains import normal_domain
from inbox.parsing.limits import DEFAULT
from inbox.parsing.limits import Limits as ParsingLimits
from inbox.rates import OFF, Rate
from inbox.sending import EventType

MIB = 1 << 20


def _listener(text: str) -> str:
    """`HOST:PORT` or `[IPv6]:PORT`; ValueError says the form."""
    found = re.fullmatch(r"(?:\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):(\d{1,5})", text)
    if not found or int(found[1]) > 65_535:
        raise ValueError(f"{text!r} is no address to listen on; write HOST:PORT or [::1]:PORT")
    return text


def _server(text: str) -> str:
    """`HOST:PORT`, `[IPv6]:PORT` or `unix:/PATH`; ValueError says the form."""
    found = re.fullmatch(r"unix:/.+|(?:\[[0-9a-fA-F:.]+\]|[^:\s\[\]/]+):(\d{1,5})", text)
    if not found or (found[1] and not 0 < int(found[1]) < 65_536):
        raise ValueError(f"{text!r} is no server; write HOST:PORT, [::1]:PORT or unix:/PATH/OF/SOCKET")
    return text


def _network(text: str) -> str:
    return str(read_network(text))


def _filters(texts: tuple[str, ...]) -> tuple[str, ...]:
    Filters(texts)
    return texts


def _rate(value: Any) -> str:
    Rate.read(str(value))
    return str(value)


def _public_url(text: str) -> str:
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~/-]*)?", text):
        raise ValueError(f"{text!r} is no address that the public reaches; write https://mail.example.com")
    return text.rstrip("/")


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?", text):
        raise ValueError(f"{text!r} is no name of a server; write mx.example.com")
    return text


def _next_hop(url: str) -> str:
    from inbox.next_hops import check_next_hop  # noqa: PLC0415  only where a way out is set

    return check_next_hop(url)


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is no folder; name one, or one that can be made")
    return path


def _domain(text: str) -> str:
    """The domain in its normal form; ValueError for what is none. A table's name without quotes is cut at its dots."""
    name = normal_domain(text)
    if name is None or "." not in name or name.startswith("["):
        raise ValueError(f'{text[:80]!r} is no domain; write it in quotes, [identities."example.com"]')
    return name


def _selector(text: str) -> str:
    if not re.fullmatch(
        r"(?=.{1,200}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*", text, re.IGNORECASE | re.ASCII
    ):
        raise ValueError(f"{text[:80]!r} is no selector; write letters, digits and hyphens, as in s2026")
    return text


Listener = Annotated[str, AfterValidator(_listener)]
Server = Annotated[str, AfterValidator(_server)]
NetworkText = Annotated[str, AfterValidator(_network)]
FilterTexts = Annotated[tuple[str, ...], AfterValidator(_filters)]
RateText = Annotated[str, BeforeValidator(_rate)]
DomainName = Annotated[str, AfterValidator(_domain)]
Selector = Annotated[str, AfterValidator(_selector)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Folder = Annotated[Path, AfterValidator(_folder)]
NameServer = Annotated[str, AfterValidator(check_name_server)]
TransportUrl = Annotated[str, AfterValidator(_next_hop)]
Positive = Annotated[Seconds, Field(gt=0)]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, defer_build=True)  # checks are built once, with Settings

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError(f"{str(value).lower()} is of the wrong kind; only settings that are on or off take it")
        return value


class Tls(Table):
    """Certificate and key for STARTTLS and implicit TLS (PEM files). `required`: MAIL is refused before STARTTLS (530 5.7.0).

    `clients`: certificates of authorities (or of clients themselves); a client may then show its own, and must if `clients_required`.
    """

    certificate: Path | None = None
    key: Path | None = None
    required: bool = False
    clients: Path | None = None
    clients_required: bool = False


class Rates(Table):
    """So many within so long, `"100/1h"`; all are off until they are set. The first three count for each client address (IPv6: its /64)."""

    connections: RateText = OFF
    mails: RateText = OFF
    recipients: RateText = OFF
    sender: RateText = OFF  # mails of one envelope sender, wherever they come from
    sender_domain: RateText = OFF  # mails of all envelope senders of one domain


class Limits(Table):
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


class Parsing(Table):
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


class Dns(Table):
    """Name servers for what authentication and block lists ask (those of the system by default), and seconds for all questions of one mail.

    `sealers`: domains whose ARC seals are believed: `verified` holds when they say that a mail was authentic when it came to them.
    """

    nameservers: tuple[NameServer, ...] = ()
    timeout: Positive = 20
    sealers: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()  # authserv-ids of servers in front, whose Authentication-Results are taken instead of asking (RFC 8601)
    trusted_from: tuple[NetworkText, ...] = ("127.0.0.0/8", "::1/128")  # clients that may bring them


class Scanner(Table):
    """A server that mail is shown to, and what holds when it gives no answer.

    `timeout`: for the whole of one scan, within `work.fact_timeout`. `on_error`: defer: judge the mail later; open: as if it had not been
    asked; closed: as if it had found something. A mail larger than `size` octets is not shown to it.
    """

    server: Server | None = None
    timeout: Positive = 8
    size: int = Field(default=25 * MIB, gt=0)
    on_error: Literal["open", "closed", "defer"] = "defer"


class Rspamd(Scanner):
    """`password`: of a controller or a proxy that asks for one."""

    size: int = Field(default=50 * MIB, gt=0)
    password: Reference | None = None


class SpamAssassin(Scanner):
    """`user`: whose preferences spamd reads."""

    size: int = Field(default=500 * 1024, gt=0)  # as spamc has it: larger mail is hardly ever spam, and takes long
    user: str | None = None


class Scanners(Table):
    """Servers that say whether mail is spam or has a virus (docs/scanners.md); those without `server` are not asked."""

    rspamd: Rspamd = Rspamd.model_construct()
    spamassassin: SpamAssassin = SpamAssassin.model_construct()
    clamav: Scanner = Scanner.model_construct()


class Relay(Table):
    """The SMTP server that takes mail which handlers send. `password` is a reference: env:NAME or file:PATH."""

    host: str = "127.0.0.1"
    port: int = Field(default=25, gt=0, le=65_535)
    tls: Literal["none", "starttls", "implicit"] = "none"
    user: str | None = None
    password: Reference | None = None
    timeout: Seconds = 30


LOCAL = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")


class Trace(Table):
    """Header fields that copies of a mail bear above its own octets: Received, Authentication-Results, Received-SPF."""

    authserv_id: Annotated[str, AfterValidator(_host)] | None = None  # who says it, in Authentication-Results (RFC 8601); None: `hostname`
    authentication: bool = True  # whether they say what SPF, DKIM, DMARC and ARC found: DNS is asked for each mail
    local: tuple[NetworkText, ...] = LOCAL  # clients of which they do not say it: programs of one's own; nor do they of who logged in


class Direct(Table):
    """Delivery to the recipients' own servers, `[sending.direct]` (transport `direct://`)."""

    port: int = Field(default=25, gt=0, le=65_535)
    timeout: Positive = 30
    mta_sts: bool = True  # whether policies of MTA-STS (RFC 8461) are looked for, kept in `dir`, and held to
    policy_port: int = Field(default=443, gt=0, le=65_535)  # of the web servers that they come from
    allow: tuple[NetworkText, ...] = ()  # networks that mail may go to though they are not public, or are this machine


class Sending(Table):
    """How mail leaves, unless its identity says otherwise; and what bounces and complaints have for consequences (docs/feedback.md)."""

    transport: TransportUrl | None = None  # smtp://HOST:PORT, ses://REGION, file:///FOLDER, direct://; None: the server of [relay]
    rate: RateText = OFF  # recipients that all identities together send to
    direct: Direct = Direct.model_construct()
    secret: Reference | None = None  # that return paths (SRS, bounces) and unsubscribing are signed with; None: made once, in `dir`
    unsubscribe_url: PublicUrl | None = None  # https://mail.example.com, where the public reaches /unsubscribe/ of `http`
    soft_bounces: int = Field(
        default=5, gt=0
    )  # temporary bounces in a row, within `soft_within`, that put an address on the suppression list
    soft_within: Positive = 7 * 86_400
    soft_for: Positive = 14 * 86_400  # and how long it stays there
    complaint: Literal["identity", "all"] = "identity"  # who is not to send to somebody who complained: the identity that did, or all
    window: Annotated[Seconds, Field(ge=3600)] = 86_400  # over which an identity's bounces and complaints are counted, in whole hours
    least: int = Field(default=100, gt=0)  # recipients in it before a rate says anything
    least_complaints: int = Field(default=2, gt=0)  # one person alone stops nobody


class Identity(Table):
    """A domain that mail is sent as, `[identities."example.com"]`."""

    selector: Selector = "inbox"  # of its DKIM key: the record is SELECTOR._domainkey.DOMAIN
    key: Reference | None = None  # the private key, PEM; None: the one that `inbox identity add` made in `dir`, if it did
    transport: TransportUrl | None = None  # as that of [sending]
    rate: RateText = OFF  # recipients that it sends to
    bounces: float = Field(default=0.05, gt=0, le=1)  # share of its mails that may bounce for good before it is stopped
    complaints: float = Field(default=0.001, gt=0, le=1)  # and that recipients may complain about


class Notification(Table):
    """Who is told of events of mail that left, `[notifications.NAME]`: a web address, the ARN of a topic of SNS, or an e-mail address."""

    to: str
    events: tuple[EventType, ...] = Field(default=("bounce", "complaint", "reject", "rendering_failure"), min_length=1)
    identity: str | None = None  # only of mail that was sent as this domain
    secret: Reference | None = None  # signs what is posted to a web address, as the handler webhook does


class Aws(Table):
    """Region and endpoint of AWS for sources, stores and handlers; left out, boto3 looks where it always does (environment, profile)."""

    region: str | None = None
    endpoint: Endpoint | None = None


class Ses(Table):
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
    verified: tuple[SesIdentity, ...] = ()  # domains that mail is taken for, with their subdomains; none: those of the recipients


class Work(Table):
    """How plans are carried out."""

    step_timeout: Seconds = 60
    send_timeout: Seconds = 660  # of steps that send: a next hop may take 10 minutes for its last answer
    fact_timeout: Seconds = 10
    judge_timeout: Seconds = 30
    judges: int = Field(default=4, ge=1)  # processes that judge mail before the 250, started when they are needed
    memory: int = Field(default=1024 * MIB, gt=0)  # address space of one worker process beyond what it starts with
    strikes: int = Field(default=3, gt=0)
    retry: tuple[Seconds, ...] = (60, 300, 900, 3600)
    retry_for: Seconds = 5 * 86_400
    batch: int = Field(default=50, gt=0)


class Log(Table):
    """`addresses`: whether logs may name senders and recipients."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    addresses: bool = False
    emf: bool = False  # metrics for CloudWatch on standard output, once a minute; a Lambda function always writes them
    namespace: str = Field(default="inbox", min_length=1, max_length=255)  # of metrics in CloudWatch
