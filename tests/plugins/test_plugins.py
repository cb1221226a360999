"""Finding, checking and calling plugins; each broken one is one clear error (bad/*.py, with the words we answer in bad/*.txt)."""

from __future__ import annotations

import shutil
import types
from pathlib import Path

import pytest
from pydantic import ValidationError

from inbox import Done, hookimpl
from inbox.errors import PluginError
from inbox.inspect import Materials
from inbox.plugins import Plugins
from inbox.testing import MemoryNotes, make_mail

BAD = sorted((Path(__file__).parent / "bad").glob("*.py"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_broken_plugin_is_one_clear_error(path, tmp_path):
    shutil.copy(path, tmp_path)
    with pytest.raises(PluginError) as caught:
        for entry in Plugins(tmp_path, entry_points=False).handlers:
            assert entry.options
    assert path.with_suffix(".txt").read_text().strip() in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_bad_file_has_its_words():
    assert len(BAD) >= 14 and all(path.with_suffix(".txt").read_text().strip() for path in BAD)


def plugin(**functions):
    """A plugin object with handlers of these names."""

    @hookimpl
    def register_handlers(register):
        for name, function in functions.items():
            register(name, function)

    return types.SimpleNamespace(register_handlers=register_handlers, __name__="mine")


def handler_of(function):
    return Plugins(modules=[plugin(post=function)], entry_points=False).handlers.entries["post"]


def test_keyword_only_arguments_are_the_options():
    def post(mail, step, *, channel: str, tries: int = 3, tags: list[str] | None = None):
        """Post."""

    entry = handler_of(post)
    assert entry.wants == ("mail", "step")
    assert entry.options.model_validate({"channel": "#a"}).model_dump() == {"channel": "#a", "tries": 3, "tags": None}
    for wrong in ({}, {"channel": 1}, {"channel": "a", "tries": "3"}, {"channel": "a", "typo": 1}, {"channel": "a", "tags": "x"}):
        with pytest.raises(ValidationError):
            entry.options.model_validate(wrong)


def test_free_options_have_the_type_of_their_annotation():
    def post(mail, **topics: list[str]):
        """Post."""

    options = handler_of(post).options
    assert options.model_validate({"a": ["x"]}).model_dump() == {"a": ["x"]}
    with pytest.raises(ValidationError):
        options.model_validate({"a": 1})


def test_annotations_of_what_it_wants_may_be_there_for_type_checkers_only():
    def post(mail: NotImportedAtRunTime, *, channel: str = "x"):  # noqa: F821
        """Post."""

    assert handler_of(post).options.model_validate({}).model_dump() == {"channel": "x"}


def test_a_handler_is_called_with_what_it_wants_and_its_options():
    def post(envelope, mail, *, channel: str):
        """Post."""
        return Done(f"{envelope.sender} {mail.size} {channel}")

    mail = make_mail(b"x")
    assert handler_of(post).call(Materials(mail, lambda: None, MemoryNotes()), {"channel": "#a"}).detail == "alice@example.org 1 #a"


def test_a_name_finds_its_family():
    facts = Plugins(entry_points=False).facts
    assert facts.find("header.X-Spam")[1] == "X-Spam" and facts.find("header.X-Spam")[0].name == "header.*"
    assert facts.find("subject")[1] is None
    assert facts.find("header.") is None and facts.find("nothing") is None and facts.find("subject.x") is None


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(PluginError, match="is not there"):
        Plugins(tmp_path / "missing", entry_points=False)


def test_files_and_packages_are_found_and_what_begins_with_an_underscore_is_not(tmp_path):
    source = "from inbox import hookimpl\n\n@hookimpl\ndef register_facts(register):\n    register(__name__, fact)\n\ndef fact(mail):\n    '''Of a mail.'''\n"
    (tmp_path / "one-file.py").write_text(source)
    (tmp_path / "_skipped.py").write_text("1 / 0")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("from . import inner\n" + source)
    (tmp_path / "package/inner.py").write_text("")
    (tmp_path / "notes.txt").write_text("not python")
    plugins = Plugins(tmp_path, entry_points=False)
    assert {entry.name for entry in plugins.facts} >= {"inbox_plugin_one_file", "inbox_plugin_package"}
    listed = {plugin["name"]: plugin for plugin in plugins.listing()}
    assert listed["package"]["facts"][0]["help"] == "Of a mail."
    assert "forward" in [handler["name"] for handler in listed["inbox.handlers"]["handlers"]]


def test_two_installations_in_one_process_share_nothing(tmp_path):
    (tmp_path / "mine.py").write_text((Path(__file__).parents[2] / "plugins/office_hours.py").read_text())
    assert Plugins(tmp_path, entry_points=False).facts.find("office_hours")
    assert Plugins(entry_points=False).facts.find("office_hours") is None


def test_an_observer_that_raises_changes_nothing_and_the_next_one_is_told(caplog):
    seen = []

    class Broken:
        @hookimpl
        def mail_settled(self, mail):
            raise RuntimeError("observer is broken")

    class Fine:
        @hookimpl
        def mail_settled(self, receipt):
            seen.append(receipt)

    Plugins(modules=[Broken(), Fine()], entry_points=False).settled(make_mail(), "the receipt")
    assert seen == ["the receipt"] and "observer failed" in caplog.text


def test_every_built_in_says_what_it_is_and_documents_its_options():
    plugins = Plugins(entry_points=False)
    for entry in [*plugins.facts, *plugins.handlers]:
        for option in entry.options.model_fields:
            assert f"{option.removesuffix('_')}:" in entry.help or option in entry.help, f"{entry.name}: option {option} is not explained"


def test_which_handlers_send_and_which_act():
    handlers = Plugins(entry_points=False).handlers
    assert [entry.name for entry in handlers if entry.sends] == ["deliver", "forward", "forward-bounce", "reply", "ses-bounce"]
    aws = ["dynamodb-put", "eventbridge", "lambda", "s3", "ses-bounce", "sns", "sqs"]
    acting = ["deliver", "file", "forward", "forward-bounce", "maildir", "notify", "reply", "webhook", *aws]
    assert [entry.name for entry in handlers if entry.acts] == sorted(acting)
