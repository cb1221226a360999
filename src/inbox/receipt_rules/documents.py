"""Texts of others as plain data: JSON, and YAML with the short tags of CloudFormation (`!Ref X` is `{"Ref": "X"}`). Nothing is run or expanded.

Keys that stand twice, anchors and aliases, nesting deeper than 64 levels and files over 4 MiB are errors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from inbox.errors import ConfigError

LARGEST = 4 << 20
DEEPEST = 64


def read_document(path: Path) -> Any:
    """The data of a JSON or YAML file. Raises ConfigError that names the place."""
    return parse_document(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a file, with its size checked. Raises ConfigError."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise ConfigError(f"{path} has {size:,} octets; rule sets of SES are far smaller than {LARGEST:,}")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (octet {error.start}); save it as UTF-8") from None


def parse_document(text: str, name: str) -> Any:
    """The data of a text; `name` stands in errors. JSON when it begins like JSON, else YAML. An empty text is an error."""
    if not text.strip():
        raise ConfigError(f"{name} is empty; give the JSON of describe-active-receipt-rule-set, or a CloudFormation template")
    try:
        data = _json_or_yaml(text) if text.lstrip()[0] in "{[" else _yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError(f"{place}: {error.problem}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{name}:{error.lineno}:{error.colno}: {error.msg}; this is no JSON") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{name}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deep; {DEEPEST} levels are allowed") from None
    _check_depth(data, name)
    return data


def _json_or_yaml(text: str) -> Any:
    """JSON, or YAML that begins with a brace; what is neither is told as JSON."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        try:
            return _yaml(text)
        except yaml.YAMLError:
            raise error from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; keep one")
    return found


def _check_depth(data: Any, name: str) -> None:
    level, depth = [data], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ConfigError(f"{name}: nested too deep; {DEEPEST} levels are allowed")
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())]


class _Loader(yaml.SafeLoader):
    """Safe YAML, with intrinsic functions as data, dates as text and no aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read; write the value out", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} stands twice; keep one", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def _intrinsic(loader: Any, suffix: str, node: Any) -> Any:
    """`!Ref X`, `!Sub "…"`, `!GetAtt a.b` as the long form that JSON templates have."""
    value = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda n: loader.construct_sequence(n, deep=True),
        yaml.MappingNode: lambda n: loader.construct_mapping(n, deep=True),
    }[type(node)](node)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


def _as_written(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _intrinsic)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_written)


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506  the loader is a safe one
