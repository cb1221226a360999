"""What the tests of the parser share: mails of the project, hostile cases, a guard against hanging, and `--renew` for the goldens."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import FIXTURES
from inbox.parsing import parse
from inbox.parsing.message import Message

GUARD_SECONDS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """`python -m pytest tests/parsing --renew` writes fixtures/mail/*.json anew: read the diff before you commit it."""
    parser.addoption("--renew", action="store_true", help="write the golden JSON of fixtures/mail anew instead of comparing")


@pytest.fixture(scope="session")
def renew(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--renew", default=False))


@pytest.fixture
def fixture_mail() -> Callable[[str], Message]:
    """The model of fixtures/mail/NAME.eml."""
    return lambda name: parse((FIXTURES / "mail" / f"{name}.eml").read_bytes())


@pytest.fixture
def eml(shared: Path) -> Path:
    """The folder of hostile mails beside the project."""
    return shared / "cases" / "eml"


@pytest.fixture(autouse=True)
def guard() -> Iterator[None]:
    """A test that hangs ends: no input may cost more CPU time than a fraction of this, however busy the machine is."""

    def stop(_number: int, _frame: object) -> None:
        raise AssertionError(f"still busy after {GUARD_SECONDS} s of CPU time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, GUARD_SECONDS)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
