"""One target under atheris, as libFuzzer wants it: `python -m fuzz.instrumented TARGET [FLAGS] CORPUS`. `python -m fuzz` calls it."""

from __future__ import annotations

import importlib
import sys

import atheris


def main() -> None:
    name, *flags = sys.argv[1:]
    with atheris.instrument_imports(include=["inbox"]):
        target = importlib.import_module(f"fuzz.targets.{name}")
        list(target.seeds())
        target.check(b"\0\0")  # what is imported late is imported now
    atheris.Setup([sys.argv[0], *flags], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
