"""Mail over Amazon SES: its API, version 2, `SendEmail` with raw octets. (Its SMTP endpoint is a server like others: smtp://.)

What SES would refuse is told before the call, with what would mend it. Calls are made once: one that got no answer may have sent the mail.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from inbox.aws import AwsError, calling, client
from inbox.errors import Deferred, Failed
from inbox.next_hops import SesAccount
from inbox.send.compose import crlf
from inbox.send.transports.answers import Wire, deferred, for_all, refused
from inbox.sending import Answer, Answers, Letter

MOST_OCTETS = 40 * 1024 * 1024
"""Octets of a mail, encoded as it goes out."""
MOST_RECIPIENTS = 50
_THROTTLED = frozenset(("TooManyRequestsException", "Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"))
_REFUSED = frozenset(("MessageRejected", "MailFromDomainNotVerifiedException", "BadRequestException", "InvalidParameterValue"))
_WAITS: Mapping[str, float] = {"LimitExceededException": 3600.0, "SendingPausedException": 3600.0, "AccountSuspendedException": 3600.0}
_SOON, _QUOTA_AGE = 2.0, 900.0


class SesTransport:
    """SES in one region (`inbox.ports.Transport`). `settings`: `[aws]` of inbox.toml; the region is that of the URL."""

    def __init__(self, account: SesAccount, settings: Mapping[str, Any]) -> None:
        self._account = account
        self._settings = {**settings, "region": account.region}
        self._place = f"ses {account.region}"
        self._rates: tuple[str, ...] = ()
        self._asked_at: float | None = None

    def deliver(self, letter: Letter) -> Answers:
        """One call for each 50 recipients."""
        wire, raw = Wire(letter), crlf(letter.raw)
        if problem := self._too_much(letter, wire, raw):
            return wire.answers(for_all(wire.recipients, problem))
        found: dict[str, Answer] = {}
        for some in _portions(wire.recipients):
            found |= for_all(some, self._send(wire.sender, some, raw))
        return wire.answers(found)

    def rates(self) -> tuple[str, ...]:
        """What the account allows, recipients a second and a day (`14/1s`, `50000/24h`), asked once in a quarter of an hour.

        Nothing when SES does not say: its own throttling holds then.
        """
        if self._asked_at is None or time.monotonic() - self._asked_at > _QUOTA_AGE:
            self._asked_at = time.monotonic()
            with contextlib.suppress(Deferred, Failed):  # the last answer counts on
                self._rates = _rates(self._account_of())
        return self._rates

    def probe(self) -> str:
        """What the account may send. Deferred or Failed when SES does not say, or has stopped it."""
        said = self._account_of()
        if not said.get("SendingEnabled", True):
            raise Deferred(f"{self._place}: this account may not send now; SES says why in its console")
        sandbox = "" if said.get("ProductionAccessEnabled", True) else "; in the sandbox, so to verified addresses only"
        return f"{self._place} answers, {' and '.join(_rates(said)) or 'without a quota'}{sandbox}"

    def _account_of(self) -> Mapping[str, Any]:
        with calling("ses:GetAccount"):
            found: Mapping[str, Any] = self._client().get_account()
            return found

    def close(self) -> None:
        """Nothing is kept open."""

    def _client(self) -> Any:
        return client("sesv2", self._settings, attempts=1)

    def _too_much(self, letter: Letter, wire: Wire, raw: bytes) -> Answer | None:
        if len(raw) > MOST_OCTETS:
            words = "send less, or a link in place of the attachment"
            return refused(f"552 5.3.4 the mail has {len(raw)} octets, SES takes {MOST_OCTETS}: {words} ({self._place})")
        if letter.whole and len(wire.recipients) > MOST_RECIPIENTS:
            words = "send it to fewer at a time"
            return refused(
                f"550 5.5.3 the mail has {len(wire.recipients)} recipients, SES takes {MOST_RECIPIENTS}: {words} ({self._place})"
            )
        strange = next((address for address in (wire.sender, *wire.recipients) if not address.isascii()), None)
        if strange is not None:
            return refused(f"553 5.6.7 {strange!r} is not ASCII, and SES takes no such local parts ({self._place})")
        return None

    def _send(self, sender: str, recipients: tuple[str, ...], raw: bytes) -> Answer:
        request: dict[str, Any] = {"Content": {"Raw": {"Data": raw}}, "Destination": {"ToAddresses": list(recipients)}}
        if sender:  # SES has no null sender: without one, From counts
            request["FromEmailAddress"] = sender
        if self._account.configuration_set:
            request["ConfigurationSetName"] = self._account.configuration_set
        try:
            with calling("ses:SendEmail"):
                given = str(self._client().send_email(**request)["MessageId"])
        except AwsError as error:
            return self._judged(error)
        except Deferred as error:
            return deferred(f"451 4.3.0 {error} ({self._place})")
        except Failed as error:
            return refused(f"554 5.6.0 {error} ({self._place})")
        return Answer("delivered", f"250 2.0.0 {given} ({self._place})", message_id=given)

    def _judged(self, error: AwsError) -> Answer:
        if error.code in _REFUSED:
            return refused(f"554 5.7.1 {error} ({self._place})")
        if error.code in _THROTTLED:
            return deferred(f"451 4.7.28 {error} ({self._place})", _SOON)
        return deferred(f"451 4.3.0 {error} ({self._place})", _WAITS.get(error.code))


def _portions(recipients: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for at in range(0, len(recipients), MOST_RECIPIENTS):
        yield recipients[at : at + MOST_RECIPIENTS]


def _rates(account: Mapping[str, Any]) -> tuple[str, ...]:
    """SES's numbers as rates; -1 for a day means that there is no limit."""
    quota = account.get("SendQuota", {})
    second, day = float(quota.get("MaxSendRate", 0)), float(quota.get("Max24HourSend", 0))
    found = (f"{int(second)}/1s",) if second >= 1 else (f"1/{1 / second:g}s",) if second > 0 else ()
    return (*found, f"{int(day)}/24h") if day >= 1 else found
