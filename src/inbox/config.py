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
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from inbox import origins
from inbox.aws.names import QueueUrl
from inbox.errors import ConfigError
from inbox.options import Reference
from inbox.tables import (
    MIB,
    Aws,
    Dns,
    DomainName,
    FilterTexts,
    Folder,
    Identity,
    Limits,
    Listener,
    Log,
    NetworkText,
    Notification,
    Parsing,
    Relay,
    Scanner,
    Scanners,
    Sending,
    Ses,
    Table,
    Tls,
    Trace,
    Work,
)

DNS_FACTS = frozenset(("spf", "dkim", "dkim.domain", "dmarc", "dmarc.policy", "arc", "arc.sealer", "verified", "dnsbl")) | {
    "authentication.results",
    "authentication.received_spf",
}
SCANNER_OF: Mapping[str, str] = {
    **dict.fromkeys(("rspamd", "rspamd.score", "rspamd.symbols"), "rspamd"),
    **dict.fromkeys(("spamassassin", "spamassassin.score", "spamassassin.tests"), "spamassassin"),
    "virus": "clamav",
}
AWS_HANDLERS = frozenset(("s3", "sns", "sqs", "lambda", "ses-bounce", "dynamodb-put", "eventbridge", "notify"))

LIKE_SES: Mapping[str, Mapping[str, Any]] = {"limits": {"size": 40 * MIB}, "work": {"retry_for": 4 * 3600}}
"""What is otherwise where receipt rules of SES are served, unless it is set: its limit of size, and how long it tries an action."""


class Settings(Table):
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
    scanners: Scanners = Scanners.model_construct()
    trace: Trace = Trace.model_construct()
    sending: Sending = Sending.model_construct()
    identities: Mapping[DomainName, Identity] = Field(default_factory=dict)  # domains that mail is sent as
    notifications: Mapping[str, Notification] = Field(default_factory=dict)  # who is told of events of mail that left
    handlers: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # settings of handlers, facts and plugins, by name

    def of(self, name: str) -> Mapping[str, Any]:
        """The settings of one handler or fact: `[handlers.NAME]`; those that call AWS see `[aws]` too, those that ask DNS `[dns]`, those of
        scanners `[scanners.NAME]`. No plugin sees those of another.
        """
        own = self.handlers.get(name, {})
        if name in SCANNER_OF or name == "spam":
            return {**self._scanner(name), **own}
        if name in DNS_FACTS:
            return {**self.dns.model_dump(), **own}
        said = {"verdicts": self.ses.verdicts} if self.ses.verdicts else {}
        return {**self.aws.model_dump(exclude_none=True), **said, **own} if name in AWS_HANDLERS else own

    def _scanner(self, fact: str) -> Mapping[str, Any]:
        """What the fact of a scanner is told. Its time ends before that of facts does: so it is the scanner's `on_error` that says what holds then."""
        if fact == "spam":
            used = [one.on_error for one in (self.scanners.rspamd, self.scanners.spamassassin) if one.server]
            return {"on_error": max(used, default="open", key=("open", "closed", "defer").index)}
        table: Scanner = getattr(self.scanners, SCANNER_OF[fact])
        return {**table.model_dump(), "timeout": min(table.timeout, 0.9 * self.work.fact_timeout)}


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
