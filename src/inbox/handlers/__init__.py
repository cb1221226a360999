"""Built-in handlers: what rules can do without any further plugin. (`refuse`, `label`, `set` and `stop` are words of a rule.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.handlers import (
    add_header,
    aws_bounce,
    aws_dynamodb,
    aws_events,
    aws_lambda,
    aws_s3,
    aws_sns,
    aws_sqs,
    deliver,
    files,
    forward,
    keeping,
    notify,
    reply,
    webhook,
)
from inbox.hookspecs import hookimpl

if TYPE_CHECKING:
    from inbox.hookspecs import Register


@hookimpl
def register_handlers(register: Register) -> None:
    register("store", keeping.store, check=keeping.check_store)
    register("quarantine", keeping.quarantine)
    register("discard", keeping.discard)
    register("end", keeping.end)
    register("maildir", files.maildir, check=files.check_path, acts=True)
    register("file", files.file, check=files.check_path, acts=True)
    register("webhook", webhook.webhook, check=webhook.check, acts=True)
    register("deliver", deliver.deliver, check=deliver.check, sends=True)
    register("notify", notify.notify, check=notify.check, acts=True)
    register("forward", forward.forward, check=forward.check, sends=True)
    register("forward-bounce", forward.forward_bounce, check=forward.check_bounce, sends=True)
    register("reply", reply.reply, check=reply.check, sends=True)
    register("add-header", add_header.add_header, check=add_header.check)
    register("s3", aws_s3.s3, check=aws_s3.check, acts=True)
    register("sns", aws_sns.sns, check=aws_sns.check, acts=True)
    register("sqs", aws_sqs.sqs, check=aws_sqs.check, acts=True)
    register("lambda", aws_lambda.invoke, check=aws_lambda.check, acts=True)
    register("eventbridge", aws_events.eventbridge, check=aws_events.check, acts=True)
    register("dynamodb-put", aws_dynamodb.dynamodb_put, check=aws_dynamodb.check, acts=True)
    register("ses-bounce", aws_bounce.ses_bounce, check=aws_bounce.check, sends=True)
