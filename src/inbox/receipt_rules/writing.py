"""rules.yaml as text: plain data in the words of the language, with what must be told as comments on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from inbox.receipt_rules.model import Loss

RuleData = dict[str, Any]
"""One rule in the words of rules.yaml."""


class _Dumper(yaml.SafeDumper):
    """Lists and mappings without anchors: rules.yaml has none."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  every value is written out
        return True


def rules_text(
    rules: Sequence[RuleData],
    *,
    domains: Iterable[str],
    title: str,
    losses: Iterable[Loss] = (),
    lists: Mapping[str, Sequence[str]] | None = None,
    default: Sequence[Any] = (),
) -> str:
    """The text of a rules file that loads; `losses` stand in it as comments, so that whoever edits it sees them."""
    head = [f"# {_line(title)}"]
    told = [f"#   {_line(str(loss))}" for loss in losses]
    if told:
        head += ["# What has no exact translation:", *told]
    sections: dict[str, Any] = {"version": 1, "domains": list(domains)}
    if lists:
        sections["lists"] = {name: list(entries) for name, entries in lists.items()}
    parts = [_dump(sections), _rules(rules), _dump({"default": list(default)})]
    return "\n".join([*head, "".join(parts)])


def _rules(rules: Sequence[RuleData]) -> str:
    if not rules:
        return "rules: []\n"
    return "rules:\n" + "\n".join(_dump([rule]) for rule in rules)


def _dump(data: Any) -> str:
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
    return text


def _line(text: str) -> str:
    """A text that stays one comment, whatever it holds."""
    return "".join(c if c.isprintable() else " " for c in text)


def literal(text: str) -> str:
    """A text for an option, whose braces are meant as they stand."""
    return text.replace("{", "{{").replace("}", "}}")
