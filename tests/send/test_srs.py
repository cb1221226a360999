"""SRS: there and back, for any sender; nothing is turned back that was not made here; the secret is made once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.errors import Deferred
from inbox.send.secret import return_path_secrets
from inbox.send.srs import DAYS, Expired, NotOurs, Srs, is_srs

NOW, DAY = 1_795_500_000.0, 86_400
OURS, FIRST, SECOND = Srs((b"our own secret",)), Srs((b"secret of the first",)), Srs((b"secret of the second",))

ATOMS = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,6}){0,2}", fullmatch=True)
QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
DOMAINS = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,4})?(\.[a-z]{2,6}){1,3}", fullmatch=True)
SENDERS = st.builds("{}@{}".format, ATOMS | QUOTED, DOMAINS)


def plain(address):
    """The address with quotes only where they are needed, as both sides of a round trip have it."""
    local, _, domain = address.rpartition("@")
    if local[0] == '"':
        import re

        content = re.sub(r"\\(.)", r"\1", local[1:-1])
        if re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", content):
            local = content
    return f"{local}@{domain}"


@settings(max_examples=400, deadline=None)
@given(SENDERS, st.integers(0, DAYS), st.sampled_from([str, str.lower, str.upper]))
def test_any_sender_comes_back_within_21_days_whatever_servers_do_to_its_letters(sender, days, case):
    there = OURS.forward(sender, "ours.example", NOW)
    assert is_srs(there) and there.endswith("@ours.example")
    back = OURS.reverse(case(there), NOW + days * DAY)
    if sender.upper().startswith(("SRS0", '"SRS0', "SRS1", '"SRS1')):
        return  # those have a test of their own
    assert back.lower() == plain(sender).lower()
    assert case is not str or back == plain(sender)


@settings(max_examples=200, deadline=None)
@given(SENDERS)
def test_over_three_forwarders_a_bounce_goes_home_over_the_first_one_alone(sender):
    one = FIRST.forward(sender, "first.example", NOW)
    two = SECOND.forward(one, "second.example", NOW)
    three = OURS.forward(two, "ours.example", NOW)
    assert three.strip('"').upper().startswith("SRS1=")
    home = OURS.reverse(three, NOW)
    if not sender.strip('"').upper().startswith("SRS"):
        assert home == one
        assert FIRST.reverse(home, NOW) == plain(sender)


def test_the_form_is_that_of_libsrs2_and_postsrsd():
    address = OURS.forward("jane@example.org", "ours.example", NOW)
    head, stamp, domain, local = address.partition("@")[0].split("=", 2)[0], *address.partition("@")[0].split("=", 2)[2].split("=")
    assert (head, domain, local) == ("SRS0", "example.org", "jane")
    day = int(NOW // DAY) % 1024
    assert stamp == "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[day // 32] + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[day % 32]
    assert OURS.forward(FIRST.forward("jane@example.org", "first.example", NOW), "ours.example", NOW).count("=first.example==") == 1


@pytest.mark.parametrize("later", [DAYS + 1, 30, 365, 1024 - 1])
def test_an_address_runs_out(later):
    with pytest.raises(Expired, match="21 days"):
        OURS.reverse(OURS.forward("jane@example.org", "ours.example", NOW), NOW + later * DAY)


def test_the_day_runs_over_without_a_gap():
    edge = 1023 * DAY + 1
    assert OURS.reverse(OURS.forward("jane@example.org", "ours.example", edge), edge + 5 * DAY) == "jane@example.org"


def test_a_secret_can_be_changed():
    old = OURS.forward("jane@example.org", "ours.example", NOW)
    assert Srs((b"a newer secret", b"our own secret")).reverse(old, NOW) == "jane@example.org"
    with pytest.raises(NotOurs):
        Srs((b"a newer secret",)).reverse(old, NOW)


HOSTILE = [
    "jane@ours.example",
    "SRS0@ours.example",
    "SRS0=@ours.example",
    "SRS0=====@ours.example",
    "SRS0=AAAAAAAA=AA=victim.test=root@ours.example",
    "SRS0==AA=victim.test=root@ours.example",
    "SRS0=A=AA=victim.test=root@ours.example",
    "SRS1=AAAAAAAA=victim.test==x@ours.example",
    "SRS1==victim.test==x@ours.example",
    'SRS0=AAAAAAAA=AA=victim.test="root@ours.example',
    '"SRS0=AAAAAAAA=AA=victim.test=a b"@ours.example',
    "SRS0=ÄÄÄÄÄÄÄÄ=AA=victim.test=root@ours.example",
    "SRS0=AAAAAAAA=ÄÄ=victim.test=root@ours.example",
    "SRS0=AAAAAAAA=\u212a\u212a=victim.test=root@ours.example",  # the Kelvin sign is a K to those who fold case
]


@pytest.mark.parametrize("address", HOSTILE)
def test_what_was_not_made_here_is_not_turned_back(address):
    with pytest.raises(NotOurs):
        OURS.reverse(address, NOW)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_letter_of_an_address_can_be_changed(data):
    address = OURS.forward("jane@example.org", "ours.example", NOW)
    local, _, domain = address.partition("@")
    at = data.draw(st.integers(5, len(local) - 1))
    letter = data.draw(st.sampled_from("ABCXYZ234567abcxyz=.-_+"))
    changed = local[:at] + letter + local[at + 1 :]
    if changed.lower() == local.lower():
        return
    with pytest.raises(NotOurs):
        OURS.reverse(f"{changed}@{domain}", NOW)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_answered_and_never_an_accident(text):
    with pytest.raises(NotOurs):
        OURS.reverse(text, NOW)
    with pytest.raises(NotOurs):
        OURS.reverse(f"SRS0={text}@x", NOW)


def test_a_secret_is_made_once_by_however_many(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: return_path_secrets(None, tmp_path / "data"), range(32)))
    assert len(found) == 1
    path = tmp_path / "data" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_no_secret_is_made_by_who_only_looks(tmp_path):
    assert return_path_secrets(None, tmp_path, make=False) == ()
    assert return_path_secrets(None, None, make=False) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_named_secret_wins_and_may_have_predecessors(tmp_path, monkeypatch):
    monkeypatch.setenv("RETURN_SECRET", "newer secret\nolder secret\n")
    assert return_path_secrets("env:RETURN_SECRET", tmp_path) == (b"newer secret", b"older secret")


@pytest.mark.parametrize(
    ("reference", "folder", "words"),
    [
        ("env:IS_NOT_SET", "x", "is not set here"),
        (None, None, r"no folder that lasts: set secret = \"env:NAME\" in \[sending\]"),
        (None, "/proc/nowhere", "cannot be made"),
        (None, "short", "at least 8 characters"),
    ],
)
def test_what_is_wrong_with_a_secret_is_told_and_waits(tmp_path, reference, folder, words):
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "secret").write_text("abc\n")
    with pytest.raises(Deferred, match=words):
        return_path_secrets(reference, tmp_path / folder if folder else None)


def test_a_weak_secret_makes_no_addresses():
    with pytest.raises(ValueError, match="8 characters"):
        Srs((b"short",))


def test_where_the_domain_ends_is_part_of_what_is_signed():
    address = OURS.forward("jane@example.com", "ours.example", NOW)
    shifted = address.replace("example.com=jane", "example.co=mjane")
    assert shifted != address
    with pytest.raises(NotOurs):
        OURS.reverse(shifted, NOW)
