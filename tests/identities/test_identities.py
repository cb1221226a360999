"""Which identity an address belongs to, whose keys sign, what is signed, and what a rotation changes."""

from __future__ import annotations

import logging
import stat
import time

import pytest

from inbox import auth
from inbox.config import Settings
from inbox.errors import ConfigError, Deferred, Failed
from inbox.send.identities import Identities
from inbox.send.key_files import KeyFolder, check_selector, generate, pem_of
from published_keys import published, resolver

MAIL = (
    b"From: Shop <shop@example.com>\r\nTo: jane@example.org\r\nSubject: your order\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <a.1@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\nList-Unsubscribe: <https://example.com/u>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nwords\r\n"
)


@pytest.fixture
def folder(tmp_path):
    """Makes the key folder of a domain below a data folder."""
    return lambda domain="example.com": KeyFolder(tmp_path / "identities" / domain, domain)


def identities(tmp_path, **settings):
    return Identities(Settings(dir=tmp_path, **settings))


def checked(raw, *keys, names=None):
    return auth.dkim(raw, resolver(names or published(*keys)), time.time())


# whose mail it is

OF = [
    ("shop@example.com", "example.com"),
    ("Shop@EXAMPLE.com", "example.com"),
    ("example.com", "example.com"),
    ("a@deep.news.example.com", "news.example.com"),
    ("a@other.example.com", "example.com"),
    ("a@xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("a@b\u00fccher.example", "xn--bcher-kva.example"),
    ("a@notexample.com", None),
    ("a@example.org", None),
    ("a@com", None),
    ("a@shop.co.uk", None),
    ("a@[192.0.2.1]", None),
    ("", None),
    ("a@../../etc", None),
]


@pytest.mark.parametrize(("address", "domain"), OF, ids=[row[0] or "nothing" for row in OF])
def test_an_address_belongs_to_its_domain_or_to_the_nearest_one_above(tmp_path, address, domain):
    known = identities(tmp_path, identities={name: {} for name in ("Example.com", "news.example.com", "b\u00fccher.example", "co.uk")})
    found = known.of(address)
    assert (found.domain if found else None) == domain


def test_keys_in_the_folder_make_an_identity_without_any_setting(tmp_path, folder):
    assert identities(tmp_path).of("a@example.com") is None
    folder().make("s")
    assert identities(tmp_path).of("a@example.com").signing_key.selector == "s"
    assert [one.domain for one in identities(tmp_path, identities={"example.net": {}})] == ["example.com", "example.net"]


def test_the_transport_is_its_own_before_that_of_all(tmp_path):
    known = identities(
        tmp_path,
        sending={"transport": "smtp://mx.test:25"},
        identities={"example.com": {}, "example.net": {"transport": "ses://eu-west-1"}},
    )
    assert [(one.transport, one.amazon) for one in known] == [("smtp://mx.test:25", False), ("ses://eu-west-1", True)]


# signatures


@pytest.mark.parametrize(
    ("algorithm", "made"),
    [
        ("rsa", [("s", "rsa-sha256")]),
        ("ed25519", [("s-ed", "ed25519-sha256")]),
        ("both", [("s", "rsa-sha256"), ("s-ed", "ed25519-sha256")]),
    ],
)
def test_every_key_signs_and_we_and_dkimpy_verify_it(tmp_path, folder, algorithm, made):
    oracle = pytest.importorskip("dkim")
    folder().make("s", algorithm)
    identity = identities(tmp_path).of("shop@example.com")
    raw, zone = identity.sign(MAIL), published(*identity.signing_keys)
    found = checked(raw, names=zone)
    assert [(one.selector, one.algorithm) for one in found] == made
    assert {(one.result, one.domain, one.unsigned) for one in found} == {("pass", "example.com", ())}

    def txt(name, timeout=5):
        return zone[name.decode().rstrip(".")]["TXT"][0].encode()

    assert all(oracle.DKIM(raw).verify(index, dnsfunc=txt) for index in range(len(made)))
    assert raw.endswith(MAIL)


@pytest.mark.parametrize(
    "name",
    [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Reply-To",
        "Cc",
        "MIME-Version",
        "Content-Type",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    ],
)
def test_nobody_can_add_a_field_that_a_reader_or_a_program_acts_on(tmp_path, folder, name):
    folder().make("s")
    identity = identities(tmp_path).of("example.com")
    raw = identity.sign(MAIL)
    assert checked(raw, identity.signing_key)[0].result == "pass"
    assert checked(f"{name}: x@bank.test\r\n".encode() + raw, identity.signing_key)[0].result == "fail"


@pytest.mark.parametrize(
    "settings",
    [
        {"sending": {"transport": "ses://eu-west-1"}},
        {"relay": {"host": "email-smtp.eu-west-1.amazonaws.com"}},
        {"sending": {"transport": "smtps://u@email-smtp-fips.us-west-2.amazonaws.com?password=env:P"}},
    ],
)
def test_amazon_may_write_date_and_message_id_anew(tmp_path, folder, settings):
    folder().make("s", "both")
    identity = identities(tmp_path, **settings).of("example.com")
    raw = identity.sign(MAIL)
    anew = raw.replace(b"<a.1@example.com>", b"<0102@eu-west-1.amazonses.com>").replace(b"10:00:00", b"10:00:01")
    assert [one.result for one in checked(anew, *identity.signing_keys)] == ["pass"]


def test_without_a_key_nobody_signs(tmp_path):
    identity = identities(tmp_path, identities={"example.com": {}}).of("example.com")
    assert (identity.signing_key, identity.sign(MAIL)) == (None, MAIL)


def test_a_key_that_the_settings_refer_to_signs_with_their_selector(tmp_path, folder, monkeypatch):
    folder().make("inbox")
    monkeypatch.setenv("KEY", pem_of(generate("ed25519")).decode())
    identity = identities(tmp_path, identities={"example.com": {"key": "env:KEY", "selector": "mine"}}).of("example.com")
    (found,) = checked(identity.sign(MAIL), *identity.signing_keys)
    assert (found.result, found.selector) == ("pass", "mine")


def test_a_key_that_is_gone_defers_the_mail_instead_of_leaving_it_unsigned(tmp_path, folder):
    (path,) = folder().make("s", "ed25519")
    path.unlink()
    with pytest.raises(Deferred, match="to be signed with selector s, but"):
        identities(tmp_path).of("example.com").sign(MAIL)
    other = identities(tmp_path, identities={"example.com": {"selector": "other"}}).of("example.com")
    with pytest.raises(Deferred, match="to be signed with selector other"):
        other.sign(MAIL)


def test_a_mail_without_an_author_is_not_signed(tmp_path, folder):
    folder().make("s")
    with pytest.raises(Failed, match="no From"):
        identities(tmp_path).of("example.com").sign(b"To: a@example.org\r\n\r\n")


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (b"no key", "cannot be used"),
        (b"", "cannot be used"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be used"),
        (None, "cannot be read"),
    ],
)
def test_a_key_that_cannot_be_read_defers_the_mail(tmp_path, pem, words):
    if pem is not None:
        (tmp_path / "key.pem").write_bytes(pem)
    identity = identities(tmp_path, identities={"example.com": {"key": f"file:{tmp_path}/key.pem"}}).of("example.com")
    with pytest.raises(Deferred, match=words):
        identity.sign(MAIL)


# keys on disk


def test_keys_are_their_owners_alone(tmp_path, folder):
    paths = folder().make("s", "both")
    assert [path.name for path in paths] == ["s.pem", "s-ed.pem"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert stat.S_IMODE(folder().path.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder().path.iterdir()) == ["s-ed.pem", "s.pem", "selectors"]


def test_a_key_that_others_may_read_is_warned_of_once(tmp_path, folder, caplog):
    (path,) = folder().make("s", "ed25519")
    path.chmod(0o640)
    known = identities(tmp_path)
    with caplog.at_level(logging.WARNING, "inbox.send"):
        known.of("example.com")
        known.of("example.com")
    assert [record.getMessage() for record in caplog.records] == [f"others may read the key {path}; chmod 600 {path}"]


def test_a_key_is_never_written_over(folder):
    (path,) = folder().make("s", "ed25519")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists already and is kept; --rotate"):
        folder().make("s", "both")
    assert path.read_bytes() == before


def test_a_key_that_nothing_signs_with_is_kept_too_and_the_error_says_how_to_use_it(folder):
    (path,) = folder().make("s", "ed25519")
    (folder().path / "selectors").unlink()
    with pytest.raises(ConfigError, match=r"add the line s to .*selectors, or remove it"):
        folder().make("s")
    assert path.exists()


def test_a_rotation_waits_for_the_old_key_to_be_retired(tmp_path, folder):
    known = identities(tmp_path)
    folder().make("s", "ed25519")
    assert folder().next_selector("inbox") == "s-2"
    folder().make("s-2", "ed25519")
    assert folder().next_selector("inbox") == "s-3"
    assert known.of("example.com").signing_key.selector == "s-ed"
    assert known.of("example.com").selectors == ("s", "s-2")
    assert folder().retire() == ("s", "s-2")
    assert known.of("example.com").signing_key.selector == "s-2-ed"
    assert not (folder().path / "s-ed.pem").exists()
    with pytest.raises(ConfigError, match="no further key"):
        folder().retire()


@pytest.mark.parametrize("text", ["", "-s", "s-", "a b", "s;d=x", "../s", "s/../../x", "\u00fc", "s-ed", "x" * 64, "s\r\n"])
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(ConfigError, match="selector"):
        check_selector(text)
