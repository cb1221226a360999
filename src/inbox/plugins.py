"""Find, check and list plugins; registries of facts, handlers, sources, stores and commands.

A plugin is a module that implements hooks of `inbox.hookspecs`. It is found by the entry point group `inbox`, or as a file or package in a
folder (`--plugins-dir`). The built-in facts and handlers come through the same hooks. A broken plugin is one clear PluginError at start.

A registered function says by its signature what it is: positional names are what it wants to see (`FACT_WANTS`, `HANDLER_WANTS`),
keyword-only ones are its options in rules.yaml, with annotations and defaults; its docstring is its help.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from inbox import hookspecs
from inbox.deadline import TimeUp
from inbox.errors import PluginError
from inbox.options import is_secret

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from inbox.model import Mail, Receipt

FACT_WANTS = ("mail", "envelope", "message", "facts", "settings", "memory", "part")
HANDLER_WANTS = ("mail", "envelope", "message", "facts", "step", "settings", "memory", "outbox", "earlier", "counter", "copy", "forwarder")
BUILTINS = ("inbox.facts", "inbox.handlers")

Check = Callable[[Mapping[str, Any], tuple[str, ...], Mapping[str, Any]], Iterable[str]]
"""`check(options, recipients of the rule, settings)` yields what is wrong with the options, found when the rules are loaded."""


@dataclass(frozen=True)
class Extension:
    """A registered fact or handler.

    `sends`: it makes mail leave (lint asks for a guard); `acts`: it has an effect outside the store. A fact that wants neither mail nor
    message is known at RCPT time (`envelope_only`). A name that ends in `.*` stands for all names below it; the function gets `part`.
    """

    name: str
    plugin: str
    function: Callable[..., Any]
    wants: tuple[str, ...]
    check: Check | None = None
    sends: bool = False
    acts: bool = False

    @property
    def help(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def envelope_only(self) -> bool:
        return set(self.wants) <= {"envelope"}

    @cached_property
    def trivial(self) -> bool:
        """Whether it can neither hang nor take long: one of ours that reads nothing but the envelope."""
        return self.envelope_only and self.plugin in BUILTINS

    @cached_property
    def options(self) -> type[BaseModel]:
        """The options as a pydantic model: validates them and gives their JSON Schema."""
        try:
            return _options_model(self.name, self.function)
        except Exception as error:
            why = str(error).partition("\n")[0]
            raise PluginError(
                f"plugin {self.plugin!r}: options of {self.name!r} cannot be checked: {why}; use types that YAML has"
            ) from None

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Names of the options that hold secrets."""
        return frozenset(name for name, option in self.options.model_fields.items() if is_secret(option))

    def call(self, materials: Any, options: Mapping[str, Any]) -> Any:
        """Call the function with what it wants, taken from attributes of `materials`, and its options."""
        return self.function(*[getattr(materials, want) for want in self.wants], **options)


def _options_model(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    from pydantic import ConfigDict, create_model  # noqa: PLC0415  heavy, and not needed to find plugins

    parameters = inspect.signature(function).parameters
    hints = _option_hints(function, parameters)
    fields: dict[str, Any] = {}
    extra: Any = None
    for parameter in parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (hints[parameter.name], default)
        elif parameter.kind is parameter.VAR_KEYWORD:
            extra = hints[parameter.name]
    config = ConfigDict(extra="allow" if extra else "forbid", strict=True, protected_namespaces=())
    if extra:
        fields["__pydantic_extra__"] = (dict[str, extra], ...)
    model: type[BaseModel] = create_model(name, __config__=config, **fields)
    return model


def _option_hints(function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The annotations of the options alone: those of the positional names may be importable for type checkers only."""
    options = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    annotations = {name: p.annotation for name, p in parameters.items() if p.kind in options}
    if not annotations:
        return {}
    plain = inspect.unwrap(function)
    return typing.get_type_hints(types.SimpleNamespace(__annotations__=annotations), getattr(plain, "__globals__", {}), include_extras=True)


def _check_signature(kind: str, name: str, function: Callable[..., Any], known: tuple[str, ...]) -> tuple[str, ...]:
    """The positional names, or PluginError: an unknown one, an option without annotation, a missing docstring."""
    wants = []
    parameters = inspect.signature(function).parameters
    for parameter in parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            if parameter.name not in known:
                raise PluginError(f"{kind} {name!r} wants {parameter.name!r}; it can have {', '.join(known)}, options go behind a `*`")
            wants.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            raise PluginError(f"{kind} {name!r} takes *{parameter.name}; name what it wants to see: {', '.join(known)}")
        elif parameter.annotation is parameter.empty:
            raise PluginError(f"{kind} {name!r}: option {parameter.name!r} has no annotation; write {parameter.name}: str, for example")
    if not (function.__doc__ or inspect.getdoc(function)):
        raise PluginError(f"{kind} {name!r} has no docstring; its first line is the help that users see")
    try:
        _option_hints(function, parameters)
    except Exception as error:
        raise PluginError(
            f"{kind} {name!r}: an annotation cannot be read: {error}; options need names that are imported at run time"
        ) from None
    return tuple(wants)


@dataclass
class Registry:
    """Names of one kind (fact, handler, source, store) and what plugins registered under them."""

    kind: str
    known: tuple[str, ...] = ()
    entries: dict[str, Extension] = field(default_factory=dict)

    def adder(self, plugin: str) -> Callable[..., None]:
        """The `register` that one plugin gets."""

        def register(
            name: str, function: Callable[..., Any], *, check: Check | None = None, sends: bool = False, acts: bool = False
        ) -> None:
            if other := self.entries.get(name):
                raise PluginError(f"{self.kind} {name!r} is there already, from {other.plugin}; choose another name")
            wants = _check_signature(self.kind, name, function, self.known) if self.known else ()
            self.entries[name] = Extension(name, plugin, function, wants, check, sends, acts or sends)

        return register

    def find(self, name: str) -> tuple[Extension, str | None] | None:
        """The entry for a name, exact or below a `family.*`; with it the part below the family."""
        if entry := self.entries.get(name):
            return entry, None
        family, dot, part = name.partition(".")
        if dot and part and (entry := self.entries.get(f"{family}.*")):
            return entry, part
        return None

    def __iter__(self) -> typing.Iterator[Extension]:
        return iter(self.entries[name] for name in sorted(self.entries))


class Plugins:
    """All plugins of one installation: one pluggy manager, no globals.

    `folder` is loaded after the entry points; None loads no folder. `modules` are further plugin objects, for tests and programs.
    """

    def __init__(self, folder: Path | None = None, modules: Iterable[object] = (), *, entry_points: bool = True) -> None:
        self.facts = Registry("fact", FACT_WANTS)
        self.handlers = Registry("handler", HANDLER_WANTS)
        self.sources = Registry("source")
        self.stores = Registry("store")
        self._manager = pluggy.PluginManager("inbox")
        self._manager.add_hookspecs(hookspecs)
        for name in BUILTINS:
            self._manager.register(importlib.import_module(name), name)
        for module in modules:
            self._add(module, getattr(module, "__name__", None))
        if entry_points:
            self._load_entry_points()
        for path in _files(folder):
            self._add(_import_file(path), path.stem)
        self._register_all()

    def _add(self, plugin: object, name: str | None) -> None:
        try:
            self._manager.register(plugin, name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(" ".join(str(error).split())) from None

    def _load_entry_points(self) -> None:
        try:
            self._manager.load_setuptools_entrypoints("inbox")
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f"an installed plugin cannot be loaded: {type(error).__name__}: {error}; mend or uninstall it") from error

    def _register_all(self) -> None:
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"{error}; the hooks are {', '.join(_hook_names())}") from None
        for name, plugin in self._manager.list_name_plugin():
            for hook, registry in self._registries().items():
                function = getattr(plugin, hook, None)
                if function is not None and getattr(function, "inbox_impl", None):
                    _run_hook(name, hook, function, registry.adder(name))

    def _registries(self) -> dict[str, Registry]:
        return {
            "register_facts": self.facts,
            "register_handlers": self.handlers,
            "register_sources": self.sources,
            "register_stores": self.stores,
        }

    def add_commands(self, cli: click.Group) -> None:
        """Let plugins add commands to the program."""
        self._manager.hook.register_commands(cli=cli)

    def settled(self, mail: Mail, receipt: Receipt) -> None:
        """Tell the observers of a finished mail; each in its own try, errors are logged and change nothing."""
        for implementation in self._manager.hook.mail_settled.get_hookimpls():
            arguments = {"mail": mail, "receipt": receipt}
            try:
                implementation.function(*[arguments[name] for name in implementation.argnames])
            except (KeyboardInterrupt, TimeUp):
                raise
            except BaseException:
                logging.getLogger("inbox.plugins").exception("observer failed", extra={"plugin": implementation.plugin_name})

    def listing(self) -> list[dict[str, Any]]:
        """Every plugin with its version and what it registered, as `inbox plugins` prints it."""
        versions = {id(plugin): dist.version for plugin, dist in self._manager.list_plugin_distinfo()}
        return [
            {
                "name": name,
                "version": versions.get(id(plugin)) or getattr(plugin, "__version__", None),
                "file": getattr(plugin, "__file__", None),
                "facts": [_describe(entry) for entry in self.facts if entry.plugin == name],
                "handlers": [_describe(entry) for entry in self.handlers if entry.plugin == name],
                "sources": [entry.name for entry in self.sources if entry.plugin == name],
                "stores": [entry.name for entry in self.stores if entry.plugin == name],
            }
            for name, plugin in self._manager.list_name_plugin()
        ]


def _describe(entry: Extension) -> dict[str, Any]:
    schema = entry.options.model_json_schema()
    return {
        "name": entry.name,
        "help": entry.help,
        "options": schema.get("properties", {}),
        "required": schema.get("required", []),
        "wants": list(entry.wants),
    }


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "inbox_spec")]


def _run_hook(plugin: str, hook: str, function: Callable[..., Any], register: Callable[..., None]) -> None:
    try:
        function(register)
    except PluginError as error:
        raise PluginError(f"plugin {plugin!r}: {error}") from None
    except Exception as error:
        raise PluginError(f"plugin {plugin!r}: {hook} raised {type(error).__name__}: {error}") from error


def _files(folder: Path | None) -> list[Path]:
    """Plugin files of a folder: `name.py` and packages, not what begins with `_` or `.`."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise PluginError(f"plugins folder {folder} is not there; make it, or leave --plugins-dir out")
    found = [*folder.glob("*.py"), *(path.parent for path in folder.glob("*/__init__.py"))]
    return sorted(path for path in found if path.name[0] not in "_.")


def _import_file(path: Path) -> ModuleType:
    """Import one plugin file under a name of its own (`inbox_plugin_<stem>`)."""
    name = f"inbox_plugin_{path.stem.replace('-', '_')}"
    source = path / "__init__.py" if path.is_dir() else path
    spec = importlib.util.spec_from_file_location(name, source, submodule_search_locations=[str(path)] if path.is_dir() else None)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin {path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(f"plugin {path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module
