"""From Mail Manager to rules.yaml. A rule with a condition that cannot be said is switched off: without the condition it would take more mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inbox.receipt_rules import unresolved
from inbox.receipt_rules.ingress import Condition, Ingress, IngressRule, TrafficPolicy
from inbox.receipt_rules.ingress_conditions import Said, group, say
from inbox.receipt_rules.model import AddHeaderAction, Loss
from inbox.receipt_rules.steps import Made, Step, steps_of
from inbox.receipt_rules.writing import RuleData, literal, rules_text

_DENIED = {"code": 550, "status": "5.7.1", "text": "Not allowed by policy"}
_TOO_LARGE = {"code": 552, "status": "5.3.4", "text": "Message too large"}


def mail_manager_rules(found: Ingress, *, domains: Iterable[str] | None = None) -> tuple[str, tuple[Loss, ...]]:
    """The text of a rules.yaml that does what traffic policies and then a rule set did, and what it does otherwise."""
    making = _Translation()
    made = [part for policy in found.policies for part in making.policy(policy)]
    made += [making.rule(rule) for rule in found.rules]
    served = list(domains) if domains is not None else making.domains(found)
    losses = (*found.notes, *making.losses)
    title = "Rules of Amazon SES Mail Manager, translated by `inbox import ses`."
    return rules_text(made, domains=served, title=title, losses=losses, lists=making.lists), losses


class _Translation:
    """Rules and policies while they are translated."""

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self.lists: dict[str, list[str]] = {}
        self._names: set[str] = set()

    def tell(self, what: str, instead: str, rule: str | None = None, action: int = 0) -> None:
        self.losses.append(Loss(what, instead, rule, action))

    def domains(self, given: Ingress) -> list[str]:
        """Domains that conditions on the recipient name; said, because ingress points have no list of them."""
        conditions = [c for rule in given.rules for c in rule.conditions]
        conditions += [c for policy in given.policies for statement in policy.statements for c in statement.conditions]
        asked = [
            str(v) for c in conditions if c.name == "RECIPIENT" and c.operator in ("EQUALS", "ENDS_WITH") for v in c.values if "@" in str(v)
        ]
        found = list(dict.fromkeys(value.rpartition("@")[2].lower() for value in asked))
        taken = ", ".join(found) or "none, so that every mail is refused"
        self.tell(
            "the domains of the ingress point are not in the file",
            f"domains are those that conditions name ({taken}); --domains says others",
        )
        return found

    def _name(self, name: str) -> str:
        """A name that no other rule has, and that rules.yaml does not keep for itself."""
        free = (new for n in range(1, 1000) if (new := name if n == 1 else f"{name}-{n}") not in self._names and new != "default")
        new = next(free)
        self._names.add(new)
        if new != name:
            self.tell(f"the name {name} is taken", f"the rule is called {new}", name)
        return new

    # rules

    def rule(self, rule: IngressRule) -> RuleData:
        name = self._name(rule.name)
        off = False
        about: RuleData = {}
        for word, join, conditions in (("when", "all", rule.conditions), ("unless", "any", rule.unless)):
            said = [self._say(condition, name) for condition in conditions]
            off = off or not all(one.exact for one in said)
            if found := group(said, join):
                about[word] = found
        return {"name": name, **about, **self._does(rule, name), **({"enabled": False} if off else {})}

    def _say(self, condition: Condition, rule: str) -> Said:
        said = say(condition)
        self.lists.update({name: [] for name in said.lists})
        if said.lists:
            self.tell(said.told, "the rule is switched off until then", rule)
        elif not said.fact:
            self.tell(said.told, "the rule is switched off, for without this condition it would take more mail", rule)
        elif said.told:
            self.tell(said.told, "of other mail the condition does not hold" if "SES brings" in said.told else "", rule)
        return said

    def _does(self, rule: IngressRule, name: str) -> RuleData:
        actions = [(kind, {word: unresolved.member(word, value) for word, value in given.items()}) for kind, given in rule.actions]
        kinds = [kind for kind, _ in actions]
        end = kinds.index("Drop") if "Drop" in kinds else len(kinds)
        for k in range(end + 2, len(kinds) + 1):
            self.tell(f"{kinds[k - 1]} stands behind Drop and never runs", "it is left out", name, k)
        stop: RuleData = {"stop": True} if end < len(kinds) else {}
        if kinds[:end] == ["Bounce"]:
            self.tell(
                "Bounce: SES accepts the mail and sends a bounce",
                "the sender is refused in the dialogue, and later rules are not for it",
                name,
                1,
            )
            return {"refuse": _refusal(actions[0][1])}
        steps, labels = self._steps(actions[:end], name)
        if not steps and stop:
            steps = ["discard"]
        return {**({"label": labels} if labels else {}), **({"do": steps} if steps else {}), **stop}

    def _steps(self, actions: Sequence[tuple[str, Mapping[str, Any]]], name: str) -> tuple[list[Step], list[str]]:
        steps: list[Step] = []
        labels: list[str] = []
        recipients: Any = "{recipient}"
        for k, (kind, members) in enumerate(actions, start=1):
            if kind == "ReplaceRecipient":
                recipients = list(members.get("ReplaceWith") or [])
                self.tell("ReplaceRecipient: later rules see the new recipients", "later steps of this rule send to them", name, k)
                continue
            made = _ACTIONS[kind](members, recipients)
            steps += [_on_error(step, members) for step in made.steps]
            labels += made.labels
            for what, instead in made.told:
                self.tell(what, instead, name, k)
            if members.get("ActionFailurePolicy") == "DROP" and made.steps:
                self.tell(
                    "ActionFailurePolicy DROP: when it fails the mail is dropped", "it is tried again for days, then kept as dead", name, k
                )
        return steps, labels

    # traffic policies

    def policy(self, policy: TrafficPolicy) -> list[RuleData]:
        """The size, then every DENY, then what no ALLOW names when the default is DENY."""
        made: list[RuleData] = []
        if policy.largest:
            made.append(
                {"name": self._name(f"{policy.name}: size"), "when": {"size": {"over": policy.largest}}, "refuse": dict(_TOO_LARGE)}
            )
        for n, statement in enumerate(policy.statements, start=1):
            if statement.action == "DENY":
                made.append(self._deny(self._name(f"{policy.name}: deny {n}"), statement.conditions))
        allowed = [statement.conditions for statement in policy.statements if statement.action == "ALLOW"]
        if policy.default == "DENY":
            made.append(self._otherwise(self._name(f"{policy.name}: not allowed"), allowed))
        elif allowed:
            self.tell(f"{policy.name}: ALLOW statements change nothing where the default is ALLOW", "they are left out")
        return made

    def _deny(self, name: str, conditions: Sequence[Condition]) -> RuleData:
        said = [self._say(condition, name) for condition in conditions]
        when = {"when": found} if (found := group(said, "all")) else {}
        return {"name": name, **when, "refuse": dict(_DENIED), **({} if all(one.exact for one in said) else {"enabled": False})}

    def _otherwise(self, name: str, allowed: Sequence[Sequence[Condition]]) -> RuleData:
        said = [[self._say(condition, name) for condition in conditions] for conditions in allowed]
        groups = [found for one in said if (found := group(one, "all"))]
        unless = {"unless": {"any": groups}} if groups else {}
        off = not all(one.exact for group_ in said for one in group_)
        return {"name": name, **unless, "refuse": dict(_DENIED), **({"enabled": False} if off else {})}


def _refusal(members: Mapping[str, Any]) -> RuleData:
    text = str(members["DiagnosticMessage"]).replace("{", "(").replace("}", ")")
    return {"code": int(members["SmtpReplyCode"]), "status": str(members["StatusCode"]), "text": text}


def _on_error(step: Step, members: Mapping[str, Any]) -> Step:
    if members.get("ActionFailurePolicy") != "CONTINUE" or isinstance(step, str):
        return step
    return {name: {**options, "on_error": "continue"} for name, options in step.items()}


_Members = Mapping[str, Any]


def _forward(members: _Members, recipients: Any) -> Made:
    relay = members.get("Relay")
    sender = {"from": "{sender}"} if members.get("MailFrom") == "PRESERVE" else {}
    where = f"Relay {relay}: its server is not in the file" if relay else "Send: SES sends it on"
    return Made(({"forward": {"to": recipients, **sender}},), told=((where, "it goes by the relay of inbox.toml"),))


def _s3(members: _Members, _: Any) -> Made:
    key = members.get("S3SseKmsKeyId")
    told = ((f"S3SseKmsKeyId {key}", "the bucket's own encryption is used"),) if key else ()
    options = {"bucket": literal(members["S3Bucket"]), "key": literal(members.get("S3Prefix") or "") + "{ses_id}"}
    return Made(({"s3": options},), told=told)


def _sns(members: _Members, _: Any) -> Made:
    told: tuple[tuple[str, str], ...] = ()
    options: dict[str, Any] = {"topic": literal(members["TopicArn"])}
    if members.get("PayloadType") == "HEADERS":
        options["content"] = "none"
    else:
        options["encoding"] = "Base64" if members.get("Encoding") == "BASE64" else "UTF-8"
        told = (("PublishToSns: Mail Manager has a form of its own", "the notification has the form of a receipt rule's"),)
    return Made(({"sns": options},), told=told)


def _bounce(members: _Members, _: Any) -> Made:
    reply = _refusal(members)
    options = {**reply, "text": literal(str(members.get("Message") or members["DiagnosticMessage"])), "sender": literal(members["Sender"])}
    return Made(({"ses-bounce": options},))


def _lambda(members: _Members, _: Any) -> Made:
    waits = members["InvocationType"] == "REQUEST_RESPONSE"
    told = (("InvokeLambda: Mail Manager's event is not documented", "the function gets the event of a receipt rule"),)
    return Made(
        ({"lambda": {"function": literal(members["FunctionArn"]), "invocation": "RequestResponse" if waits else "Event"}},), told=told
    )


def _add_header(members: _Members, _: Any) -> Made:
    return steps_of(AddHeaderAction(str(members["HeaderName"]), str(members["HeaderValue"])))


def _nothing(what: str, instead: str) -> Callable[[_Members, Any], Made]:
    return lambda _members, _recipients: Made(told=((what, instead),))


_ACTIONS: Mapping[str, Callable[[_Members, Any], Made]] = {
    "Relay": _forward,
    "Send": _forward,
    "WriteToS3": _s3,
    "PublishToSns": _sns,
    "Bounce": _bounce,
    "InvokeLambda": _lambda,
    "AddHeader": _add_header,
    "Archive": _nothing("Archive", "nothing: every mail is kept and can be searched"),
    "DeliverToMailbox": _nothing("DeliverToMailbox", "nothing; the mail is kept, forward or maildir delivers it"),
    "DeliverToQBusiness": _nothing("DeliverToQBusiness", "nothing; the mail is kept, webhook hands it on"),
}
