"""Call a web address that a rule or a mail names, without being led anywhere else.

- http and https only; no user in the address; the host is as written in the rules.
- The name is resolved once, every address it has must be public, and the connection goes to the address that was checked (a name that
  changes its answer cannot lead us elsewhere). A host that `allow` names may be private.
- No redirect is followed, no proxy is used, nothing is decompressed. At most 64 KiB are read, and the whole takes at most `timeout`.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from inbox.errors import Deferred, Failed
from inbox.send.headers import ascii_domain, clean

MOST_READ = 64 << 10
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)\.?")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PRIVATE_NAMES = ("localhost", "localdomain", "internal", "local", "home.arpa")
_URL_LETTERS = "%:@!$&'()*+,;=~-._"
_AGAIN = (408, 425, 429)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., list[Any]]
T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A checked web address: scheme, host in lower case (without brackets), port, and path with query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """What the server said: status, the first line of its text, and the seconds it wants us to wait (Retry-After)."""

    status: int
    text: str
    retry_after: float | None = None


def target(url: str) -> Target:
    """The parts of a web address; ValueError says what is wrong with it."""
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise ValueError(f"{url!r} is no web address; write https://host/path")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("an address with a user in it is refused; use the option headers for a login")
    host = ascii_domain((parts.hostname or "").lower())
    if not _HOST.fullmatch(host) and literal(host) is None:
        raise ValueError(f"{host!r} is no host name")
    port = parts.port if parts.port is not None else (443 if parts.scheme == "https" else 80)
    query = f"?{quote(parts.query, safe=_URL_LETTERS + '/?')}" if parts.query else ""
    return Target(parts.scheme, host.rstrip("."), port, quote(parts.path or "/", safe=_URL_LETTERS + "/") + query)


def literal(host: str) -> Address | None:
    """The address that a host is written as, in any form that the system's resolver takes (127.1, 0x7f000001, 2130706433); None: a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0].removesuffix("."))
    except ValueError:
        pass
    if not _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        return None


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet; those that carry another one inside count as that one too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner) and not address.ipv4_mapped
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def private_reason(place: Target) -> str | None:
    """Why a target is refused by its writing alone, without asking the name service; None when that cannot be said."""
    address = literal(place.host)
    if address is not None and not is_public(address):
        return f"{place.host} is the address {address}, which is not public"
    if any(place.host == name or place.host.endswith(f".{name}") for name in _PRIVATE_NAMES):
        return f"{place.host} is a name within a private network"
    return None


def is_allowed(place: Target, allow: Collection[str]) -> bool:
    """Whether `allow` names the host, or host and port."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    return any(name.lower() in (place.host, host, f"{host}:{place.port}") for name in allow)


def post(
    place: Target,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout: float,
    allow: Collection[str] = (),
    resolve: Resolve = socket.getaddrinfo,
) -> Answer:
    """POST a body and return the answer, whatever its status. Failed: the target is refused; Deferred: no answer in time."""
    deadline = time.monotonic() + timeout
    addresses = _checked(place, deadline, allow, resolve)
    try:
        return _exchange("POST", place, addresses, body, headers, _answer, deadline)
    except (OSError, http.client.HTTPException) as error:
        what = f"no answer within {timeout:g} s" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        raise Deferred(f"{place.netloc}: {clean(what)}") from None


@dataclass(frozen=True)
class Page:
    """What is at an address: status, words of the status, media type, octets; `measured`: whether the server said where they end."""

    status: int
    reason: str
    kind: str
    octets: bytes
    measured: bool = True


def get(place: Target, *, timeout: float, allow: Collection[str] = (), resolve: Resolve = socket.getaddrinfo) -> Page:
    """GET, whatever the status. Failed: the target is refused; ValueError: it is over 64 KiB;
    OSError, http.client.HTTPException: no answer in time.
    """
    deadline = time.monotonic() + timeout
    return _exchange("GET", place, _checked(place, deadline, allow, resolve), b"", {}, _page, deadline)


def _checked(place: Target, deadline: float, allow: Collection[str], resolve: Resolve) -> list[str]:
    """The addresses of a target that may be called. Failed: it is not public, and not allowed by name."""
    allowed = is_allowed(place, allow)
    reason = None if allowed else private_reason(place)
    if reason:
        raise Failed(f"{reason}; name it in `allow` of the handler's settings if it is meant")
    addresses = _resolved(place, deadline, resolve)
    private = [address for address in addresses if not is_public(ipaddress.ip_address(address.partition("%")[0]))]
    if private and not allowed:
        raise Failed(
            f"{place.host} has the address {private[0]}, which is not public; name it in `allow` of the handler's settings if it is meant"
        )
    return addresses


def judge(answer: Answer) -> str:
    """A short text for 2xx; Deferred for 408, 425, 429 and 5xx; Failed for every other answer."""
    text = f"{answer.status} {answer.text}".strip()
    if 200 <= answer.status < 300:
        return text
    if answer.status in _AGAIN or answer.status >= 500:
        raise Deferred(text, answer.retry_after)
    if 300 <= answer.status < 400:
        raise Failed(f"{text}: redirects are not followed; write the final address")
    raise Failed(text)


def _resolved(place: Target, deadline: float, resolve: Resolve) -> list[str]:
    """All addresses of the host, asked once; within the deadline, because the system's resolver knows none."""
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put([item[4][0] for item in resolve(place.host, place.port, type=socket.SOCK_STREAM)])
        except Exception as error:
            found.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        result = found.get(timeout=max(deadline - time.monotonic(), 0.001))
    except queue.Empty:
        raise Deferred(f"{place.host}: the name service did not answer in time") from None
    if isinstance(result, Exception) or not result:
        raise Deferred(f"{place.host} cannot be resolved: {clean(str(result))}")
    return list(dict.fromkeys(result))


def _exchange(
    method: str,
    place: Target,
    addresses: list[str],
    body: bytes,
    headers: Mapping[str, str],
    read: Callable[[http.client.HTTPResponse], T],
    deadline: float,
) -> T:
    with _connect(addresses, place.port, deadline) as plain:
        secured = _secured(plain, place, deadline) if place.scheme == "https" else plain
        with secured:
            connection = http.client.HTTPConnection(place.host, place.port)
            connection.sock = Limited(secured, deadline, 2 * MOST_READ)
            fields = {**headers, "Host": place.netloc, "Connection": "close", "Accept-Encoding": "identity"}
            connection.request(method, place.path, body or None, {name: value.encode() for name, value in fields.items()})
            return read(connection.getresponse())


def _page(response: http.client.HTTPResponse) -> Page:
    octets = response.read(MOST_READ + 1)
    if len(octets) > MOST_READ or response.length:
        raise ValueError(f"it is longer than {MOST_READ} octets")
    measured = response.chunked or "Content-Length" in response.headers
    return Page(response.status, clean(response.reason), response.headers.get_content_type(), octets, measured)


def _answer(response: http.client.HTTPResponse) -> Answer:
    text = "" if 200 <= response.status < 300 else _first_line(response)
    return Answer(response.status, text or clean(response.reason), _retry_after(response.getheader("Retry-After")))


def _first_line(response: http.client.HTTPResponse) -> str:
    """What the server says about its refusal: for people, so losing it is no harm."""
    try:
        return clean(response.read(MOST_READ).decode("utf-8", "replace").strip().partition("\n")[0])[:200]
    except (OSError, http.client.HTTPException):
        return ""


def _retry_after(value: str | None) -> float | None:
    """Seconds from Retry-After (RFC 9110 section 10.2.3): a number or a date; None for anything else."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp(), 0.0)


def _connect(addresses: list[str], port: int, deadline: float) -> socket.socket:
    """A connection to the first address that takes it; the addresses are literals, so nothing is resolved again."""
    last: OSError = TimeoutError()
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=max(deadline - time.monotonic(), 0.001))
        except OSError as error:
            last = error
    raise last


def _secured(plain: socket.socket, place: Target, deadline: float) -> ssl.SSLSocket:
    plain.settimeout(max(deadline - time.monotonic(), 0.001))
    return ssl.create_default_context().wrap_socket(plain, server_hostname=place.host)


class Limited:
    """What http.client needs of a socket, with one deadline (monotonic seconds) for everything; no more than `most` octets are read."""

    def __init__(self, connection: socket.socket, deadline: float, most: int = MOST_READ) -> None:
        self.connection, self.deadline, self.most = connection, deadline, most

    def sendall(self, octets: bytes) -> None:
        self.connection.settimeout(max(self.deadline - time.monotonic(), 0.001))
        self.connection.sendall(octets)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self.connection, self.deadline, self.most), 8192)

    def close(self) -> None:
        """http.client closes before it has read the answer; who opened the connection closes it."""


class _Reader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float, most: int) -> None:
        self.connection, self.deadline, self.left = connection, deadline, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        taken = self.connection.recv_into(memoryview(buffer)[: self.left])
        self.left -= taken
        return taken
