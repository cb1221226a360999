"""Signing and verifying with DKIM beside dkimpy, SPF beside pyspf: rates by CPU time, in turn in the same rounds.

pip install dkimpy pyspf        python benchmarks/authentication.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import base64
import importlib
import statistics
import time
from collections.abc import Callable
from types import ModuleType

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from inbox import auth
from inbox.auth.signing import SigningKey, dkim_signature

BODY = "".join(f"This is line {number} of a mail that somebody wrote, and it has  two blanks.\r\n" for number in range(135))
MAIL = f"From: jane@example.com\r\nTo: a@example.org\r\nSubject: hello\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\n{BODY}".encode()
ZONE = {
    ("example.com", "TXT"): ["v=spf1 include:_spf.example.com mx a:mail.example.com -all"],
    ("_spf.example.com", "TXT"): ["v=spf1 " + " ".join(f"ip4:198.51.{n}.0/24" for n in range(20)) + " include:_spf2.example.com ~all"],
    ("_spf2.example.com", "TXT"): ["v=spf1 ip6:2001:db8::/32 exists:%{i}._spf.example.com ?all"],
    ("example.com", "MX"): ["10 mx.example.com"],
    ("mx.example.com", "A"): ["203.0.113.9"],
}


def resolver(name: str, kind: str) -> list[str]:
    if (name, kind) not in ZONE:
        raise auth.NotFound(name)
    return ZONE[name, kind]


def optional(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def jobs() -> dict[str, dict[str, Callable[[], object]]]:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = f"v=DKIM1; p={base64.b64encode(public).decode()}"
    key, now = SigningKey("example.com", "s", made), time.time()
    signed = dkim_signature(MAIL, key, now) + MAIL
    found: dict[str, dict[str, Callable[[], object]]] = {
        "sign": {"inbox": lambda: dkim_signature(MAIL, key, now)},
        "verify": {"inbox": lambda: auth.dkim(signed, lambda *_: [record], now)},
        "SPF": {"inbox": lambda: auth.spf("203.0.113.9", "jane@example.com", "mx.example.com", resolver)},
    }
    assert auth.dkim(signed, lambda *_: [record], now)[0].result == "pass"
    assert auth.spf("203.0.113.9", "jane@example.com", "mx.example.com", resolver).result == "pass"
    if dkimpy := optional("dkim"):
        found["sign"]["dkimpy"] = lambda: dkimpy.sign(MAIL, b"s", b"example.com", pem)
        found["verify"]["dkimpy"] = lambda: dkimpy.verify(signed, dnsfunc=lambda *_, **__: record.encode())
    if pyspf := optional("spf"):
        found["SPF"]["pyspf"] = lambda: pyspf.check2("203.0.113.9", "jane@example.com", "mx.example.com")
        pyspf.DNSLookup = lambda name, kind, *_, **__: [((name, kind), shaped(kind, text)) for text in ZONE.get((name.lower(), kind), ())]
        assert pyspf.check2("203.0.113.9", "jane@example.com", "mx.example.com")[0] == "pass"
    return found


def shaped(kind: str, text: str) -> object:
    """An answer as pyspf wants it."""
    if kind == "TXT":
        return (text.encode(),)
    return (int(text.split(maxsplit=1)[0]), text.split()[1]) if kind == "MX" else text


def cost(job: Callable[[], object], seconds: float = 0.4) -> float:
    """Microseconds of CPU of one call."""
    began, count = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        job()
        count += 1
    return spent / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for what, peers in jobs().items():
        rounds = [{name: cost(job) for name, job in peers.items()} for _ in range(args.rounds)]
        for name in peers:
            own = statistics.median(one[name] for one in rounds)
            ratios = [one[name] / one["inbox"] for one in rounds]
            print(
                f"{what:7} {name:7} {own:9,.0f} us  {1e6 / own:8,.0f}/s  inbox is {statistics.median(ratios):5.1f} x ({min(ratios):.1f}-{max(ratios):.1f})"
            )


if __name__ == "__main__":
    main()
