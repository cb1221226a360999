"""Texts of replies: a small part of Jinja's language, in which nothing can run away or look inside.

What a template may do: print facts, captures and set values; `if`, `for`, `set`; arithmetic; the filters of `FILTERS`; `range(n)`. Names are
those of rules.yaml: `{{ subject }}`, `{{ from.name }}`, `{{ header['List-Id'] }}`; what is absent is printed as nothing, a name that does not
exist is an error. There are no attributes, methods, calls, macros, includes or imports: whatever is not listed is refused when the rules are
loaded. Values of a mail go in as text and are never rendered again.

Limits: 250 ms of processor time, checked at each turn of a loop, each filter and each operation; 1 MiB of result, and
4 MiB of all texts made on the way, checked before they are made.
"""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import SandboxedEnvironment

from inbox.errors import Failed

SECONDS, MOST_OUT, MOST_MADE, MOST_VALUE, MOST_SOURCE = 0.25, 1 << 20, 4 << 20, 256 << 10, 64 << 10

_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.List, nodes.Tuple, nodes.Keyword),
    *(
        nodes.If,
        nodes.For,
        nodes.Assign,
        nodes.CondExpr,
        nodes.Filter,
        nodes.Test,
        nodes.Compare,
        nodes.Operand,
        nodes.Getattr,
        nodes.Getitem,
    ),
    *(
        nodes.Slice,
        nodes.And,
        nodes.Or,
        nodes.Not,
        nodes.Neg,
        nodes.Pos,
        nodes.Add,
        nodes.Sub,
        nodes.Mul,
        nodes.Div,
        nodes.FloorDiv,
        nodes.Mod,
    ),
    *(nodes.Concat, nodes.Call),
)
_TESTS = frozenset("defined undefined none string number boolean true false even odd in eq ne lt le gt ge divisibleby".split())  # noqa: SIM905
_PLAIN = "capitalize count d default e escape first int last length list lower reverse round sort title trim truncate unique upper"
_OF_LISTS = frozenset(("count", "d", "default", "first", "last", "length", "list", "reverse", "sort", "unique"))
_LOOP = frozenset(("index", "index0", "revindex", "first", "last", "length"))
_BUDGET = "the budget"  # no name that a template could write


@dataclass
class Budget:
    """What one rendering may still use."""

    deadline: float
    left: int = MOST_MADE

    def tick(self) -> None:
        """SecurityError when the time is used up."""
        if time.thread_time() > self.deadline:
            raise SecurityError(f"stopped after {SECONDS * 1000:g} ms")

    def spend(self, letters: int) -> None:
        """Take the size of a text that is about to be made; SecurityError when it is too much."""
        self.tick()
        self.left -= letters
        if self.left < 0:
            raise SecurityError(f"stopped at {MOST_MADE >> 20} MiB of text")


def render(source: str, value_of: Callable[[str], Any], *, html: bool = False) -> str:
    """The text of a template. `value_of` gives the value of a name, and LookupError when there is none. Failed: it was stopped, or is wrong.

    `html`: values are escaped for HTML.
    """
    try:
        template, names = _compiled(source, html)
        values = {identifier: _shortened(value_of(name)) for identifier, name in names}
    except (TemplateSyntaxError, SecurityError, LookupError) as error:
        raise Failed(f"template: {_words(error)}") from None
    budget = Budget(time.thread_time() + SECONDS)
    context = template.new_context({**values, _BUDGET: budget})
    try:
        return _joined(template.root_render_func(context), budget)
    except (SecurityError, UndefinedError, ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise Failed(f"template: {_words(error)}") from None


def problems(source: str) -> Iterator[str]:
    """What is wrong with a template, found without a mail."""
    try:
        _compiled(source, False)
    except (TemplateSyntaxError, SecurityError) as error:
        yield f"template: {_words(error)}"


def _words(error: Exception) -> str:
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
    text = (error.message if isinstance(error, TemplateSyntaxError) else str(error)) or type(error).__name__
    return f"{line}{text}"


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:MOST_VALUE]
    return tuple(_shortened(item) for item in value[:1000]) if isinstance(value, tuple) else value


def _joined(pieces: Iterable[str], budget: Budget) -> str:
    parts, size = [], 0
    for piece in pieces:
        budget.tick()
        size += len(piece)
        if size > MOST_OUT:
            raise SecurityError(f"stopped at {MOST_OUT >> 20} MiB of result")
        parts.append(piece)
    return "".join(parts)


# Reading: only what is listed, with every loop, `~` and dotted name put into our hands


@lru_cache(maxsize=64)
def _compiled(source: str, html: bool) -> tuple[Any, tuple[tuple[str, str], ...]]:
    """The template, and the names that it reads: their identifiers in the code, and what they are called in rules.yaml."""
    if len(source) > MOST_SOURCE:
        raise SecurityError(f"a template has at most {MOST_SOURCE >> 10} KiB")
    environment = _environment(html)
    try:
        tree = environment.parse(source)
        _check(tree)
        names = _rewrite(tree)
        code = environment.compile(tree)
    except (RecursionError, SyntaxError, MemoryError):  # what Python says of code that is nested too deep
        raise SecurityError("nested too deep") from None
    return environment.template_class.from_code(environment, code, {"range": _range}), tuple(names.items())


def _check(tree: nodes.Template) -> None:
    for node in _walk(tree):
        line = f"line {node.lineno}: "
        if not isinstance(node, _NODES):
            raise SecurityError(f"{line}{type(node).__name__.lower()} is not for templates of mail; there are {{{{ }}}}, if, for and set")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise SecurityError(f"{line}there is no filter {node.name!r}; there are {', '.join(sorted(FILTERS))}")
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            raise SecurityError(f"{line}there is no test {node.name!r}; there are {', '.join(sorted(_TESTS))}")
        if isinstance(node, nodes.For) and node.recursive:
            raise SecurityError(f"{line}loops are not recursive here")
        if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Name) and node.node.name == "range" and not node.kwargs):
            raise SecurityError(f"{line}nothing can be called but range(n)")


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.iter_child_nodes())


def _rewrite(tree: nodes.Template) -> dict[str, str]:
    """Put our filters around loops and joined texts, and one plain name in place of each name with dots; gives identifier -> name."""
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"} | {"loop", "range"}
    identifiers: dict[str, str] = {}

    def change(node: nodes.Node) -> nodes.Node:
        name = _dotted(node, own)
        if name is not None:
            identifier = identifiers.setdefault(name, f"fact_{len(identifiers)}")
            return nodes.Name(identifier, "load", lineno=node.lineno)
        if isinstance(node, nodes.Getattr | nodes.Getitem):
            _check_part(node)
        _change_children(node, change)
        if isinstance(node, nodes.For):
            node.iter = _filtered(node.iter, "each of")
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "joined") if isinstance(node, nodes.Concat) else node

    change(tree)
    return {identifier: name for name, identifier in identifiers.items()}


def _dotted(node: nodes.Node, own: set[str]) -> str | None:
    """The name of a fact, capture or value that a node reads: `subject`, `from.name`, `header['List-Id']`; None for anything else."""
    if isinstance(node, nodes.Name):
        if node.ctx != "load" or node.name in own:
            return None
        return "from" if node.name == "from_" else node.name
    if isinstance(node, nodes.Getattr) and (before := _dotted(node.node, own)):
        return f"{before}.{node.attr}"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        before = _dotted(node.node, own)
        return f"{before}.{node.arg.value}" if before else None
    return None


def _check_part(node: nodes.Getattr | nodes.Getitem) -> None:
    """Of values only items by number; of `loop` its numbers."""
    if isinstance(node, nodes.Getattr) and not (isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in _LOOP):
        raise SecurityError(
            f"line {node.lineno}: .{node.attr} is no part of a value; values have none, loops have {', '.join(sorted(_LOOP))}"
        )


def _change_children(node: nodes.Node, change: Callable[[nodes.Node], nodes.Node]) -> None:
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, field, change(value))
        elif isinstance(value, list):
            setattr(node, field, [change(item) if isinstance(item, nodes.Node) else item for item in value])


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


# Running


class _Environment(SandboxedEnvironment):
    """Jinja with operators that look at sizes first, and with no attribute at all."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget: Budget = context[_BUDGET]
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            budget.spend(len(left) + len(right))
        elif not (_is_number(left) and _is_number(right)):
            raise SecurityError(f"{operator} is for numbers; texts are joined with ~")
        budget.tick()
        return _OPERATORS[operator](left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
        return isinstance(obj, LoopContext) and attr in _LOOP


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) < 1 << 63


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


@lru_cache(maxsize=2)
def _environment(html: bool) -> _Environment:
    """`finalize` prints what is absent as nothing; as it asks for the context, nothing is computed while the template is read."""
    environment = _Environment(autoescape=html, optimized=False, undefined=StrictUndefined, finalize=_printed, keep_trailing_newline=True)
    environment.filters = {**FILTERS, "each of": _each, "joined": _join_texts}
    environment.globals = {"range": _range}
    return environment


@pass_context
def _printed(context: Context, value: Any) -> str:
    budget: Budget = context[_BUDGET]
    if isinstance(value, (tuple, list)):
        return _join(context, value, ", ")
    text = _text(value)
    budget.spend(len(text))
    return text


def _text(value: Any) -> str:
    """One value as text; lists have none, so that no list of long texts is ever written out unasked."""
    if isinstance(value, str) or value is None:
        return value or ""
    if isinstance(value, (bool, int, float)):
        return str(value)
    raise SecurityError("a list within a list, or something else without text, cannot be printed; use join or a loop")


def _range(*numbers: Any) -> range:
    found = range(*numbers)
    if len(found) > 10_000:
        raise SecurityError("range() has at most 10000 numbers")
    return found


@pass_context
def _each(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    budget: Budget = context[_BUDGET]
    for item in items or ():
        budget.tick()
        yield item


@pass_context
def _join_texts(context: Context, items: list[Any]) -> str:
    return _join(context, [_printed(context, item) for item in items])


@pass_context
def _join(context: Context, items: Any, between: Any = "") -> str:
    """join: items of a list with a text between them."""
    texts, gap = [_text(item) for item in items or ()], _text(between)
    context[_BUDGET].spend(sum(map(len, texts)) + len(gap) * len(texts))
    return gap.join(texts)


@pass_context
def _replace(context: Context, value: Any, old: Any, new: Any) -> str:
    """replace: every occurrence of a text with another."""
    text, was, becomes = _text(value), _text(old), _text(new)
    context[_BUDGET].spend(len(text) + text.count(was) * len(becomes))
    return text.replace(was, becomes)


@pass_context
def _quote(context: Context, text: Any) -> str:
    """quote: every line with `> ` in front, as in an answer."""
    lines = re.split(r"\r\n|\r|\n", _text(text).strip())
    context[_BUDGET].spend(sum(map(len, lines)) + 3 * len(lines))
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _guarded(name: str) -> Callable[..., Any]:
    """A filter of Jinja's own whose result is hardly larger than its argument."""
    plain: Any = JINJA_FILTERS[name]
    wants = getattr(plain, "jinja_pass_arg", None)

    @pass_context
    def run(context: Context, value: Any, *arguments: Any, **named: Any) -> Any:
        given = value if name in _OF_LISTS else _text(value) if not isinstance(value, (int, float)) else value
        context[_BUDGET].spend(5 * len(given) if isinstance(given, (str, tuple, list, range)) else 0)
        first = () if wants is None else ({"environment": context.environment, "eval_context": context.eval_ctx}[wants.name],)
        return plain(*first, given, *arguments, **named)

    return run


FILTERS: Mapping[str, Callable[..., Any]] = {
    **{name: _guarded(name) for name in _PLAIN.split()},
    "join": _join,
    "replace": _replace,
    "quote": _quote,
}
