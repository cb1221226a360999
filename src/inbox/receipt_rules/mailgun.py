"""Routes of Mailgun as rules: what GET /v3/routes gives, `items` with priority, expression and actions.

Routes are tried by priority, lowest first, for each recipient by itself; all that match are carried out until one says stop().
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from inbox.receipt_rules import checks
from inbox.receipt_rules.checks import Check
from inbox.receipt_rules.importing import Imported
from inbox.receipt_rules.model import Loss
from inbox.receipt_rules.route_expressions import Captures, Expression, condition, parse_call, parse_expression
from inbox.receipt_rules.steps import Step
from inbox.receipt_rules.writing import RuleData, rules_text
from inbox.rules import address

_DOMAIN = re.compile(r"@((?:[A-Za-z0-9-]+\\?\.)+[A-Za-z]{2,})")


def import_mailgun(data: Any, name: str, *, domains: Iterable[str] | None = None) -> Imported:
    """The rules of Mailgun's routes. `name` stands in errors. Raises ConfigError with every mistake."""
    check = Check(name)
    routes = _routes(data, check)
    making = _Making(check)
    rules = [making.rule(place, route) for place, route in routes]
    check.done()
    making.tell_of_the_whole(routes)
    served = list(domains) if domains is not None else making.domains(routes)
    title = "Routes of Mailgun, translated by `inbox import mailgun`."
    text = rules_text(rules, domains=served, title=title, losses=making.losses)
    return Imported(text, tuple(making.losses), len(rules), "mailgun")


Routes = list[tuple[str, Mapping[str, Any]]]


def _routes(data: Any, check: Check) -> Routes:
    """The routes in the order in which they are tried, with their places."""
    items = data.get("items") if isinstance(data, dict) else data
    if not isinstance(items, list):
        check.wrong("", "it must be what GET /v3/routes gives: {items: [{priority, expression, actions}]}")
        return []
    found = []
    for n, item in enumerate(items):
        if isinstance(item, dict) and isinstance(item.get("priority", 0), int):
            found.append((f"items[{n}]", item))
        else:
            check.wrong(f"items[{n}]", "a route is an object with a whole number as priority, an expression and actions")
    return sorted(found, key=lambda one: one[1].get("priority", 0))


class _Making:
    """The rules while they are made."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.losses: list[Loss] = []
        self._names: set[str] = set()

    def tell(self, what: str, instead: str, rule: str | None = None, action: int = 0) -> None:
        self.losses.append(Loss(what, instead, rule, action))

    def rule(self, place: str, route: Mapping[str, Any]) -> RuleData:
        name = self._name(str(route.get("description") or route.get("id") or place))
        try:
            asked = parse_expression(checks.text(self.check, f"{place}.expression", route.get("expression")))
        except ValueError as error:
            self.check.wrong(f"{place}.expression", str(error))
            asked = Expression("catch_all")
        captures = Captures(str(route.get("actions")))
        when, told = condition(asked, captures)
        for what in told:
            self.tell(what, "the rule is switched off: RE2 cannot say it, or it would take more mail", name)
        steps, stop = self._actions(place, route, name, captures)
        do = {"do": steps} if steps else {}
        return {
            "name": name,
            **({"when": when} if when else {}),
            **do,
            **({"stop": True} if stop else {}),
            **({"enabled": False} if told else {}),
        }

    def _name(self, text: str) -> str:
        plain = "".join(c for c in " ".join(text.split()) if c.isprintable())[:90] or "route"
        free = (new for n in range(1, 100_000) if (new := plain if n == 1 else f"{plain} {n}") not in self._names and new != "default")
        self._names.add(new := next(free))
        return new

    def _actions(self, place: str, route: Mapping[str, Any], rule: str, captures: Captures) -> tuple[list[Step], bool]:
        steps: list[Step] = []
        stop = False
        for n, action in enumerate(checks.sequence(self.check, f"{place}.actions", route.get("actions")), start=1):
            try:
                function, arguments = parse_call(str(action))
            except ValueError as error:
                self.check.wrong(f"{place}.actions[{n - 1}]", str(error))
                continue
            if function == "stop":
                stop = True
            elif function == "forward":
                steps += self._forward(arguments, rule, n, captures)
            elif function == "store":
                steps += self._store(arguments, rule, n, captures)
            else:
                self.check.wrong(f"{place}.actions[{n - 1}]", f"there is no action {function}(); Mailgun has forward, store and stop")
        return steps, stop

    def _forward(self, arguments: list[str], rule: str, n: int, captures: Captures) -> Iterator[Step]:
        to = [part.strip() for argument in arguments for part in argument.split(",") if part.strip()]
        if mails := [captures.put(one) for one in to if not _is_url(one)]:
            yield {"forward": {"to": mails}}
        for url in filter(_is_url, to):
            self.tell(f"forward({url}): Mailgun posts a form", "webhook posts JSON, or the mail itself with body: raw", rule, n)
            yield {"webhook": {"url": captures.put(url)}}

    def _store(self, arguments: list[str], rule: str, n: int, captures: Captures) -> Iterator[Step]:
        self.tell("store(): Mailgun keeps the mail for some days", "every mail is kept here, and store keeps a row of it", rule, n)
        yield "store"
        for url in filter(_is_url, arguments):
            self.tell(
                f"store(notify={url}): Mailgun posts a form with the place of the mail", "webhook posts JSON with the mail's id", rule, n
            )
            yield {"webhook": {"url": captures.put(url)}}

    def tell_of_the_whole(self, routes: Routes) -> None:
        priorities = [route.get("priority", 0) for _, route in routes]
        if len(set(priorities)) < len(priorities):
            self.tell(
                "some routes have the same priority, and Mailgun does not say which comes first", "they stand in the order of the file"
            )
        if any("match_" in str(route.get("expression")) for _, route in routes):
            self.tell("patterns", "they are taken to begin where the text begins, and to be without regard to case (not documented)")

    def domains(self, routes: Routes) -> list[str]:
        """Domains that patterns name; said, because the account has a list of its own."""
        named = [match[1].replace("\\", "").lower() for _, route in routes for match in _DOMAIN.finditer(str(route.get("expression")))]
        found = [domain for domain in dict.fromkeys(named) if address.is_domain(domain)]
        taken = ", ".join(found) or "none, so that every mail is refused"
        self.tell(
            "the domains of the account are not in the file", f"domains are those that patterns name ({taken}); --domains says others"
        )
        return found


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))
