"""Mails from files."""

from __future__ import annotations

import io
import sys

import pytest

from inbox.errors import InboxError
from inbox.sources.files import read

RAW = b"Subject: x\n\nline feeds only\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("b.eml", "a.eml", "deep/c.eml", ".hidden", "empty.eml"):
        path = tmp_path / "mails" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty.eml" else RAW)
    return tmp_path / "mails"


def test_a_file_is_read_as_it_is(folder):
    assert list(read([str(folder / "a.eml")])) == [(str(folder / "a.eml"), RAW)]


def test_a_folder_stands_for_its_mails_sorted_by_name(folder):
    assert [name.removeprefix(f"{folder}/") for name, _ in read([str(folder)])] == ["a.eml", "b.eml", "deep/c.eml", "empty.eml"]


def test_of_a_maildir_whole_mails_are_read(tmp_path):
    for name in ("tmp/1", "new/2", "cur/3:2,S", "dovecot.index"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(RAW)
    (tmp_path / "dovecot.index").unlink()
    assert [name.rpartition("/")[2] for name, _ in read([str(tmp_path)])] == ["3:2,S", "2"]


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(RAW)))
    assert list(read(["-"])) == [("-", RAW)]


@pytest.mark.parametrize(("name", "words"), [("absent.eml", "there is no file"), ("void", "there is no mail in"), ("box", "mbox")])
def test_what_is_no_mail_is_an_error_that_says_what_would_be(tmp_path, name, words):
    (tmp_path / "void").mkdir()
    (tmp_path / "box").write_bytes(b"From ann Mon Jan  1\nSubject: x\n\n")
    with pytest.raises(InboxError, match=words):
        list(read([str(tmp_path / name)]))


def test_beside_eml_files_other_files_are_no_mails(folder):
    (folder / "a.json").write_bytes(b"{}")
    assert [name.removeprefix(f"{folder}/") for name, _ in read([str(folder)])] == ["a.eml", "b.eml", "deep/c.eml", "empty.eml"]
