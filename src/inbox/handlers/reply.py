"""The handler reply: answer a mail by a program, as RFC 3834 wants it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox import reply_address
from inbox.errors import Deferred, Failed
from inbox.options import Jinja, Seconds, Secret, Template
from inbox.send import headers as guard
from inbox.send.compose import Draft, compose

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Facts, Memory, Outbox

_WEEK, _MONTH = 7 * 86_400, 30 * 86_400
_MOST_REFERENCES = 20


def reply(
    mail: Mail,
    message: Message,
    facts: Facts,
    step: Step,
    memory: Memory,
    outbox: Outbox,
    *,
    template: Template | None = None,
    text: Jinja | None = None,
    html: Jinja | None = None,
    subject: str | None = None,
    from_: str | None = None,
    every: Seconds = _WEEK,
    reply_value: str | None = None,
    reply_key: Secret | None = None,
    reply_within: Seconds = _MONTH,
) -> str:
    """Answer the envelope sender, once a week at most, and never a list, a bounce or another program (RFC 3834).

    template: file with the text; or text: the text itself. html: an HTML version beside it. subject: by default `Re: ` and theirs. from: author
    of the reply, by default the address that the mail came to. every: how long a sender is not answered again by this rule, 7d by default,
    counted from the last mail. reply_value: what an answer to this reply shall carry, a number of a ticket: Reply-To becomes an address that proves
    it (the fact reply_token reads it). reply_key: env:NAME or file:PATH, at least 16 characters. reply_within: how long it is good, 30d by default.

    Texts are templates in a small part of Jinja's language: `{{ subject }}`, `{{ from.name or 'you' }}`, `{{ header['X-Order'] }}`, captures and
    set values by their names, `{% if %}`, `{% for %}`, `{% set %}`, filters such as `upper`, `replace`, `join`, `truncate(80)`, and `quote` for
    `{{ text|quote }}`. Nothing else can be called, and a template that takes longer than 250 ms or makes megabytes is stopped.
    """
    asked = message.may_reply(mail.envelope)
    if not asked.ok or mail.envelope.sender is None:
        return f"not answered: {'; '.join(asked.reasons) or 'null sender'}"
    if memory.earlier("reply", f"{step.rule}\n{mail.envelope.sender.lower()}", mail, timedelta(seconds=every)):
        return f"not answered: this sender had mail from us within {timedelta(seconds=every)}"
    value_of = _values(facts, step)
    source = text if template is None else _read(template)
    answer_to = _answer_to(mail, message, step, reply_value, reply_key, reply_within)
    draft = Draft(
        from_=("", from_ or _own(mail, step)),
        to=(("", mail.envelope.sender),),
        subject=subject or _re(message.subject),
        text=_rendered(source or "", value_of),
        html=_rendered(html, value_of, html=True) if html else None,
        message_id=f"<{mail.id}.{step.n}@{_own(mail, step).rpartition('@')[2]}>",
        date=datetime.now(UTC),
        headers=(*answer_to, ("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All"), ("X-Inbox-Loop", _own(mail, step))),
        ids=_thread(message),
    )
    return outbox.send(None, [mail.envelope.sender], _composed(draft))


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


def _values(facts: Facts, step: Step) -> Callable[[str], Any]:
    """What names in the template mean: captures and set values first, then what the rule is for, then facts."""
    known: dict[str, Any] = {"recipient": step.recipients[0] if step.recipients else None, "recipients": step.recipients, **step.values}

    def value_of(name: str) -> Any:
        name = name.removeprefix("set.") if name.removeprefix("set.") in step.values else name
        if name in known:
            return known[name]
        value = facts.get(name)
        if value is None and facts.note(name) == "there is no such fact":
            raise LookupError(f"there is no fact, capture or set value {name!r}")
        return value

    return value_of


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Deferred(f"template {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failed(f"template {path} is not UTF-8") from None


def _rendered(source: str, value_of: Callable[[str], Any], *, html: bool = False) -> str:
    from inbox.handlers.template import render  # noqa: PLC0415  Jinja is loaded when something is rendered

    return render(source, value_of, html=html)


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


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options, found at load: no text or two, a template that is wrong, a subject of several lines."""
    if (options.get("template") is None) == (options.get("text") is None):
        yield "reply needs either a template or a text"
    if (options.get("reply_value") is None) != (options.get("reply_key") is None):
        yield "reply_value and reply_key go together"
    yield from _template_problems(options)
    if guard.clean(options.get("subject") or "") != (options.get("subject") or "").strip():
        yield "subject is one line"
    if options.get("from_") and "{" not in options["from_"]:
        try:
            guard.check_address(options["from_"])
        except ValueError as error:
            yield f"from: {error}"


def _template_problems(options: Mapping[str, Any]) -> Iterator[str]:
    from inbox.handlers.template import problems  # noqa: PLC0415

    for option in ("text", "html"):
        if options.get(option):
            yield from (f"{option}: {problem}" for problem in problems(options[option]))
    path = options.get("template")
    if path and Path(path).is_file():
        yield from (f"{path}: {problem}" for problem in problems(Path(path).read_text(encoding="utf-8", errors="replace")))
