"""Parts of an envelope address (RFC 5321 section 4.1.2), in the form in which they are compared."""

from __future__ import annotations

from inbox.send.headers import ascii_domain


def split(address: str) -> tuple[str, str]:
    """Local part and domain; the domain is empty when there is no `@`. Quotes around the local part are dropped."""
    local, at, domain = address.rpartition("@")
    if not at:
        return address, ""
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = local[1:-1].replace("\\", "")
    return local, domain


def domain_of(address: str) -> str | None:
    """The domain in lower case and as A-labels, without final dot; None when there is none."""
    return ascii_domain(split(address)[1]).rstrip(".").lower() or None


def tag_of(address: str) -> str | None:
    """What stands behind the first `+` of the local part, or None."""
    return split(address)[0].partition("+")[2] or None
