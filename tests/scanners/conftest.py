"""Real scanners of Debian, each a private process with a configuration of its own in a temporary folder, started once and ended at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import textwrap
import time
from functools import cache
from pathlib import Path

import pytest

import inbox
from inbox.config import validate
from inbox.inspect import MailFacts, Materials
from inbox.plugins import Plugins
from inbox.testing import MemoryNotes, make_mail

VIRUS = "INBOX-TEST-VIRUS-4711"
"""What the only signature of our clamd looks for."""
SIGNATURE = f"Inbox.Test:0:*:{VIRUS.encode().hex()}\n"
BAD_CLIENT = "192.0.2.77"


@pytest.fixture(scope="session")
def folder():
    """A folder with a short path, as that of a socket has at most 107 octets; spamd's children, which are nobody, reach into it."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/bin")
    if not found:
        pytest.skip(f"{name} is not installed here (apt-get install rspamd spamd clamav-daemon)")
    return found


@contextlib.contextmanager
def _running(command: list[str], server: str, folder: Path):
    """A process that listens on `server` (`unix:/PATH` or `HOST:PORT`) while this lasts."""
    log = folder / "output"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, start_new_session=True) as process:
        try:
            until = time.monotonic() + 60
            while not _listens(server):
                assert process.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < until, log.read_text(errors="replace")
                time.sleep(0.05)
            yield server
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _listens(server: str) -> bool:
    with contextlib.suppress(OSError):
        if server.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(server.removeprefix("unix:"))
            return True
        host, _, port = server.rpartition(":")
        socket.create_connection((host, int(port)), 1).close()
        return True
    return False


@pytest.fixture(scope="session")
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def clamd(folder, free_port):
    """clamd with one signature; on a local socket, and on `free_port`. It takes 1 MiB."""
    program, own = _program("clamd"), folder / "clamd"
    (own / "db").mkdir(parents=True)
    (own / "db/own.ndb").write_text(SIGNATURE)
    (own / "clamd.conf").write_text(
        textwrap.dedent(f"""\
            DatabaseDirectory {own}/db
            LocalSocket {own}/socket
            TCPSocket {free_port}
            TCPAddr 127.0.0.1
            Foreground yes
            StreamMaxLength 1M
            TemporaryDirectory {own}
            User {"root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")}
            """)
    )
    with _running([program, "-c", str(own / "clamd.conf")], f"unix:{own}/socket", own) as server:
        yield server


@pytest.fixture(scope="session")
def spamd(folder):
    """spamd with two rules: GTUBE, and a client that it knows from our Received field."""
    program, own = _program("spamd"), folder / "spamd"
    for name in ("rules", "site"):
        (own / name).mkdir(parents=True)
    (own / "site/init.pre").write_text("loadplugin Mail::SpamAssassin::Plugin::Check\n")
    (own / "rules/10_test.cf").write_text(
        textwrap.dedent(rf"""
            body GTUBE /XJS\*C4JDBQADN1\.NSBN3\*2IDNEN\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\*C\.34X/
            score GTUBE 1000
            header BAD_CLIENT X-Spam-Relays-Untrusted =~ /^\[ ip={BAD_CLIENT} /
            score BAD_CLIENT 2.5
            header BAD_SENDER EnvelopeFrom =~ /^spammer@/
            score BAD_SENDER 1.5
            """)
    )
    options = f"-L -x -m 2 --round-robin --socketpath {own}/socket --socketmode 666 -s stderr -r {own}/pid -H {own}".split()
    command = [program, *options, "-C", str(own / "rules"), "--siteconfigpath", str(own / "site")]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with _running([*command, *user], f"unix:{own}/socket", own) as server:
        yield server


@pytest.fixture(scope="session")
def rspamd(folder):
    """Rspamd without modules but two rules: GTUBE, which it knows itself, and a client."""
    program, own = _program("rspamd"), folder / "rspamd"
    own.mkdir()
    (own / "tld").write_text("com\nexample\n")
    (own / "rules.lua").write_text(
        f"rspamd_config.BAD_CLIENT = {{score = 7.0, callback = function(task) return tostring(task:get_from_ip()) == '{BAD_CLIENT}' end}}\n"
        "rspamd_config.BAD_SENDER = {score = 1.5, callback = function(task) local from = task:get_from('smtp')\n"
        "  return from and from[1] and from[1].user == 'spammer' and #task:get_recipients('smtp') == 2 end}\n"
    )
    (own / "rspamd.conf").write_text(
        textwrap.dedent(f"""\
            options {{
              pidfile = "{own}/pid"; filters = ""; gtube_patterns = "all"; url_tld = "{own}/tld"; disable_hyperscan = true; max_message = 200K;
              tempdir = "{own}"; hs_cache_dir = "{own}"; cache_file = "{own}/cache"; stats_file = "{own}/stats"; rrd = "{own}/rrd";
              control_socket = "{own}/control mode=0600"; dns {{ nameserver = ["127.0.0.1:1:1"]; timeout = 0.2s; retransmits = 1; }}
            }}
            logging {{ type = "console"; level = "error"; }}
            worker "normal" {{ bind_socket = "{own}/socket mode=0666"; count = 1; }}
            metric "default" {{ actions {{ reject = 15; add_header = 6; greylist = 4; }} }}
            lua = "{own}/rules.lua";
            """)
    )
    root = ["--insecure"] if os.geteuid() == 0 else []
    with _running([program, "-f", "-c", str(own / "rspamd.conf"), *root], f"unix:{own}/socket", own) as server:
        yield server


@pytest.fixture
def scan():
    """`scan({"clamav": {...}}, name, mail)`: (value, note, the Deferred or None) of a fact, through the registry as the path of a mail does."""
    plugins = Plugins(entry_points=False)

    def asked(scanners, *names, mail=None, work=None):
        settings = validate({"scanners": scanners, "work": work or {}})
        mail = mail or make_mail()
        facts = MailFacts(Materials(mail, cache(lambda: inbox.parse(mail.raw)), MemoryNotes()), plugins, {}, settings)
        found = [(facts.get(name), facts.note(name), facts.later.get(name)) for name in names]
        return found[0] if len(found) == 1 else found

    return asked
