"""The house (docs/architecture.md): imports only point down, each engine is imported in one place, functions and files stay small."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

from conftest import ROOT

SOURCE = ROOT / "src" / "inbox"
FILES = sorted(SOURCE.rglob("*.py"))

FLOORS = {
    0: ("model", "errors", "hookspecs", "ports", "sending", "suppression", "__init__"),
    1: (
        "options",
        "config",
        "copies",
        "tables",
        "costs",
        "plugins",
        "deadline",
        "feedback",
        "inspect",
        "networks",
        "next_hops",
        "origins",
        "findable",
        "queries",
        "rates",
        "experiments",
        "refusals",
        "reputation",
        "suppression_files",
        "parsing",
        "reply_tokens",
        "rules",
        "receipt_rules",
        "auth",
        "domain_checks",
        "metrics",
        "emf",
        "logs",
        "aws",
    ),
    2: ("perform", "app", "books", "store", "send"),
    3: ("assemble", "function", "local_functions", "reception", "worker", "supervise", "daemon", "sources"),
    4: ("cli", "demo", "web", "__main__"),
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
BUILTINS = ("facts", "handlers")
PUBLIC = {
    "",
    "model",
    "errors",
    "options",
    "ports",
    "hookspecs",
    "send",
    "sending",
    "aws",
    "auth",
    "rates",
}  # what a stranger's plugin may import
TEST_KIT = "testing"
FORBIDDEN_IN_APP = {"store", "sources"}
ENGINES = {"flanker": "parsing", "aiosmtpd": "sources/smtp", "boto3": "aws", "botocore": "aws"}


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions; `inbox.x.y` as it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} if node.module != "inbox" else {f"inbox.{alias.name}" for alias in node.names}
    return found


def rooms_imported(path: Path) -> set[str]:
    """Rooms of the house that a file imports; '' stands for a public name of the top level."""
    rooms = set()
    for name in imports(path):
        if name == "inbox" or name.startswith("inbox."):
            room = name.partition(".")[2].partition(".")[0]
            rooms.add(room if room in FLOOR or room in (*BUILTINS, TEST_KIT) else "")
    return rooms - {room_of(path)}


def test_every_room_stands_on_a_floor():
    assert {room_of(path) for path in FILES} - set(FLOOR) - set(BUILTINS) - {TEST_KIT} == set()


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in FLOOR], ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path):
    own = FLOOR[room_of(path)]
    upward = {room for room in rooms_imported(path) if room in FLOOR and FLOOR[room] > own}
    if room_of(path) == "__init__":
        upward = set()  # the public names, each loaded when it is asked for
    assert upward == set(), f"{path.name} stands on floor {own} and imports {upward}"


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in BUILTINS], ids=lambda p: str(p.relative_to(SOURCE)))
def test_built_in_facts_and_handlers_import_only_what_a_stranger_may(path):
    assert rooms_imported(path) - PUBLIC == set()


def test_the_path_of_a_mail_imports_neither_store_nor_sources():
    assert rooms_imported(SOURCE / "app.py") & FORBIDDEN_IN_APP == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_imported_in_one_place_only(engine):
    users = {str(path.relative_to(SOURCE)) for path in FILES if any(name.partition(".")[0] == engine for name in imports(path))}
    assert all(user.startswith(ENGINES[engine]) for user in users), users


def functions() -> list[tuple[str, int]]:
    return [
        (f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def test_functions_are_short():
    assert statistics.median(length for _, length in functions()) <= 10
    assert [name for name, length in functions() if length > 60] == []


def test_files_are_short():
    assert [str(path) for path in FILES if path.read_text(encoding="utf-8").count("\n") > 400] == []


def test_no_name_says_manager_helper_or_utils():
    bad = re.compile(r"(?i)manager|helper|utils|processor")
    names = [path.stem for path in FILES]
    for path in FILES:
        names += [node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)]
    assert [name for name in names if bad.search(name)] == []


def test_nothing_is_left_undone():
    words = re.compile(r"TO" + "DO|FIX" + "ME|XX" + "X|NotImplemented" + "Error")
    assert [str(path) for path in FILES if words.search(path.read_text(encoding="utf-8"))] == []
