"""The handler reply: answer a mail by a program, as RFC 3834 wants it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

from inbox import reply_address
from inbox.errors import Failed
from inbox.handlers import budgets, reply_budget, reply_guard, reply_text
from inbox.options import Jinja, Seconds, Secret, Template
from inbox.send import headers as guard
from inbox.send.compose import Draft, compose
from inbox.sending import About, message_id_of

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Counter, Facts, Memory, Outbox

_LOG = logging.getLogger("inbox.reply")
_WEEK, _MONTH = 7 * 86_400, 30 * 86_400
_MOST_REFERENCES = 20


def reply(
    mail: Mail,
    message: Message,
    facts: Facts,
    step: Step,
    settings: Mapping[str, Any],
    memory: Memory,
    outbox: Outbox,
    counter: Counter | None,
    *,
    template: Template | dict[str, Template] | None = None,
    text: Jinja | dict[str, Jinja] | None = None,
    html: Jinja | dict[str, Jinja] | None = None,
    subject: str | None = None,
    from_: str | None = None,
    every: Seconds = _WEEK,
    handle: str | None = None,
    from_date: str | None = None,
    until_date: str | None = None,
    timezone: str = "UTC",
    only_if_named: bool = False,
    addresses: list[str] = [],  # noqa: B006  never changed; options have plain defaults
    reply_value: str | None = None,
    reply_key: Secret | None = None,
    reply_within: Seconds = _MONTH,
) -> str:
    """Answer the envelope sender, once a week at most, and never a list, a bounce or another program (RFC 3834).

    template: file with the text, perhaps with front matter (subject, html, variants); or text: the text itself. html: an HTML version beside it.
    Each may be a mapping by language, `{de: …, pt-br: …, default: …}`. subject: by default `Re: ` and theirs. from: author of the reply, by default the address that the mail came to.

    every: how long a sender is not answered again by this rule, 7d by default, counted from the last mail. handle: rules with the same handle
    answer a sender once for all of them. from_date, until_date: first and last day of replies, `2026-12-24`, in timezone (UTC). only_if_named:
    only when To or Cc names the address that the mail came to, or one of addresses, which are yours too.

    reply_value: what an answer to this reply shall carry, a number of a ticket: Reply-To becomes an address that proves it (the fact
    reply_token reads it). reply_key: env:NAME or file:PATH, at least 16 characters. reply_within: how long it is good, 30d by default.

    Budgets hold over all rules: `[handlers.reply]` per_sender = "5/1d", per_domain = "100/1h", in_all = "1000/1h" (docs/replies.md).

    Texts are templates in a small part of Jinja's language: `{{ subject }}`, `{{ from.name or 'you' }}`, `{{ header['X-Order'] }}`, captures and
    set values by their names, `{% if %}`, `{% for %}`, `{% set %}`, filters such as `upper`, `replace`, `join`, `truncate(80)`, and `quote` for
    `{{ text|quote }}`. Nothing else can be called, and a template that takes longer than 250 ms or makes megabytes is stopped.
    """
    wanted = reply_guard.Wanted(from_date, until_date, timezone, only_if_named, tuple(addresses))
    why = reply_guard.unanswerable(mail, message) or wanted.why_not(mail, message, step.recipients or mail.envelope.recipients)
    refused = ("unanswerable", why) if why else _too_often(mail, message, step, settings, memory, every, handle or step.rule)
    if refused is not None:
        _count(counter, refused[0])
        return f"not answered: {refused[1]}"
    answer_to = _answer_to(mail, message, step, reply_value, reply_key, reply_within)
    words = reply_text.write(facts, message, step, template, text, html, mail.envelope.sender or "")
    draft = _draft(mail, message, step, words, from_, subject, answer_to)
    about = About(mail=mail.id, n=step.n, template=words.template, variant=words.variant, experiment=words.experiment)
    answer = outbox.send(None, [mail.envelope.sender or ""], _composed(draft), about=about)
    _count(counter, "sent")
    return answer


def _count(counter: Counter | None, result: str) -> None:
    if counter:
        counter.count("inbox_replies_total", result=result)


def _too_often(
    mail: Mail, message: Message, step: Step, settings: Mapping[str, Any], memory: Memory, every: float, handle: str
) -> tuple[str, str] | None:
    """What came of it and the words for it, when this sender is not answered now; a reply is taken from the budgets otherwise."""
    key = f"{handle}\n{reply_budget.same_sender(mail.envelope.sender or '')}"
    if memory.earlier("reply", key, mail, timedelta(seconds=every)):
        return "answered before", f"this sender had mail from us within {timedelta(seconds=every)}"
    spent = reply_budget.used_up(mail, step, memory, settings, every if reply_guard.answers_us(message) else None)
    if spent is None:
        return None
    _LOG.warning("reply budget used up", extra={"budget": spent[0], "mail": mail.id, "rule": step.rule})
    return f"over {spent[0]}", spent[1]


def _draft(
    mail: Mail,
    message: Message,
    step: Step,
    words: reply_text.Words,
    from_: str | None,
    subject: str | None,
    more: tuple[tuple[str, str], ...],
) -> Draft:
    own = _own(mail, step)
    more = more or ((("Reply-To", words.reply_to),) if words.reply_to else ())
    return Draft(
        from_=("", from_) if from_ else parseaddr(words.from_) if words.from_ else ("", own),
        to=(("", mail.envelope.sender or ""),),
        subject=subject or words.subject or _re(message.subject),
        text=words.text,
        html=words.html,
        message_id=message_id_of(mail.id, step.n, own.rpartition("@")[2], automatic=True),
        date=datetime.now(UTC),
        headers=(*more, ("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All"), ("X-Inbox-Loop", own)),
        ids=_thread(message),
    )


def _answer_to(mail: Mail, message: Message, step: Step, value: str | None, key: str | None, within: float) -> tuple[tuple[str, str], ...]:
    """The field Reply-To with an address that carries `value`, bound to the author, who will write the answer."""
    if value is None or key is None:
        return ()
    author = message.from_[0].address if len(message.from_) == 1 else mail.envelope.sender or ""
    expires = mail.received_at + timedelta(seconds=within)
    try:
        return (("Reply-To", reply_address(_own(mail, step), value.lower(), author, key, expires=expires)),)
    except ValueError as error:
        raise Failed(f"no reply address: {error}") from None


def _own(mail: Mail, step: Step) -> str:
    """The address that the mail came to: we speak in its name."""
    own = step.recipients or mail.envelope.recipients
    if not own:
        raise Failed("there is no address to answer from; give the option from")
    return own[0]


def _re(subject: str | None) -> str:
    text = subject or ""
    return text if re.match(r"(?i)re\s*:", text) else f"Re: {text}".rstrip()


def _thread(message: Message) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """In-Reply-To and References (RFC 5322 section 3.6.4): the first and the last few of a long conversation."""
    if not message.message_id:
        return ()
    own = _bracketed(message.message_id)
    before = tuple(map(_bracketed, message.references or message.in_reply_to[:1]))
    if len(before) >= _MOST_REFERENCES:
        before = (before[0], *before[2 - _MOST_REFERENCES :])
    return (("In-Reply-To", (own,)), ("References", (*before, own)))


def _bracketed(message_id: str) -> str:
    return f"<{message_id.strip().strip('<>')}>"


def _composed(draft: Draft) -> bytes:
    try:
        return compose(draft)
    except ValueError as error:
        raise Failed(str(error)) from None


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options, found at load: no text or two, a template that is wrong, a subject of several lines, a date that is none."""
    if (options.get("template") is None) == (options.get("text") is None):
        yield "reply needs either a template or a text"
    if (options.get("reply_value") is None) != (options.get("reply_key") is None):
        yield "reply_value and reply_key go together"
    yield from reply_text.problems(options)
    yield from reply_guard.problems(options.get("from_date"), options.get("until_date"), options.get("timezone") or "UTC")
    yield from budgets.problems("reply", settings, reply_budget.RATES)
    if guard.clean(options.get("subject") or "") != (options.get("subject") or "").strip():
        yield "subject is one line"
    if options.get("from_") and "{" not in options["from_"]:
        try:
            guard.check_address(options["from_"])
        except ValueError as error:
            yield f"from: {error}"
