"""What is wrong with an event of SES, in words that say what would be right. `code` is for programs, the text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.errors import InboxError

if TYPE_CHECKING:
    from inbox.sources.ses.records import Record


class SesError(InboxError):
    """An event, or one record of it, cannot be taken. Nothing of it was kept; who sent it may send it again.

    `code`: one word (`topic`, `bucket`, `not-json` …); `kind`: what was being read when that was found (`received`, `object`, `mail`,
    `refused`, `unknown`); `topic`: the one it came through, where that is known; `about`: the record, as far as it could be read.
    """

    kind = "unknown"

    def __init__(self, code: str, text: str, *, topic: str | None = None, about: Record | None = None) -> None:
        super().__init__(text)
        self.code, self.topic, self.about = code, topic, about


class Unreadable(SesError):
    """It is not JSON, or no event that SES, SNS, SQS, S3 or EventBridge sends. Codes `not-json`, `unknown`."""


class Refused(SesError):
    """There is no proof of where it came from, so its content was not looked at. Codes `topic`, `cert-url`, `signature`, `subscribe-url`, `stale`."""

    kind = "refused"


class Incomplete(SesError):
    """An SES event without something that a mail cannot be kept without. Codes `no-content`, `content`, `message-id`, `no-recipients`."""

    kind = "received"


class OutOfBounds(SesError):
    """It names a place that the settings do not list, or an object that is larger than they allow. Codes `bucket`, `size`."""

    kind = "object"


class Undecipherable(SesError):
    """An encrypted object that cannot be decrypted, or whose octets were changed. Code `decrypt`."""

    kind = "mail"


class Unfinished(SesError):
    """A call went wrong in a way that can go away. Codes `truncated` (an object ended early), `certificate` (SNS gave none), `confirm`."""

    kind = "mail"
