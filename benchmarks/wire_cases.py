"""The 60 public wire cases against the door: 59 by run_cases.py, the one within TLS by starttls.py; strict and mending, asyncio and uvloop.

    python benchmarks/wire_cases.py ../shared

The door is tests/smtp/door_server.py, which writes down what it keeps: the counts of stored mails are part of every case. 1 when one fails.
"""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

DOOR = Path(__file__).parent.parent / "tests" / "smtp" / "door_server.py"
TLS_CASE = "A56-starttls-inject"
TLS_CHECKS = 5


def main() -> int:
    shared = Path(sys.argv[1])
    loops = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]
    held = [play(shared, loop, profile) for loop in loops for profile in ("strict", "normalize")]
    return 0 if all(held) else 1


def play(shared: Path, loop: str, profile: str) -> bool:
    flags = ["--limit", f"line_endings={profile}", *(["--uvloop"] if loop == "uvloop" else [])]
    passed, said = plain_cases(shared, flags, profile)
    secured, said_of_tls = tls_case(shared, flags)
    print(f"{loop:8} {profile:10} {passed + secured} of 60 hold", flush=True)
    print(
        "".join(
            f"    {line}\n" for line in (said + said_of_tls).splitlines() if not line.startswith(("ok", "PASS")) and "0 fail" not in line
        ),
        end="",
    )
    return passed + secured == 60


def plain_cases(shared: Path, flags: list[str], profile: str) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as folder:
        door = subprocess.Popen(
            [sys.executable, str(DOOR), "--dir", folder, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            port = door.stdout.readline().strip()
            command = [sys.executable, str(shared / "cases" / "run_cases.py"), "127.0.0.1", port]
            command += [
                "--stored",
                f"cat {folder}/count",
                "--newest",
                f"cat {folder}/newest",
                *(["--normalize"] if profile == "normalize" else []),
            ]
            said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300).stdout
        finally:
            door.terminate()
            door.wait(10)
    found = re.search(r"(\d+) pass", said)
    return int(found[1]) if found else 0, said


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tls_case(shared: Path, flags: list[str]) -> tuple[int, str]:
    """A56 is played by starttls.py, whose other checks (a clean start, twice, junk) must hold with it."""
    server = " ".join([sys.executable, str(DOOR), "--port {port} --dir {dir} --cert {cert} --key {key}", *flags])
    command = [sys.executable, str(shared / "faults" / "starttls.py"), "--port", str(free_port()), "--server", server]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120).stdout
    return int(said.count("ok  ") == TLS_CHECKS), said


if __name__ == "__main__":
    raise SystemExit(main())
