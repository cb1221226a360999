"""The JSON Schema of rules.yaml for one installation: editors complete words, handlers, facts and their options from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inbox.rules.extension_options import option_name
from inbox.rules.words import (
    CONDITION_WORDS,
    EXPECT_WORDS,
    ON_ERROR,
    OPERATORS,
    REFUSE_WORDS,
    RULE_FACTS,
    RULE_WORDS,
    STEP_WORDS,
    TEST_WORDS,
    TOP_WORDS,
)

if TYPE_CHECKING:
    from inbox.plugins import Extension, Plugins

Schema = dict[str, Any]

_DURATION: Schema = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?\s*[smhd]?$"}]}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_TEXT: Schema = {"type": "string", "minLength": 1}


def schema(plugins: Plugins) -> Schema:
    """JSON Schema (2020-12) for the rules files that this installation understands; a file that it finds wrong does not load.

    The loader finds more: names of lists and values, placeholders, patterns, paths, and keys that stand twice.
    """
    inner: Schema = {}
    sections = {
        "version": {"const": 1},
        "domains": _texts(),
        "lists": _mapping({"anyOf": [{"type": "array", "items": _SCALAR}, _object({"file": _TEXT}, {"file": ""}, ["file"])]}),
        "facts": _mapping({"anyOf": [_extension(fact, inner) for fact in plugins.facts]}, names=r"^[a-z][a-z0-9_-]*$"),
        "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
        "default": {"$ref": "#/$defs/steps"},
        "tests": {"type": "array", "items": {"$ref": "#/$defs/test"}},
    }
    whole = _object(sections, TOP_WORDS, ["version", "domains", "rules", "default"])
    defs = {"rule": _rule(), "conditions": _conditions(plugins), **_fact_defs(), "steps": _steps(plugins.handlers, inner), "test": _test()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "rules.yaml", **whole, "$defs": {**defs, **inner}}


def _object(properties: Mapping[str, Schema], words: Mapping[str, str], required: Iterable[str] = ()) -> Schema:
    described = {name: {**value, "description": words[name]} if words.get(name) else value for name, value in properties.items()}
    return {"type": "object", "properties": described, "required": list(required), "additionalProperties": False}


def _mapping(values: Schema, names: str | None = None) -> Schema:
    limit = {"propertyNames": {"pattern": names}} if names else {}
    return {"type": "object", "additionalProperties": values, **limit}


def _texts() -> Schema:
    """One text or a list of texts, numbers as they are written."""
    return {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}


def _rule() -> Schema:
    refuse = _object({"code": {"type": "integer", "minimum": 400, "maximum": 599}, "status": _TEXT, "text": _TEXT}, REFUSE_WORDS, ["text"])
    conditions = {"$ref": "#/$defs/conditions"}
    properties = {
        "name": {"anyOf": [_TEXT, {"type": ["number", "boolean"]}]},
        "recipients": _texts(),
        "when": conditions,
        "unless": conditions,
        "label": _texts(),
        "set": _mapping(_SCALAR, names=r"^[A-Za-z_][A-Za-z0-9_]*$"),
        "refuse": {"anyOf": [_TEXT, refuse]},
        "do": {"$ref": "#/$defs/steps"},
        "stop": {"enum": [True, False, "mail"]},
        "enabled": {"type": "boolean"},
        "shadow": {"type": "boolean"},
    }
    return {**_object(properties, RULE_WORDS, ["name"]), "not": {"required": ["do", "refuse"]}}


def _conditions(plugins: Plugins) -> Schema:
    """A mapping of facts; facts of families (`header.*`), of the file and of `set` are names that only the loader knows."""
    group = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/conditions"}}
    negated = {"anyOf": [{"$ref": "#/$defs/conditions"}, group]}
    words: dict[str, Schema] = {"any": group, "all": group, "not": negated}
    properties = {name: {**value, "description": CONDITION_WORDS[name]} for name, value in words.items()}
    helps: dict[str, str] = {**RULE_FACTS, **{fact.name: _first_line(fact.help) for fact in plugins.facts}}
    facts = {name: {"$ref": "#/$defs/condition", "description": text} for name, text in helps.items() if not name.endswith(".*")}
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {**properties, **facts},
        "additionalProperties": {"$ref": "#/$defs/condition"},
    }


def _fact_defs() -> Schema:
    values: Mapping[str, Schema] = {
        "value": _texts(),
        "text": _texts(),
        "list": _texts(),
        "number": {"type": ["number", "string"]},
        "pair": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["number", "string"]}},
        "boolean": {"type": "boolean"},
    }
    properties = {operator.name: {**values[operator.value], "description": operator.meaning} for operator in OPERATORS}
    properties["not"] = {"$ref": "#/$defs/condition", "description": CONDITION_WORDS["not"]}
    properties["case"] = {"type": "boolean", "description": CONDITION_WORDS["case"]}
    operators = {"type": "object", "minProperties": 1, "properties": properties, "additionalProperties": False}
    return {"condition": {"anyOf": [_SCALAR, {"type": "array", "minItems": 1, "items": _SCALAR}, operators]}}


def _steps(handlers: Iterable[Extension], inner: Schema) -> Schema:
    alone = [handler.name for handler in handlers if not any(field.is_required() for field in handler.options.model_fields.values())]
    forms = [{"enum": alone}, *(_extension(handler, inner, words=True) for handler in handlers)]
    return {"type": "array", "items": {"anyOf": forms}}


def _extension(extension: Extension, inner: Schema, *, words: bool = False) -> Schema:
    """`{name: {options}}`; a name that ends in `.*` stands for all names below it."""
    options = _options(extension, inner)
    if words:
        control = {"on_error": {"enum": list(ON_ERROR)}, "timeout": _DURATION, "when_done": {"const": "stop"}}
        options["properties"] = {**options["properties"], **{name: {**control[name], "description": STEP_WORDS[name]} for name in control}}
    one: Schema = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    if extension.name.endswith(".*"):
        return {**one, "patternProperties": {"^" + extension.name.removesuffix("*").replace(".", r"\.") + ".+": options}}
    return {**one, "properties": {extension.name: options}}


def _options(extension: Extension, inner: Schema) -> Schema:
    made = extension.options.model_json_schema(ref_template=f"#/$defs/{extension.name}:{{model}}")
    inner.update({f"{extension.name}:{name}": value for name, value in made.pop("$defs", {}).items()})
    properties = {option_name(name): value for name, value in made.get("properties", {}).items()}
    required = [option_name(name) for name in made.get("required", [])]
    extra = made.get("additionalProperties", False)
    return {"type": "object", "description": extension.help, "properties": properties, "required": required, "additionalProperties": extra}


def _test() -> Schema:
    names = _texts()
    refused = {"anyOf": [{"type": "boolean"}, names]}
    expect = {**_object({"rules": names, "handlers": names, "labels": names, "refused": refused}, EXPECT_WORDS), "minProperties": 1}
    properties = {"name": _TEXT, "mail": _TEXT, "to": names, "from": {"type": "string"}, "ip": _TEXT, "helo": _TEXT, "expect": expect}
    return _object(properties, TEST_WORDS, ["mail", "expect"])


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
