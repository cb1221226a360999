"""Octets -> `Message`, the normalized model of a mail. Never raises; what is odd is in `defects`.

structure.py   the parts, by offsets, in one pass        fields.py words.py media.py charsets.py transfer.py   what they are made of
message.py     the model, derived when it is read        addresses.py bodies.py attachments.py reply.py automatic.py reports.py   from it
reports.py     bounces and complaints: by their fields (delivery_status.py), else by their words (bounce_unstructured.py and the other bounce_ files)
limits.py      how much is looked at                     defects.py   what can be odd
legacy_codecs.py   what browsers mean where Python's codecs mean something else
threads.py subjects.py   conversations      archives.py programs.py filetypes.py   what attachments are
lookalikes.py  what is made to be mistaken for something else
odd.py         the only place that asks flanker
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.parsing.limits import Limits
    from inbox.parsing.message import Message


def parse(raw: bytes | bytearray | memoryview, limits: Limits | None = None) -> Message:
    """The model of one mail, from its octets as received (CRLF or LF line ends). Never raises; nothing is read before it is asked for."""
    from inbox.parsing.limits import DEFAULT  # noqa: PLC0415 (importing the package costs nothing)
    from inbox.parsing.message import Message  # noqa: PLC0415 (as above)

    return Message(bytes(raw), limits or DEFAULT)
