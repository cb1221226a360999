"""The planner of forwarding: every combination of who signed what, policy, method and way out; what it foretells is what a next hop finds in the octets."""

from __future__ import annotations

import email
import email.policy
import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox import auth
from inbox.auth.signing import SigningKey, dkim_signature, seal
from inbox.config import validate
from inbox.errors import Deferred, Failed
from inbox.parsing import parse
from inbox.send.forms import ONCE_AT_AMAZON
from inbox.send.forwarding import Arrival, Ourselves, Wish, plan
from inbox.send.identities import Identities
from inbox.send.key_files import KeyFolder
from inbox.send.srs import Srs
from published_keys import published, resolver

AT = datetime(2026, 11, 24, 6, 9, 38, tzinfo=UTC)
NOW = AT.timestamp() + 5
SRS = Srs((b"a secret of the tests",))
OWN = "support@shop.example"
BODY = b"Hello,\r\n\r\nwhere is my  order?\r\n\r\n"
RESULTS = "spf=pass smtp.mailfrom=jane@example.org; dkim=pass header.d=example.org; dmarc=pass header.from=example.org"


@cache
def key_of(domain, selector="s"):
    return SigningKey(domain, selector, rsa.generate_private_key(65_537, 2048))


@cache
def identity_key():
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """An identity with a key of RSA, as `inbox identity add` makes it."""
    folder = tmp_path_factory.mktemp("data")
    KeyFolder(folder / "identities" / "shop.example", "shop.example").make("inbox")
    return Identities(validate({"dir": folder})).of("shop.example")


@pytest.fixture(scope="module")
def keyless(tmp_path_factory):
    return Identities(validate({"dir": tmp_path_factory.mktemp("none"), "identities": {"shop.example": {}}})).of("shop.example")


def zone(*keys, policy=None, ours="v=spf1 ip4:192.0.2.1 -all", more=None):
    """DNS: keys of the authors, the policy of example.org, and the SPF record of ours."""
    names = published(*keys)
    names["shop.example"] = names["mx.shop.example"] = {"TXT": [ours] if ours else []}
    names["_dmarc.shop.example"] = {"TXT": ["v=DMARC1; p=reject"]}
    names["example.org"] = {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]}
    if policy:
        names["_dmarc.example.org"] = {"TXT": [f"v=DMARC1; {policy}"]}
    return resolver({**names, **(more or {})})


def mail(signed_by=None, *, broken=False, head=b"", body=BODY, author=b"Jane <jane@example.org>"):
    raw = head + b"From: " + author + b"\r\nTo: support@shop.example\r\nSubject: Where is it?\r\nMessage-ID: <1@example.org>\r\n"
    raw += b"Date: Tue, 24 Nov 2026 06:09:38 +0000\r\n\r\n" + body
    for domain in signed_by or ():
        raw = dkim_signature(raw, key_of(domain), AT.timestamp()) + raw
    return raw.replace(b"where is", b"here is") if broken else raw


def arrival(raw, sender="jane@example.org", results=RESULTS, to=("team@corp.example",), top=b"Received: by mx.shop.example; now\r\n"):
    return Arrival(raw, parse(raw), sender, to, AT, top, results, "<id.1@shop.example>")


def ours(identity=None, *, amazon=False):
    if identity and amazon:
        identity = replace(identity, transport="ses://eu-west-1")
    return Ourselves(OWN, lambda sender: SRS.forward(sender, "shop.example", NOW), identity, "mx.shop.example", "mx.shop.example", amazon)


# every combination

SIGNED = {
    "by the author": (("example.org",), False),
    "by the author, broken": (("example.org",), True),
    "by another": (("list.example",), False),
    "by both": (("example.org", "list.example"), False),
    "by nobody": ((), False),
}
POLICIES = [None, "p=none", "p=quarantine", "p=reject", "p=reject; t=y"]
KEYS = ["published", "unpublished", "none"]
METHODS = ["auto", "pass", "srs", "munge", "wrap"]
SENDERS = ["jane@example.org", "colleague@shop.example", None]
TABLE = [
    (signed, policy, key, method, sender, amazon)
    for number, (signed, policy, key, method, sender, amazon) in enumerate(
        itertools.product(SIGNED, POLICIES, KEYS, METHODS, SENDERS, [False, True])
    )
    if method == "auto" or number % 5 == 0
]


def believed_as_it_is(signed, policy, sender):
    """What anybody who knows DMARC says of a mail that is passed on with its octets as they are."""
    return policy in (None, "p=none", "p=reject; t=y") or signed in ("by the author", "by both")


def expected(signed, policy, method, sender, amazon):
    as_it_is = "srs" if sender == "jane@example.org" and method != "pass" else "pass"
    if method in ("munge", "wrap"):
        return method
    if amazon:
        return "munge" if method == "auto" else "refused"
    if method != "auto":
        return as_it_is
    return as_it_is if believed_as_it_is(signed, policy, sender) else "munge"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("signed", SIGNED)
def test_every_combination(signed, key, identity, keyless):
    signers, broken = SIGNED[signed]
    raw = mail(signers, broken=broken)
    us = {"published": identity, "unpublished": identity, "none": keyless}[key]
    keys = [key_of(domain) for domain in signers] + ([identity.signing_key] if key == "published" else [])
    for row in TABLE:
        if row[0] != signed or row[2] != key:
            continue
        _, policy, _, method, sender, amazon = row
        dns = zone(*keys, policy=policy)
        want = expected(signed, policy, method, sender, amazon)
        if want == "refused":
            with pytest.raises(Failed, match="verified domains"):
                plan(arrival(raw, sender), ours(us, amazon=amazon), Wish(method), dns, NOW)
            continue
        found = plan(arrival(raw, sender), ours(us, amazon=amazon), Wish(method), dns, NOW)
        assert found.form == want, (row, str(found))
        check_prediction(found, dns, amazon)
        check_octets(found, raw, sender, key, amazon)


def check_prediction(found, dns, amazon):
    """What was foretold is what a next hop finds that is written otherwise than the planner: by the standard library's parser and plain `auth`."""
    octets = found.raw
    if amazon:  # SES writes these two anew
        head, blank, body = octets.partition(b"\r\n\r\n")
        head = re.sub(rb"(?m)^Message-ID: <.*>", b"Message-ID: <ses@email.amazonses.com>", head)
        octets = re.sub(rb"(?m)^Date: .* \+0000", b"Date: Wed, 25 Nov 2026 00:00:00 +0000", head) + blank + body
    message = email.message_from_bytes(octets, policy=email.policy.default)
    author = message["From"].addresses[0].domain
    sender_domain = found.sender.rpartition("@")[2] if found.sender else "mx.shop.example"
    spf = auth.spf("192.0.2.1", found.sender, "mx.shop.example", dns)
    dkim = auth.dkim(octets, dns, NOW)
    dmarc = auth.dmarc(author, spf, dkim, dns)
    said = found.prediction
    assert (said.spf.result, said.spf.domain) == (spf.result, sender_domain)
    assert [(one.result, one.domain) for one in said.dkim] == [(one.result, one.domain) for one in dkim]
    assert (said.author, said.dmarc) == (author, dmarc)
    assert said.arc.result == auth.arc(octets, dns).result == ("pass" if found.sealed else "none")
    assert f"dmarc {dmarc.result}" in str(found)


def check_octets(found, raw, sender, key, amazon):
    assert b"\n" not in found.raw.replace(b"\r\n", b"") and b"\r" not in found.raw.replace(b"\r\n", b"")
    assert found.sender is None if sender is None else found.sender.endswith("@shop.example")
    assert found.sealed == (key == "published" and not amazon)
    if found.form in ("pass", "srs") and not amazon:
        assert found.raw.endswith(raw)
    if found.form == "munge":
        message = email.message_from_bytes(found.raw, policy=email.policy.default)
        assert (str(message["From"]), str(message["Reply-To"])) == ("Jane via support <support@shop.example>", "Jane <jane@example.org>")
        assert message["X-Original-From"] == "Jane <jane@example.org>"
        assert found.raw.partition(b"\r\n\r\n")[2] == raw.partition(b"\r\n\r\n")[2]
        assert all("d=shop.example" in one for one in message.get_all("DKIM-Signature", []))
    if found.form == "wrap":
        (inner,) = [part for part in email.message_from_bytes(found.raw).walk() if part.get_content_type() == "message/rfc822"]
        assert raw in found.raw and inner.get_payload()[0]["From"] == "Jane <jane@example.org>"
    if amazon:
        names = [line.partition(b":")[0].lower() for line in found.raw.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"]
        assert not [name for name in names if name in ONCE_AT_AMAZON and names.count(name) > 1]


def test_whether_a_bounce_home_is_possible(identity):
    found = plan(arrival(mail()), ours(identity), Wish(), zone(), NOW)
    assert SRS.reverse(found.sender, NOW) == "jane@example.org"


# the words


def test_the_receipt_says_what_was_chosen_why_and_what_the_next_hop_finds(identity):
    dns = zone(key_of("example.org"), identity.signing_key, policy="p=reject")
    found = plan(arrival(mail(["example.org"])), ours(identity), Wish(), dns, NOW)
    assert str(found) == (
        "srs+arc (the envelope sender is rewritten); next hop: spf pass for ours (shop.example), "
        "dkim pass for theirs (example.org), aligned, arc pass, dmarc pass"
    )
    found = plan(arrival(mail()), ours(identity), Wish(), dns, NOW)
    assert str(found).startswith("munge+arc (the author would not be believed; srs would find: spf pass for ours (shop.example), dkim none")
    assert str(found).endswith(
        "next hop: spf pass for ours (shop.example), dkim pass for ours (shop.example), aligned, arc pass, dmarc pass"
    )


def test_a_rule_may_refuse_instead(identity):
    with pytest.raises(Failed, match="would not believe it"):
        plan(arrival(mail()), ours(identity), Wish(otherwise="refuse"), zone(policy="p=reject"), NOW)
    assert plan(arrival(mail()), ours(identity), Wish(otherwise="wrap"), zone(policy="p=reject"), NOW).form == "wrap"


def test_a_domain_of_ours_that_nobody_would_believe_waits_for_its_key(keyless):
    dns = zone(policy="p=reject", ours=None)
    with pytest.raises(Deferred, match=r"inbox identity add shop\.example"):
        plan(arrival(mail()), ours(keyless), Wish(), dns, NOW)


def test_no_answer_of_dns_waits(identity):
    silent = {"_dmarc.example.org": {"TXT": None}}
    with pytest.raises(Deferred, match="DNS gave no answer"):
        plan(arrival(mail()), ours(identity), Wish(), zone(more=silent), NOW)


@pytest.mark.parametrize("local", ["a" * 40, "b" * 64])
def test_a_sender_too_long_to_be_rewritten_sends_its_bounces_to_us(local):
    sender = f"{local}@a-long-name-of-a-host.example.org"
    found = plan(arrival(mail(), sender), ours(), Wish(), zone(), NOW)
    assert (found.form, found.sender) == ("pass", OWN)
    assert "bounces come to us" in str(found)


# line ends, octets


def test_bare_line_ends_break_a_signature_and_that_is_foretold(identity):
    """A body of the form simple, signed with its line ends as they are, is another once they are mended."""
    raw = mail(["example.org"]).replace(b"order?\r\n", b"order?\n")
    raw = dkim_signature(raw.split(b"\r\n", 0)[0], key_of("example.org"), AT.timestamp()) + raw
    dns = zone(key_of("example.org"), identity.signing_key, policy="p=reject")
    before = {one.result for one in auth.dkim(raw, dns, NOW)}
    found = plan(arrival(raw), ours(identity), Wish(), dns, NOW)
    check_prediction(found, dns, amazon=False)
    assert b"\n" not in found.raw.replace(b"\r\n", b"")
    assert found.prediction.dmarc.result == "pass"
    assert "pass" in before
    as_it_is = plan(arrival(raw), ours(identity), Wish("srs"), dns, NOW)
    check_prediction(as_it_is, dns, amazon=False)
    if "pass" not in {one.result for one in as_it_is.prediction.dkim if one.domain == "example.org"}:
        assert "bare line ends were mended" in str(as_it_is)


OCTETS = [b"caf\xc3\xa9\r\n", b"\xff\xfe\x00x\r\n", b"x" * 5000 + b"\r\n", b"a\rb\nc\r\n", b"", b".\r\n..\r\n", b"From me\r\n--=_\r\n"]


@pytest.mark.parametrize("body", OCTETS)
@pytest.mark.parametrize("method", ["srs", "munge", "wrap"])
def test_any_body_leaves_whole(identity, body, method):
    raw = mail(body=body)
    found = plan(arrival(raw), ours(identity), Wish(method), zone(identity.signing_key), NOW)
    assert found.raw.count(b"\n") == found.raw.count(b"\r\n") == found.raw.count(b"\r")
    if method == "wrap":
        parts = [part for part in email.message_from_bytes(found.raw).walk() if not part.is_multipart()]
        files = [part.get_payload(decode=True) for part in parts if part.get_filename() == "mail.eml"]
        assert files == [raw] if files else raw in found.raw
    assert {one.result for one in found.prediction.dkim} <= {"pass"}


HEADERS = [
    b"From: second@example.org\r\n",
    b"Sender: secretary@example.org\r\n",
    b"Reply-To: elsewhere@example.org\r\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=none; h=from; bh=; b=\r\n",
    b"ARC-Seal: i=1; cv=none\r\n",
    b"Return-Path: <jane@example.org>\r\n",
    b"X-Original-From: forged@example.org\r\n",
    b"no field at all\r\n",
    b": nothing\r\n",
    "Subject: Größe\r\n".encode(),
    b"DKIM-Signature: x\r\n" * 20,
]


@pytest.mark.parametrize("amazon", [False, True])
@pytest.mark.parametrize("head", HEADERS)
def test_odd_headers_are_munged_or_wrapped_and_verify(identity, head, amazon):
    dns = zone(identity.signing_key, policy="p=reject")
    found = plan(arrival(mail(head=head)), ours(identity, amazon=amazon), Wish(), dns, NOW)
    assert found.form == ("wrap" if b"no field" in head or head[:1] == b":" else "munge")
    message = email.message_from_bytes(found.raw)
    assert [message["From"]] == message.get_all("From")
    assert "support@shop.example" in message["From"]
    assert message["Sender"] is None and message["Return-Path"] is None
    assert found.prediction.dmarc.result == "pass"


AUTHORS = [
    (b"jane@example.org", "jane via support <support@shop.example>"),
    (b'"Jane, Doe" <jane@example.org>', '"Jane, Doe via support" <support@shop.example>'),
    ("Jürgen <jane@example.org>".encode(), "Jürgen via support <support@shop.example>"),
    (b"=?utf-8?b?SsO8cmdlbg==?= <jane@example.org>", "Jürgen via support <support@shop.example>"),
    (b"Jane <jane@example.org>, Bob <bob@example.org>", "Jane via support <support@shop.example>"),
    (b"", "somebody via support <support@shop.example>"),
    (b"undisclosed", "somebody via support <support@shop.example>"),
]


@pytest.mark.parametrize(("author", "leaves"), AUTHORS)
def test_the_author_is_named_in_our_from(identity, author, leaves):
    found = plan(arrival(mail(author=author)), ours(identity), Wish("munge"), zone(identity.signing_key), NOW)
    message = email.message_from_bytes(found.raw, policy=email.policy.default)
    address = message["From"].addresses[0]
    named = f'"{address.display_name}"' if "," in address.display_name else address.display_name
    assert f"{named} <{address.addr_spec}>" == leaves
    if b"bob@" in author:
        assert [one.addr_spec for one in message["Reply-To"].addresses] == ["jane@example.org", "bob@example.org"]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.text(max_size=200))
def test_nothing_in_a_name_or_subject_becomes_a_field(name, subject):
    raw = (
        b"From: =?utf-8?q?" + "".join(f"={octet:02X}" for octet in name.encode("utf-8", "replace")).encode() + b"?= <jane@example.org>\r\n"
    )
    raw += b"Subject: " + subject.encode("utf-8", "replace").replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n\r\nx\r\n"
    for method in ("munge", "wrap"):
        found = plan(arrival(raw), ours(), Wish(method), zone(), NOW)
        names = [line.partition(b":")[0] for line in found.raw.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"]
        assert set(names) <= {b"Received", b"From", b"X-Original-From", b"Reply-To", b"Subject", b"Date", b"To", b"Message-ID", b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding"}  # fmt: skip


# seals


def test_our_chain_is_verified_by_another_implementation(identity):
    oracle = pytest.importorskip("dkim")
    first = key_of("list.example")
    raw = mail(["example.org"])
    raw = seal(raw, first, AT.timestamp(), results="mx.list.example; dmarc=pass header.from=example.org", chain="none") + raw
    dns = zone(key_of("example.org"), first, identity.signing_key, policy="p=reject")
    for method in ("srs", "munge", "wrap"):
        found = plan(arrival(raw), ours(identity), Wish(method), dns, NOW)
        assert found.sealed
        result, links, reason = oracle.arc_verify(
            found.raw, dnsfunc=lambda name, timeout=5: dns(name.decode().rstrip("."), "TXT")[0].encode()
        )
        assert result == b"pass", reason
        assert len(links) == (1 if method == "wrap" else 2)


def test_the_seal_says_what_we_found(identity):
    dns = zone(key_of("example.org"), identity.signing_key)
    found = plan(arrival(mail(["example.org"])), ours(identity), Wish(), dns, NOW)
    assert auth.arc(found.raw, dns).authentication == f"mx.shop.example; {RESULTS}"
    assert max(map(len, found.raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


BROKEN_CHAINS = {
    "a chain that does not hold": b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.example; s=s; b=AA==\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AA==; b=AA==\r\nARC-Authentication-Results: i=1; x; none\r\n",
    "a chain with a gap": b"ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=x.example; s=s; b=AA==\r\n",
    "a chain that somebody gave up": b"ARC-Seal: i=1; a=rsa-sha256; cv=fail; d=x.example; s=s; b=AA==\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AA==; b=AA==\r\nARC-Authentication-Results: i=1; x; none\r\n",
}


@pytest.mark.parametrize("head", BROKEN_CHAINS.values(), ids=BROKEN_CHAINS)
def test_a_broken_chain_is_not_gone_on_with(identity, head):
    dns = zone(identity.signing_key, policy="p=reject")
    found = plan(arrival(mail(head=head)), ours(identity), Wish("srs"), dns, NOW)
    assert not found.sealed and "not sealed: the chain of seals that came is" in str(found)
    munged = plan(arrival(mail(head=head)), ours(identity), Wish("munge"), dns, NOW)
    assert munged.prediction.arc.result == "none"


@pytest.mark.parametrize(
    ("key", "arc", "results", "words"),
    [
        ("unpublished", True, RESULTS, "there is no key at"),
        ("none", True, RESULTS, "has no key"),
        ("published", True, None, "not looked at who sent"),
    ],
)
def test_a_rule_that_wants_a_seal_waits_for_what_is_missing(identity, keyless, key, arc, results, words):
    us = keyless if key == "none" else identity
    dns = zone(*([identity.signing_key] if key == "published" else []))
    with pytest.raises(Deferred, match=words):
        plan(arrival(mail(), results=results), ours(us), Wish(arc=arc), dns, NOW)


def test_a_rule_may_want_no_seal(identity):
    found = plan(arrival(mail()), ours(identity), Wish(arc=False), zone(identity.signing_key), NOW)
    assert not found.sealed and "seal" not in str(found)


def test_a_key_in_dns_that_is_another_is_told_and_nothing_is_sent(identity):
    other = SigningKey("shop.example", identity.selectors[0], key_of("example.org").key)
    with pytest.raises(Deferred, match="does the record in DNS belong to the key"):
        plan(arrival(mail()), ours(identity), Wish("munge"), zone(other), NOW)


# Amazon SES


def test_limits_of_amazon(identity):
    us, dns = ours(identity, amazon=True), zone(identity.signing_key)
    crowd = b"Cc: " + b",\r\n ".join(b"p%d@example.org" % n for n in range(60)) + b"\r\n"
    found = plan(arrival(mail(head=crowd)), us, Wish(), dns, NOW)
    assert found.form == "wrap" and "its header names 61 recipients" in str(found)
    with pytest.raises(Failed, match="40 MB"):
        plan(arrival(mail(body=b"x" * 76 + b"\r\n") + b"y\r\n" * (14 << 20)), us, Wish(), dns, NOW)
    with pytest.raises(Failed, match="51 recipients"):
        plan(arrival(mail(), to=tuple(f"t{n}@corp.example" for n in range(51))), us, Wish(), dns, NOW)


def test_an_author_of_ours_is_not_munged_for_amazon(identity):
    raw = mail(author=b"Carol <carol@shop.example>")
    found = plan(arrival(raw, "carol@shop.example"), ours(identity, amazon=True), Wish(), zone(identity.signing_key), NOW)
    assert (found.form, found.sender) == ("pass", "carol@shop.example")


def test_a_mail_that_cannot_have_the_form_that_the_rule_wants_fails_at_once_and_names_the_form_that_can_be(identity):
    raw = mail().replace(b"Subject:", b"no field\r\nSubject:")
    with pytest.raises(Failed, match=r"5\.6\.0 munge not possible: its header has a line that is no field; method: wrap"):
        plan(arrival(raw), ours(identity), Wish("munge"), zone(identity.signing_key), NOW)
