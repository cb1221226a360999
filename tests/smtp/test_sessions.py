"""The sessions of tests/smtp/sessions, without a socket: whole, octet by octet, and cut in two at every place, always with the same end.

The format of the files stands in fuzz/sessions.py.
"""

from __future__ import annotations

import asyncio

import pytest

from fuzz.door import door
from fuzz.memory import cut, octets, whole
from fuzz.sessions import objection, places, play, read_scripts

SCRIPTS = read_scripts()


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("INBOX_FUZZ_PASSWORD", "secret")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """(settings, context of the client)."""
    import ssl

    import trustme

    authority, folder = trustme.CA(), tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("mx.local.test")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return {"certificate": folder / "cert.pem", "key": folder / "key.pem"}, context


def cut_at(place):
    """The client's stream cut at one place, whatever part of it is sent now."""
    return lambda begins: cut(place - begins)


async def play_in_every_way(script, tls):
    settings, context = script.settings, None
    if script.secured:
        settings["tls"], context = {**tls[0], **settings.get("tls", {})}, tls[1]
    server = door(settings)
    try:
        first = await play(script, server, lambda begins: whole, context)
        assert objection(script, first) == ""
        assert await play(script, server, lambda begins: octets, context) == first, "octet by octet it ends otherwise"
        for place in places(script.sent):
            assert await play(script, server, cut_at(place), context) == first, f"cut at {place} it ends otherwise"
    finally:
        server.stop()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_session_ends_the_same_however_its_octets_are_cut(script, tls):
    asyncio.run(play_in_every_way(script, tls))


def test_there_are_sessions_of_every_kind():
    assert len(SCRIPTS) >= 60
    assert {script.kind for script in SCRIPTS} == {"smtp", "lmtp", "smtps"}
