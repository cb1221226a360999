"""The block that SES writes above a stored mail: what a sender writes in the same words is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.sources.ses.block import is_setup_notice, read_block

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
RETURN_PATH = "Return-Path: <jane@example.org>\r\n"
RECEIVED = (
    "Received: from mail.example.org (mail.example.org [192.0.2.10])\r\n"
    f" by inbound-smtp.us-east-1.amazonaws.com with SMTP id {ID}\r\n"
    " for support@example.com;\r\n Wed, 05 Nov 2025 10:00:00 +0000 (UTC)\r\n"
)
SCANS = "X-SES-Spam-Verdict: FAIL\r\nX-SES-Virus-Verdict: FAIL\r\n"
SPF = "Received-SPF: fail (spfCheck: x) client-ip=192.0.2.10; envelope-from=jane@example.org; helo=mail.example.org;\r\n"
RESULTS = "Authentication-Results: amazonses.com; spf=fail (x) client-ip=192.0.2.10; envelope-from={sender}; helo={helo}; dkim=fail header.i=@example.org; dmarc=fail header.from=example.org;\r\n"
END = "X-SES-RECEIPT: AEFB\r\nX-SES-DKIM-SIGNATURE: a=rsa-sha256; d=amazonses.com;\r\n"
FAILED = {"spam": "FAIL", "virus": "FAIL", "spf": "fail", "dkim": "fail", "dmarc": "fail"}
REST = "From: jane@example.org\r\n\r\nwords\r\n"


def results(sender="jane@example.org", helo="mail.example.org"):
    return RESULTS.format(sender=sender, helo=helo)


def block_of(*parts):
    return read_block("".join((*parts, REST)).encode())


def test_a_whole_block_is_read():
    block = block_of(RETURN_PATH, RECEIVED, SCANS, SPF, results(), END)
    assert (block.message_id, block.recipient, block.sender) == (ID, "support@example.com", "jane@example.org")
    assert (block.helo, block.ip, block.verdicts) == ("mail.example.org", "192.0.2.10", FAILED)


def test_the_null_sender_is_none():
    assert block_of("Return-Path: <>\r\n", RECEIVED).sender is None


def test_line_ends_may_be_those_of_unix():
    raw = f"{RETURN_PATH}{RECEIVED}{SCANS}{SPF}{results()}{END}{REST}".replace("\r\n", "\n").encode()
    assert read_block(raw).verdicts == FAILED


PASSES = "X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\nReceived-SPF: pass x\r\nAuthentication-Results: amazonses.com; dkim=pass; dmarc=pass\r\n"

SPOOFS = [
    ("right below the block", (RETURN_PATH, RECEIVED, SCANS, SPF, results(), END, PASSES), FAILED),
    ("below a block that ends early", (RETURN_PATH, RECEIVED, SCANS, SPF, results(), PASSES), FAILED),
    ("where the scan was off", (RETURN_PATH, RECEIVED, SPF, results(), END, PASSES), {"spf": "fail", "dkim": "fail", "dmarc": "fail"}),
    (
        "where the scan was off and the end is missing",
        (RETURN_PATH, RECEIVED, SPF, results(), PASSES),
        {"spf": "fail", "dkim": "fail", "dmarc": "fail"},
    ),
    ("behind a field that is not of SES", (RETURN_PATH, RECEIVED, "X-Other: 1\r\n", PASSES), {}),
    (
        "with a name that only looks alike",
        (RETURN_PATH, RECEIVED, "X-SES-Spam-Verdict : FAIL\r\nX-SES-Spam-Verdict: PASS\r\n"),
        {"spam": "FAIL"},
    ),
    ("results of another service", (RETURN_PATH, RECEIVED, "Authentication-Results: evil.test; dkim=pass; dmarc=pass\r\n"), {}),
]


@pytest.mark.parametrize(("where", "parts", "verdicts"), SPOOFS, ids=[spoof[0] for spoof in SPOOFS])
def test_verdicts_that_a_sender_writes_are_not_read(where, parts, verdicts):
    assert block_of(*parts).verdicts == verdicts


HOSTILE_RESULTS = [
    results(sender='"a; dkim=pass; dmarc=pass; x"@evil.test'),
    results(helo="a;dmarc=pass;dkim=pass"),
    results(helo="a; helo=b; dkim=pass"),
    results(sender="x; dmarc=pass; spf=pass"),
    results(sender="(x) a; dkim=pass; envelope-from=y"),
]


@pytest.mark.parametrize("field", HOSTILE_RESULTS)
def test_envelope_and_helo_cannot_write_a_pass_into_the_results(field):
    verdicts = block_of(RETURN_PATH, RECEIVED, SCANS, SPF, field, END).verdicts
    assert verdicts.get("dmarc") in (None, "fail")
    assert verdicts["spf"] == "fail"


def test_one_dkim_signature_that_holds_is_a_pass():
    field = "Authentication-Results: amazonses.com; spf=pass; dkim=fail header.i=@a.test; dkim=pass header.i=@b.test; dmarc=pass\r\n"
    assert block_of(RETURN_PATH, RECEIVED, field).verdicts == {"spf": "pass", "dkim": "pass", "dmarc": "pass"}


RECEIVED_OF_OTHERS = [
    "",
    "Received: by mail.example.org with ESMTPS id x1; Wed, 05 Nov 2025 09:59:59 +0000\r\n",
    f"Received: from a (b [192.0.2.1]) by inbound-smtp.us-east-1.amazonaws.com.evil.test with SMTP id {ID} for a@b; x\r\n",
    f"Received: from a by inbound-smtp.us-east-1.amazonaws.com with SMTP id {ID} for a@b; x\r\n",
]


@pytest.mark.parametrize("received", RECEIVED_OF_OTHERS)
def test_without_the_received_field_of_ses_there_is_no_block(received):
    assert block_of(RETURN_PATH, received) is None


def test_a_helo_with_the_words_of_ses_does_not_name_another_mail():
    helo = RECEIVED.replace("from mail.example.org (", "from x.by.inbound-smtp.us-east-1.amazonaws.com (")
    assert block_of(RETURN_PATH, helo).message_id == ID


def test_a_mail_that_quotes_the_setup_notice_is_a_mail():
    notice = "From: Amazon Web Services <no-reply-aws@amazon.com>\r\nSubject: Amazon SES Setup Notification\r\n\r\nHello\r\n"
    assert is_setup_notice(notice.encode())
    assert not is_setup_notice(f"Subject: Re: x\r\n\r\n{notice}".encode())
    assert not is_setup_notice(notice.replace("no-reply-aws@amazon.com", "no-reply-aws@amazon.com.evil.test").encode())


@given(st.binary(max_size=300))
def test_octets_of_any_kind_are_no_reason_to_fail(octets):
    read_block(RETURN_PATH.encode() + octets)
    read_block(RETURN_PATH.encode() + RECEIVED.encode() + octets)
    is_setup_notice(octets)
