"""The `inbox` program: one file a command group, only edges, no logic.

Exit status: 0 ok, 1 the answer is no, 2 usage or configuration, 75 try again (EX_TEMPFAIL of sysexits).
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, NO, USAGE, AGAIN = 0, 1, 2, 75

COMMANDS = {
    "serve": "serving",
    "work": "serving",
    "functions": "functions",
    "process": "mails",
    "parse": "mails",
    "explain": "mails",
    "auth": "authentication",
    "check": "judging",
    "test": "judging",
    "schema": "judging",
    "train": "judging",
    "list": "kept",
    "show": "kept",
    "search": "kept",
    "raw": "kept",
    "dead": "kept",
    "quarantine": "kept",
    "stats": "kept",
    "send": "sending",
    "ab": "ab",
    "suppression": "suppression",
    "store": "stores",
    "import": "migrating",
    "export": "migrating",
    "plugins": "installation",
    "doctor": "installation",
    "certificate": "certificates",
    "identity": "identities",
    "cost": "costing",
    "demo": "demo",
}


class Program(click.Group):
    """Commands are loaded when they are called, those of plugins when none of ours fits."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load_plugins()
        return [*COMMANDS, *sorted(set(super().list_commands(ctx)) - set(COMMANDS))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if module := COMMANDS.get(cmd_name):
            name = f"{cmd_name}_" if cmd_name in ("list", "test", "import", "export") else cmd_name
            command: click.Command = getattr(import_module(f"inbox.cli.{module}"), name)
            return command
        self._load_plugins()
        return super().get_command(ctx, cmd_name)

    def _load_plugins(self) -> None:
        from inbox.plugins import Plugins

        folder = Path(os.environ.get("INBOX_PLUGINS_DIR", "plugins"))
        Plugins(folder if folder.is_dir() else None).add_commands(self)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="inboxd", prog_name="inbox")
def program() -> None:
    """Receive mail, keep it, read it, judge it by rules.yaml, carry out the plan, and say why."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end with its exit status; an error of use is one line with the remedy, never a traceback."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    from inbox.errors import Deferred, InboxError, StoreError

    logging.getLogger().addHandler(logging.NullHandler())  # what went wrong stands in receipts; daemons set up their logs themselves
    try:
        return program.main(args=arguments, prog_name="inbox", standalone_mode=False) or OK
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        return _say(error, error.exit_code)
    except (Deferred, StoreError) as error:
        return _say(error, AGAIN)
    except InboxError as error:
        return _say(error, USAGE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        return _say(error, USAGE)


def _say(error: Exception, status: int) -> int:
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename or 'file'}: {error.strerror}"
    for line in text.splitlines() or [type(error).__name__]:
        click.echo(f"inbox: {line}", err=True)
    return status
