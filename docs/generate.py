"""Fill the generated parts of docs/rules.md and docs/operations.md from the code: `python docs/generate.py`; with `--check` only say whether they are stale."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from inbox.metrics import METRICS
from inbox.plugins import Plugins
from inbox.rules import words

PAGES = [Path(__file__).with_name(name) for name in ("rules.md", "operations.md")]
PART = re.compile(r"(?ms)^<!-- generated: (\w+) -->\n.*?^<!-- end -->$")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), ["---"] * len(list(head)), *[list(row) for row in rows]]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;').replace(chr(10), ' ') for cell in line)} |" for line in lines)


def word_table(meanings: Any) -> str:
    return table(["word", "meaning"], [[f"`{word}`", meaning] for word, meaning in meanings.items()])


def operators() -> str:
    rows = [[f"`{op.name}`", op.meaning, f"`{op.example}`"] for op in words.OPERATORS]
    return f"{table(['operator', 'the fact …', 'example'], rows)}\n\n{word_table(words.CONDITION_WORDS)}"


def first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def kind(option: dict[str, Any]) -> str:
    if "enum" in option:
        return " or ".join(f"`{value}`" for value in option["enum"])
    if "anyOf" in option:
        return " or ".join(dict.fromkeys(kind(part) for part in option["anyOf"] if part.get("type") != "null"))
    if option.get("type") == "array":
        return f"list of {kind(option.get('items', {}))}"
    return {"object": "mapping", "string": "text", "boolean": "true or false"}.get(option.get("type", ""), option.get("type", "any"))


def default(name: str, entry: Any, option: dict[str, Any]) -> str:
    return "required" if name in entry["required"] else f"`{option.get('default')!r}`".replace("`None`", "none")


def facts() -> str:
    entries = [entry for plugin in Plugins(entry_points=False).listing() for entry in plugin["facts"]]
    rows = []
    for entry in sorted(entries, key=lambda entry: entry["name"]):
        options = "; ".join(f"`{name}`: {kind(option)}, {default(name, entry, option)}" for name, option in entry["options"].items())
        rows.append([f"`{entry['name'].replace('.*', '.<name>')}`", first_sentence(entry["help"]), options])
    return table(["fact", "", "options"], rows)


def handlers() -> str:
    entries = [entry for plugin in Plugins(entry_points=False).listing() for entry in plugin["handlers"]]
    return "\n\n".join(handler(entry) for entry in sorted(entries, key=lambda entry: entry["name"]))


def handler(entry: dict[str, Any]) -> str:
    rows = [[f"`{name}`", kind(option), default(name, entry, option)] for name, option in entry["options"].items()]
    options = f"\n\n{table(['option', 'is', 'default'], rows)}" if rows else ""
    return f"### {entry['name']}\n\n{entry['help']}{options}"


def metrics() -> str:
    rows = [[f"`{name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help] for name, metric in METRICS.items()]
    return table(["metric", "kind", "labels", ""], rows)


PARTS = {
    "top": lambda: word_table(words.TOP_WORDS),
    "rule": lambda: word_table(words.RULE_WORDS),
    "step": lambda: word_table(words.STEP_WORDS),
    "operators": operators,
    "facts": facts,
    "handlers": handlers,
    "metrics": metrics,
}


def page(text: str) -> str:
    return PART.sub(lambda m: f"<!-- generated: {m[1]} -->\n{PARTS[m[1]]()}\n<!-- end -->", text)


def main(arguments: list[str]) -> int:
    """0 when the pages are as they should be, or were written."""
    stale = [path for path in PAGES if page(text := path.read_text(encoding="utf-8")) != text]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.name} is stale: run `make docs`", file=sys.stderr)
        else:
            path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
