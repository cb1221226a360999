"""A mail as the handlers of AWS hand it on: SES's JSON and SES's octets, with the fields that earlier steps added."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from inbox.aws import ses_json
from inbox.handlers import add_header

if TYPE_CHECKING:
    from inbox import Message
    from inbox.aws.ses_json import Action
    from inbox.model import Mail, Step

MOST_IN_SNS = 150 * 1024
"""Octets of a mail that SES puts into an SNS message."""
MOST_IN_MESSAGE = 255 * 1024
"""Octets of a message of SNS, SQS or EventBridge: 256 KB, less what else counts as part of it."""
_IN_MEMORY = 1 << 20
_HEAD = 1 << 16
CHECKS = ("spam", "virus", "spf", "dkim", "dmarc")
_MARKS: Mapping[str, tuple[bytes, ...]] = {
    "spam": (b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X",),
    "virus": (
        rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-" + b"TEST-FILE!$H+H*",
        b"WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FS",
    ),
}


@dataclass(frozen=True)
class Shown:
    """One mail for one step."""

    mail: Mail
    message: Message
    step: Step
    added: tuple[tuple[str, str], ...]
    region: str

    @property
    def key(self) -> str:
        """The key of the step's effect: a retry has the same."""
        return f"{self.mail.id}-{self.step.n}"

    def notification(self, action: Action, content: bytes | None = None) -> str:
        """SES's notification as JSON text."""
        return ses_json.dumps(ses_json.notification(*self._about(action), content=content, **self._more()))

    def event(self, action: Action) -> str:
        """SES's event for a function as JSON text."""
        return ses_json.dumps(ses_json.lambda_event(*self._about(action), **self._more()))

    def about(self) -> dict[str, Any]:
        """What SES says about the mail, without an action, and what the rule does."""
        said = ses_json.notification(*self._about({}), **self._more())
        receipt = {name: value for name, value in said["receipt"].items() if name != "action"}
        return {"mail": said["mail"], "receipt": receipt, "rule": self.step.rule, "values": dict(self.step.values)}

    def front(self) -> tuple[bytes, int]:
        """What SES would put in front of the mail, and how many octets of it that takes the place of."""
        recipients = self.step.recipients or self.mail.envelope.recipients
        return ses_json.front(self.mail, self.message, next(iter(recipients), ""), self.region, self.added)

    def octets(self) -> bytes:
        """The mail as SES would deliver it."""
        head, skip = self.front()
        return head + self.mail.raw[skip:]

    def size(self) -> int:
        """Its octets, counted without reading them."""
        head, skip = self.front()
        return len(head) + self.mail.size - skip

    def _about(self, action: Action) -> tuple[Mail, Message, tuple[str, ...], Action]:
        return self.mail, self.message, self.step.recipients, action

    def _more(self) -> dict[str, Any]:
        taken = datetime.now(UTC) - self.mail.received_at
        return {"processing_ms": int(taken.total_seconds() * 1000), "region": self.region, "added": self.added}


def shown(mail: Mail, message: Message, step: Step, earlier: tuple[Step, ...], settings: Mapping[str, Any], *, scan: bool = False) -> Shown:
    """The mail for one step, with the fields that steps before it added. `scan`: say what scanners say of it."""
    verdicts = mail.envelope.verdicts or _unchecked(mail, settings.get("verdicts", {}), scan=scan)
    seen = replace(mail, envelope=replace(mail.envelope, verdicts=verdicts))
    return Shown(seen, message, step, add_header.fields(earlier), region(settings))


def _unchecked(mail: Mail, said: Mapping[str, str], *, scan: bool) -> dict[str, str]:
    """Verdicts of a mail that nobody checked: GRAY, which says that nothing is known, or what the settings say. SES's scanners stay silent where they
    are not asked; asked, they find what is made to be found.
    """
    found = {**dict.fromkeys(CHECKS, "gray"), **{name: word.lower() for name, word in said.items()}}
    if not scan:
        return {**found, "spam": "disabled", "virus": "disabled"}
    return {**found, **dict.fromkeys(_test_files(mail), "fail")}


def _test_files(mail: Mail) -> set[str]:
    """What a scanner must find in a mail: the test mail of spam filters (GTUBE), the test file of virus scanners (EICAR), plain or in base64."""
    found: set[str] = set()
    with mail.content.open() as stream:
        before = b""
        while octets := stream.read(1 << 20):
            here = before + octets
            found |= {name for name, marks in _MARKS.items() if any(mark in here for mark in marks)}
            before = here[-128:]
    return found


def region(settings: Mapping[str, Any]) -> str:
    """The region that is set, here or in the environment."""
    return settings.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ses_json.REGION


def head_of(mail: Mail) -> Message:
    """The mail's header alone, read from its first octets: a large mail need not be in memory for it."""
    from inbox import parse  # noqa: PLC0415

    with mail.content.open() as stream:
        return parse(stream.read(_HEAD))


def stream(mail: Mail, head: bytes, skip: int) -> BinaryIO:
    """The octets of a mail with others in front: small ones in memory, large ones in a file that vanishes when it is closed."""
    with mail.content.open() as source:
        source.seek(skip)
        if mail.size <= _IN_MEMORY:
            return BytesIO(head + source.read())
        made = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
        made.write(head)
        shutil.copyfileobj(source, made, 1 << 20)
    made.seek(0)
    return made
