"""The handler notify: tell somebody in a few words, by a web address, a topic of SNS or e-mail. It also tells what `[notifications]` asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inbox.errors import Failed
from inbox.handlers import aws_names, webhook
from inbox.options import Seconds, Secret
from inbox.send import headers as guard
from inbox.send.compose import Draft, compose
from inbox.sending import NOTICE

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Outbox

_MOST_TEXT = 2000
_LOOP = "X-Inbox-Loop"


def notify(
    mail: Mail,
    message: Message,
    step: Step,
    settings: Mapping[str, Any],
    outbox: Outbox,
    *,
    to: str,
    text: str = "{subject}",
    secret: Secret | None = None,
    from_: str | None = None,
    timeout: Seconds = 10,
) -> str:
    """Tell somebody about the mail in one line.

    to: `https://...` gets JSON (`text`, `mail`, `rule`, `sender`, `recipients`, `subject`), the ARN of a topic or an e-mail address the text. text:
    placeholders may stand in it. secret: env:NAME or file:PATH, signs what is posted as `webhook` does. from: author of an e-mail, by default the
    address that the mail came to. timeout: for what is posted. E-mail has the null sender and says that a program wrote it; about mail that such an
    e-mail of ours is, none is sent, so that notifications cannot chase each other.
    """
    about_event = mail.envelope.source == NOTICE
    words = guard.clean(_event_words(mail) if about_event else text)[:_MOST_TEXT]
    if re.match(r"https?://", to, re.IGNORECASE):
        content = _event(mail) if about_event else _payload(mail, message, step, words)
        return webhook.post(to, content, settings, key=f"{mail.id}-{step.n}", secret=secret, timeout=timeout)
    if to.startswith("arn:"):
        return _publish(to, words, _event(mail).decode() if about_event else words, settings)
    if not about_event and _is_notification(message):
        return "not told: the mail is a notification itself"
    return _mailed(mail, step, outbox, to, words, from_)


def _event(mail: Mail) -> bytes:
    """The JSON of the event that a notice holds."""
    return mail.raw.partition(b"\r\n\r\n")[2].strip()


def _event_words(mail: Mail) -> str:
    """`Bounce joe@x.test: 550 5.1.1 no such user`."""
    event = json.loads(_event(mail))
    kind, sent = event["eventType"], event["mail"]
    part: Mapping[str, Any] = next((value for key, value in event.items() if key not in ("eventType", "mail")), {})
    reported = next((found for found in _reasons(part) if found), None)
    whom = ", ".join(sent["destination"]) or sent["messageId"]
    return f"{kind} {whom}" + (f": {reported}" if reported else "")


def _reasons(part: Mapping[str, Any]) -> Iterator[str | None]:
    for recipient in [*part.get("bouncedRecipients", ()), *part.get("delayedRecipients", ())]:
        yield recipient.get("diagnosticCode")
    yield from (part.get(name) for name in ("reason", "errorMessage", "complaintFeedbackType", "smtpResponse", "bounceSubType"))


def _payload(mail: Mail, message: Message, step: Step, words: str) -> bytes:
    """The JSON body; `text` is what chat programs show."""
    data = {
        "text": words,
        "mail": mail.id,
        "rule": step.rule,
        "sender": mail.envelope.sender,
        "recipients": list(step.recipients),
        "subject": message.subject,
    }
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")


def _publish(topic: str, words: str, content: str, settings: Mapping[str, Any]) -> str:
    from inbox.aws import calling, client  # noqa: PLC0415  boto3 is slow to import

    subject = "".join(letter for letter in words if " " <= letter <= "~")[:99].strip() or "notification"
    with calling(f"sns:Publish {topic}"):
        answer = client("sns", settings).publish(TopicArn=topic, Subject=subject, Message=content or subject)
    return f"published {answer.get('MessageId')}"


def _is_notification(message: Message) -> bool:
    """Whether a mail says of itself that a program of our kind wrote it."""
    return any(header.name.lower() == _LOOP.lower() for header in message.headers)


def _mailed(mail: Mail, step: Step, outbox: Outbox, to: str, words: str, from_: str | None) -> str:
    """No event is noted of it (`about` is left out): nobody is told what becomes of a notification."""
    own = from_ or next(iter(step.recipients or mail.envelope.recipients), None)
    if own is None:
        raise Failed("there is no address to write from; give the option from")
    text = f"{words}\n\nmail {mail.id}, {step.rule}\n"
    if mail.envelope.source == NOTICE:
        text += f"\n{json.dumps(json.loads(_event(mail)), indent=2, ensure_ascii=False)}\n"
    draft = Draft(
        from_=("", own),
        to=(("", to),),
        subject=words[:200] or "notification",
        text=text,
        message_id=f"<{mail.id}.{step.n}@{own.rpartition('@')[2]}>",
        date=datetime.now(UTC),
        headers=(("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All"), (_LOOP, own)),
    )
    try:
        raw = compose(draft)
    except ValueError as error:
        raise Failed(f"no notification can be written: {error}") from None
    return outbox.send(None, [to], raw)


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options, found at load: whom a mail would choose, a target that is none."""
    to = options["to"]
    if re.match(r"https?://", to, re.IGNORECASE):
        yield from (
            problem.replace("url:", "to:", 1).replace("[handlers.webhook]", "[handlers.notify]")
            for problem in webhook.check_url(to, settings)
        )
    elif to.startswith("arn:"):
        yield from aws_names.problems("topic", to, "to")
        if to.endswith(".fifo"):
            yield "to: a FIFO topic wants groups; use the handler sns"
    elif "{" in to:
        yield "to: whom we tell is fixed; a mail must not choose it"
    else:
        yield from _address_problems("to", to)
    if options.get("from_") and "{" not in options["from_"]:
        yield from _address_problems("from", options["from_"])
    if options.get("secret") and not to.lower().startswith("http"):
        yield "secret: signs what is posted to a web address; leave it out"


def _address_problems(option: str, text: str) -> Iterator[str]:
    try:
        guard.check_address(text)
    except ValueError:
        yield (
            f"{option}: {text!r} is no target; write https://host/path, the ARN of a topic of SNS, or an address"
            if option == "to"
            else f"{option}: {text!r} is no address"
        )
