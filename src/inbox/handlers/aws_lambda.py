"""The handler lambda: invoke a function with SES's event, and do what its answer says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from inbox.aws import calling, client, ses_json
from inbox.errors import Deferred
from inbox.handlers import aws_mail, aws_names
from inbox.model import Done

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step

PATIENCE = 30
"""Seconds that SES waits for a function."""
_STOPS: Mapping[str, Literal["rule", "all"]] = {"STOP_RULE": "rule", "STOP_RULE_SET": "all"}


def invoke(
    mail: Mail,
    message: Message,
    step: Step,
    earlier: tuple[Step, ...],
    settings: Mapping[str, Any],
    *,
    function: str,
    invocation: Literal["Event", "RequestResponse"] = "Event",
    scan: bool = False,
) -> Done:
    """Invoke a function of AWS Lambda with the event that SES would send.

    function: its name, NAME:ALIAS or ARN. invocation: Event, without waiting for it, or RequestResponse: wait for its answer, for 30 s or what the step's
    `timeout` says. `{"disposition": "STOP_RULE"}` ends the rule, `STOP_RULE_SET` all rules, anything else goes on. A function that fails is invoked
    again later. The mail itself is not in the event: put it into S3 in a step before, with `content: ses`. scan: as in sns.
    """
    view = aws_mail.shown(mail, message, step, earlier, settings, scan=scan)
    event = view.event(ses_json.lambda_action(function, invocation)).encode()
    service = client("lambda", settings, read_timeout=step.timeout or PATIENCE, attempts=1)
    with calling(f"lambda:Invoke {function}"):
        answer = service.invoke(FunctionName=known_as(function, service.meta.endpoint_url), InvocationType=invocation, Payload=event)
        said = answer["Payload"].read()
    if answer.get("FunctionError"):
        raise Deferred(f"lambda:Invoke {function}: {answer['FunctionError']}: {_words(said)}")
    return Done("invoked") if invocation == "Event" else _answered(said)


def known_as(function: str, endpoint: str) -> str:
    """The name for an endpoint: stand-ins for AWS know a function by its name alone (`sam local start-lambda`), AWS by the ARN of any account."""
    host = urlsplit(endpoint).hostname or ""
    of_aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
    return function if of_aws else function.partition(":function:")[2] or function


def _answered(said: bytes) -> Done:
    disposition = _disposition(said)
    stop = _STOPS.get(disposition)
    return Done(f"answered {disposition}" if stop else "answered, goes on", stop=stop)


def _disposition(said: bytes) -> str:
    """The word in the answer, in upper case; "" for all that is none."""
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        return ""
    word = answer.get("disposition") if isinstance(answer, dict) else None
    return word.upper() if isinstance(word, str) else ""


def _words(said: bytes) -> str:
    """What a function that failed says: type and message of its error, or the answer as it is."""
    try:
        error = json.loads(said)
        return f"{error.get('errorType', 'error')}: {error['errorMessage']}"
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return said.decode("utf-8", "replace")[:500]


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: no function, or one that a mail would choose."""
    yield from aws_names.problems("function", options["function"])
