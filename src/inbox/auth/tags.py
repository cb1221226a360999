"""Tag lists: `v=1; a=rsa-sha256; d=example.com` (RFC 6376 section 3.2), as signatures and keys have them."""

from __future__ import annotations

import base64
import binascii
import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BLANKS = re.compile(r"\s+")


class BadTags(ValueError):
    """Text that is no tag list, or a tag that is missing or wrong."""


class Tags(dict[str, str]):
    """Tags by name, blanks around values taken away."""

    @classmethod
    def read(cls, text: str) -> Tags:
        """Read a tag list. BadTags for one that is none, or that has a tag twice."""
        tags = cls()
        parts = text.split(";")
        if not parts[-1].strip():
            parts.pop()
        for part in parts:
            name, equals, value = part.partition("=")
            name = name.strip()
            if not equals or not _NAME.fullmatch(name):
                raise BadTags(f"{part.strip()[:40]!r} is no tag; a tag is name=value")
            if name in tags:
                raise BadTags(f"tag {name[:40]}= stands twice")
            tags[name] = value.strip()
        return tags

    def need(self, name: str) -> str:
        """The value of a tag that must be there and have one."""
        if not self.get(name):
            raise BadTags(f"tag {name}= is missing")
        return self[name]

    def words(self, name: str, default: str = "") -> list[str]:
        """A list with colons between, in lower case."""
        return [word.strip().lower() for word in self.get(name, default).split(":")]

    def octets(self, name: str) -> bytes:
        """Base64, blanks in it taken away."""
        try:
            return base64.b64decode(_BLANKS.sub("", self.need(name)), validate=True)
        except (binascii.Error, ValueError):
            raise BadTags(f"tag {name}= is no base64") from None

    def number(self, name: str) -> int | None:
        """A whole number, or None when the tag is not there."""
        text = self.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"\d{1,76}", text):
            raise BadTags(f"tag {name}= is no number")
        return int(text)
