"""What can go wrong, in words that say what would be right.

Two families: errors of use (`ConfigError` and its kin: somebody must change a file or a flag; exit status 2) and the two answers that a
handler can give when it is not done (`Deferred`: try again, `Failed`: give up). Anything else that is raised while a mail is worked
on counts as deferred: the unknown error is temporary (qmail-queue(8)).
"""

from __future__ import annotations

from dataclasses import dataclass


class InboxError(Exception):
    """Base of all errors that the project raises on purpose; its text is one line with the remedy."""


class Deferred(InboxError):
    """Raise it in a handler to be tried again.

    `retry_after`: seconds to wait at least; None, or what is no number of seconds, leaves it to the schedule.
    """

    def __init__(self, detail: str, retry_after: float | str | None = None) -> None:
        super().__init__(detail)
        try:
            self.retry_after = None if retry_after is None else float(retry_after)
        except (TypeError, ValueError):
            self.retry_after = None


class Failed(InboxError):
    """Raise it in a handler to give up: the step is not tried again."""


class Suppressed(InboxError):
    """Raise it in a handler that did not send, since nothing is to be sent to the recipient: an end that is neither success nor fault."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake at one place of a file: line and column count from 1, 0 when unknown."""

    file: str
    line: int
    column: int
    text: str
    severity: str = "error"  # or "warning", or "note": good to know

    def __str__(self) -> str:
        kind = "" if self.severity == "error" else f"{self.severity}: "
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {kind}{self.text}"


class ConfigError(InboxError):
    """A setting, a flag or a file of the user is wrong."""


class RulesError(ConfigError):
    """rules.yaml has mistakes; `problems` holds all of them, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class TemplateError(ConfigError):
    """A template of mail has mistakes; `problems` holds all of them, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class PluginError(ConfigError):
    """A plugin cannot be used; the text names the plugin and what to change."""


class StoreError(InboxError):
    """The store cannot do what was asked; nothing was lost. Doors answer it with 451."""


class StoreLocked(StoreError):
    """Another daemon owns this store."""


class StoreCorrupt(StoreError):
    """The database is damaged: nothing is written to it; the text says how to recover."""


class NotFound(InboxError):
    """There is no such mail, step or name."""
