"""An A/B test from end to end: 400 mails of two variants through a mail server, answers and bounces through our door, the report, and who is told."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from waiting import until

MANY = 400
RULES = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n"
TEMPLATE = """---
subject: Welcome
from: Shop <shop@example.com>
experiment: welcome-subjects
variants:
  plain: {weight: 1}
  asking: {weight: 1, subject: "Is anything missing, {{ name }}?"}
---
Dear {{ name }},
welcome.
"""


@pytest.fixture
def told():
    """A program that is told of events; what it was told."""
    found: list[dict] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self):
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield found, server.server_port
    server.shutdown()
    server.server_close()


def answer(raw: bytes) -> bytes:
    """What a recipient writes back."""
    mail, reply = message_from_bytes(raw), EmailMessage()
    reply["From"], reply["To"], reply["Subject"] = mail["To"], mail["From"], f"Re: {mail['Subject']}"
    reply["Message-ID"], reply["In-Reply-To"], reply["References"] = f"<re-{mail['Message-ID'][1:]}", mail["Message-ID"], mail["Message-ID"]
    reply.set_content("Nothing, thank you.\n")
    return reply.as_bytes().replace(b"\n", b"\r\n")


def bounce(raw: bytes, recipient: str) -> bytes:
    """A delivery status notification (RFC 3464) of a server further on."""
    report = (
        "From: MAILER-DAEMON@far.test\nTo: shop@example.com\nSubject: Undelivered Mail Returned to Sender\nMessage-ID: <dsn-1@far.test>\n"
        'Auto-Submitted: auto-replied\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\n\nI could not deliver it.\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; far.test\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n"
        f"--b\nContent-Type: message/rfc822\n\n{raw.decode().replace(chr(13), '')}\n--b--\n"
    )
    return report.replace("\n", "\r\n").encode()


def test_two_variants_are_sent_answered_counted_and_told_of(daemon_of, program, next_hop, told):
    events, port = told
    (program.folder / "inbox.toml").write_text(
        f'[notifications.crm]\nto = "http://127.0.0.1:{port}/events"\n[handlers.notify]\nallow = ["127.0.0.1"]\n'
    )
    (program.folder / "welcome.md").write_text(TEMPLATE)
    people = "".join(f"user{n}@far.test,User {n}\n" for n in range(MANY))
    (program.folder / "people.csv").write_text(f"to,name\n{people}")
    daemon = daemon_of(RULES)
    program("send", "--template", "welcome.md", "--each", "people.csv")
    until(lambda: len(next_hop.mails) >= MANY, f"{MANY} mails are sent", 90)
    assert Counter(recipients[0] for _, recipients, _ in next_hop.mails) == {f"user{n}@far.test": 1 for n in range(MANY)}

    by_variant: dict[str, list[tuple[str, bytes]]] = {"plain": [], "asking": []}
    for _, (recipient,), raw in next_hop.mails:
        by_variant["plain" if b"Subject: Welcome" in raw else "asking"].append((recipient, raw))
    assert all(re.search(rb"Subject: Is anything missing, User \d+\?", raw) for _, raw in by_variant["asking"])
    for variant, replies in (("plain", 5), ("asking", 20)):
        for recipient, raw in by_variant[variant][:replies]:
            last = daemon.send(answer(raw), sender=recipient, recipients=("shop@example.com",))
    daemon.send(answer(by_variant["asking"][0][1]), sender=by_variant["asking"][0][0], recipients=("shop@example.com",))
    gone, raw = by_variant["plain"][-1]
    last = daemon.send(bounce(raw, gone), sender=None, recipients=("shop@example.com",))
    daemon.settled(last)

    report = until(lambda: counted(program), "all of it is counted")
    assert [(one["variant"], one["sent"], one["delivered"], one["bounced"], one["replied"]) for one in report["variants"]] == [
        ("plain", len(by_variant["plain"]), len(by_variant["plain"]), 1, 5),
        ("asking", len(by_variant["asking"]), len(by_variant["asking"]), 0, 20),
    ]
    (comparison,) = report["comparisons"]
    assert comparison["verdict"].startswith("asking is answered more often than plain: ")
    until(lambda: events, "the bounce is told of")
    assert [(event["eventType"], event["bounce"]["bouncedRecipients"][0]["emailAddress"]) for event in events] == [("Bounce", gone)]
    assert (events[0]["mail"]["source"], events[0]["mail"]["tags"]["variant"]) == ("shop@example.com", ["plain"])


def counted(program) -> dict | None:
    """The report, once the 25 answers and the bounce are in it."""
    report = program.json("ab", "report", "welcome.md")
    done = sum(one["replied"] for one in report["variants"]) == 25 and sum(one["bounced"] for one in report["variants"]) == 1
    return report if done else None
