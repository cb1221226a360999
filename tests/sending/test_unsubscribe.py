"""One-click unsubscribing (RFC 8058): addresses that nobody can forge, and the endpoint that answers them."""

from __future__ import annotations

import asyncio
import http.client
import re
import threading
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.errors import ConfigError
from inbox.send.secret import return_path_secrets
from inbox.send.unsubscribe import Subscriber, address_of, read_token
from inbox.sources.health import open_health
from inbox.sources.unsubscribe import Unsubscribing

SECRET = b"0123456789abcdef"
WHO = Subscriber("news.example.com", "a" * 20, "alice@far.test")
ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_token_says_who_it_was_made_for():
    url = address_of("https://mail.example.com/", SECRET, WHO)
    assert url.startswith("https://mail.example.com/unsubscribe/")
    assert read_token(url.rpartition("/")[2], [b"a newer secret", SECRET]) == WHO


def test_a_token_of_another_secret_is_nobodys():
    assert read_token(address_of("https://x", b"another secret", WHO).rpartition("/")[2], [SECRET]) is None


@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255))
def test_no_other_octets_are_a_token(octets, at, value):
    import base64

    token = address_of("https://x", SECRET, WHO).rpartition("/")[2]
    assert read_token(base64.urlsafe_b64encode(octets).decode().rstrip("="), [SECRET]) is None
    whole = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    changed = bytes(whole[: at % len(whole)]) + bytes([value]) + bytes(whole[at % len(whole) + 1 :])
    found = read_token(base64.urlsafe_b64encode(changed).decode().rstrip("="), [SECRET])
    assert found == (WHO if changed == whole else None)


@pytest.fixture
def news(office):
    """An office that sends news with our own endpoint."""
    office.change(sending={"unsubscribe_url": "https://mail.example.com"})
    return office


@pytest.fixture
def ask(news):
    """A real server with the endpoint: `ask(method, path, body)` gives status and text."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    endpoint = Unsubscribing(news.store, lambda new: tuple(news.box.ledger.note(new)), lambda: return_path_secrets(None, news.settings.dir))
    opening = open_health("127.0.0.1:0", lambda: "", lambda: (True, ""), endpoint)
    server = asyncio.run_coroutine_threadsafe(opening, loop).result(5)
    port = server.sockets[0].getsockname()[1]

    def ask(method, path, body=None, headers=FORM):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    yield ask
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def link_of(raw: bytes) -> str:
    """The path of the address in List-Unsubscribe."""
    return urlsplit(re.search(rb"(?m)^List-Unsubscribe:\s+<([^>]+)>", raw)[1].decode()).path


def test_the_link_of_a_mail_unsubscribes_its_recipient_from_its_identity(news, far_end, ask):
    first = news.send(unsubscribe=True)
    news.work(lambda: news.receipt(first).state == "settled")
    assert ask("POST", link_of(far_end.taken[0][2]), ONE_CLICK)[0] == 200
    assert "unsubscribed" in news.store.why_suppressed("alice@far.test", "example.com")
    assert news.store.why_suppressed("alice@far.test", "other.example") is None
    assert ("subscription", "alice@far.test") in news.events(first)
    second = news.send()
    news.work(lambda: news.tried(second))
    assert news.states(second) == {"alice@far.test": "suppressed"}


def test_who_wants_to_be_told_of_it_is_told_once(news, ask):
    news.change(notifications={"ops": {"to": "ops@corp.test", "events": ["subscription"]}})
    path = link_of(news.store.mail(news.send(unsubscribe=True)).raw)
    before = set(news.store.ids())
    for _ in range(2):
        assert ask("POST", path, ONE_CLICK)[0] == 200
    (told,) = set(news.store.ids()) - before
    assert [step.handler for step in news.receipt(told).plan.steps] == ["notify"]
    assert b"alice@far.test" in news.store.mail(told).raw


def test_to_look_at_the_link_changes_nothing(news, ask):
    path = link_of(news.store.mail(news.send(unsubscribe=True)).raw)
    status, page = ask("GET", path)
    assert status == 200
    assert "alice@far.test will get no more mail from example.com" in page
    assert '<form method="post">' in page
    assert news.store.why_suppressed("alice@far.test", "example.com") is None


def test_a_multipart_body_is_taken_too(news, ask):
    """RFC 8058 section 3.2 lets mail programs choose the form."""
    path = link_of(news.store.mail(news.send(unsubscribe=True)).raw)
    body = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    assert ask("POST", path, body, {"Content-Type": "multipart/form-data; boundary=b"})[0] == 200
    assert news.store.why_suppressed("alice@far.test", "example.com")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/unsubscribe/AAAA", ONE_CLICK, 404),
        ("POST", "/unsubscribe/", ONE_CLICK, 404),
        ("POST", "/unsubscribe/%00%ff", ONE_CLICK, 404),
        ("GET", "/unsubscribe/" + "A" * 900, None, 404),
        ("DELETE", "/unsubscribe/AAAA", None, 405),
        ("POST", "/unsubscribe/AAAA", b"x" * 10_000, 413),
        ("POST", "/metrics", b"x", 405),
    ],
)
def test_what_is_no_link_of_ours_is_refused(news, ask, method, path, body, status):
    assert ask(method, path, body)[0] == status


def test_a_post_without_the_word_of_rfc_8058_changes_nothing(news, ask):
    path = link_of(news.store.mail(news.send(unsubscribe=True)).raw)
    assert ask("POST", path, b"x=y")[0] == 400
    assert news.store.why_suppressed("alice@far.test", "example.com") is None


def test_an_address_in_the_page_is_text(news, ask):
    token = address_of("", return_path_secrets(None, news.settings.dir)[0], Subscriber("<b>x", "m", "<script>@far.test"))
    assert "<script>" not in ask("GET", token)[1]


def test_several_recipients_cannot_share_a_link(news):
    with pytest.raises(ConfigError, match="each recipient unsubscribes at an address of its own"):
        news.send(to=["alice@far.test", "bob@far.test"], unsubscribe=True)
