"""Where mail goes next, as one line of text: smtp://, smtps://, lmtp://, file://, ses://, direct://. Read when settings are, so that a slip is told at once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from inbox.options import seconds

Tls = Literal["none", "starttls", "implicit"]
_FORMS = "smtp://HOST:PORT, smtps://HOST, lmtp://HOST:PORT, file:///FOLDER, ses://REGION or direct://"
_PORTS = {"smtp": 25, "smtps": 465, "lmtp": 24}
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_SES_SMTP = re.compile(r"email-smtp(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?", re.IGNORECASE)
_REFERENCE = re.compile(r"env:\w+|file:.+")
_CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP or LMTP server. `tls`: `opportunistic` takes what the server offers and checks no certificate. `password`: a reference. `timeout` in seconds."""

    host: str
    port: int
    protocol: Literal["smtp", "lmtp"] = "smtp"
    tls: Literal["none", "starttls", "implicit", "opportunistic"] = "none"
    user: str | None = None
    password: str | None = None
    timeout: float = 30.0

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that letters are written to."""

    path: Path


@dataclass(frozen=True, slots=True)
class SesAccount:
    """Amazon SES in one region, with the configuration set that its events come by."""

    region: str
    configuration_set: str | None = None


@dataclass(frozen=True, slots=True)
class Direct:
    """The recipients' own servers."""


NextHop = Server | Folder | SesAccount | Direct


def read_next_hop(url: str) -> NextHop:
    """What a transport's URL names; ValueError says what would be right, and repeats no password."""
    scheme = url.partition(":")[0].lower()
    if scheme not in ("smtp", "smtps", "lmtp", "file", "ses", "direct"):
        raise ValueError(f"there is no transport {scheme[:20]}:; write {_FORMS}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"a port of a transport is a number from 1 to 65535; write {_FORMS}") from None
    if parts.password is not None:
        raise ValueError(f"a transport's URL holds no password; write {scheme}://USER@HOST?password=env:NAME or password=file:PATH")
    if parts.fragment:
        raise ValueError(f"{scheme}:// takes no #; write it as %23")
    if scheme == "file":
        return _folder(parts)
    if scheme == "ses":
        return _ses(parts)
    if scheme == "direct":
        return _direct(parts)
    return _server(parts, port)


def check_next_hop(url: str) -> str:
    """The URL again; ValueError as `read_next_hop`."""
    read_next_hop(url)
    return url


def amazon_region(url: str | None) -> str | None:
    """The region of Amazon SES that a transport's URL names, by its API or its SMTP interface; None when it names something else, or nothing."""
    try:
        hop = read_next_hop(url or "")
    except ValueError:
        return None
    if isinstance(hop, SesAccount):
        return hop.region
    found = _SES_SMTP.fullmatch(hop.host) if isinstance(hop, Server) else None
    return found[1] if found else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its writing."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")


def _server(parts: SplitResult, port: int | None) -> Server:
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    if not host or not (_HOST.fullmatch(host) or ":" in host) or parts.path not in ("", "/"):
        raise ValueError(f"{scheme}:// names one server; write {scheme}://HOST:PORT")
    if port == 0:
        raise ValueError(f"{scheme}://{host}:0 has no port; write one from 1 to 65535")
    given = _parameters(parts, ("timeout", "password") if scheme == "smtps" else ("tls", "timeout", "password"))
    user = unquote(parts.username) if parts.username else None
    tls = _tls(scheme, host, given.get("tls"))
    _check_login(scheme, host, user, given.get("password"), tls)
    return Server(
        host,
        port or _PORTS[scheme],
        "lmtp" if scheme == "lmtp" else "smtp",
        tls,
        user,
        given.get("password"),
        _timeout(given.get("timeout", "30")),
    )


def _tls(scheme: str, host: str, word: str | None) -> Tls:
    """TLS to other machines unless the URL says otherwise."""
    if scheme == "smtps":
        return "implicit"
    if word is None:
        return "none" if is_loopback(host) or scheme == "lmtp" else "starttls"
    for known in get_args(Tls):
        if word == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"tls={word} is none of its words; write tls=none, tls=starttls or tls=implicit")


def _check_login(scheme: str, host: str, user: str | None, password: str | None, tls: str) -> None:
    if password is not None and not _REFERENCE.fullmatch(password):
        raise ValueError("password is a reference; write password=env:NAME or password=file:PATH instead of the password itself")
    if (user is None) != (password is None):
        raise ValueError(f"a login is a user and a password; write {scheme}://USER@{host}?password=env:NAME, or neither")
    if user is not None and tls == "none" and not is_loopback(host):
        raise ValueError(f"a password would go to {host} in clear text; write tls=starttls or tls=implicit")


def _timeout(text: str) -> float:
    found = seconds(text)
    if not 0 < found <= 3600:
        raise ValueError(f"timeout={text} is out of range; write seconds from 1 to 3600")
    return found


def _folder(parts: SplitResult) -> Folder:
    _parameters(parts, ())
    path = unquote(parts.path)
    if parts.netloc or not path or "\0" in path:
        raise ValueError("file: names a folder; write file:///absolute/folder, or file:folder for one below where the program runs")
    return Folder(Path(path))


def _ses(parts: SplitResult) -> SesAccount:
    if not _REGION.fullmatch(parts.netloc) or parts.path not in ("", "/"):
        raise ValueError(f"{parts.netloc[:40]!r} is no region of AWS; write ses://eu-west-1")
    name = _parameters(parts, ("configuration_set",)).get("configuration_set")
    if name is not None and not _CONFIGURATION_SET.fullmatch(name):
        raise ValueError(f"{name!r} is no configuration set: letters, digits, - and _, 64 at most")
    return SesAccount(parts.netloc, name)


def _direct(parts: SplitResult) -> Direct:
    _parameters(parts, ())
    if parts.netloc or parts.path not in ("", "/"):
        raise ValueError("direct:// names no server: mail goes to those of the recipients; write direct://")
    return Direct()


def _parameters(parts: SplitResult, known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            words = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"{parts.scheme}:// has no parameter {name[:20]!r}; {words}")
        if name in found:
            raise ValueError(f"{parts.scheme}:// has {name} twice; write it once")
        found[name] = value
    return found
