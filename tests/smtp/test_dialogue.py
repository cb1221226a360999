"""The dialogue over real sockets: what is announced, what is answered, what is refused."""

from __future__ import annotations

import hashlib
import re
import smtplib
from email.message import EmailMessage

import pytest

from inbox.model import Reply

MAIL = b"From: a@s.test\r\nSubject: x\r\n\r\nhello\r\n"


def test_a_mail_sent_by_smtplib_arrives_octet_for_octet_with_its_envelope(open_door):
    door = open_door()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@s.test", "u@local.test", "dots"
    message.set_content(".one\n..two\nthree\n")
    with smtplib.SMTP("127.0.0.1", door.port, local_hostname="client.test") as client:
        client.send_message(message, "a@s.test", ["u@local.test", "v@local.test"])
    mail, raw = door.gate.mails[0]
    assert raw == bytes(message).replace(b"\n", b"\r\n")
    assert mail.sha256 == hashlib.sha256(raw).hexdigest()
    assert mail.envelope.to_dict() == {
        "sender": "a@s.test",
        "recipients": ["u@local.test", "v@local.test"],
        "helo": "client.test",
        "ip": "127.0.0.1",
        "tls": None,
        "auth": None,
        "source": "smtp",
        "certificate": None,
        "verdicts": None,
    }


def test_the_250_ends_with_the_id_of_the_mail(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.open_mail()
    assert client.ask(MAIL + b".").split()[-1] == door.gate.mails[0][0].id


def test_ehlo_announces_what_there_is(open_door, connect):
    client = connect(open_door(limits={"size": 5000}).port)
    keywords = [line[4:] for line in client.ask("EHLO c.test").split("\n")]
    assert keywords == ["mx.local.test", "SIZE 5000", "8BITMIME", "SMTPUTF8", "PIPELINING", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES"]


def test_helo_is_enough_for_a_mail_but_has_no_parameters(open_door, connect):
    door = open_door()
    client = connect(door.port)
    assert client.ask("HELO c.test") == "250 mx.local.test"
    assert client.ask("MAIL FROM:<a@s.test> SIZE=5").startswith("555 5.5.4 ")
    client.open_mail(hello="HELO c.test")
    assert client.ask(MAIL + b".").startswith("250 ")


DIALOGUES = [
    ("MAIL FROM:<a@s.test>", "503 5.5.1"),
    ("RCPT TO:<u@local.test>", "503 5.5.1"),
    ("DATA", "503 5.5.1"),
    ("EHLO", "501 5.5.4"),
    ("EHLO é", "501 5.5.4"),
    ("NOOP anything", "250 2.0.0"),
    ("RSET", "250 2.0.0"),
    ("RSET x", "501 5.5.4"),
    ("HELP", "214 2.0.0"),
    ("VRFY u", "252 2.0.0"),
    ("EXPN u", "502 5.5.1"),
    ("STARTTLS", "502 5.5.1"),
    ("AUTH PLAIN AHUAcA==", "538 5.7.11"),
    ("BDAT 0 LAST", "503 5.5.1"),
    ("BDAT five", "501 5.5.4"),
    ("XCLIENT ADDR=192.0.2.1", "550 5.7.0"),
    ("", "500 5.5.1"),
    ("NOOP a\tb", "500 5.5.2"),
    (b"NOOP \xff", "500 5.5.2"),
    ("QUIT", "221 2.0.0"),
]


@pytest.mark.parametrize(("line", "answer"), DIALOGUES)
def test_each_command_is_answered_with_an_enhanced_code(open_door, connect, line, answer):
    assert connect(open_door().port).ask(line).startswith(answer + " ")


def test_rcpt_needs_mail_and_data_needs_a_recipient(open_door, connect):
    client = connect(open_door().port)
    client.ask("EHLO c.test")
    assert client.ask("DATA").startswith("503 5.5.1 Say MAIL")
    client.ask("MAIL FROM:<a@s.test>")
    assert client.ask("DATA").startswith("503 5.5.1 Say RCPT")
    assert client.ask("RCPT TO:<x@other.test>").startswith("554 5.7.1 ")
    assert client.ask("DATA").startswith("503 5.5.1 Say RCPT")


def test_the_null_sender_is_none(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.open_mail(sender="")
    client.ask(MAIL + b".")
    assert door.gate.mails[0][0].envelope.sender is None


def test_the_gate_is_asked_with_the_envelope_as_far_as_it_is_known(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.open_mail("u@local.test", "v@local.test")
    assert [(envelope.recipients, asked) for envelope, asked in door.gate.admitted] == [
        ((), "u@local.test"),
        (("u@local.test",), "v@local.test"),
    ]


def test_a_recipient_named_twice_is_one_recipient(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.open_mail("u@local.test", "u@local.test")
    client.ask(MAIL + b".")
    assert door.gate.mails[0][0].envelope.recipients == ("u@local.test",)


def test_a_second_mail_on_one_connection_starts_from_nothing(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.open_mail("u@local.test")
    client.ask(MAIL + b".")
    assert client.ask("RCPT TO:<v@local.test>").startswith("503 ")
    client.ask("MAIL FROM:<>")
    client.ask("RCPT TO:<v@local.test>")
    client.ask("DATA")
    client.ask(MAIL + b".")
    assert [mail.envelope.recipients for mail, _ in door.gate.mails] == [("u@local.test",), ("v@local.test",)]


def test_everything_in_one_packet_is_answered_in_order_and_nothing_is_lost(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.send(
        b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\nRCPT TO:<u@local.test>\r\nRCPT TO:<x@other.test>\r\nDATA\r\n"
        + MAIL + b".\r\nMAIL FROM:<b@s.test>\r\nRCPT TO:<v@local.test>\r\nDATA\r\n.\r\nQUIT\r\n"
    )  # fmt: skip
    codes = [client.reply().split("\n")[-1][:3] for _ in range(10)]
    assert codes == ["250", "250", "250", "554", "354", "250", "250", "250", "354", "250"]
    assert client.reply().startswith("221 ")
    assert door.gate.raws == [MAIL, b""]


def test_a_mail_that_comes_octet_by_octet_is_the_same_mail(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.open_mail()
    for octet in MAIL + b".\r\n":
        client.send(bytes([octet]))
    assert client.reply().startswith("250 ")
    assert door.gate.raws == [MAIL]


def test_one_recipient_taken_makes_a_250_else_the_first_refusal_counts(open_door, connect):
    door = open_door()
    no, later = Reply(550, "5.7.1", "We do not take this"), Reply(451, "4.7.1", "Later")
    client = connect(door.port)
    for answers, wanted in (({"u@local.test": no}, "250 2.0.0 kept"), ({"u@local.test": later, "v@local.test": no}, "451 4.7.1 Later")):
        door.gate.answers = answers
        client.open_mail("u@local.test", "v@local.test")
        assert client.ask(MAIL + b".").startswith(wanted)


def test_a_fault_of_the_gate_is_451_with_fixed_text(open_door, connect, caplog):
    door = open_door()
    door.gate.fault = OSError(28, "No space left on device: '/secret/spool'")
    client = connect(door.port)
    client.open_mail()
    assert client.ask(MAIL + b".") == "451 4.3.0 Local error, try again later"
    door.gate.fault = None
    client.open_mail()
    assert client.ask(MAIL + b".").startswith("250 ")
    assert "No space left" in caplog.text


def test_a_fault_at_rcpt_is_451_and_says_nothing(open_door, connect):
    door = open_door()
    door.gate.fault = "admit"
    client = connect(door.port)
    client.ask("EHLO c.test")
    client.ask("MAIL FROM:<a@s.test>")
    assert client.ask("RCPT TO:<u@local.test>") == "451 4.3.0 Local error, try again later"
    assert client.ask("NOOP").startswith("250 ")


def test_a_gate_that_forgets_a_recipient_is_a_fault_of_ours(open_door, connect):
    door = open_door()

    async def take(mail):
        return [Reply(250, "2.0.0", "kept")]

    door.gate.take = take
    client = connect(door.port)
    client.open_mail("u@local.test", "v@local.test")
    assert client.ask(MAIL + b".").startswith("451 4.3.0 ")


def test_a_reply_of_a_rule_is_one_line_of_printable_ascii(open_door, connect):
    door = open_door()
    door.gate.answers = {"u@local.test": Reply(550, "5.7.1", "no\r\n250 2.0.0 kept as é" + "x" * 600)}
    client = connect(door.port)
    client.open_mail()
    line = client.ask(MAIL + b".")
    assert re.fullmatch(r"550 5\.7\.1 no\?\?250 2\.0\.0 kept as \?x+", line)
    assert len(line) <= 510
    assert client.ask("NOOP") == "250 2.0.0 Ok"


def test_while_no_mail_can_be_taken_mail_is_refused_for_now(open_door, connect):
    busy = [Reply(452, "4.3.1", "Not enough disk space, try again later")]
    door = open_door(hold=lambda: busy[0])
    client = connect(door.port)
    client.ask("EHLO c.test")
    assert client.ask("MAIL FROM:<a@s.test>") == "452 4.3.1 Not enough disk space, try again later"
    busy[0] = None
    assert client.ask("MAIL FROM:<a@s.test>").startswith("250 ")
    assert door.counter.refused("disk") == 1


def test_lmtp_answers_each_recipient_in_order(open_door, connect):
    door = open_door(lmtp=("127.0.0.1:0",))
    door.gate.answers = {"v@local.test": Reply(550, "5.7.1", "We do not take this")}
    client = connect(door.port)
    assert client.ask("EHLO c.test").startswith("500 ")
    assert client.ask("MAIL FROM:<a@s.test>").startswith("503 5.5.1 Say LHLO")
    client.open_mail("u@local.test", "v@local.test", "w@local.test", hello="LHLO c.test")
    answers = [client.ask(MAIL + b"."), client.reply(), client.reply()]
    assert [answer[:9] for answer in answers] == ["250 2.0.0", "550 5.7.1", "250 2.0.0"]
    assert door.gate.mails[0][0].envelope.source == "lmtp"


def test_lmtp_answers_each_recipient_when_the_mail_itself_is_refused(open_door, connect):
    door = open_door(lmtp=("127.0.0.1:0",))
    client = connect(door.port)
    client.open_mail("u@local.test", "v@local.test", "u@local.test", hello="LHLO c.test")
    answers = [client.ask(b"a\nb\r\n."), client.reply(), client.reply()]
    assert [answer[:9] for answer in answers] == ["550 5.5.2"] * 3
    assert client.ask("NOOP").startswith("250 ")
    assert door.counter.refused("line endings") == 1


def test_utf8_addresses_are_taken_with_smtputf8_only(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.ask("EHLO c.test")
    assert client.ask("MAIL FROM:<é@s.test>").startswith("553 5.6.7 ")
    assert client.ask("MAIL FROM:<é@s.test> SMTPUTF8").startswith("250 ")
    assert client.ask("RCPT TO:<ü@local.test>").startswith("250 ")
    client.ask("DATA")
    client.ask(MAIL + b".")
    assert door.gate.mails[0][0].envelope.recipients == ("ü@local.test",)
