"""`functions`: Lambda functions of Python files on this machine."""

from __future__ import annotations

import logging

import click

from inbox.cli import OK
from inbox.errors import ConfigError

DEFAULT_LISTENER = "127.0.0.1:3001"


@click.command()
@click.argument("named", nargs=-1, required=True, metavar="NAME=FILE.py:FUNCTION...")
@click.option(
    "--listen", default=DEFAULT_LISTENER, show_default=True, metavar="HOST:PORT", help="Whoever can connect can call the functions."
)
def functions(named: tuple[str, ...], listen: str) -> int:
    """Run Lambda functions of Python files here, for `serve --ses` and whoever else calls AWS Lambda at this address, until Ctrl-C."""
    from inbox.local_functions import Function, FunctionServer

    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise click.UsageError(f"--listen {listen!r} is no address to listen on; write HOST:PORT")
    found = {function.name: function for function in map(Function.read, named)}
    try:
        server = FunctionServer(host.strip("[]"), int(port), found)
    except OSError as error:
        raise ConfigError(f"cannot listen on {listen}: {error.strerror or error}; choose another port or address with --listen") from None
    click.echo(f"http://{host}:{server.server_port} has {', '.join(found)}; Ctrl-C stops it", err=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return OK
    return OK
