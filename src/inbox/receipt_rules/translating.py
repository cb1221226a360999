"""From a receipt rule set to rules.yaml that means the same, with a list of everything that it cannot say exactly.

SES runs a rule once for a mail when any recipient matches, and goes on to the next; `Stop` ends the rule set for the mail. So do our
rules, with `stop: mail` where a later rule is for others. What SES does after it took the mail, our rules can do in the dialogue: a bounce
becomes a refusal where that keeps the meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from inbox.networks import Filters
from inbox.receipt_rules import checks
from inbox.receipt_rules.matching import covers
from inbox.receipt_rules.model import Action, AddHeaderAction, BounceAction, LambdaAction, Loss, ReceiptRule, ReceiptRuleSet, StopAction
from inbox.receipt_rules.steps import END, Step, scanned, steps_of
from inbox.receipt_rules.unresolved import closed, recipient
from inbox.receipt_rules.writing import RuleData, rules_text
from inbox.rules import address

NOBODY = "recipients of no rule"
WITHOUT_TLS = " without TLS"
NO_TLS = {"code": 530, "status": "5.7.0", "text": "TLS is required for this recipient; use STARTTLS"}

Bounces = Literal["refuse", "dsn"]


def to_rules(rule_set: ReceiptRuleSet, *, domains: Iterable[str] | None = None, bounce: Bounces = "refuse") -> tuple[str, tuple[Loss, ...]]:
    """The text of a rules.yaml that does what the rule set did, and what it does otherwise.

    `domains`: the verified identities, for whom SES takes mail; without them they are taken from the recipients of the rules. `bounce`:
    `refuse` says no in the dialogue where that keeps the meaning, `dsn` always sends a bounce later, as SES does.
    """
    translation = _Translation(rule_set, bounce)
    rules = translation.rules()
    served = tuple(domains) if domains is not None else tuple(translation.domains())
    front = list(_for_nobody(rule_set, served))
    losses = (*rule_set.notes, *translation.in_order(), *_filter_losses(rule_set))
    title = f"Receipt rule set {rule_set.name} of Amazon SES, translated by `inbox import ses`."
    return rules_text([*front, *rules], domains=served, title=title, losses=losses), losses


def _for_nobody(rule_set: ReceiptRuleSet, domains: Sequence[str]) -> Iterator[RuleData]:
    """The rule that refuses recipients of our domains that no enabled rule is for: SES refuses them at RCPT."""
    live = [rule for rule in rule_set.rules if rule.enabled]
    entries = tuple(dict.fromkeys(recipient(entry) for rule in live for entry in rule.recipients))
    if any(not rule.recipients for rule in live) or (entries and all(covers(entries, [domain]) for domain in domains)):
        return
    served = list(_recipient_conditions(entries))
    unless = {"unless": {"any": served} if len(served) > 1 else served[0]} if served else {}
    yield {"name": NOBODY, **unless, "refuse": {"code": 550, "status": "5.1.1", "text": "No such recipient here"}}


def _recipient_conditions(entries: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Conditions that hold for the recipients that some entry matches."""
    addresses = [entry for entry in entries if "@" in entry]
    if domains := [entry for entry in entries if "@" not in entry]:
        yield {"recipient": {"domain": domains}}
    if addresses:
        yield {"recipient": addresses}
    if plain := [found for entry in addresses if (found := address.read(entry)) and found.tag is None]:
        yield {"recipient": {"like": [f"{one.local}+*@{one.domain}" for one in plain]}}


def _filter_losses(rule_set: ReceiptRuleSet) -> Iterator[Loss]:
    if rule_set.filters:
        listed = ", ".join(f'"{line}"' for line in filter_lines(rule_set))
        yield Loss("IP filters do not stand in rules.yaml", f"put them into inbox.toml: filters = [{listed}]")
    try:
        Filters(line for line in filter_lines(rule_set) if not checks.is_open(line))
    except ValueError as error:
        yield Loss(f"filters: {error}", "inbox.toml takes only one of the two")


def filter_lines(rule_set: ReceiptRuleSet) -> list[str]:
    """The IP filters as the setting `filters` of inbox.toml has them."""
    return [f"{one.policy.lower()} {one.cidr}" for one in rule_set.filters]


class _Translation:
    """One rule set while it is translated."""

    def __init__(self, rule_set: ReceiptRuleSet, bounce: Bounces) -> None:
        self.rule_set, self.bounce = rule_set, bounce
        self.losses: list[Loss] = []
        self.names = {rule.name for rule in rule_set.rules}

    def tell(self, what: str, instead: str, rule: str | None = None, action: int = 0) -> None:
        self.losses.append(Loss(what, instead, rule, action))

    def rules(self) -> list[RuleData]:
        return [made for n, rule in enumerate(self.rule_set.rules) for made in self._rule(rule, n)]

    def domains(self) -> Iterator[str]:
        """The domains of all recipients, also of rules that are switched off; said, because SES has a list of its own."""
        entries = [recipient(entry) for rule in self.rule_set.rules for entry in rule.recipients]
        found = list(dict.fromkeys(entry.rpartition("@")[2].lower() for entry in entries))
        if not self.rule_set.rules:
            return
        whole = [rule.name for rule in self.rule_set.rules if rule.enabled and not rule.recipients]
        why = f"; rule {whole[0]!r} is for every recipient of all of them" if whole else ""
        taken = ", ".join(found) or "none, so that every mail is refused"
        self.tell(
            f"the verified identities are not in the file{why}", f"domains are those of the recipients ({taken}); --domains says others"
        )
        yield from found

    def in_order(self) -> list[Loss]:
        """What was told, in the order of the rules and their actions; what concerns the file comes first."""
        order = {rule.name: n for n, rule in enumerate(self.rule_set.rules)}
        return sorted(self.losses, key=lambda loss: (order.get(loss.rule or "", -1), loss.action))

    # one rule

    def _rule(self, rule: ReceiptRule, n: int) -> Iterator[RuleData]:
        name = self._name(rule.name)
        about: RuleData = {"recipients": list(dict.fromkeys(map(recipient, rule.recipients)))} if rule.recipients else {}
        off = {} if rule.enabled else {"enabled": False}
        if rule.scan_enabled:
            self.tell("ScanEnabled: SES scans for spam and viruses", "nothing is scanned here: its verdicts are GRAY", rule.name)
        if rule.tls_policy == "Require":
            self.tell("TlsPolicy Require: SES bounces later", "mail without TLS is refused before anything else is done for it", rule.name)
            yield {"name": f"{name}{WITHOUT_TLS}", **about, "when": {"tls": {"exists": False}}, "refuse": dict(NO_TLS), **off}
        yield {"name": name, **about, **self._does(rule, n), **off}

    def _name(self, name: str) -> str:
        """The name of a rule; the one that rules.yaml keeps for itself gets a suffix."""
        if name != "default":
            return name
        new = next(f"default-{n}" for n in range(2, 1000) if f"default-{n}" not in self.names)
        self.tell("the name default is taken by the default steps", f"the rule is called {new}", name)
        return new

    def _does(self, rule: ReceiptRule, n: int) -> RuleData:
        """What a rule does, in our words."""
        actions = self._until_stop(rule)
        stops = actions[-1:] and isinstance(actions[-1], StopAction)
        last = actions[:-1] if stops else actions
        stop = self._stop(rule, n) if stops else {}
        if refusal := self._refusal(rule, n, last, actions[len(last) :]):
            return {"refuse": refusal, **stop}
        steps, labels = self._steps(rule, actions)
        if stops and any(isinstance(action, LambdaAction) and action.waits for action in actions):
            steps, stop = [*steps, END], {}
        found: RuleData = {"label": labels[0] if len(labels) == 1 else labels} if labels else {}
        return {**found, **({"do": steps} if steps else {}), **stop}

    def _until_stop(self, rule: ReceiptRule) -> tuple[Action, ...]:
        """The actions up to the first Stop; those behind it never run in SES."""
        end = next((k for k, action in enumerate(rule.actions, start=1) if isinstance(action, StopAction)), len(rule.actions))
        for k, action in enumerate(rule.actions[end:], start=end + 1):
            self.tell(f"{action.kind} stands behind a StopAction and never runs", "it is left out", rule.name, k)
        return tuple(map(closed, rule.actions[:end]))

    def _steps(self, rule: ReceiptRule, actions: Sequence[Action]) -> tuple[list[Step], list[str]]:
        steps: list[Step] = []
        labels: list[str] = []
        for k, action in enumerate(actions, start=1):
            made = steps_of(action)
            steps += map(scanned, made.steps) if rule.scan_enabled else made.steps
            labels += [label for label in made.labels if label not in labels]
            for what, instead in made.told:
                self.tell(what, instead, rule.name, k)
        return steps, labels

    def _stop(self, rule: ReceiptRule, n: int) -> RuleData:
        """`stop: true` where no later rule is for anybody else: then it comes to the same."""
        later = [other for other in self.rule_set.rules[n + 1 :] if other.enabled]
        same = not rule.recipients or all(other.recipients and covers(rule.recipients, other.recipients) for other in later)
        return {"stop": True if same else "mail"}

    # bounces

    def _refusal(self, rule: ReceiptRule, n: int, last: Sequence[Action], stop: Sequence[Action]) -> RuleData | None:
        """The refusal that stands for a rule that bounces, or None where it would change more than when the sender is told."""
        k = next((k for k, action in enumerate(last, start=1) if isinstance(action, BounceAction)), 0)
        bounce = last[k - 1] if k else None
        if not isinstance(bounce, BounceAction) or self.bounce == "dsn":
            return None
        if why := self._needs_dsn(n, last, k):
            self.tell(
                f"the bounce is no refusal: {why}", "a bounce is sent after the mail was accepted, as SES does (ses-bounce)", rule.name, k
            )
            return None
        self.tell(
            "BounceAction: SES accepts the mail and sends a bounce", f"the sender is refused in the dialogue{self._undone(n)}", rule.name, k
        )
        if not stop and any(other.enabled for other in self.rule_set.rules[n + 1 :]):
            self.tell(
                "no StopAction follows: SES goes on to later rules",
                "refused recipients have no part in them; --bounce dsn keeps it",
                rule.name,
                k,
            )
        for place, action in ((k, bounce), *((len(last) + 1, one) for one in stop)):
            if topic := getattr(action, "topic_arn", None):
                self.tell(f"the alert to {topic}", "nothing is published about a refusal; --bounce dsn keeps it", rule.name, place)
        return self._reply(rule, bounce, k)

    def _needs_dsn(self, n: int, last: Sequence[Action], k: int) -> str:
        """Why refusing would not do, or an empty text."""
        waiting = any(isinstance(action, LambdaAction) and action.waits for action in last[: k - 1])
        earlier = [rule for rule in self.rule_set.rules[:n] if rule.enabled]
        if waiting or any(isinstance(action, LambdaAction) and action.waits for rule in earlier for action in rule.actions):
            return "a function decides first whether it comes to it"
        if any(not isinstance(action, AddHeaderAction) for action in last[: k - 1]):
            return "what the rule does before would not be done"
        return "the rule does more behind it" if len(last) > k else ""

    def _undone(self, n: int) -> str:
        earlier = [rule.name for rule in self.rule_set.rules[:n] if rule.enabled and rule.actions]
        return f", and what earlier rules ({', '.join(earlier[:3])}) do for the same recipients is not done" if earlier else ""

    def _reply(self, rule: ReceiptRule, bounce: BounceAction, k: int) -> RuleData:
        """The reply to the sender; what SMTP or our rules cannot carry is mended, and told."""
        code, kind = int(bounce.smtp_reply_code), bounce.smtp_reply_code[0]
        status = bounce.status_code or f"{kind}.0.0"
        if not status.startswith(kind):
            self.tell(f"StatusCode {status} is of another class than {code}", f"{kind}.0.0 is said", rule.name, k)
            status = f"{kind}.0.0"
        text = "".join(c if " " <= c <= "~" and c not in "{}" else "?" for c in " ".join(bounce.message.split()))[:450]
        if text != bounce.message:
            self.tell("Message: a reply is one line of at most 450 ASCII characters without braces", f"{text!r} is said", rule.name, k)
        return {"code": code, "status": status, "text": text or "Refused"}
