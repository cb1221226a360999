"""The records to publish for a domain that mail is sent as. Pure: what they say follows from keys, transport and host name."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from inbox.model import Json
from inbox.next_hops import amazon_region

if TYPE_CHECKING:
    from inbox.auth.signing import SigningKey

_STRING = 255
"""Octets of one string of a TXT record (RFC 1035 section 3.3)."""
SOME_ADDRESS = "192.0.2.1"
"""Stands in the SPF record until the address is known that mail leaves from (RFC 5737)."""
SPF_OF_AMAZON = "include:amazonses.com"
HELO_SPF = "v=spf1 a -all"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `value`: the whole of a TXT record, else the data as zone files have it; `need`: must (mail suffers without), should, may;
    `why`: what it is for, and what to know before it is published.
    """

    name: str
    type: str
    value: str
    need: Literal["must", "should", "may"]
    purpose: str
    why: str

    @property
    def strings(self) -> tuple[str, ...]:
        """The value of a TXT record in strings of 255 octets at most."""
        return tuple(self.value[at : at + _STRING] for at in range(0, len(self.value), _STRING))

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file (RFC 1035 section 5.1)."""
        if self.type != "TXT":
            return f"{self.name}. IN {self.type} {self.value}"
        quoted = " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in self.strings)
        return f"{self.name}. IN TXT {quoted if len(self.strings) == 1 else f'( {quoted} )'}"

    def to_dict(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "type": self.type,
            "value": self.value,
            "strings": list(self.strings) if self.type == "TXT" else None,
            "zone": self.zone_line,
            "need": self.need,
            "purpose": self.purpose,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Sender:
    """What the records of a domain, and the checks of them, depend on: `keys`, those that sign or will; `signs`: how many of them sign now, the others
    wait; `transport`: as in the settings, None: the relay; `hostname`: what this machine says in EHLO; `ips`: addresses that mail leaves from.
    """

    domain: str
    keys: tuple[SigningKey, ...] = ()
    transport: str | None = None
    hostname: str = "localhost"
    ips: tuple[str, ...] = ()
    signs: int | None = None

    @property
    def region(self) -> str | None:
        """The region of Amazon SES that sends; None when something else does."""
        return amazon_region(self.transport)

    @property
    def has_hostname(self) -> bool:
        """Whether the machine has a name that others can ask for."""
        return "." in self.hostname and not self.hostname.endswith((".local", ".localdomain", ".internal"))


def dkim_record(key: SigningKey) -> str:
    """What DNS must say of a key: `v=DKIM1; k=rsa; p=...` (RFC 6376 section 3.6.1; RFC 8463 section 4)."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415  slow to import
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  as above

    public = key.key.public_key()
    if isinstance(public, RSAPublicKey):
        kind, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, octets = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"


def spf_term(ip: str) -> str:
    """`ip4:192.0.2.1`"""
    return f"ip{6 if ':' in ip else 4}:{ip}"


def spf_record(sender: Sender) -> str:
    """The SPF record of a domain that has none yet."""
    if sender.region:
        return f"v=spf1 {SPF_OF_AMAZON} ~all"
    terms = [spf_term(ip) for ip in sender.ips or (SOME_ADDRESS,)]
    return f"v=spf1 {' '.join(terms)} -all"


def dmarc_record(domain: str) -> str:
    return f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"


def sts_policy(servers: Sequence[str], mode: str = "testing") -> str:
    """The policy file of MTA-STS (RFC 8461 section 3.2)."""
    return "".join(f"{line}\r\n" for line in ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in servers), "max_age: 604800"])


def sts_record(policy: str) -> str:
    """The record that announces a policy; its id changes when the policy does."""
    return f"v=STSv1; id={hashlib.sha256(policy.encode()).hexdigest()[:20]}"


def records(sender: Sender) -> tuple[Record, ...]:
    """All records of a domain, those that mail needs first."""
    return (*_dkim(sender), _spf(sender), *_helo(sender), _dmarc(sender), *_mx(sender), *_tls(sender), *_bimi(sender))


def _dkim(sender: Sender) -> Iterator[Record]:
    signs = len(sender.keys) if sender.signs is None else sender.signs
    for number, key in enumerate(sender.keys):
        waits = "" if number < signs else " It waits: it signs when the one before it is retired (inbox identity retire)."
        name = f"{key.selector}._domainkey.{key.domain}"
        why = f"the public half of the key that signs; without it no signature of ours holds, and DMARC rests on SPF alone.{waits}"
        record = dkim_record(key)
        if not any("k=rsa" in dkim_record(one) for one in sender.keys):
            why += " Many receivers do not know Ed25519 yet: an RSA key beside it (--algorithm both) is for them."
        yield Record(name, "TXT", record, "must", "DKIM", why)


def _spf(sender: Sender) -> Record:
    why = "who may send with this domain in the return path. A domain has one SPF record: if there is one, add the term to it."
    if sender.region:
        why += f" Through Amazon SES, SPF belongs to the domain only with a MAIL FROM domain of its own (bounces.{sender.domain} below)."
    elif not sender.ips:
        why += f" Put the address that mail leaves from in place of {SOME_ADDRESS} (--ip does it); if a relay sends, take what it says."
    return Record(sender.domain, "TXT", spf_record(sender), "must", "SPF", why)


def _helo(sender: Sender) -> Iterator[Record]:
    if sender.has_hostname and sender.hostname != sender.domain and not sender.region:
        why = "SPF of automatic answers and bounces, which have no sender: it is that of the name said in EHLO. Leave it out when a relay sends."
        yield Record(sender.hostname, "TXT", HELO_SPF, "should", "SPF of EHLO", why)


def _dmarc(sender: Sender) -> Record:
    why = (
        "what becomes of mail that neither SPF nor DKIM proves; big receivers refuse bulk mail of domains without it. p=none to begin with: "
        "nothing is refused and reports show who sends; when all of yours passes, p=quarantine, then p=reject."
    )
    return Record(f"_dmarc.{sender.domain}", "TXT", dmarc_record(sender.domain), "must", "DMARC", why)


def _servers(sender: Sender) -> tuple[str, ...]:
    if sender.region:
        return (f"inbound-smtp.{sender.region}.amazonaws.com",)
    return (sender.hostname if sender.has_hostname else f"mx.{sender.domain}",)


def _mx(sender: Sender) -> Iterator[Record]:
    why = "where answers and bounces arrive; receivers refuse mail of a domain that takes none. If there are MX records, leave them."
    yield from (Record(sender.domain, "MX", f"10 {name}.", "must", "MX", why) for name in _servers(sender))
    if sender.region:
        name = f"bounces.{sender.domain}"
        why = f"MAIL FROM domain of Amazon SES: set {name} there, so that SPF belongs to the domain. SES attends to the bounces."
        yield Record(name, "MX", f"10 feedback-smtp.{sender.region}.amazonses.com.", "should", "MAIL FROM", why)
        yield Record(name, "TXT", f"v=spf1 {SPF_OF_AMAZON} ~all", "should", "MAIL FROM", "SPF of that MAIL FROM domain.")


def _tls(sender: Sender) -> Iterator[Record]:
    policy, domain = sts_policy(_servers(sender)), sender.domain
    lines = policy.replace("\r\n", " / ").removesuffix(" / ")
    why = (
        f"mail to you is handed over with TLS only. The policy is a file at https://mta-sts.{domain}/.well-known/mta-sts.txt (lines end with CRLF): "
        f"{lines}. Change the id with the file, and testing to enforce when reports are good."
    )
    yield Record(f"_mta-sts.{domain}", "TXT", sts_record(policy), "should", "MTA-STS", why)
    why = "where others report that TLS to you failed, and what DANE and MTA-STS would have refused."
    yield Record(f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua=mailto:tls-reports@{domain}", "should", "TLS-RPT", why)


def _bimi(sender: Sender) -> Iterator[Record]:
    domain = sender.domain
    why = "a logo beside your mail. It needs p=quarantine or p=reject, an SVG of the profile Tiny PS, and at most receivers a certificate for it (VMC)."
    yield Record(f"default._bimi.{domain}", "TXT", f"v=BIMI1; l=https://{domain}/logo.svg; a=https://{domain}/logo.pem", "may", "BIMI", why)
