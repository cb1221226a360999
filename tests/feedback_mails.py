"""Mails that say something of mail that we sent, as servers and people write them."""

from __future__ import annotations

from inbox.model import Envelope, Mail

OURS = "<m1.1@example.com>"


def mail(text: str, *, sender: str | None = None, source: str = "smtp", to: str = "bounces@example.com") -> Mail:
    raw = text.replace("\n", "\r\n").encode()
    return Mail.of(raw, Envelope(sender, (to,), source=source))


def bounce(*recipients: str, about: str = OURS, action: str = "failed", status: str = "5.1.1", said: str = "550 5.1.1 no such user") -> str:
    """A report of delivery as Postfix writes it (RFC 3464), with the header of the mail that did not arrive."""
    groups = "\n".join(
        f"Final-Recipient: rfc822; {one}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}\n" for one in recipients
    )
    return f"""From: MAILER-DAEMON@mx.test (Mail Delivery System)
To: bounces@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <report.1@mx.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

{groups}
--b
Content-Type: text/rfc822-headers

From: us@example.com
To: joe@x.test
Message-ID: {about}
Subject: hello

--b--
"""


def complaint(*recipients: str, about: str = OURS, type_: str = "abuse") -> str:
    """A feedback report (RFC 5965)."""
    named = "".join(f"Original-Rcpt-To: <{one}>\n" for one in recipients)
    return f"""From: feedback@provider.test
To: abuse@example.com
Subject: FW: hello
Message-ID: <arf.1@provider.test>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {type_}
User-Agent: SomeGenerator/1.0
Version: 1
{named}
--b
Content-Type: message/rfc822

From: us@example.com
To: joe@x.test
Message-ID: {about}
Subject: hello

Hello
--b--
"""


def answer(*fields: str, author: str = "joe@x.test", id_: str = "<answer.1@x.test>") -> str:
    """What a person writes; `fields` are added to its header."""
    more = "".join(f"{field}\n" for field in fields)
    return f"From: Joe <{author}>\nTo: us@example.com\nSubject: Re: hello\nMessage-ID: {id_}\n{more}\nYes, please.\n"


def plain(number: int = 0, lines: int = 40) -> str:
    """A mail that has nothing to do with mail of ours."""
    body = "\n".join(f"Line {line} of some words that people write to each other." for line in range(lines))
    return f"From: Ann <ann@y.test>\nTo: us@example.com\nSubject: Lunch {number}\nMessage-ID: <lunch.{number}@y.test>\n\n{body}\n"
