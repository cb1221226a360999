"""Debian's Postfix as somebody else's mail server: a private instance in a folder of its own, which touches nothing of the system's."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from waiting import until

DAEMONS = Path("/usr/lib/postfix/sbin")
MISSING = next(
    (why for why, holds in {
        "Postfix is not installed (apt-get install postfix)": shutil.which("postfix") and DAEMONS.is_dir(),
        "Postfix is started by root alone": os.geteuid() == 0,
    }.items() if not holds),
    None,
)  # fmt: skip
"""Why it cannot run here."""

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 192.0.2.1/32
myhostname = mx.corp.test
mydestination =
local_transport = error:there is no local user
alias_maps =
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtpd_client_restrictions =
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_reject_unlisted_recipient = no
message_size_limit = 0
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
default_transport = smtp:[127.0.0.1]:{reports_to}
relay_transport = smtp:[127.0.0.1]:{reports_to}
minimal_backoff_time = 1s
queue_run_delay = 1s
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 1 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass
class Postfix:
    """A server on 127.0.0.1:`port` with mailboxes of the addresses given; mail for all others of their domains is taken, and bounces."""

    folder: Path
    port: int

    @classmethod
    def start(cls, mailboxes: tuple[str, ...], reports_to: int, port: int) -> Postfix:
        """`reports_to`: port on 127.0.0.1 that everything else is sent to, reports about undeliverable mail above all."""
        folder = Path(tempfile.mkdtemp(prefix="inbox-postfix-"))
        folder.chmod(0o755)  # its processes run as the user postfix
        server, owner = cls(folder, port), pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir(mode=0o755)
        for name in ("data", "mail"):
            os.chown(folder / name, owner.pw_uid, owner.pw_gid)
        domains = " ".join({address.rpartition("@")[2] for address in mailboxes})
        words = {
            "folder": folder,
            "daemons": DAEMONS,
            "domains": domains,
            "uid": owner.pw_uid,
            "gid": owner.pw_gid,
            "reports_to": reports_to,
        }
        (folder / "etc" / "main.cf").write_text(MAIN.format(**words))
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=server.port))
        (folder / "mailboxes").write_text("".join(f"{address} {address}/\n" for address in mailboxes))
        server._run("start")
        return server

    def mails(self, mailbox: str) -> list[bytes]:
        """What lies in a mailbox, in the order it came, with CRLF."""
        found = sorted((self.folder / "mail" / mailbox / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in found]

    def arrived(self, mailbox: str, number: int = 1) -> bytes:
        """The mail number `number` of a mailbox, once it is there."""
        until(lambda: len(self.mails(mailbox)) >= number, f"mail {number} for {mailbox} ({self.log()[-1500:]})")
        return self.mails(mailbox)[number - 1]

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        pid = self.folder / "queue" / "pid" / "master.pid"
        try:
            if pid.exists():
                os.kill(int(pid.read_text()), signal.SIGTERM)
                until(lambda: not _lives(int(pid.read_text())), "Postfix ends")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: str) -> None:
        done = subprocess.run(
            ["postfix", "-c", str(self.folder / "etc"), command], capture_output=True, text=True, timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, f"postfix {command}: {done.stdout}{done.stderr}{self.log()}"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
