"""Why the door refuses: every reason under which a refusal is counted (`inbox_refused_total`), logged (`"reason"`) and shown by `inbox stats`."""

from __future__ import annotations

from collections.abc import Mapping

COUNTER = "inbox_refused_total"

REASONS: Mapping[str, str] = {
    "blocked": "The address is in a network that `filters` block",
    "connections": "More connections than `limits.connections`",
    "connections of one address": "More connections of one address than `limits.connections_per_address`",
    "rate of connections": "One address connected more often than `limits.rates.connections`",
    "rate of mails": "One address brought more mails than `limits.rates.mails`",
    "rate of recipients": "One address named more recipients than `limits.rates.recipients`",
    "rate of sender": "One sender, or one domain of senders, has more mails than `limits.rates.sender` or `sender_domain`",
    "descriptors": "The system gave no descriptor for a connection; counted once a minute while it lasts",
    "proxy": "A peer of `proxy_from` sent no proper PROXY header",
    "xclient": "XCLIENT of a peer that is not in `xclient_from`",
    "early talker": "The client talked before the greeting (`limits.greet_delay`)",
    "http": "A browser or a proxy, not a mail client",
    "syntax": "A command that is unknown, wrong or too long",
    "order": "A command at the wrong time",
    "tls": "STARTTLS is required first, is on already, or is not offered",
    "handshake": "The TLS handshake failed or took longer than `limits.handshake`",
    "auth": "AUTH failed, or is not offered here",
    "backlog": "More mails wait than `limits.backlog`",
    "disk": "Less room on the disk than `limits.min_free`",
    "size": "The mail is bigger than `limits.size`",
    "recipients": "More recipients than `limits.recipients`",
    "recipient": "The rules do not take mail for this recipient, or refuse this envelope",
    "relay": "A recipient with a route, or with %, ! or @ in its local part",
    "line endings": "Bare CR, bare LF or NUL in a command or a mail",
    "rule": "A rule refused the mail for what is in it",
    "internal": "A fault of ours; the sender was told to try again",
    "errors": "More errors in one session than `limits.errors`",
    "commands": "More commands without a mail than `limits.commands`",
    "idle": "Nothing came for longer than `limits.idle`",
    "session": "The session took longer than `limits.session`, or a mail longer than `limits.data`",
    "slow": "A mail came more slowly than `limits.data_rate`",
    "closing": "The daemon was stopping",
}
