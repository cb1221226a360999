"""A mail as the handlers of AWS hand it on: SES's JSON and SES's octets, with the fields that earlier steps added."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
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
MOST_IN_MESSAGE = 256 * 1024
"""Octets of a message of SNS, SQS or EventBridge, with all that counts as part of it."""
_IN_MEMORY = 1 << 20
_HEAD = 1 << 16


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


def shown(mail: Mail, message: Message, step: Step, earlier: tuple[Step, ...], settings: Mapping[str, Any]) -> Shown:
    """The mail for one step, with the fields that steps before it added."""
    return Shown(mail, message, step, add_header.fields(earlier), region(settings))


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
