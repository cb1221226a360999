"""The planner of forwarding: in which form a mail is passed on so that the next hop believes it. Pure: DNS, keys and time are handed in.

    form    envelope sender                              octets
    pass    as it is when null or ours, else our own     as they came
    srs     theirs, rewritten (SRS): SPF is ours         as they came: their DKIM holds
    munge   the same                                     From is ours, Reply-To theirs; signed by us
    wrap    the same                                     a new mail of ours with theirs in it; signed by us

A chain of seals (ARC) may stand on top of each. For `auto`, forms are tried in this order, and each is checked as the next hop will check it: the first
that no DMARC policy speaks against is taken. What is sent has been verified, octet by octet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from inbox import auth
from inbox.auth.arc_check import links
from inbox.auth.keys import algorithm
from inbox.auth.signing import seal
from inbox.auth.tags import BadTags
from inbox.errors import Deferred, Failed
from inbox.send.compose import crlf
from inbox.send.forms import NotPossible, Wrapping, authors_of, for_amazon, munged, wrapped
from inbox.send.prediction import Prediction, predict
from inbox.send.srs import LONGEST_LOCAL, by_id

if TYPE_CHECKING:
    from inbox.auth import DkimResult, Resolver
    from inbox.parsing.message import Message
    from inbox.send.identities import Identity

Form = Literal["pass", "srs", "munge", "wrap"]
MOST_AT_AMAZON, LARGEST_AT_AMAZON = 50, 40 << 20
"""Recipients, and octets, of one mail that Amazon SES takes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the rule says. `otherwise`: what `auto` does with a mail whose author the next hop would not believe; `arc` None: seal where it can be."""

    method: Literal["auto", "pass", "srs", "munge", "wrap"] = "auto"
    otherwise: Literal["munge", "wrap", "refuse"] = "munge"
    arc: bool | None = None
    sender: str | None = None  # the envelope sender that the rule names, instead of an SRS address


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail that came in. `top`: trace fields of ours, to stand above it; `results`: what we found of it, for the seal; None: nobody looked."""

    raw: bytes
    message: Message
    sender: str | None
    to: tuple[str, ...]
    at: datetime
    top: bytes = b""
    results: str | None = None
    message_id: str = "<forwarded@localhost>"  # of a mail that wraps this one
    loops: tuple[str, ...] = ()
    kept: str | None = None  # the id by which a store knows its sender


@dataclass(frozen=True, slots=True)
class Ourselves:
    """Who passes the mail on. `address`: ours, that it came to; `rewrite`: makes an SRS address of a sender; `host`: our name in EHLO; `authserv_id`: that
    of results and seals; `amazon`: SES is the next hop.
    """

    address: str
    rewrite: Callable[[str], str]
    identity: Identity | None = None
    host: str = "localhost"
    authserv_id: str = "localhost"
    amazon: bool = False

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What is to be sent, why in this form, and what the next hop will find."""

    form: Form
    sealed: bool
    sender: str | None
    to: tuple[str, ...]
    raw: bytes = field(repr=False)
    reasons: tuple[str, ...]
    prediction: Prediction

    def __str__(self) -> str:
        """One line for the receipt."""
        form = f"{self.form}+arc" if self.sealed else self.form
        return f"{form} ({'; '.join(self.reasons)}); next hop: {self.prediction}"


def plan(mail: Arrival, ours: Ourselves, wish: Wish, resolver: Resolver, now: float) -> Forwarding:
    """What to send. `now`: seconds since 1970. Failed: it cannot be passed on so that it is believed, or at all. Deferred: DNS gave no answer, or a
    check of the octets contradicts what was expected of them, which somebody has to mend.
    """
    return _Planning(mail, ours, wish, resolver, now).plan()


class _Planning:
    """One mail while its form is looked for."""

    def __init__(self, mail: Arrival, ours: Ourselves, wish: Wish, resolver: Resolver, now: float) -> None:
        self.mail, self.ours, self.wish, self.resolver, self.now = mail, ours, wish, resolver, now
        self.raw = crlf(mail.raw)
        self.authors = authors_of(mail.message)
        self.as_it_is: Form = "pass"
        self.sender, self.why_sender = self._sender()

    def plan(self) -> Forwarding:
        tried: list[str] = []
        made = False
        for form, why in self._forms():
            try:
                found = self._made(form, why)
            except NotPossible as error:
                tried.append(f"{form} not possible: {error}")
                continue
            made = True
            if self.wish.method != "auto" or found.prediction.taken:
                return replace(found, reasons=(*found.reasons, *tried))
            if found.prediction.unknown:
                raise Deferred(f"DNS gave no answer about the next hop's view: {found.prediction}")
            tried.append(f"{form} would find: {found.prediction}")
        if self.wish.otherwise == "refuse":
            raise Failed(f"5.7.26 not passed on, since the next hop would not believe it; {'; '.join(tried)}")
        if not made:
            raise Failed(f"5.6.0 {'; '.join(tried)}; method: wrap passes on whatever comes")
        raise Deferred(
            f"{self.ours.domain} would not be believed: make its key (inbox identity add {self.ours.domain}); {'; '.join(tried)}"
        )

    # which forms

    def _forms(self) -> Iterator[tuple[Form, str]]:
        """Forms to try, the best first, each with its reason."""
        wish, amazon = self.wish, self.ours.amazon
        if wish.method != "auto":
            form: Form = wish.method
            yield (self.as_it_is if form in ("pass", "srs") else form), "the rule says so"
            return
        if not amazon or self._author_is_ours():
            yield self.as_it_is, self.why_sender
        why = "Amazon SES sends from verified domains only" if amazon else "the author would not be believed"
        if wish.otherwise == "munge":
            yield from (("munge", why), ("wrap", why))
        elif wish.otherwise == "wrap":
            yield "wrap", why

    def _author_is_ours(self) -> bool:
        domain = self.ours.identity.domain if self.ours.identity else self.ours.domain
        parties = self.authors.parties
        return bool(parties) and all(f".{address.rpartition('@')[2].lower()}".endswith(f".{domain.lower()}") for _, address in parties)

    def _sender(self) -> tuple[str | None, str]:
        """The envelope sender, and why."""
        given, own = self.mail.sender, self.ours
        if given is None:
            self._check_round()
            return None, "a report keeps its null sender"
        if self.wish.sender:
            return self.wish.sender, "the envelope sender is the rule's"
        if given.rpartition("@")[2].lower() == own.domain.lower():
            return given, "the sender is ours"
        if self.wish.method == "pass":
            return own.address, "the envelope sender is our own address"
        rewritten = own.rewrite(given)
        why = "the envelope sender is rewritten"
        if len(rewritten.rpartition("@")[0].encode()) > LONGEST_LOCAL:
            if self.mail.kept is None:
                return own.address, "their address is too long to be rewritten: bounces come to us"
            rewritten, why = (
                own.rewrite(by_id(self.mail.kept)),
                "the envelope sender is rewritten, and names the mail, since theirs is too long",
            )
        self.as_it_is = "srs"
        return rewritten, why

    def _check_round(self) -> None:
        """Amazon SES knows no null sender: a report that it passes on can itself be answered with one, and comes back to us."""
        loop = b"x-inbox-loop: " + self.ours.address.lower().encode("utf-8", "replace")
        if self.ours.amazon and loop in self.mail.raw.lower():
            raise Failed("5.4.6 mail loop: a report about a mail that we have passed on, which Amazon SES cannot send with the null sender")

    # making one

    def _made(self, form: Form, why: str) -> Forwarding:
        if self.ours.amazon:
            self._check_amazon(form)
        octets, reasons = self._octets(form), [why]
        if form in ("munge", "wrap"):
            octets = self._signed(octets, reasons)
        sealed = self._seal(form, octets, reasons)
        octets = sealed + octets
        prediction = self._predict(octets)
        if form not in ("munge", "wrap"):
            self._compare(prediction, reasons)
        return Forwarding(form, bool(sealed), self.sender, self.mail.to, octets, tuple(reasons), prediction)

    def _octets(self, form: Form) -> bytes:
        mail, own = self.mail, self.ours.address
        if form == "wrap":
            about = Wrapping((own,), f"Fwd: {mail.message.subject or ''}".strip(), mail.message_id, mail.at, mail.loops)
            return mail.top + wrapped(mail.raw, self.authors, own, about)
        chain = self._chain
        raw = munged(self.raw, self.authors, own, seals=chain == "pass" and self._why_no_seal() is None) if form == "munge" else self.raw
        return mail.top + (for_amazon(raw) if self.ours.amazon else raw)

    def _predict(self, octets: bytes) -> Prediction:
        ours = self.ours
        return predict(octets, self.sender, ours.domain, ours.host, self.resolver, self.now, by_amazon=ours.amazon)

    def _compare(self, prediction: Prediction, reasons: list[str]) -> None:
        """What held when it came must hold when it leaves, unless there is a reason that we know."""
        if self.ours.amazon:
            return
        broken = [one for one in prediction.dkim if one.result == "fail"]
        if not broken or not _lost(broken, auth.dkim(self.mail.raw, self.resolver, self.now)):
            return
        if self.raw == self.mail.raw:
            raise Deferred(f"the octets to be sent contradict what came: {prediction}; nothing was sent, please report it")
        reasons.append("bare line ends were mended, which their signature does not survive")

    # signing and sealing

    def _signed(self, octets: bytes, reasons: list[str]) -> bytes:
        """Signed by us, if that can be verified."""
        identity = self.ours.identity
        signed = identity.sign(octets, now=self.mail.at.timestamp()) if identity else octets
        if identity is None or signed == octets:
            return octets
        found = [one for one in self._predict(signed).dkim if one.domain == identity.domain]
        if any(one.result == "pass" for one in found):
            return signed
        if any(one.result == "fail" for one in found):
            raise Deferred(f"our signature does not hold: {found[0].reason}; does the record in DNS belong to the key? (inbox doctor)")
        reasons.append(f"not signed: {found[0].reason if found else 'nothing was signed'}")
        return octets

    def _seal(self, form: Form, octets: bytes, reasons: list[str]) -> bytes:
        """The fields of our seal, if the chain will hold with it; else nothing, and for a rule that wants one, Deferred."""
        why = self._why_no_seal() or self._why_no_chain(form)
        if why is None:
            fields = self._fields_of_seal(form, octets)
            found = auth.arc(fields + octets, self.resolver)
            if found.result == "pass":
                return fields
            why = found.reason
        if self.wish.arc:
            raise Deferred(f"the rule wants a seal (arc: true): {why}")
        if self.wish.arc is None and self._has_key():
            reasons.append(f"not sealed: {why}")
        return b""

    def _fields_of_seal(self, form: Form, octets: bytes) -> bytes:
        key = self.ours.identity.signing_key if self.ours.identity else None
        if key is None or self.mail.results is None:
            raise Deferred("there is nothing to seal with")
        earlier = links(octets) if form != "wrap" else []
        results = f"{self.ours.authserv_id}; {self.mail.results}"
        return seal(octets, key, self.mail.at.timestamp(), results=results, chain="pass" if earlier else "none", earlier=earlier)

    def _has_key(self) -> bool:
        identity = self.ours.identity
        return identity is not None and identity.signing_key is not None

    def _why_no_seal(self) -> str | None:
        """Why we seal nothing, whatever came."""
        identity = self.ours.identity
        key = identity.signing_key if identity else None
        if self.wish.arc is False:
            return "the rule wants none"
        if self.ours.amazon:
            return "Amazon SES writes fields anew, which breaks seals"
        if key is None:
            return f"{self.ours.domain} has no key (inbox identity add {self.ours.domain})"
        if algorithm(key.key) != "rsa-sha256":
            return "seals need a key of RSA"
        return "it was not looked at who sent the mail" if self.mail.results is None else None

    def _why_no_chain(self, form: Form) -> str | None:
        chain = self._chain
        return None if form == "wrap" or chain in ("pass", "none") else f"the chain of seals that came is {chain}"

    @cached_property
    def _chain(self) -> str:
        """pass, none, or why the chain that came cannot be gone on with."""
        found = auth.arc(self.raw, self.resolver)
        return "given up" if found.result == "none" and _has_links(self.raw) else found.result

    def _check_amazon(self, form: Form) -> None:
        """Failed, or NotPossible in this form: what Amazon SES does not take."""
        message, size = self.mail.message, len(self.raw) * 4 // 3 if form == "wrap" else len(self.raw)
        named = len(message.to) + len(message.cc) + len(message.bcc)
        if form in ("pass", "srs") and not self._author_is_ours():
            raise Failed(f"Amazon SES sends from verified domains only: method {form} cannot be; munge, wrap and auto can")
        if size > LARGEST_AT_AMAZON:
            raise Failed(f"5.3.4 {size} octets: Amazon SES takes {LARGEST_AT_AMAZON >> 20} MB")
        if len(self.mail.to) > MOST_AT_AMAZON:
            raise Failed(f"{len(self.mail.to)} recipients: Amazon SES takes {MOST_AT_AMAZON} of one mail; use several steps")
        if form != "wrap" and named > MOST_AT_AMAZON:
            raise NotPossible(f"its header names {named} recipients, Amazon SES takes {MOST_AT_AMAZON}")


def _lost(broken: list[DkimResult], before: list[DkimResult]) -> bool:
    """Whether a signature held before that does not now."""
    held = {(one.domain, one.selector) for one in before if one.result == "pass"}
    return any((one.domain, one.selector) in held for one in broken)


def _has_links(raw: bytes) -> bool:
    try:
        return bool(links(raw))
    except BadTags:
        return True
