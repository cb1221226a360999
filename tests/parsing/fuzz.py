"""Looks for octets that the parser cannot bear: `make fuzz`, or `python tests/parsing/fuzz.py [SECONDS]`.

With atheris (`pip install atheris`) the search is guided by what code each mail reaches; without it, mails of fixtures/ are cut, joined and
changed at random. What is found is written to `fuzz-found-N.eml`.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import tempfile
import time
from pathlib import Path

SECONDS_A_MAIL = 5.0
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "mail"
PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"--", b"\0", b"\xff", b"=?utf-8?q?", b"?=", b'"', b"(", b"<", b">", b";", b",", b":", b"=", b"begin 644 x\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n", b"--b--\r\n", b"Content-Transfer-Encoding: base64\r\n", b"message/rfc822", b"\x78\x9f\x3e\x22",
]  # fmt: skip


def test_one(raw: bytes) -> None:
    """Raises when a mail does harm."""
    from inbox.parsing import parse

    began = time.process_time()
    message = parse(raw)
    json.dumps(message.to_dict(), ensure_ascii=False).encode()
    assert sum(len(item.content()) for item in message.attachments) == sum(item.size for item in message.attachments)
    assert not any(set(header.value) & set("\r\n\0") for header in message.headers)
    assert parse(raw).defects == message.defects
    assert time.process_time() - began < SECONDS_A_MAIL


def changed(rng: random.Random, mails: list[bytes]) -> bytes:
    raw = bytearray(rng.choice(mails))
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(raw) + 1)
        stop = min(len(raw), at + rng.choice([0, 1, 1, 4, 40, 400]))
        other = rng.choice(mails)
        cut = rng.randrange(len(other) + 1)
        raw[at:stop] = rng.choice(
            [b"", rng.choice(PIECES), rng.randbytes(rng.randint(1, 4)), other[cut : cut + rng.choice([10, 100, 1000])], raw[at:stop] * 2]
        )
    return bytes(raw)


def search(seconds: float, seed: int) -> int:
    rng, mails = random.Random(seed), [path.read_bytes() for path in sorted(FIXTURES.glob("*.eml"))]
    tried = found = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        raw = changed(rng, mails)
        tried += 1
        try:
            test_one(raw)
        except Exception as error:  # that is what is looked for
            found += 1
            Path(f"fuzz-found-{found}.eml").write_bytes(raw)
            sys.stdout.write(f"fuzz-found-{found}.eml: {error!r:.300}\n")
    sys.stdout.write(f"{tried} mails tried (seed {seed}), {found} did harm\n")
    return found


def main() -> None:
    if importlib.util.find_spec("atheris"):
        import atheris

        atheris.instrument_all()
        seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
        found = tempfile.mkdtemp(prefix="fuzz-")  # atheris writes into the first folder, and only reads from the second
        atheris.Setup([sys.argv[0], found, str(FIXTURES), f"-max_total_time={seconds:.0f}", "-only_ascii=0", "-max_len=20000"], test_one)
        atheris.Fuzz()
    else:
        sys.exit(search(float(sys.argv[1]) if len(sys.argv) > 1 else 60, int(time.time())) > 0)


if __name__ == "__main__":
    main()
