"""The configuration of the npm package aws-lambda-ses-forwarder as rules: whom mail is forwarded to, by address, domain, mailbox, or all.

For each recipient the forwarder takes the first of: its address, `@` and its domain, its mailbox name, `@` alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from inbox.receipt_rules.checks import Check
from inbox.receipt_rules.importing import Imported
from inbox.receipt_rules.model import Loss
from inbox.receipt_rules.object_literals import object_with
from inbox.receipt_rules.writing import RuleData, literal, rules_text
from inbox.rules import address

_REWRITES: Mapping[str, str] = {
    "fromEmail": "From and Reply-To stay as the author wrote them, so that signatures keep holding; the envelope sender is the address that the mail came to",
    "toEmail": "To stays as the author wrote it",
    "subjectPrefix": "the subject stays as it came",
}
_NOT_NEEDED: Mapping[str, str] = {
    "emailBucket": "forward has the mail itself; nothing is fetched from S3",
    "emailKeyPrefix": "forward has the mail itself; nothing is fetched from S3",
}
_KNOWN = {*_REWRITES, *_NOT_NEEDED, "allowPlusSign", "forwardMapping"}


def import_forwarder(text: str, name: str, *, domains: Iterable[str] | None = None) -> Imported:
    """The rules of a configuration: JSON, or the file of the function with its `config` object. `name` stands in errors.

    Raises ConfigError with every mistake.
    """
    check = Check(name)
    config = _config(text, check)
    mapping = _mapping(config, check)
    check.done()
    making = _Making(allow_plus=config.get("allowPlusSign", True) is True)
    rules = [rule for key, to in _in_order(mapping) if (rule := making.rule(key, to))]
    making.tell_of_the_rest(config)
    served = list(domains) if domains is not None else making.domains(mapping)
    title = "Configuration of aws-lambda-ses-forwarder, translated by `inbox import forwarder`."
    written = rules_text(rules, domains=served, title=title, losses=making.losses)
    return Imported(written, tuple(making.losses), len(mapping), "forwarder")


def _config(text: str, check: Check) -> dict[str, Any]:
    try:
        if text.lstrip().startswith("{"):
            found = json.loads(text)
            inner = found.get("config", found)
            return inner if isinstance(inner, dict) else {}
    except (ValueError, RecursionError):
        pass  # it may still be the literal of a JavaScript file
    try:
        return object_with(text, "forwardMapping")
    except ValueError as error:
        check.wrong("", f"{error}; it must be the config object, with forwardMapping, as JSON or as plain data in JavaScript")
        return {"forwardMapping": {}}


def _mapping(config: Mapping[str, Any], check: Check) -> dict[str, list[str]]:
    given = config.get("forwardMapping")
    if not isinstance(given, dict):
        check.wrong("forwardMapping", "must be an object of addresses and lists of addresses")
        return {}
    found = {}
    for key, value in given.items():
        to = [value] if isinstance(value, str) else value
        if not isinstance(to, list) or not all(isinstance(one, str) and address.read(one) and "@" in one for one in to):
            check.wrong(f"forwardMapping[{key!r}]", f"must be a list of addresses, not {value!r}")
            continue
        problem = _key_problem(key)
        if problem:
            check.wrong(f"forwardMapping[{key!r}]", problem)
        found[key] = list(dict.fromkeys(to))
    return found


def _key_problem(key: str) -> str | None:
    if key == "@" or ("@" not in key and address.read(f"{key}@example.com")):
        return None
    return address.entry_problem(key.removeprefix("@"))


def _in_order(mapping: Mapping[str, list[str]]) -> list[tuple[str, list[str]]]:
    """Addresses before domains before mailbox names before the rest: the order in which the forwarder looks them up."""

    def rank(key: str) -> int:
        if key == "@":
            return 3
        return 1 if key.startswith("@") else 0 if "@" in key else 2

    return sorted(mapping.items(), key=lambda item: rank(item[0]))


class _Making:
    """The rules while they are made."""

    def __init__(self, *, allow_plus: bool) -> None:
        self.allow_plus = allow_plus
        self.losses: list[Loss] = []

    def tell(self, what: str, instead: str, rule: str | None = None) -> None:
        self.losses.append(Loss(what, instead, rule))

    def rule(self, key: str, to: list[str]) -> RuleData | None:
        """The rule of one key; None for a key that never matches."""
        name = "everybody else" if key == "@" else key
        if key != key.lower():
            self.tell(f"the key {key!r} has capitals, and the forwarder compares in lower case: it never matches", "it is left out")
            return None
        if "+" in key and self.allow_plus:
            self.tell(f"the key {key!r} has a + and allowPlusSign takes it off the recipient: it never matches", "it is left out")
            return None
        targets = [one for one in to if one.lower() != key]
        if len(targets) < len(to):
            self.tell(f"it forwards to {key} itself, which goes round", "that target is left out", name)
        steps = [{"forward": {"to": [literal(one) for one in targets]}}] if targets else ["discard"]
        if not targets:
            self.tell("it forwards to nobody, and the forwarder drops the mail", "discard", name)
        return {"name": name, **self._for_whom(key), "do": steps, "stop": True}

    def _for_whom(self, key: str) -> RuleData:
        if key == "@":
            return {}
        if key.startswith("@"):
            return {"recipients": [key[1:]]}
        if "@" in key:
            return {"recipients": [key]} if self.allow_plus else {"when": {"recipient": key}}
        return {"when": {"recipient": {"starts": [f"{key}@", f"{key}+"] if self.allow_plus else f"{key}@"}}}

    def domains(self, mapping: Mapping[str, list[str]]) -> list[str]:
        """The domains of the keys; said, because SES has a list of its own."""
        found = list(dict.fromkeys(key.rpartition("@")[2].lower() for key in mapping if "@" in key and key != "@"))
        open_keys = [key for key in mapping if "@" not in key or key == "@"]
        more = f"; {', '.join(map(repr, open_keys))} are for every domain" if open_keys else ""
        taken = ", ".join(found) or "none, so that every mail is refused"
        self.tell(f"the verified identities are not in the file{more}", f"domains are those of the keys ({taken}); --domains says others")
        return found

    def tell_of_the_rest(self, config: Mapping[str, Any]) -> None:
        for loss in _rest(config):
            self.losses.append(loss)


def _rest(config: Mapping[str, Any]) -> Iterator[Loss]:
    for word, instead in {**_REWRITES, **_NOT_NEEDED}.items():
        if config.get(word):
            yield Loss(f"{word}: {config[word]!r}", instead)
    for word in sorted(set(config) - _KNOWN):
        yield Loss(f"{word}: {config[word]!r} is no setting that this program knows", "it is left out")
    yield Loss("SES accepts mail for recipients without a key, and the forwarder drops it", "it is kept, and nothing is done with it")
