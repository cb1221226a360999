"""Variants of a template, and who gets which: by a hash, so that the same recipient always gets the same one. Nothing is stored."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Variant:
    """One wording of a mail; `name` is None where a template has no variants. Its share is its weight over the sum of all weights."""

    name: str | None
    weight: float
    subject: str | None
    text: str
    html: str | None

    def called(self, name: str) -> Variant:
        """The same words under a name."""
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class Template:
    """A mail to be filled in. `experiment`: what recipients are assigned by; templates that share it and the names of their variants (one
    for each language, say) give a recipient the same variant. Its own name unless it says otherwise.
    """

    name: str
    experiment: str
    from_: str | None
    reply_to: str | None
    variants: tuple[Variant, ...]


def choose(template: Template, key: str) -> Variant:
    """The variant for a recipient: `key` is the address; case and composition of letters do not matter.

    Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as by Schindelhauer and Schomaker 2005): each variant draws u, uniform
    in (0, 1), from SHA-256 over experiment, variant and recipient; the largest -weight / ln(u) wins, which happens with probability weight
    over the sum of weights. So who else gets mail, and in which order variants stand, changes nothing; when one weight is raised, or a variant
    is added, recipients move to that variant and nowhere else, in the number that the new shares ask for, which is the least possible; when
    one is lowered or removed, only its own recipients move. Several changes at once move as many as the same changes one after another,
    at most. Another name of the experiment, or of a variant, draws anew.
    """
    folded = unicodedata.normalize("NFC", key.strip()).lower()
    heavy = [variant for variant in template.variants if variant.weight > 0] or list(template.variants)
    if len(heavy) == 1:
        return heavy[0]
    return max(
        heavy, key=lambda variant: (-variant.weight / math.log(_drawn(template.experiment, variant.name or "", folded)), variant.name or "")
    )


def _drawn(experiment: str, variant: str, key: str) -> float:
    """A number in (0, 1): the first 52 bits of the hash and a half, so that it is neither 0 nor 1."""
    digest = hashlib.sha256(f"{experiment}\x00{variant}\x00{key}".encode("utf-8", "surrogatepass")).digest()
    return ((int.from_bytes(digest[:8]) >> 12) + 0.5) / (1 << 52)
