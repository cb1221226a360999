"""The words of the project: they print, travel and sort."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.model import Decision, Envelope, Mail, Plan, Raw, Reply, Step, Verdict, isoformat, new_id


def test_ids_sort_by_time_and_do_not_repeat():
    ids = [new_id(second) for second in (1.0, 2.0, 1_800_000_000.0)]
    assert ids == sorted(ids)
    assert {len(id_) for id_ in ids} == {20}
    assert len({new_id(1.0) for _ in range(1000)}) == 1000


@given(st.text())
def test_a_reply_is_one_line_of_printable_ascii(text):
    line = str(Reply(550, "5.7.1", text))
    assert line.startswith("550 5.7.1 ")
    assert len(line) <= 510
    assert all(" " <= letter <= "~" for letter in line)


def test_a_plan_survives_json():
    verdict = Verdict("subject", "has", "x", "y", matched=False, children=(Verdict(None, "any", None, None, matched=True),))
    plan = Plan(
        "v1",
        labels=("a",),
        values={"k": "v"},
        decisions=(Decision("r", matched=True, recipients=("u@x.test",), conditions=(verdict,)),),
        steps=(Step(1, "r", "store", {"table": "t"}, ("u@x.test",), "stop", 3.5, "stop", {"k": "v"}),),
        refused={"w@x.test": Reply(550, "5.7.1", "no")},
        seen={"subject": "y"},
        passed_over=3,
    )
    assert Plan.from_dict(plan.to_dict()) == plan


def test_an_envelope_survives_json():
    envelope = Envelope(None, ("u@x.test",), "helo", "192.0.2.1", "TLSv1.3", "joe", "smtp")
    assert Envelope.from_dict(envelope.to_dict()) == envelope


def test_raw_octets_in_memory_and_in_a_file_are_the_same(tmp_path):
    data = b"Subject: x\r\n\r\n\x00\xff"
    path = tmp_path / "raw"
    path.write_bytes(data)
    memory = Raw.of(data)
    file = Raw(memory.size, memory.sha256, path=path)
    assert memory.read() == file.read() == memory.open().read() == file.open().read() == data


def test_a_removed_raw_mail_says_so():
    with pytest.raises(FileNotFoundError, match="only its receipt is left"):
        Raw(3, "x").read()


def test_times_are_printed_in_utc():
    assert isoformat(datetime(2026, 11, 24, 6, 9, 38, 120_000, UTC)) == "2026-11-24T06:09:38.120Z"


def test_a_mail_says_what_it_is():
    mail = Mail.of(b"abc", Envelope("a@x.test", ("b@x.test",), source="smtp"))
    assert {"id", "source", "received_at", "size", "sha256", "envelope"} == set(mail.to_dict())
