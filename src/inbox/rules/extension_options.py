"""Options of handlers and facts: checked against the signature of the plugin's function, with each mistake at the option that has it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inbox.model import EMPTY
from inbox.options import is_template
from inbox.rules.document import ListNode, MapNode, Node, TextNode, kind, plain
from inbox.rules.scope import Scope, suggest

if TYPE_CHECKING:
    from inbox.plugins import Extension

_REFERENCE = re.compile(r"env:\w+|file:.+|inline:[0-9a-f]{12}")  # inline: of a text that the store kept, without its secrets
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "path_type": "a path",
}
"""What pydantic's type errors mean in the words of rules.yaml."""
_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} long",
    "too_long": "at most {max_length} long",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def checked(
    scope: Scope, where: str, extension: Extension, given: list[tuple[TextNode, Node]], at: Node
) -> tuple[dict[str, Any], dict[str, Node]] | None:
    """The options as JSON data with all defaults, and the node of each that is written; None after a mistake.

    `given`: the options as they stand in the file; `at`: where the handler or fact is named. Secrets are references afterwards, templates
    absolute paths.
    """
    from pydantic import ValidationError  # noqa: PLC0415  pydantic is slow to import, and rules without options need none of it

    model = extension.options
    nodes = {_field(key.text, model.model_fields): (key, value) for key, value in given}
    try:
        found = model.model_validate_json(json.dumps({name: plain(value) for name, (_, value) in nodes.items()}))
    except ValidationError as error:
        _explain(scope, where, extension, error.errors(include_url=False, include_input=False), nodes, at)
        return None
    options = found.model_dump(mode="json", exclude_none=True, warnings=False)
    values = {name: value for name, (_, value) in nodes.items()}
    sound = [_secret(scope, where, extension.name, name, options, values) for name in extension.secrets if name in options]
    sound += [
        _template(scope, where, name, options, values, at)
        for name, option in model.model_fields.items()
        if is_template(option) and name in options
    ]
    return (options, values) if all(sound) else None


def run_check(scope: Scope, where: str, extension: Extension, options: Mapping[str, Any], recipients: tuple[str, ...], at: Node) -> None:
    """Note what the plugin's own check says of checked options; a check that raises is a mistake like any other."""
    if extension.check is None:
        return
    settings = scope.settings.of(extension.name) if scope.settings else EMPTY
    try:
        problems = list(extension.check(options, recipients, settings))
    except Exception as error:
        problems = [f"its check of the options raised {type(error).__name__}: {error}; mend plugin {extension.plugin}"]
    for problem in problems:
        subject = problem if problem.startswith(extension.name) else f"{extension.name}: {problem}"
        scope.mistakes.at(at, f"{where}: {subject}")


def option_name(field: str) -> str:
    """The name of an option in rules.yaml: `from_` in Python is `from`."""
    return field.removesuffix("_")


def _field(name: str, fields: Mapping[str, Any]) -> str:
    return f"{name}_" if f"{name}_" in fields else name


def _secret(scope: Scope, where: str, handler: str, name: str, options: dict[str, Any], nodes: Mapping[str, Node]) -> bool:
    value, node = str(options[name]), nodes.get(name)
    if _REFERENCE.fullmatch(value) or not isinstance(node, TextNode):
        return True
    reference = f"inline:{hashlib.sha256(value.encode()).hexdigest()[:12]}"
    scope.secrets[reference] = value
    scope.secret_places.append((node.start, node.end, reference))
    options[name] = reference
    scope.mistakes.warn(
        node,
        f"{where}: {handler}: {option_name(name)!r} is a secret and stands in the file; write env:NAME or file:PATH and keep it elsewhere",
    )
    return True


def _template(scope: Scope, where: str, name: str, options: dict[str, Any], nodes: Mapping[str, Node], at: Node) -> bool:
    """Make the path absolute, or each of a mapping; False, and a mistake noted, when a file cannot be read."""
    given, node = options[name], nodes.get(name, at)
    if not isinstance(given, Mapping):
        options[name] = _readable(scope, where, str(given), node)
        return options[name] is not None
    at_each = {key: (isinstance(node, MapNode) and node.get(key)) or node for key in given}
    options[name] = {key: _readable(scope, where, str(path), at_each[key]) for key, path in given.items()}
    return None not in options[name].values()


def _readable(scope: Scope, where: str, written: str, node: Node) -> str | None:
    path = scope.path(written)
    try:
        scope.read_file(str(path))
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        scope.mistakes.at(node, f"{where}: template {written} {reason}; its path begins at the folder of the rules file")
        return None
    return str(path)


def _explain(
    scope: Scope, where: str, extension: Extension, errors: Iterable[Any], nodes: Mapping[str, tuple[TextNode, Node]], at: Node
) -> None:
    """One sentence for each wrong option; what pydantic says of the members of a union becomes one sentence."""
    by_place: dict[tuple[str, Node], list[Any]] = {}
    deepest: dict[str, int] = {}
    for error in errors:
        option = str(error["loc"][0]) if error["loc"] else ""
        node, depth = _descend(nodes, error["loc"], at)
        if depth < deepest.get(option, 0):
            continue
        if depth > deepest.get(option, 0):
            by_place = {place: found for place, found in by_place.items() if place[0] != option}
        deepest[option] = depth
        by_place.setdefault((option, node), []).append(error)
    for (option, node), found in by_place.items():
        scope.mistakes.at(node, f"{where}: {_sentence(extension, option, node, found)}")


def _descend(nodes: Mapping[str, tuple[TextNode, Node]], path: tuple[Any, ...], at: Node) -> tuple[Node, int]:
    """The node that an error is about, and how deep it lies; parts of the path that name members of unions lead nowhere."""
    if not path or str(path[0]) not in nodes:
        return at, 0
    key, node = nodes[str(path[0])]
    found: Node = key if len(path) == 1 and isinstance(node, MapNode | ListNode) else node
    depth = 1
    for part in path[1:]:
        inner = _inner(node, part)
        if inner is not None:
            node, found, depth = inner, inner, depth + 1
    return found, depth


def _inner(node: Node, part: Any) -> Node | None:
    if isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return node.get(str(part)) if isinstance(node, MapNode) else None


def _sentence(extension: Extension, option: str, node: Node, errors: list[Any]) -> str:
    error = errors[0]
    name = option_name(option)
    if error["type"] == "extra_forbidden":
        return no_option(extension, name)
    if error["type"] == "missing":
        return f"{extension.name} needs the option {name!r}"
    wanted = list(dict.fromkeys(filter(None, map(_wanted, errors))))
    if wanted:
        return f"{extension.name}: {name!r} must be {' or '.join(wanted)}{_instead(node, wanted, secret=option in extension.secrets)}"
    return f"{extension.name}: {name!r}: {error['msg'].removeprefix('Value error, ')}"


def no_option(extension: Extension, name: str) -> str:
    """The sentence for an option that does not exist."""
    known = sorted(map(option_name, extension.options.model_fields))
    if not known:
        return f"{extension.name} has no option {name!r}; it has none"
    close = suggest(name, known) if len(known) > 8 else ""
    return f"{extension.name} has no option {name!r}{close if 'mean' in close else '; it has ' + ', '.join(known)}"


def _wanted(error: Any) -> str | None:
    if error["type"] in _BOUNDS:
        return _BOUNDS[error["type"]].format(**error.get("ctx", {}))
    return _WANTED.get(error["type"])


def _instead(node: Node, wanted: list[str], *, secret: bool) -> str:
    """What stands there, when its kind is the mistake; a secret is not shown."""
    if not isinstance(node, TextNode):
        return f", not {kind(node)}"
    if wanted == ["text"] and not isinstance(node.value, str):
        return "; write it in quotes" if secret else f'; {node.text} without quotes is no text, write "{node.text}"'
    return ""
