"""The handler ses-bounce: send a mail back, as SES's Bounce action does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from inbox.aws import calling, client
from inbox.errors import Failed
from inbox.send import headers as guard
from inbox.send.compose import Draft
from inbox.send.report import Undelivered, compose_report
from inbox.sending import message_id_of

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Outbox

Reason = Literal["DoesNotExist", "MessageTooLarge", "ExceededQuota", "ContentRejected", "Undefined", "TemporaryFailure"]
_TEMPLATES: Mapping[str, tuple[int, str, str]] = {
    "DoesNotExist": (550, "5.1.1", "Mailbox does not exist"),
    "MessageTooLarge": (552, "5.3.4", "Message too large"),
    "ExceededQuota": (552, "5.2.2", "Mailbox full"),
    "ContentRejected": (500, "5.6.1", "Message content rejected"),
    "Undefined": (554, "5.0.0", "Unknown failure"),
    "TemporaryFailure": (450, "4.0.0", "Temporary failure"),
}
"""SES's own templates of bounces: reply code, enhanced status, text."""
_KNOWN_TO_SES = timedelta(hours=23, minutes=55)
"""SES takes SendBounce for 24 hours."""


def ses_bounce(
    mail: Mail,
    message: Message,
    step: Step,
    outbox: Outbox,
    settings: Mapping[str, Any],
    *,
    sender: str,
    reason: Reason = "Undefined",
    code: int | None = None,
    status: str | None = None,
    text: str | None = None,
) -> str:
    """Send the mail back to its envelope sender, as SES's Bounce action does; never to a null sender, a list or a program (RFC 3834).

    sender: who sends it back, an address of yours. reason: one of SES's templates, which give code, status and text. code: reply code of SMTP, 550.
    status: enhanced status, 5.1.1. text: what the sender is told. A mail that came through SES within a day is sent back by SES (SendBounce); any other
    gets a delivery status notification (RFC 3464) over the relay. The sender of a mail may be forged: `refuse` tells the server that sends it, and
    nobody else, and is better wherever mail comes in over SMTP.
    """
    asked = message.may_reply(mail.envelope)
    if not asked.ok or mail.envelope.sender is None:
        return f"not sent back: {'; '.join(asked.reasons) or 'null sender'}"
    recipients = step.recipients or mail.envelope.recipients
    words = guard.clean(text or _TEMPLATES[reason][2])
    number, enhanced = _codes(reason, code, status)
    diagnostic = f"{number} {enhanced} {words}"
    own = (mail.source_key or "").partition("ses:")[2]
    if own and datetime.now(UTC) - mail.received_at < _KNOWN_TO_SES:
        return _by_ses(settings, own, sender, recipients, enhanced, diagnostic, words)
    what = Undelivered(recipients, mail.received_at, enhanced, diagnostic, sender.rpartition("@")[2])
    return outbox.send(None, [mail.envelope.sender], _report(mail, message, step, sender, what))


def _codes(reason: str, code: int | None, status: str | None) -> tuple[int, str]:
    """Reply code and enhanced status: as they are given, or as the template has them, or one made of the other's class."""
    usual_code, usual_status, _ = _TEMPLATES[reason]
    if code is None and status is None:
        return usual_code, usual_status
    if code is None:
        return (usual_code if status and status[:1] == str(usual_code)[0] else int(f"{str(status)[:1]}50")), str(status)
    if status is None:
        return code, usual_status if code == usual_code else f"{str(code)[0]}.0.0"
    return code, status


def _by_ses(
    settings: Mapping[str, Any], own: str, sender: str, recipients: tuple[str, ...], status: str, diagnostic: str, words: str
) -> str:
    about = {"Action": "failed", "Status": status, "DiagnosticCode": f"smtp; {diagnostic}"}
    people = [{"Recipient": recipient, "RecipientDsnFields": about} for recipient in recipients]
    with calling(f"ses:SendBounce {own}"):
        answer = client("ses", settings).send_bounce(
            OriginalMessageId=own, BounceSender=sender, Explanation=words, BouncedRecipientInfoList=people
        )
    return f"sent back by SES, {answer.get('MessageId')}"


def _report(mail: Mail, message: Message, step: Step, sender: str, what: Undelivered) -> bytes:
    ids = (f"<{message.message_id.strip().strip('<>')}>",) if message.message_id else ()
    draft = Draft(
        from_=("Mail Delivery System", sender),
        to=(("", mail.envelope.sender or ""),),
        subject="Delivery Status Notification (Failure)",
        text="\n".join(("Your message was not delivered to:", "", *what.recipients, "", what.diagnostic, "")),
        message_id=message_id_of(mail.id, step.n, what.reporter, automatic=True),
        date=datetime.now(UTC),
        headers=(("Auto-Submitted", "auto-replied"), ("X-Inbox-Loop", what.recipients[0] if what.recipients else sender)),
        ids=(("In-Reply-To", ids), ("References", ids)),
    )
    header = re.split(rb"\r?\n\r?\n", mail.raw[: 128 << 10], maxsplit=1)[0] + b"\r\n"
    try:
        return compose_report(draft, what, header)
    except ValueError as error:
        raise Failed(f"no report can be made: {error}") from None


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: a sender that is no address, code and status that do not say the same."""
    try:
        guard.check_address(options["sender"])
    except ValueError as error:
        yield f"sender: {error}"
    code, status = options.get("code"), options.get("status")
    if code is not None and not 400 <= code <= 599:
        yield f"code: {code} is no refusal; 400 to 599: 550"
    elif status is not None and not re.fullmatch(r"[45]\.\d{1,3}\.\d{1,3}", status):
        yield f"status: {status!r} is none; write 5.1.1, in quotes"
    elif code is not None and status is not None and str(code)[0] != status[0]:
        yield f"code {code} and status {status} contradict each other; both begin with 4 or both with 5"
