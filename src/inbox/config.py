"""Settings: `inbox.toml` (optional), each also a flag and an `INBOX_…` variable. Flags win over variables, variables over the file.

`INBOX_SMTP=127.0.0.1:8025`, `INBOX_LIMITS__SIZE=1000000` (two underscores go into a table; lists are separated by commas).
"""

from __future__ import annotations

import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from inbox.errors import ConfigError
from inbox.options import Reference, Seconds
from inbox.parsing.limits import DEFAULT
from inbox.parsing.limits import Limits as ParsingLimits

MIB = 1 << 20


def _listener(text: str) -> str:
    """`HOST:PORT` or `[IPv6]:PORT`; ValueError says the form."""
    found = re.fullmatch(r"(?:\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):(\d{1,5})", text)
    if not found or int(found[1]) > 65_535:
        raise ValueError(f"{text!r} is no address to listen on; write HOST:PORT or [::1]:PORT")
    return text


Listener = Annotated[str, AfterValidator(_listener)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class Tls(_Table):
    """Certificate and key for STARTTLS and implicit TLS (PEM files). `required`: MAIL is refused before STARTTLS (530 5.7.0)."""

    certificate: Path | None = None
    key: Path | None = None
    required: bool = False


class Limits(_Table):
    """Limits of the door, with the defaults of docs/operations.md. Sizes in octets, times in seconds."""

    size: int = Field(default=25 * MIB, gt=0)
    recipients: int = Field(default=100, gt=0)
    command_line: int = Field(default=2048, ge=512)
    connections: int = Field(default=200, gt=0)
    connections_per_address: int = Field(default=10, gt=0)
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")  # networks whose addresses may have more (as Postfix exempts mynetworks)
    errors: int = Field(default=20, gt=0)
    idle: Seconds = 30
    session: Seconds = 600
    data: Seconds = 3600
    data_rate: int = Field(default=500, ge=0)  # octets a second that DATA must come with, on average
    handshake: Seconds = 30
    greet_delay: Seconds = 0  # who talks before the greeting is refused; 0: nobody is kept waiting
    line_endings: Literal["strict", "normalize"] = "strict"  # bare CR, LF, NUL in DATA: refused, or mended to CRLF
    min_free: int | None = None  # octets free on the disk; None: twice `size`
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

    def limits(self) -> ParsingLimits:
        return ParsingLimits(**self.model_dump())


class Relay(_Table):
    """The SMTP server that takes mail which handlers send. `password` is a reference: env:NAME or file:PATH."""

    host: str = "127.0.0.1"
    port: int = Field(default=25, gt=0, le=65_535)
    tls: Literal["none", "starttls", "implicit"] = "none"
    user: str | None = None
    password: Reference | None = None
    timeout: Seconds = 30


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


class Settings(_Table):
    """Everything that can be set; `inbox doctor` prints what is in force."""

    dir: Path = Path("inbox-data")
    rules: Path = Path("rules.yaml")
    plugins_dir: Path | None = None
    hostname: str = "localhost"
    smtp: tuple[Listener, ...] = ()
    lmtp: tuple[Listener, ...] = ()
    smtps: tuple[Listener, ...] = ()
    http: Listener | None = None
    workers: int = Field(default=1, ge=0)
    proxy_from: tuple[str, ...] = ()  # networks whose PROXY header is believed
    xclient_from: tuple[str, ...] = ()  # networks whose XCLIENT is believed
    tls: Tls = Tls()
    auth: Mapping[str, Reference] = Field(default_factory=dict)  # user = reference to its password; AUTH is offered within TLS only
    limits: Limits = Limits()
    parsing: Parsing = Parsing()
    relay: Relay = Relay()
    work: Work = Work()
    log: Log = Log()
    handlers: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # settings of handlers, facts and plugins, by name

    def of(self, name: str) -> Mapping[str, Any]:
        """The settings of one handler or fact: `[handlers.NAME]`. No plugin sees those of another."""
        return self.handlers.get(name, {})


def load(file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `inbox.toml` (or `file`), `INBOX_…` variables and flags; ConfigError names every mistake and its place."""
    data = _merge(_from_file(file), _from_environment(os.environ if environment is None else environment))
    data = _merge(data, {key: value for key, value in (flags or {}).items() if value not in (None, ())})
    settings = validate(data)
    if settings.plugins_dir is None and Path("plugins").is_dir():
        settings = settings.model_copy(update={"plugins_dir": Path("plugins")})
    return settings


def validate(data: Mapping[str, Any]) -> Settings:
    """Settings from plain data; ConfigError has a line for every mistake."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(problem) for problem in error.errors())) from None


def _from_file(file: Path | None) -> dict[str, Any]:
    path = file or Path("inbox.toml")
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith("INBOX_") or name in ("INBOX_SHARED", "INBOX_CONFIG"):
            continue
        path = name.removeprefix("INBOX_").lower().split("__")
        table = found
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = text.split(",") if _is_list(path) else text
    return found


def _is_list(path: list[str]) -> bool:
    model: Any = Settings
    for part in path[:-1]:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return False
        model = field.annotation
    field = model.model_fields.get(path[-1])
    return field is not None and isinstance(field.annotation, types.GenericAlias) and typing.get_origin(field.annotation) is tuple


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _sentence(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        return f"setting {place}: there is no such setting; docs/operations.md lists them"
    return f"setting {place}: {problem['msg'].removeprefix('Value error, ')}"
