"""Ways to the next hop: `open_transport` makes the one that a URL of the settings names (docs/sending.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from inbox.errors import ConfigError
from inbox.next_hops import Folder, Server, SesAccount, read_next_hop
from inbox.ports import Transport

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.tables import Relay


class Probed(Transport, Protocol):
    """A transport that can say whether it would work, and that holds connections."""

    def probe(self) -> str:
        """How the next hop answers, without any mail. Deferred or Failed: it does not; the text says what would mend it."""

    def close(self) -> None:
        """End the connections that are kept."""


def open_transport(url: str | None, settings: Settings) -> Probed:
    """The transport of a URL (`smtp://`, `smtps://`, `lmtp://`, `file://`, `ses://`, `direct://`); None: the server of `[relay]`. ConfigError.

    Nothing is connected or loaded yet. It keeps connections for the next letter: make one for a process, not one for a letter.
    """
    if url is None:
        return _smtp(server_of(settings.relay), settings)
    try:
        hop = read_next_hop(url)
    except ValueError as error:
        raise ConfigError(f"transport: {error}") from None
    if isinstance(hop, Server):
        return _smtp(hop, settings)
    if isinstance(hop, Folder):
        from inbox.send.transports.folder import FolderTransport  # noqa: PLC0415  each is loaded by who uses it

        return FolderTransport(hop.path)
    if isinstance(hop, SesAccount):
        from inbox.send.transports.ses import SesTransport  # noqa: PLC0415  as above

        return SesTransport(hop, settings.aws.model_dump(exclude_none=True))
    from inbox.send.transports.direct import DirectTransport  # noqa: PLC0415  as above

    return DirectTransport(settings)


def server_of(relay: Relay) -> Server:
    """The server of `[relay]`."""
    return Server(relay.host, relay.port, "smtp", relay.tls, relay.user, relay.password, relay.timeout)


def _smtp(server: Server, settings: Settings) -> Probed:
    from inbox.send.transports.smtp import SmtpTransport  # noqa: PLC0415  as above

    return SmtpTransport(server, settings.hostname)
