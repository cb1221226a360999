"""Facts that name a mail: for keys of objects and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.model import Mail


def id_(mail: Mail) -> str:
    """Id of the mail, 20 characters; it sorts by the time of arrival."""
    return mail.id


def ses_id(mail: Mail) -> str:
    """Id that AWS SES gave to the mail; for other mail 40 characters of the same letters, made of its id."""
    from inbox.aws.ses_block import ses_id as made  # noqa: PLC0415  it loads what most rules never need

    return made(mail)


FACTS: Mapping[str, Callable[..., object]] = {"id": id_, "ses_id": ses_id}
