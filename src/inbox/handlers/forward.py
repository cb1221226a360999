"""The handlers forward: pass a mail on so that the next hop believes it; and forward-bounce: bring a report home along a return path of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from inbox.errors import Deferred, Failed
from inbox.handlers import budgets
from inbox.handlers.forward_budget import RATES, refuse_rounds
from inbox.send import headers as guard
from inbox.sending import About

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Facts, Memory, Outbox
    from inbox.send.forwarder import Forwarder
    from inbox.send.forwarding import Arrival

MOST_HOPS, MOST_LOOPS, MOST_TO = 50, 10, 100
Even = Literal["spam", "virus", "dmarc"]
_FIXED = re.compile(r"\{(?:recipient|set\.[^{}]*)\}")
"""Placeholders that the rules fill in, and not the mail: whom we take mail for, and what a rule has set."""
_CHECKED: tuple[Even, ...] = ("virus", "spam")


def forward(
    mail: Mail,
    message: Message,
    facts: Facts,
    step: Step,
    settings: Mapping[str, Any],
    memory: Memory,
    outbox: Outbox,
    forwarder: Forwarder,
    *,
    to: str | list[str],
    from_: str | None = None,
    method: Literal["auto", "pass", "srs", "munge", "wrap"] = "auto",
    otherwise: Literal["munge", "wrap", "refuse"] = "munge",
    arc: bool | Literal["auto"] = "auto",
    even: Even | list[Even] | None = None,
) -> str:
    """Pass the mail on so that the next hop believes it (SPF, DKIM, DMARC); what was chosen, why, and what it will find there stands in the receipt.

    to: one address or a list. from: an address of ours, the author of mail that is munged or wrapped, and envelope sender in place of a return path
    that brings reports home; by default the address that the mail came to. method: auto; pass, as it came; srs, with a rewritten envelope
    sender; munge, From us on behalf of the author; wrap, as an attachment. otherwise: what auto does when the author's domain would disown the mail:
    munge, wrap or refuse. arc: whether our seal stands on top; auto, where we have a key. even: kinds of mail that are passed on though they are
    spam, virus or dmarc (disowned by the domain of its author).
    A mail that has come round, or through more than 50 servers, is not forwarded (5.4.6).
    """
    own = step.recipients or mail.envelope.recipients
    refuse_loop(message, own)
    refuse_rounds(mail, message, step, memory, settings)
    kinds = {even} if isinstance(even, str) else {*(even or ())}
    refuse_bad(facts, kinds, vouched=forwarder.vouched(mail))
    ours = from_ or (own[0] if own else "")
    from inbox.send.forwarding import Wish  # noqa: PLC0415  loaded with the first mail that is passed on

    wish = Wish(method, otherwise, None if arc == "auto" else arc, from_)
    results = facts.get("authentication.results") if forwarder.looks(mail) else None
    said, kept = (results if isinstance(results, str) else None), (mail.id if memory.sender_of(mail.id) else None)
    arrival = _arrival(mail, message, step, [to] if isinstance(to, str) else to, said, forwarder, kept)
    found = forwarder.plan(arrival, _with_domain(ours, forwarder), wish)
    answer = outbox.send(found.sender, found.to, found.raw, about=About(mail.id, step.n))
    return f"{answer}; {found}"


def refuse_bad(facts: Facts, even: set[Even], *, vouched: bool) -> None:
    """Failed for spam, viruses and mail that its author's domain disowns, unless the rule names the kind. Deferred when that cannot be known now.

    `vouched`: it comes from our own, and DMARC is not asked.
    """
    for kind in _CHECKED:
        if kind not in even and (why := _bad(facts, kind)):
            raise Failed(f"5.7.1 {kind} is not passed on ({why}); a rule that means it says even: [{kind}]")
    if "dmarc" in even or vouched:
        return
    result, policy = facts.get("dmarc"), facts.get("dmarc.policy")
    if result == "fail" and policy in ("quarantine", "reject"):
        raise Failed(
            f"5.7.1 the author's domain disowns it (dmarc is fail, p={policy}), so it is not passed on; a rule that means it says even: [dmarc]"
        )
    if result in (None, "temperror"):
        raise Deferred(f"it is not known yet whether the author's domain disowns it: {facts.note('dmarc') or 'DNS gave no answer'}")


def _bad(facts: Facts, kind: Even) -> str | None:
    """What says that a mail is spam, or has a virus; Deferred when a scanner that there is could not be asked."""
    for name in (kind, f"verdict.{kind}"):
        value = facts.get(name)
        if name in facts.failed:
            raise Deferred(f"it is not known yet whether it is {kind}: {facts.note(name)}")
        if value not in (None, False, "pass", "gray", "processing_failed", "disabled"):
            return f"{name} is {str(value).lower()}"
        if value is None and (facts.note(name) or "").startswith(("fact failed", "deferred")):
            raise Deferred(f"it is not known yet whether it is {kind}: {facts.note(name)}")
    return None


def _arrival(
    mail: Mail, message: Message, step: Step, to: list[str], results: str | None, forwarder: Forwarder, kept: str | None = None
) -> Arrival:
    """The mail as the planner takes it: without results that claim to be ours, our trace fields to stand above it."""
    own = step.recipients or mail.envelope.recipients
    from inbox.auth.results_field import without  # noqa: PLC0415  as in `forward`
    from inbox.send.forwarding import Arrival  # noqa: PLC0415

    return Arrival(
        without(mail.raw, frozenset((forwarder.authserv_id.lower(),))),
        message,
        mail.envelope.sender,
        tuple(to),
        mail.received_at,
        _trace(mail, own, results, forwarder),
        results,
        f"<{mail.id}.{step.n}@{_with_domain(own[0] if own else '', forwarder).rpartition('@')[2]}>",
        message.loops[:MOST_LOOPS],
        kept,
    )


def _trace(mail: Mail, own: tuple[str, ...], results: str | None, forwarder: Forwarder) -> bytes:
    """Our results, our Received (RFC 5321 section 4.4), and a loop header for each address; the same mail gives the same octets."""
    said = [guard.field("Authentication-Results", f"{forwarder.authserv_id}; {results}")] if results else []
    loops = [guard.field("X-Inbox-Loop", address) for address in own[:MOST_LOOPS]]
    from inbox.auth.trace import received  # noqa: PLC0415  as in `forward`

    return b"".join([*said, received(mail, forwarder.host, own), *loops])


def _with_domain(address: str, forwarder: Forwarder) -> str:
    """An address of ours; one without a domain (postmaster) is of this host."""
    return address if "@" in address else f"{address or 'postmaster'}@{forwarder.host}"


def forward_bounce(
    mail: Mail, message: Message, step: Step, settings: Mapping[str, Any], memory: Memory, outbox: Outbox, forwarder: Forwarder, *, to: str
) -> str:
    """Bring a report home: to the sender whose mail was passed on, whom the return path names (SRS). Such mail gets this step without any rule.

    to: that sender, or the mail that it sent.
    """
    home = _home(to, memory)
    if mail.envelope.sender is not None:
        raise Failed("5.7.1 a return path takes reports with the null sender only")
    refuse_loop(message, step.recipients)
    refuse_rounds(mail, message, step, memory, settings)
    ours = f"postmaster@{step.recipients[0].rpartition('@')[2]}"
    from inbox.send.forwarding import Wish  # noqa: PLC0415  as in `forward`

    found = forwarder.plan(_arrival(mail, message, step, [home], None, forwarder), ours, Wish())
    answer = outbox.send(found.sender, found.to, found.raw, about=About(mail.id, step.n))
    return f"{answer}; {found}"


def _home(to: str, memory: Memory) -> str:
    """The address that a return path stands for."""
    from inbox.send.srs import id_of  # noqa: PLC0415  as in `forward`

    if (kept := id_of(to)) is None:
        return to
    if (sender := memory.sender_of(kept)) is None:
        raise Failed(f"5.1.1 the mail {kept} that this report is about is not kept here any more, so nobody knows whom to tell")
    return sender


def check_bounce(_options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """No rule may use it."""
    yield "forward-bounce is what mail to a return path of ours gets by itself; rules pass mail on with forward"


def refuse_loop(message: Message, own: tuple[str, ...]) -> None:
    """Failed when the mail was here before: our loop header names one of these addresses, or it has come through too many servers.

    Each forward adds `X-Inbox-Loop: <address it came to>`, so mail may pass several of our addresses, each once.
    """
    mine = {address.lower() for address in own}
    if any("@" not in loop or loop.strip().lower() in mine for loop in message.loops) or len(message.loops) >= MOST_LOOPS:
        raise Failed("5.4.6 mail loop: it was forwarded by us before (X-Inbox-Loop)")
    if message.hops > MOST_HOPS:
        raise Failed(f"5.4.6 mail loop: it came through {message.hops} servers, {MOST_HOPS} is the most")


def check(options: Mapping[str, Any], recipients: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options, found at load: addresses that are none, a forward to the rule's own recipient, options that contradict each other."""
    yield from budgets.problems("forward", settings, RATES)
    to = options["to"]
    own = {recipient.lower() for recipient in recipients}
    for address in [to] if isinstance(to, str) else to:
        yield from _problems("to", address)
        if address.lower() in own:
            yield f"to: {address} is the recipient of this rule: the mail would go round"
    if not to:
        yield "to needs at least one address"
    if not isinstance(to, str) and len(to) > MOST_TO:
        yield f"to names {len(to)} addresses, {MOST_TO} is the most; use several steps"
    if options.get("from_"):
        yield from _problems("from", options["from_"])
    if options.get("otherwise", "munge") != "munge" and options.get("method", "auto") != "auto":
        yield f"otherwise is what method auto does; with method {options['method']} it says nothing"


def _problems(option: str, address: str) -> Iterator[str]:
    """A text with placeholders is checked when they are filled in; but a domain that the mail could choose would make a relay for everybody."""
    if "{" in address:
        if option == "to" and "{" in _FIXED.sub("", address.rpartition("@")[2]):
            yield f"to: {address} lets a mail choose where it goes; write the domain out, {{name}}@corp.example, or use {{recipient}}"
        return
    try:
        guard.check_address(address)
    except ValueError as error:
        yield f"{option}: {error}"
