"""The handler webhook: tell a program by HTTP. How targets are guarded stands in `inbox.send.http`."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from inbox import __version__
from inbox.errors import Failed
from inbox.options import Seconds, Secret
from inbox.send.headers import check_name, clean

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.send.http import Target

_RESERVED = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "idempotency-key", "x-inbox-signature", "accept-encoding")
)


def webhook(
    mail: Mail,
    message: Message,
    step: Step,
    settings: Mapping[str, Any],
    *,
    url: str,
    body: Literal["json", "raw"] = "json",
    secret: Secret | None = None,
    headers: dict[str, str] | None = None,
    timeout: Seconds = 10,
) -> str:
    """POST the mail to a web address; 2xx is done, 408, 425, 429, 5xx and no answer are tried again, everything else is given up.

    url: http or https; placeholders may stand in its path and query only. body: json (mail, message, rule, recipients, values) or raw, the
    octets as message/rfc822. secret: env:NAME or file:PATH; signs `timestamp.body` by HMAC-SHA256 in `X-Inbox-Signature: t=...,v1=...`.
    headers: further header fields. timeout: for everything together, 10s by default. A retry has the same `Idempotency-Key`. Private
    addresses are refused unless `allow` in [handlers.webhook] names the host or host:port.
    """
    content = mail.raw if body == "raw" else payload(mail, message, step)
    fields = {name: clean(value) for name, value in (headers or {}).items()}
    fields["Content-Type"] = "message/rfc822" if body == "raw" else "application/json"
    return post(url, content, settings, key=f"{mail.id}-{step.n}", secret=secret, timeout=timeout, headers=fields)


def post(
    url: str,
    content: bytes,
    settings: Mapping[str, Any],
    *,
    key: str,
    secret: str | None = None,
    timeout: float = 10,
    headers: Mapping[str, str] | None = None,
) -> str:
    """POST octets, JSON unless `headers` say otherwise, signed when there is a secret; what the answer was. Deferred, Failed."""
    from inbox.send import http  # noqa: PLC0415  http and ssl are slow to import

    fields = {"Content-Type": "application/json", **(headers or {}), "User-Agent": f"inbox/{__version__}", "Idempotency-Key": key}
    if secret:
        fields["X-Inbox-Signature"] = signature(secret, content, int(time.time()))
    return http.judge(http.post(_target(url), content, fields, timeout=timeout, allow=settings.get("allow", ())))


def _target(url: str) -> Target:
    from inbox.send import http  # noqa: PLC0415

    try:
        return http.target(url)
    except ValueError as error:
        raise Failed(str(error)) from None


def payload(mail: Mail, message: Message, step: Step) -> bytes:
    """The JSON body: the same mail and step give the same octets."""
    data = {
        "mail": mail.to_dict(),
        "message": message.to_dict(mail.envelope),
        "rule": step.rule,
        "recipients": list(step.recipients),
        "values": dict(step.values),
    }
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """`t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 over timestamp, a dot and the body."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options, found at load: a target that is private or that a mail would choose, header fields that are none."""
    yield from check_url(options["url"], settings)
    for name, value in (options.get("headers") or {}).items():
        yield from _header_problems(name, value)


def check_url(url: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a web address as it stands in the rules, placeholders included."""
    scheme, _, rest = url.partition("://")
    if "{" in scheme + re.split(r"[/?#\\]", rest, maxsplit=1)[0]:
        yield "url: scheme and host are fixed: a mail must not choose whom we call; placeholders may stand in path and query"
        return
    from inbox.send import http  # noqa: PLC0415

    try:
        place = http.target(url)
    except ValueError as error:
        yield f"url: {error}"
        return
    reason = http.private_reason(place)
    if reason and not http.is_allowed(place, settings.get("allow", ())):
        yield f"url: {reason}; name it in `allow` of [handlers.webhook] if it is meant"


def _header_problems(name: str, value: str) -> Iterator[str]:
    try:
        check_name(name)
    except ValueError as error:
        yield f"headers: {error}"
    if name.lower() in _RESERVED:
        yield f"headers: {name} is set by the handler itself"
    if clean(value) != value.strip():
        yield f"headers: {name}: a value is one line"
