"""Logs: one JSON object a line on standard error. No control characters, and no addresses unless the operator wants them.

A program may log what it likes: the words of a mail end up as JSON strings in ASCII, so that nothing in them can end a line or move a
cursor, and whatever looks like an address is replaced by a short stable hash: one can follow it through the log and not read it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import time
from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_ADDRESS = re.compile(r'(?:"[^"\s]{1,64}"|[^\s<>"@,;:()\[\]\\\']{1,255})@(?:\[[0-9A-Za-z:.]{2,60}\]|[^\s<>"@,;:()\[\]\\\']{1,255})')
_LONGEST = 16_384  # characters of one field
_NOISY = ("mail.log", "mail.debug", "asyncio", "flanker", "boto3", "botocore", "urllib3")  # other people's loggers: warnings are enough


def setup(level: str = "info", *, addresses: bool = False) -> None:
    """Send all logging to standard error as JSON lines; `addresses`: leave addresses readable. Asking again replaces what was set."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(addresses=addresses))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, logger, event, the extra fields, and the exception as one field."""

    def __init__(self, *, addresses: bool = False) -> None:
        super().__init__()
        self._addresses = addresses

    def format(self, record: logging.LogRecord) -> str:
        """One line, printable ASCII only."""
        entry: dict[str, Any] = {
            "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self._clean(record.getMessage()),
        }
        entry |= {name: self._clean(value) for name, value in vars(record).items() if name not in _OWN and value is not None}
        if record.exc_info:
            entry["exception"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(entry, separators=(",", ":")).replace("\x7f", "\\u007f")

    def _clean(self, value: Any) -> Any:
        """The value as JSON can say it, with addresses hidden."""
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean(item) for item in value]
        if isinstance(value, dict):
            return {str(self._clean(str(name))): self._clean(item) for name, item in value.items()}
        text = value if isinstance(value, str) else str(value)
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
        return text if self._addresses else hide_addresses(text)


def hide_addresses(text: str) -> str:
    """The text with a short stable hash in place of whatever looks like an address."""
    return _ADDRESS.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    return f"addr:{hashlib.blake2s(found[0].lower().encode('utf-8', 'replace')).hexdigest()[:6]}"
