"""ARC (RFC 8617): what those through whose hands a mail went say that they saw, as a chain of seals. Pure: DNS is handed in.

A chain that holds says who sealed, not that they are honest: whose word counts is for the rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inbox.auth.canonical import Field, Signed
from inbox.auth.dkim_check import Signature, unsigned
from inbox.auth.keys import WEAK, PublicKey, find_key
from inbox.auth.resolving import Resolver, Temporary
from inbox.auth.tags import BadTags, Tags

_RESULTS, _SIGNATURE, _SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
_MOST = 50
_INSTANCE = re.compile(r"\s*i\s*=\s*(\d{1,3})\s*;")


@dataclass(frozen=True, slots=True)
class ArcResult:
    """`result`: pass, fail, none or temperror; `sealers`: domains of the seals, the latest first; `authentication`: what the first of the chain says
    that it saw (the text of its ARC-Authentication-Results); `reason`: why the chain does not hold.
    """

    result: str
    sealers: tuple[str, ...] = ()
    authentication: str | None = None
    reason: str = ""


class _GivenUp(BadTags):
    """A seal says `cv=fail`: there is no chain any more (the public suite of ARC calls that none), and nobody may seal on."""


@dataclass(frozen=True, slots=True)
class _Set:
    """One link of the chain: the three fields that belong together."""

    results: Field
    signature: Field
    seal: Field
    seal_tags: Tags


def arc(raw: bytes, resolver: Resolver) -> ArcResult:
    """Validate the chain of a mail (section 5.2): every seal, and the latest signature of the message. Never raises for what mail or DNS say."""
    mail = Signed(raw)
    if not any(field.name in (_RESULTS, _SIGNATURE, _SEAL) for field in mail.fields):
        return ArcResult("none", reason="nobody has sealed it")
    try:
        chain = _chain(mail)
        sealers = tuple(link.seal_tags.need("d").lower() for link in reversed(chain))
        authentication = chain[0].results.value.partition(";")[2].strip()
        _check_message(mail, chain[-1], resolver)
        for number in range(len(chain), 0, -1):
            _check_seal(chain[:number], resolver)
    except _GivenUp as error:
        return ArcResult("none", reason=str(error))
    except BadTags as error:
        return ArcResult("fail", reason=str(error))
    except Temporary as error:
        return ArcResult("temperror", reason=str(error))
    return ArcResult("pass", sealers, authentication)


def links(raw: bytes) -> list[tuple[Field, Field, Field]]:
    """The fields of a mail's chain in order: results, signature and seal of each link. BadTags when they are no chain."""
    return [(link.results, link.signature, link.seal) for link in _chain(Signed(raw))]


def _chain(mail: Signed) -> list[_Set]:
    """The links in order. BadTags when one is missing or doubled, or when somebody has said already that the chain is broken."""
    found: dict[int, dict[bytes, Field]] = {}
    for field in mail.fields:
        if field.name in (_RESULTS, _SIGNATURE, _SEAL):
            link = found.setdefault(_instance(field), {})
            if link.setdefault(field.name, field) is not field:
                raise BadTags(f"{field.name.decode()} stands twice for one link")
    if sorted(found) != list(range(1, len(found) + 1)) or len(found) > _MOST:
        raise BadTags("the links are not numbered from 1 on without a gap")
    return [_link(number, found[number]) for number in range(1, len(found) + 1)]


def _instance(field: Field) -> int:
    if field.name == _RESULTS:
        found = _INSTANCE.match(field.value)
        text = found[1] if found else ""
    else:
        text = Tags.read(field.value).get("i", "")
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= _MOST:
        raise BadTags(f"{field.name.decode()}: i= must be 1 to {_MOST}")
    return int(text)


def _link(number: int, fields: dict[bytes, Field]) -> _Set:
    if len(fields) != 3:
        raise BadTags(f"link {number} has no {', '.join(name.decode() for name in (_RESULTS, _SIGNATURE, _SEAL) if name not in fields)}")
    tags = Tags.read(fields[_SEAL].value)
    said, right = tags.need("cv").lower(), "none" if number == 1 else "pass"
    if said == "fail":
        raise _GivenUp(f"seal {number} says that the chain was broken before")
    if said != right:
        raise BadTags(f"seal {number} says cv={said} instead of {right}")
    if "h" in tags:
        raise BadTags(f"seal {number} has a tag h=")
    return _Set(fields[_RESULTS], fields[_SIGNATURE], fields[_SEAL], tags)


def _check_message(mail: Signed, link: _Set, resolver: Resolver) -> None:
    """The latest ARC-Message-Signature: it must still hold, since nobody has sealed the mail after it."""
    tags = Tags.read(link.signature.value)
    if "v" in tags:
        raise BadTags("an ARC-Message-Signature has no v=")
    tags.pop("i", None)  # the number of the link, and nobody's identity
    if "h" not in tags:
        raise BadTags("an ARC-Message-Signature says by h= what it covers; it may be empty")
    signature = Signature.read(tags, "relaxed")
    if _SEAL in signature.names:
        raise BadTags("an ARC-Message-Signature must not cover seals")
    key = find_key(signature.domain, signature.selector, resolver)
    signature.check_key(key)
    _check_strength(key)
    if not signature.covers_body(mail):
        raise BadTags("the body was changed after the last seal")
    if not key.verifies(signature.octets, signature.signed(mail, link.signature)):
        raise BadTags("the header was changed after the last seal")


def _check_seal(chain: list[_Set], resolver: Resolver) -> None:
    """The seal of the last link of this chain: it covers all ARC fields up to itself (section 5.1.1)."""
    tags = chain[-1].seal_tags
    if tags.need("a").lower() != "rsa-sha256":
        raise BadTags(f"a={tags['a']}: seals are rsa-sha256")
    key = find_key(tags.need("d").lower(), tags.need("s"), resolver)
    _check_strength(key)
    if not key.verifies(tags.octets("b"), sealed([(link.results, link.signature, link.seal) for link in chain])):
        raise BadTags(f"seal {len(chain)} does not hold")


def sealed(chain: list[tuple[Field, Field, Field]]) -> bytes:
    """The octets that the last seal of a chain is of: its own `b=` is empty."""
    fields = [field for link in chain for field in link]
    return b"".join(
        [*(field.canonical("relaxed") for field in fields[:-1]), unsigned(fields[-1]).canonical("relaxed").removesuffix(b"\r\n")]
    )


def _check_strength(key: PublicKey) -> None:
    if key.kind != "rsa" or key.bits < WEAK:
        raise BadTags(f"a key of {key.bits} bits proves nothing; RSA with {WEAK} bits is the least")
