"""The five mails of the demo: (title, envelope sender, envelope recipient, octets)."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail of the demo and what it shows."""

    title: str
    sender: str
    recipient: str
    raw: bytes


def samples() -> tuple[Sample, ...]:
    """A refund, an invoice, a newsletter, a program, an out-of-office answer."""
    return (
        _sample("a customer wants money back", "alice@customer.example", "support@shop.example", _refund()),
        _sample("a supplier sends an invoice", "billing@supplier.example", "accounts@shop.example", _invoice()),
        _sample("a newsletter", "news@list.example", "support@shop.example", _newsletter()),
        _sample("a program in an attachment", "mallory@unknown.example", "support@shop.example", _program()),
        _sample("an out-of-office answer that mentions a refund", "bob@customer.example", "support@shop.example", _vacation()),
    )


def _sample(title: str, sender: str, recipient: str, mail: EmailMessage) -> Sample:
    mail["From"], mail["To"] = sender, recipient
    mail["Date"] = "Tue, 24 Nov 2026 09:00:00 +0000"
    mail["Message-ID"] = f"<{len(title)}.{len(recipient)}.demo@{sender.partition('@')[2]}>"
    return Sample(title, sender, recipient, mail.as_bytes(policy=mail.policy.clone(linesep="\r\n")))


def _mail(subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = subject
    mail.set_content(text)
    return mail


def _refund() -> EmailMessage:
    return _mail("Refund for order 4711", "Hello,\n\nthe lamp arrived broken. I would like a refund, please.\n\nAlice\n")


def _invoice() -> EmailMessage:
    mail = _mail("Invoice 2026-118", "Please find the invoice attached. Amount due: 240.00 EUR.\n")
    mail.add_attachment(b"%PDF-1.4\n%demo\n", maintype="application", subtype="pdf", filename="invoice-2026-118.pdf")
    return mail


def _newsletter() -> EmailMessage:
    mail = _mail("This week in lamps", "Ten lamps you have to see.\n")
    mail["List-Id"] = "Lamps weekly <lamps.list.example>"
    mail["List-Unsubscribe"] = "<https://list.example/leave>"
    return mail


def _program() -> EmailMessage:
    mail = _mail("Open this", "You have to run the attached file.\n")
    mail.add_attachment(b"MZ\x90\x00demo", maintype="application", subtype="octet-stream", filename="invoice.pdf.exe")
    return mail


def _vacation() -> EmailMessage:
    mail = _mail("Out of office: order 4712 refund", "I am away until Monday. About your refund: later.\n")
    mail["Auto-Submitted"] = "auto-replied (vacation)"
    return mail
