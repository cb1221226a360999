"""What TLS costs: new connections with STARTTLS and one mail each, and kept sessions with many, beside the same in plain text.

    python benchmarks/starttls.py [--rounds 5] [--mails 200] [--uvloop]

RSA-2048 and P-256 certificates and plain text take turns in the same rounds; read the ratios. The door is tests/smtp/door_server.py with a gate
that keeps nothing: what is measured is the connection. CPU is that of the server's process a mail.
"""

from __future__ import annotations

import argparse
import smtplib
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from inbox.sources.smtp.certificate import make_certificate

DOOR = Path(__file__).parent.parent / "tests" / "smtp" / "door_server.py"
MAIL = b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n" * 60


def rsa_pair() -> tuple[bytes, bytes]:
    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.local.test")])
    signed = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(9)).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    written = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return signed.public_bytes(pem), written


def start(folder: Path, name: str, pair: tuple[bytes, bytes] | None, flags: list[str]) -> tuple[subprocess.Popen, int]:
    home = folder / name
    home.mkdir()
    command = [sys.executable, str(DOOR), "--dir", str(home), "--null", *flags]
    if pair:
        (home / "cert.pem").write_bytes(pair[0])
        (home / "key.pem").write_bytes(pair[1])
        command += ["--cert", str(home / "cert.pem"), "--key", str(home / "key.pem")]
    door = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return door, int(door.stdout.readline())


def cpu(door: subprocess.Popen) -> float:
    """Seconds of CPU that the server's only thread has used."""
    return int(Path(f"/proc/{door.pid}/schedstat").read_text().split()[0]) / 1e9


def session(port: int, context: ssl.SSLContext | None) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="c.test")
    client.ehlo()
    if context:
        client.starttls(context=context)
        client.ehlo()
    return client


def new_connections(port: int, context: ssl.SSLContext | None, mails: int) -> None:
    for _ in range(mails):
        with session(port, context) as client:
            client.sendmail("a@s.test", ["u@local.test"], MAIL)


def kept_session(port: int, context: ssl.SSLContext | None, mails: int) -> None:
    with session(port, context) as client:
        for _ in range(mails):
            client.sendmail("a@s.test", ["u@local.test"], MAIL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mails", type=int, default=200)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    flags = ["--uvloop"] if options.uvloop else []
    ours = make_certificate(["mx.local.test"], 9)
    pairs = {"plain": None, "P-256": (ours.certificate, ours.key), "RSA-2048": rsa_pair()}
    with tempfile.TemporaryDirectory() as folder:
        doors = {name: start(Path(folder), name, pair, flags) for name, pair in pairs.items()}
        try:
            for what, play in (("new connection for each mail", new_connections), ("kept session", kept_session)):
                show(what, measure(doors, play, options))
        finally:
            for door, _ in doors.values():
                door.terminate()
                door.wait(10)


def measure(doors: dict, play, options: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """(mails a second, microseconds of the server's CPU a mail) of each round."""
    careless = ssl._create_unverified_context()  # noqa: SLF001  the certificate is our own
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in doors}
    for _ in range(options.rounds):
        for name, (door, port) in doors.items():
            used, began = cpu(door), time.perf_counter()
            play(port, None if name == "plain" else careless, options.mails)
            seen[name].append((options.mails / (time.perf_counter() - began), 1e6 * (cpu(door) - used) / options.mails))
    return seen


def show(what: str, seen: dict[str, list[tuple[float, float]]]) -> None:
    print(f"{what}: median of {len(seen['plain'])} rounds, one client, each round's ratio to plain")
    for name, rounds in seen.items():
        speed = statistics.median(speed for speed, _ in rounds)
        used = statistics.median(used for _, used in rounds)
        ratios = [speed / plain for (speed, _), (plain, _) in zip(rounds, seen["plain"], strict=True)]
        print(
            f"  {name:9} {speed:7,.0f} mails/s  x {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})  {used:6,.0f} us of CPU a mail"
        )


if __name__ == "__main__":
    main()
