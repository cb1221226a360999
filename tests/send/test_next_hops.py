"""URLs of transports: what they name, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from inbox.config import Settings, load, validate
from inbox.errors import ConfigError
from inbox.next_hops import Direct, Folder, Server, SesAccount, read_next_hop
from inbox.send.transports import open_transport

GOOD = {
    "smtp://localhost:2525": Server("localhost", 2525),
    "smtp://127.0.0.1": Server("127.0.0.1", 25),
    "smtp://relay.example.com": Server("relay.example.com", 25, tls="starttls"),
    "smtp://relay.example.com:587?tls=none&timeout=5s": Server("relay.example.com", 587, timeout=5),
    "smtp://me%40example.com@relay.example.com:587?password=env:SECRET": Server(
        "relay.example.com", 587, tls="starttls", user="me@example.com", password="env:SECRET"
    ),
    "smtps://me@relay.example.com?password=file:/run/secrets/relay": Server(
        "relay.example.com", 465, tls="implicit", user="me", password="file:/run/secrets/relay"
    ),
    "lmtp://[::1]:2424": Server("::1", 2424, "lmtp"),
    "file:///tmp/a%20b": Folder(Path("/tmp/a b")),
    "file:outgoing": Folder(Path("outgoing")),
    "ses://eu-west-1": SesAccount("eu-west-1"),
    "ses://us-gov-west-1?configuration_set=events": SesAccount("us-gov-west-1", "events"),
    "direct://": Direct(),
}
BAD = {
    "smtp://me:s3cret@relay.example.com": "holds no password; write smtp://USER@HOST?password=env:NAME",
    "smtp://me@relay.example.com?password=s3cret": "write password=env:NAME or password=file:PATH instead of the password itself",
    "smtp://me@relay.example.com": "a login is a user and a password",
    "smtp://relay.example.com?password=env:X": "a login is a user and a password",
    "smtp://me@relay.example.com?password=env:X&tls=none": "in clear text; write tls=starttls or tls=implicit",
    "smtp://relay.example.com:99999": "a number from 1 to 65535",
    "smtp://relay.example.com:0": "write one from 1 to 65535",
    "smtp://": "names one server; write smtp://HOST:PORT",
    "smtp://a b": "names one server",
    "smtp://relay/path": "names one server",
    "smtp://relay?tls=maybe": "write tls=none, tls=starttls or tls=implicit",
    "smtp://relay?timeout=soon": "no duration",
    "smtp://relay?timeout=0": "out of range",
    "smtp://relay?tsl=none": "no parameter 'tsl'; it has tls, timeout, password",
    "smtp://relay?tls=none&tls=none": "twice",
    "smtps://relay?tls=none": "no parameter 'tls'",
    "smtp://relay#x": "takes no #",
    "file://folder": "write file:///absolute/folder",
    "file:": "names a folder",
    "ses://": "no region of AWS; write ses://eu-west-1",
    "ses://Europe": "no region of AWS",
    "ses://eu-west-1?configuration_set=a%20b": "no configuration set",
    "direct://mx.example.com": "names no server",
    "sendmail:": "there is no transport sendmail:; write smtp://HOST:PORT",
    "relay.example.com:25": "there is no transport",
    "": "there is no transport",
}


@pytest.mark.parametrize("url", GOOD)
def test_a_url_names_a_way_out(url):
    assert read_next_hop(url) == GOOD[url]
    assert open_transport(url, Settings()) is not None


@pytest.mark.parametrize("url", BAD)
def test_what_is_wrong_with_a_url_is_said_and_no_password_is_repeated(url):
    with pytest.raises(ConfigError) as caught:
        open_transport(url, Settings())
    assert BAD[url] in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize("table", ["sending", "identities.example"])
def test_a_wrong_url_is_told_when_settings_are_loaded_with_its_line(table, tmp_path):
    file = tmp_path / "inbox.toml"
    file.write_text(f'[{table}]\ntransport = "smtp://me:s3cret@relay.example.com"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"inbox\.toml:2: .*holds no password") as caught:
        load(file)
    assert "s3cret" not in str(caught.value)


def test_no_url_is_the_server_of_the_relay_table():
    settings = validate({"relay": {"host": "relay.example.com", "port": 587, "tls": "starttls"}, "hostname": "me.example.com"})
    transport = open_transport(None, settings)
    assert transport.server == Server("relay.example.com", 587, tls="starttls") and transport.hostname == "me.example.com"
