"""The door as a program of its own: the public wire cases, the STARTTLS script, memory under big mails. On asyncio, and on uvloop where it is."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

LOOPS = ["asyncio", pytest.param("uvloop", marks=pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="no uvloop here"))]


@pytest.fixture
def start(door_program, tmp_path):
    """A function that starts the door and gives (port, process id, folder)."""
    started = []

    def program(*flags, loop="asyncio"):
        folder = tmp_path / f"run{len(started)}"
        folder.mkdir()
        command = [*door_program, "--dir", str(folder), *flags, *(["--uvloop"] if loop == "uvloop" else [])]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        started.append(process)
        return int(process.stdout.readline()), process.pid, folder

    yield program
    for process in started:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()


def play(shared, port, folder, *arguments):
    command = [sys.executable, str(shared / "cases" / "run_cases.py"), "127.0.0.1", str(port), *arguments]
    command += ["--stored", f"cat {folder / 'count'}", "--newest", f"cat {folder / 'newest'}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["strict", "normalize"])
@pytest.mark.parametrize("loop", LOOPS)
def test_all_wire_cases_hold(shared, start, loop, profile):
    port, _, folder = start("--limit", f"line_endings={profile}", loop=loop)
    played = play(shared, port, folder, *(["--normalize"] if profile == "normalize" else []))
    assert "59 pass, 0 fail of 59 run" in played.stdout, played.stdout
    log = (folder / "log").read_bytes()
    assert b"Traceback" not in log
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", log)


def test_the_one_case_that_the_runner_leaves_out_is_played_by_starttls(shared):
    cases = json.loads((shared / "cases" / "smtp_cases.json").read_text())
    assert len(cases) == 60
    assert [case["id"] for case in cases if case.get("tls")] == ["A56-starttls-inject"]
    assert "A56" in (shared / "faults" / "starttls.py").read_text()


def test_a_flood_of_empty_lines_costs_little_memory(shared, start):
    port, pid, folder = start()
    played = play(shared, port, folder, "A58", "--pid", str(pid))
    assert "1 pass, 0 fail" in played.stdout, played.stdout


def test_a_half_close_is_answered_when_keeping_is_slow(shared, start):
    port, _, folder = start("--delay", "0.5")
    played = play(shared, port, folder, "A60")
    assert "1 pass, 0 fail" in played.stdout, played.stdout


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_said_before_starttls_counts_after_it(shared, door_program, loop):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = " ".join([*door_program, "--port {port} --dir {dir} --cert {cert} --key {key}", *(["--uvloop"] if loop == "uvloop" else [])])
    command = [sys.executable, str(shared / "faults" / "starttls.py"), "--port", str(port), "--server", server]
    played = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if played.returncode == 2:
        pytest.skip(f"no result: {played.stdout[-200:]}")
    assert played.returncode == 0, played.stdout
    assert played.stdout.count("ok  ") == 5


def send_big(port, block, blocks):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        file = client.makefile("rb")
        file.readline()
        for line in (b"HELO c.test", b"MAIL FROM:<a@s.test>", b"RCPT TO:<u@local.test>", b"DATA"):
            client.sendall(line + b"\r\n")
            file.readline()
        for _ in range(blocks):
            client.sendall(block)
        client.sendall(b".\r\n")
        return file.readline()


def resident_peak(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_ten_mails_of_25_mib_at_once_fit_in_50_mb(start):
    port, pid, _ = start("--null", "--limit", f"size={26 << 20}")
    before, answers = resident_peak(pid), []
    block = (b"x" * 76 + b"\r\n") * 3360  # 256 KiB
    senders = [threading.Thread(target=lambda: answers.append(send_big(port, block, 100))) for _ in range(10)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(120)
    assert [answer[:9] for answer in answers] == [b"250 2.0.0"] * 10
    assert resident_peak(pid) - before < 50
