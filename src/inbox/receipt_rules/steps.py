"""SES actions as steps, kind by kind: the table that says which handler, with which options, does what an action did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inbox.handlers import add_header
from inbox.receipt_rules.model import (
    Action,
    AddHeaderAction,
    BounceAction,
    ConnectAction,
    LambdaAction,
    S3Action,
    SNSAction,
    StopAction,
    WorkmailAction,
)
from inbox.receipt_rules.writing import literal

Step = str | dict[str, Any]
Told = tuple[str, str]
"""What has no exact translation, and what is done instead."""

WAITS: Told = (
    "SES waits for this function before anything else is done",
    "the rule's later steps wait for it, those of later rules do not when it has to be tried again",
)
"""Told of a function that SES waits for, where steps are not carried out strictly in order."""

END = "end"
"""The handler that ends all later steps of a mail."""


@dataclass(frozen=True, slots=True)
class Made:
    """What one action becomes: steps, labels, and what must be told."""

    steps: tuple[Step, ...] = ()
    labels: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()


def steps_of(action: Action) -> Made:
    """The steps that do what an action does; Stop has none but its alert."""
    made = _TABLE[type(action)](action)
    topic = getattr(action, "topic_arn", None)
    if not topic or isinstance(action, (SNSAction, WorkmailAction)):
        return made
    return Made((*made.steps, alert(topic, action)), made.labels, made.told)


def scanned(step: Step) -> Step:
    """The step of a rule whose mail is scanned: the verdicts of the scanners are said."""
    if not isinstance(step, dict) or not (name := next((name for name in step if name in ("s3", "sns", "lambda")), None)):
        return step
    return {name: {**step[name], "scan": True}}


def alert(topic: str, action: Action) -> Step:
    """The notification without content that SES publishes for an action with a TopicArn: it says what was done."""
    return {"sns": {"topic": literal(topic), "content": "none", "action": {name: literal(value) for name, value in _said(action).items()}}}


def _said(action: Action) -> dict[str, str]:
    """The action as a notification names it."""
    if isinstance(action, S3Action):
        return {"type": "S3", "bucketName": action.bucket_name, "objectKeyPrefix": action.object_key_prefix or ""}
    if isinstance(action, LambdaAction):
        return {"type": "Lambda", "functionArn": action.function_arn, "invocationType": action.invocation_type}
    if isinstance(action, BounceAction):
        status = {"statusCode": action.status_code} if action.status_code else {}
        return {"type": "Bounce", "smtpReplyCode": action.smtp_reply_code, **status, "message": action.message, "sender": action.sender}
    return {"type": "Stop"}


def _s3(action: S3Action) -> Made:
    told: list[Told] = []
    if action.kms_key_arn:
        told.append(
            (f"KmsKeyArn {action.kms_key_arn}: SES encrypts before it stores", "the object is stored as it is; let the bucket encrypt it")
        )
    if action.iam_role_arn:
        told.append((f"IamRoleArn {action.iam_role_arn}", "the credentials of this program are used"))
    options = {"bucket": literal(action.bucket_name), "key": literal(action.prefix) + "{ses_id}", "content": "ses"}
    return Made(({"s3": options},), told=tuple(told))


def _sns(action: SNSAction) -> Made:
    return Made(({"sns": {"topic": literal(action.topic_arn), "encoding": action.encoding}},))


def _lambda(action: LambdaAction) -> Made:
    options: dict[str, Any] = {"function": literal(action.function_arn), "invocation": action.invocation_type}
    if not action.waits:
        return Made(({"lambda": options},))
    return Made(({"lambda": {**options, "on_error": "stop"}},), told=(WAITS,))


def bounce_step(action: BounceAction) -> Step:
    """The step that sends a bounce, after the mail was accepted."""
    status = {"status": action.status_code} if action.status_code and not _contradicts(action) else {}
    return {
        "ses-bounce": {"code": int(action.smtp_reply_code), **status, "text": literal(action.message), "sender": literal(action.sender)}
    }


def _contradicts(action: BounceAction) -> bool:
    """Whether reply code and status code are of different classes, such as 550 and 4.1.1 (RFC 3463 section 2)."""
    return action.status_code is not None and action.status_code[:1] != action.smtp_reply_code[:1]


def _bounce(action: BounceAction) -> Made:
    kind = action.smtp_reply_code[:1]
    told = ((f"StatusCode {action.status_code} is of another class than {action.smtp_reply_code}", f"{kind}.0.0 is said"),)
    return Made((bounce_step(action),), told=told if _contradicts(action) else ())


def _add_header(action: AddHeaderAction) -> Made:
    options = {"name": action.header_name, "value": action.header_value}
    if not any(add_header.check(options, (), {})):
        return Made(({"add-header": {"name": action.header_name, "value": literal(action.header_value)}},))
    value = " ".join(action.header_value.replace("{", "(").replace("}", ")").split())
    label = f"{action.header_name}: {''.join(c for c in value if c.isprintable())}".strip()
    exact = "" if label == f"{action.header_name}: {action.header_value}" else " (some characters cannot stand in a label)"
    instead = f"the label {label!r} is given{exact}, and what later steps deliver stays as it came"
    return Made(labels=(label,), told=((f"AddHeaderAction {action.header_name}", instead),))


def _stop(_: StopAction) -> Made:
    return Made()


def _workmail(action: WorkmailAction) -> Made:
    topic = f", TopicArn {action.topic_arn}" if action.topic_arn else ""
    return Made(told=((f"WorkmailAction {action.organization_arn}{topic}", "nothing; the mail is kept, forward delivers it elsewhere"),))


def _connect(action: ConnectAction) -> Made:
    return Made(told=((f"ConnectAction {action.instance_arn}", "nothing; the mail is kept, webhook or lambda hands it on"),))


_TABLE: Mapping[type, Callable[[Any], Made]] = {
    S3Action: _s3,
    SNSAction: _sns,
    LambdaAction: _lambda,
    BounceAction: _bounce,
    AddHeaderAction: _add_header,
    StopAction: _stop,
    WorkmailAction: _workmail,
    ConnectAction: _connect,
}
