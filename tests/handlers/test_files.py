"""Files: written whole or not at all, once, private, and never where a mail says (D01 to D17, F13)."""

from __future__ import annotations

import json
import mailbox
import stat

import pytest

from inbox.errors import RulesError
from inbox.testing import make_mail

RAW = b"Subject: x\r\nX-Odd: \xff\0\r\n\r\nbody\r\n"


def test_maildir_takes_the_mail_as_it_came(one_step, tmp_path):
    assert one_step({"maildir": {"path": f"{tmp_path}/Mail"}}, make_mail(RAW)).state == "done"
    (delivered,) = (tmp_path / "Mail/new").iterdir()
    above, mail = delivered.read_bytes().split(RAW[:4], 1)
    assert RAW[:4] + mail == RAW
    assert above.startswith(b"Return-Path: <")


def test_maildir_without_trace_takes_nothing_but_the_mail(one_step, tmp_path):
    assert one_step({"maildir": {"path": f"{tmp_path}/Mail", "trace": False}}, make_mail(RAW)).state == "done"
    (delivered,) = (tmp_path / "Mail/new").iterdir()
    assert delivered.read_bytes() == RAW
    assert stat.S_IMODE(delivered.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "Mail/new").stat().st_mode) == 0o700
    assert list((tmp_path / "Mail/tmp").iterdir()) == []
    assert next(iter(mailbox.Maildir(tmp_path / "Mail")))["subject"] == "x"


def test_maildir_delivers_once_also_when_the_mail_was_read_meanwhile(one_step, inbox_for, rule, tmp_path):
    box, mail = inbox_for(rule({"maildir": {"path": str(tmp_path)}})), make_mail(RAW)
    one_step(None, mail, box=box)
    assert "was there already" in one_step(None, mail, box=box).detail
    (delivered,) = (tmp_path / "new").iterdir()
    delivered.rename(tmp_path / "cur" / f"{delivered.name}:2,S")
    assert "was there already" in one_step(None, mail, box=box).detail
    assert list((tmp_path / "new").iterdir()) == []


def test_a_file_is_named_by_the_id_and_holds_the_octets(one_step, tmp_path):
    mail = make_mail(RAW)
    one_step({"file": {"path": f"{tmp_path}/a/b"}}, mail)
    (written,) = (tmp_path / "a/b").iterdir()
    assert written.name == f"{mail.id}-1.eml" and written.read_bytes() == RAW
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_json_file_holds_message_and_envelope(one_step, tmp_path):
    one_step({"file": {"path": str(tmp_path), "format": "json"}}, make_mail(subject="Grüße"))
    (written,) = tmp_path.glob("*.json")
    found = json.loads(written.read_text())
    assert found["message"]["subject"] == "Grüße"
    assert found["mail"]["envelope"]["recipients"] == ["bob@example.com"]


def test_a_link_in_the_way_is_not_followed(one_step, tmp_path):
    mail, victim = make_mail(RAW), tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / f".{mail.id}-1.eml.part").symlink_to(victim)
    (folder / f"{mail.id}-1.eml").symlink_to(victim)
    assert one_step({"file": {"path": str(folder)}}, mail).state == "done"
    assert victim.read_text() == "precious"
    assert not (folder / f"{mail.id}-1.eml").is_symlink()


@pytest.mark.parametrize("handler", ["file", "maildir"])
def test_a_folder_that_cannot_be_written_makes_the_step_wait(one_step, tmp_path, handler):
    (tmp_path / "blocked").write_text("a file, no folder")
    outcome = one_step({handler: {"path": f"{tmp_path}/blocked/x"}})
    assert outcome.state == "deferred" and "cannot write into" in outcome.detail


@pytest.mark.parametrize("handler", ["file", "maildir"])
def test_a_mail_never_chooses_the_path(inbox_for, rule, handler):
    with pytest.raises(RulesError, match="path is fixed"):
        inbox_for(rule({handler: {"path": "/var/mail/{subject}"}}))


@pytest.mark.parametrize("case", ["att_traversal", "att_absolute", "att_dotdot", "s3key_msgid", "att_newline"])
def test_odd_names_in_a_mail_write_nothing_elsewhere(one_step, tmp_path, shared, case):
    one_step({"file": {"path": f"{tmp_path}/in/out", "format": "json"}}, make_mail((shared / f"cases/eml/{case}.eml").read_bytes()))
    assert [path.parent.name for path in tmp_path.rglob("*") if path.is_file() and path.name != "rules.yaml"] == ["out"]
