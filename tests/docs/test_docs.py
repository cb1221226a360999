"""Docs are run: every code block of the README and of docs/ is executed, or says why not.

    ```console   `$ command` is run by sh, in one folder a page; the lines below are what it prints (`...` stands for anything)
    ```python    is executed, top to bottom, one namespace a page
    ```yaml      a rules file, or rules: must pass `inbox check` without mistakes (a CloudFormation template is only written to its file)
    ```toml      settings: must load
    ```text, ```json   pictures and outputs: not code

`<!-- not run: reason -->` above a block leaves it out. `<!-- file: NAME -->` writes the block to a file of the page's folder first.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT

BLOCK = re.compile(r"(?ms)^(?:<!-- (?P<note>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"console", "python", "yaml", "toml", "text", "json"}


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    text: str
    note: str

    @property
    def file(self) -> str | None:
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else None

    @property
    def skipped(self) -> bool:
        return self.note.startswith("not run: ")


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(text.count("\n", 0, m.start()) + 1, m["language"], m["text"], m["note"] or "") for m in BLOCK.finditer(text)]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """What a reader has at hand: the project's rules, fixtures and plugins, and `inbox` on the path."""
    shutil.copy(ROOT / "rules.yaml", tmp_path)
    for name in ("fixtures", "plugins"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_code_block_holds(page, folder):
    namespace: dict = {"__name__": "docs"}
    background: list[subprocess.Popen] = []
    try:
        for block in blocks(page):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            assert block.language in LANGUAGES, f"{where}: a block is one of {LANGUAGES}"
            if block.file:
                (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.file).write_text(block.text, encoding="utf-8")
            if not block.skipped:
                run(block, where, folder, namespace, background)
    finally:
        for process in background:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(35)


def run(block: Block, where: str, folder: Path, namespace: dict, background: list) -> None:
    if block.language == "console":
        run_console(block.text, where, folder, background)
    elif block.language == "python" and not block.file:
        exec(compile(block.text, where, "exec"), namespace)
    elif block.language == "yaml" and "\nResources:" not in f"\n{block.text}":
        check_rules(block.text, where)
    elif block.language == "toml":
        load_settings(block.text, folder)


def run_console(text: str, where: str, folder: Path, background: list) -> None:
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command}\n{more}"
        if command.endswith(" &"):
            start(command[:-2], folder, background)
            continue
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=120)
        output = done.stdout + done.stderr
        assert done.returncode in (0, 1), f"{where}: $ {command}\n{output}"
        assert matches(expected, output), f"{where}: $ {command}\nexpected:\n{expected}\ngot:\n{output}"


def start(command: str, folder: Path, background: list) -> None:
    """Run a server in the background until the page ends; wait until it listens."""
    background.append(subprocess.Popen(command, shell=True, cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL))
    named = re.search(r"(?::|-p )(\d+)", command)
    port = int(named[1]) if named else 8025
    until = time.monotonic() + 20
    while time.monotonic() < until:
        probe = subprocess.run(
            [sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"], capture_output=True
        )
        if probe.returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}: {command}")


def matches(expected: str, output: str) -> bool:
    """Whether the lines shown are what was printed: `...` stands for anything on a line, a line of it alone for any lines or none."""
    lines = [line.rstrip() for line in expected.strip().splitlines()]
    found = "".join(f"{line.rstrip()}\n" for line in output.strip().splitlines())
    parts = [r"(?:[^\n]*\n)*" if line == "..." else "[^\n]*".join(map(re.escape, line.split("..."))) + "\n" for line in lines]
    return not lines or re.fullmatch("".join(parts), found) is not None


def check_rules(text: str, where: str) -> None:
    """A whole rules file, or a piece of one: rules, or a section, which the rest of a file is put around."""
    from inbox.plugins import Plugins
    from inbox.rules import check

    text = whole(text)
    path = Path("docs-rules.yaml")
    path.write_text(text, encoding="utf-8")
    rules, problems = check(path, Plugins(Path("plugins")))
    assert rules is not None, f"{where}:\n{text}\n" + "\n".join(str(problem) for problem in problems)


def whole(text: str) -> str:
    if text.startswith("version:"):
        return text
    if text.startswith("- "):
        text = f"rules:\n{text}"
    parts = [] if "rules:" in text else ["rules: []"]
    parts += [] if "default:" in text else ["default: [store]"]
    return "\n".join(["version: 1", "domains: [example.com]", text.rstrip(), *parts]) + "\n"


def load_settings(text: str, folder: Path) -> None:
    from inbox.config import load

    path = folder / "docs-inbox.toml"
    path.write_text(text, encoding="utf-8")
    assert load(path, environment={})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_generated_parts_of_the_reference_are_fresh():
    done = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
