"""From nodes of the file to steps: a handler alone (`- store`) or with options (`- forward: {to: a@b.test, on_error: continue}`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inbox.model import EMPTY
from inbox.options import is_jinja, is_template, seconds
from inbox.rules import placeholders
from inbox.rules.document import ListNode, MapNode, Node, TextNode, kind
from inbox.rules.extension_options import checked, option_name, run_check
from inbox.rules.ruleset import Place, StepPlan
from inbox.rules.scope import Scope, suggest
from inbox.rules.words import ON_ERROR, STEP_WORDS

if TYPE_CHECKING:
    from inbox.plugins import Extension


def steps(scope: Scope, where: str, node: Node, recipients: tuple[str, ...], captures: Iterable[str]) -> tuple[StepPlan, ...]:
    """The steps of `do` or `default`; `recipients` are those of the rule, `captures` the names that its patterns give."""
    if not isinstance(node, ListNode):
        scope.mistakes.at(node, f"{where}: the steps are a list, not {kind(node)}; write [store], for example")
        return ()
    known = frozenset(captures)
    found = [_step(scope, where, item, recipients, known) for item in node.items]
    return tuple(step for step in found if step is not None)


def _step(scope: Scope, where: str, node: Node, recipients: tuple[str, ...], captures: frozenset[str]) -> StepPlan | None:
    if isinstance(node, TextNode):
        return _make(scope, where, node, [], recipients, captures)
    if not isinstance(node, MapNode) or len(node.entries) != 1:
        scope.mistakes.at(node, f"{where}: a step is a handler's name, or one handler with its options: forward: {{to: a@example.com}}")
        return None
    name, options = node.entries[0]
    if not isinstance(options, MapNode):
        scope.mistakes.at(
            options, f"{where}: the options of {name.text} are a mapping; without options write the name alone: [{name.text}]"
        )
        return None
    return _make(scope, where, name, options.entries, recipients, captures)


def _make(
    scope: Scope, where: str, name: TextNode, entries: list[tuple[TextNode, Node]], recipients: tuple[str, ...], captures: frozenset[str]
) -> StepPlan | None:
    handler = scope.plugins.handlers.entries.get(name.text)
    if handler is None:
        scope.mistakes.at(name, f"{where}: there is no handler {name.text!r}{suggest(name.text, scope.plugins.handlers.entries)}")
        return None
    words = {key.text: value for key, value in entries if key.text in STEP_WORDS}
    own = [(key, value) for key, value in entries if key.text not in STEP_WORDS]
    control = _control(scope, where, words)
    found = (EMPTY, {}) if not own and _takes_nothing(handler) else checked(scope, where, handler, own, name)
    if found is None:
        return None
    options, nodes = found
    run_check(scope, where, handler, options, recipients, name)
    compiled = _compile(scope, where, handler, options, nodes, name, captures)
    return StepPlan(handler.name, compiled, place=Place(name.line, name.column), **control)


def _takes_nothing(handler: Extension) -> bool:
    return not handler.options.model_fields and handler.options.model_config.get("extra") != "allow"


def _control(scope: Scope, where: str, words: Mapping[str, Node]) -> dict[str, Any]:
    """The words of a step that are not the handler's."""
    found: dict[str, Any] = {}
    for word, node in words.items():
        text = node.text if isinstance(node, TextNode) else ""
        if (word == "on_error" and text in ON_ERROR) or (word == "when_done" and text == "stop"):
            found[word] = text
        elif word == "timeout" and (limit := _seconds(text)):
            found[word] = limit
        else:
            wish = {"on_error": f"one of {', '.join(ON_ERROR)}", "when_done": "stop", "timeout": "a duration: 90, 90s, 5m or 2h"}[word]
            scope.mistakes.at(node, f"{where}: {word} must be {wish}")
    return found


def _seconds(text: str) -> float | None:
    try:
        return seconds(text) or None
    except ValueError:
        return None


def _compile(
    scope: Scope,
    where: str,
    handler: Extension,
    options: Mapping[str, Any],
    nodes: Mapping[str, Node],
    at: TextNode,
    captures: frozenset[str],
) -> Mapping[str, Any]:
    """Options with `Text` where placeholders stand; secrets, paths of templates and Jinja texts are taken as they are."""
    fields = handler.options.model_fields
    fixed = {name for name, field in fields.items() if name in handler.secrets or is_template(field) or is_jinja(field)}

    def walk(value: Any, node: Node | None, option: str) -> Any:
        if isinstance(value, str):
            return _text(scope, where, f"{handler.name}: {option_name(option)!r}", value, node or at, captures)
        if isinstance(value, dict):
            inside = node if isinstance(node, MapNode) else None
            return {key: walk(item, (inside.get(key) if inside else None) or node, option) for key, item in value.items()}
        if isinstance(value, list):
            items = node.items if isinstance(node, ListNode) and len(node.items) == len(value) else [node] * len(value)
            return [walk(item, place, option) for item, place in zip(value, items, strict=True)]
        return value

    return {name: value if name in fixed else walk(value, nodes.get(name), name) for name, value in options.items()}


def _text(scope: Scope, where: str, what: str, text: str, node: Node, captures: frozenset[str]) -> Any:
    """Text of an option with its placeholders; each must be a capture of the rule, a value that some rule sets, or a fact."""
    try:
        found = placeholders.read(text)
    except ValueError as error:
        scope.mistakes.at(node, f"{where}: {what}: {error}")
        return text
    for name in placeholders.names(found):
        if name not in captures and name not in scope.values and scope.fact_problem(name):
            close = suggest(name, {*captures, *scope.values, *scope.all_facts()})
            known = close if "mean" in close else ""
            scope.mistakes.at(node, f"{where}: {what}: {{{name}}} is no capture of this rule, no set value and no fact{known}")
    return found


def value_text(scope: Scope, where: str, what: str, node: TextNode, captures: frozenset[str]) -> Any:
    """A text of `set`, with placeholders."""
    return _text(scope, where, what, node.text, node, captures)
