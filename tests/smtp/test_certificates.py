"""Certificates of the door: made by ourselves, wrong in every way, renewed under load; and those that clients show."""

from __future__ import annotations

import json
import smtplib
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from inbox.cli import run
from inbox.cli.installation import _tls
from inbox.config import Settings
from inbox.errors import ConfigError
from inbox.sources.smtp.certificate import make_certificate
from inbox.sources.smtp.tls import load_context, validity
from inbox.tables import Tls

MAIL = "Subject: x\r\n\r\nhello\r\n"


def write_pair(folder, pair, name=""):
    """Files of a Pair of ours, or of a certificate that trustme issued: (certificate, key)."""
    certificate, key = folder / f"cert{name}.pem", folder / f"key{name}.pem"
    if isinstance(pair, trustme.LeafCert):
        certificate.write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
        pair.private_key_pem.write_to_path(key)
    else:
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
    return certificate, key


@pytest.fixture
def trusts():
    """A function that gives a client's context: whom it trusts, what it shows, which versions of TLS it speaks."""

    def made(authority, *, shows=None, version=None):
        context = ssl.create_default_context()
        context.check_hostname = False
        if isinstance(authority, trustme.CA):
            authority.configure_trust(context)
        else:
            context.load_verify_locations(authority)
        if shows:
            shows.configure_cert(context)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    return made


# made by ourselves


@pytest.mark.parametrize("way", ["starttls", "implicit"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_of_our_own_serves_every_way_and_version(open_door, tmp_path, trusts, version, way):
    certificate, key = write_pair(tmp_path, make_certificate(["mx.local.test", "127.0.0.1"], 10))
    door = open_door(smtp=("127.0.0.1:0",), smtps=("127.0.0.1:0",), tls={"certificate": certificate, "key": key})
    context = trusts(certificate, version=version)
    context.check_hostname = True
    if way == "implicit":
        client = smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=context)
    else:
        client = smtplib.SMTP("127.0.0.1", door.port)
        client.starttls(context=context)
    with client:
        assert version is ssl.TLSVersion.TLSv1_3 or "ECDSA" in client.sock.cipher()[0]
        client.sendmail("a@s.test", ["u@local.test"], MAIL)
    assert door.gate.mails[0][0].envelope.tls == version.name.replace("_", ".")


def test_it_is_p_256_names_its_hosts_and_ends_when_it_was_told():
    from cryptography import x509

    now = datetime(2026, 11, 24, tzinfo=UTC)
    pair = make_certificate(["mx.local.test", "bücher.test", "::1"], 30, now)
    read = x509.load_pem_x509_certificate(pair.certificate)
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert read.public_key().curve.name == "secp256r1"
    assert [str(name.value) for name in names] == ["mx.local.test", "xn--bcher-kva.test", "::1"]
    assert read.not_valid_after_utc == pair.expires == now + timedelta(days=30)


@pytest.mark.parametrize("name", ["", "two words", "bü" + "c" * 80 + ".test", "a." * 127 + "test", "a\n.test", "https://mx.test/"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ConfigError, match=r"no name of a host.*mx\.example\.com"):
        make_certificate(["mx.local.test", name], 30)


def test_a_name_may_be_longer_than_a_subject_can_be():
    assert make_certificate(["a" * 60 + ".local.test"], 30).certificate


# what is wrong


def exchanged(certificate, key):
    certificate.write_bytes(key.read_bytes())


def of_another(certificate, key):
    key.write_bytes(make_certificate(["b.test"], 9).key)


def in_the_way(certificate, key):
    key.unlink()
    key.mkdir()


def in_der(certificate, key):
    certificate.write_bytes(ssl.PEM_cert_to_DER_cert(certificate.read_text()))


FAULTS = {
    "no certificate": lambda certificate, key: certificate.unlink(),
    "no key": lambda certificate, key: key.unlink(),
    "folder": in_the_way,
    "words": lambda certificate, key: certificate.write_text("here the certificate goes"),
    "halved": lambda certificate, key: certificate.write_bytes(certificate.read_bytes()[:200]),
    "der": in_der,
    "exchanged": exchanged,
    "another key": of_another,
    "locked": lambda certificate, key: key.write_bytes(locked(key.read_bytes())),
    "small": lambda certificate, key: write_pair(certificate.parent, weak()),
}


def locked(key):
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )


def weak():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from inbox.sources.smtp.certificate import Pair

    key, now = rsa.generate_private_key(65537, 1024), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    pem = serialization.Encoding.PEM
    written = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(builder.sign(key, hashes.SHA256()).public_bytes(pem), written, now, "")


ODD = [
    ("no certificate", r"tls\.certificate .*cert\.pem cannot be read: No such file.*inbox certificate"),
    ("no key", r"tls\.key .*key\.pem cannot be read: No such file.*inbox certificate"),
    ("folder", r"tls\.key .*key\.pem cannot be read: Is a directory"),
    ("words", r"tls\.certificate .*holds no certificate in PEM: give a file with BEGIN CERTIFICATE"),
    ("halved", r"tls\.certificate .* are no PEM pair"),
    ("der", r"tls\.certificate .*DER; `openssl` turns it into PEM"),
    ("exchanged", r"tls\.certificate .*holds no certificate in PEM"),
    ("another key", r"tls\.key .*does not belong to tls\.certificate .*issued together"),
    ("locked", r"tls\.key .*locked with a password; unlock it: openssl pkey"),
    ("small", r"tls\.certificate .*too weak .*take P-256"),
]


@pytest.mark.parametrize(("kind", "words"), ODD, ids=[kind for kind, _ in ODD])
def test_what_is_wrong_with_the_files_is_said_with_the_remedy(tmp_path, kind, words):
    certificate, key = write_pair(tmp_path, make_certificate(["a.test"], 9))
    FAULTS[kind](certificate, key)
    with pytest.raises(ConfigError, match=words):
        load_context(Tls(certificate=certificate, key=key))


@pytest.mark.parametrize(("content", "words"), [("nothing", "holds no certificate"), (None, "cannot be read")])
def test_what_is_wrong_with_the_authorities_of_clients_is_said(tmp_path, content, words):
    certificate, key = write_pair(tmp_path, make_certificate(["a.test"], 9))
    clients = tmp_path / "clients.pem"
    if content:
        clients.write_text(content)
    with pytest.raises(ConfigError, match=rf"tls\.clients .*{words}"):
        load_context(Tls(certificate=certificate, key=key, clients=clients))


def test_clients_cannot_show_certificates_where_there_is_no_tls(tmp_path):
    with pytest.raises(ConfigError, match=r"tls\.clients is set, but no tls\.certificate"):
        load_context(Tls(clients=tmp_path / "ca.pem"))


@pytest.mark.parametrize(("began", "words"), [(-20, "expired"), (+20, "not yet valid")])
def test_a_certificate_that_is_not_valid_now_is_served_and_the_log_says_so(open_door, tmp_path, caplog, began, words):
    pair = make_certificate(["mx.local.test"], 5, datetime.now(UTC) + timedelta(days=began))
    certificate, key = write_pair(tmp_path, pair)
    door = open_door(tls={"certificate": certificate, "key": key})
    careless = ssl._create_unverified_context()
    with smtplib.SMTP("127.0.0.1", door.port) as client:
        client.starttls(context=careless)
        client.sendmail("a@s.test", ["u@local.test"], MAIL)
    [problem] = [record.problem for record in caplog.records if record.message == "the certificate is not valid now"]
    assert words in problem
    assert "renew it, then send SIGHUP" in problem


def test_a_valid_certificate_is_told_with_its_end(tmp_path):
    pair = make_certificate(["a.test"], 40)
    certificate, key = write_pair(tmp_path, pair)
    assert validity(load_context(Tls(certificate=certificate, key=key)), certificate) == (pair.expires, "")


# as commands


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INBOX_HOSTNAME", "mx.local.test")
    return tmp_path


def test_a_certificate_is_made_in_one_command_and_never_over_another(here, capsys):
    assert run(["certificate"]) == 0
    said = capsys.readouterr().out
    assert "cert.pem and key.pem: P-256, for mx.local.test, until " in said
    assert "inbox serve --certificate cert.pem --key key.pem" in said
    assert stat.S_IMODE((here / "key.pem").stat().st_mode) == 0o600
    before = (here / "key.pem").read_bytes()
    assert run(["certificate"]) == 2
    assert "cert.pem and key.pem exist already; --force replaces them" in capsys.readouterr().err
    assert run(["certificate", "--force", "--name", "a.local.test", "--name", "192.0.2.1", "--days", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["names"], len(told["sha256"])) == (["a.local.test", "192.0.2.1"], 64)
    assert (here / "key.pem").read_bytes() != before
    assert sorted(path.name for path in here.iterdir()) == ["cert.pem", "key.pem"]


@pytest.mark.parametrize(
    ("days", "began", "verdict", "words"),
    [(3650, 0, "ok", "valid until 20"), (3, 0, "warning", "renew it"), (3, -9, "wrong", "expired"), (0, 0, "wrong", "does not belong")],
)
def test_the_doctor_says_until_when_a_certificate_is_valid(tmp_path, days, began, verdict, words):
    pair = make_certificate(["a.test"], days or 9, datetime.now(UTC) + timedelta(days=began))
    certificate, key = write_pair(tmp_path, pair)
    if not days:
        of_another(certificate, key)
    found = _tls(Settings(tls={"certificate": certificate, "key": key}))
    assert found.verdict == verdict
    assert words in found.detail


def test_the_doctor_says_how_to_get_one():
    assert "`inbox certificate`" in _tls(Settings()).detail


# what clients show


@pytest.fixture
def club(tmp_path):
    """An authority whose clients are known, and its file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "club.pem")
    return authority, tmp_path / "club.pem"


def deliver(door, context):
    with smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=context) as client:
        client.sendmail("a@s.test", ["u@local.test"], MAIL)
    return door.gate.mails[-1][0].envelope


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_shows_its_certificate_is_known_by_subject_and_fingerprint(open_door, certificate, club, trusts, version):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    door = open_door(smtps=("127.0.0.1:0",), tls={"certificate": certificate[1], "key": certificate[2], "clients": club[1]})
    leaf = club[0].issue_cert("relay.club.test", common_name='relay, "one"', organization_name="Club")
    envelope = deliver(door, trusts(certificate[0], shows=leaf, version=version))
    digest = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).fingerprint(hashes.SHA256()).hex()
    sha256, _, subject = envelope.certificate.partition(" ")
    assert sha256 == digest
    assert subject.startswith(r"CN=relay\, \"one\",")
    assert subject.endswith(",O=Club")


def test_a_client_that_shows_none_is_served_as_ever(open_door, certificate, club, trusts):
    door = open_door(smtps=("127.0.0.1:0",), tls={"certificate": certificate[1], "key": certificate[2], "clients": club[1]})
    assert deliver(door, trusts(certificate[0])).certificate is None


def test_a_certificate_of_strangers_is_no_certificate(open_door, certificate, club, trusts):
    door = open_door(smtps=("127.0.0.1:0",), tls={"certificate": certificate[1], "key": certificate[2], "clients": club[1]})
    with pytest.raises((OSError, smtplib.SMTPException)):
        deliver(door, trusts(certificate[0], shows=trustme.CA().issue_cert("relay.club.test")))
    assert door.gate.mails == []


def test_where_certificates_are_required_nobody_comes_in_without(open_door, certificate, club, trusts):
    tls = {"certificate": certificate[1], "key": certificate[2], "clients": club[1], "clients_required": True}
    door = open_door(smtps=("127.0.0.1:0",), tls=tls)
    with pytest.raises((OSError, smtplib.SMTPException)):
        deliver(door, trusts(certificate[0]))
    assert deliver(door, trusts(certificate[0], shows=club[0].issue_cert("relay.club.test"))).certificate


def test_where_no_clients_are_listed_nobody_is_asked(open_door, certificate, club, trusts):
    door = open_door(smtps=("127.0.0.1:0",), tls={"certificate": certificate[1], "key": certificate[2]})
    assert deliver(door, trusts(certificate[0], shows=club[0].issue_cert("relay.club.test"))).certificate is None


# renewed under load


def test_a_renewal_under_load_loses_no_session_and_no_mail(open_door, certificate, trusts):
    authority, cert, key = certificate
    door = open_door(smtps=("127.0.0.1:0",), tls={"certificate": cert, "key": key})
    context, stop, sent, faults = trusts(authority), threading.Event(), [], []

    def load():
        try:
            while not stop.is_set():
                with smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=context) as client:
                    for _ in range(3):
                        client.sendmail("a@s.test", ["u@local.test"], MAIL)
                        sent.append(1)
        except Exception as error:
            faults.append(error)

    with smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=context) as old:
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        serials = {old.sock.getpeercert()["serialNumber"]}
        for _ in range(5):
            fresh, fresh_key = write_pair(cert.parent, authority.issue_cert("mx.local.test"), ".new")
            fresh_key.replace(key)
            fresh.replace(cert)
            door.doors.reload_tls()
            with smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=context) as client:
                serials.add(client.sock.getpeercert()["serialNumber"])
        stop.set()
        for thread in threads:
            thread.join(20)
        old.sendmail("a@s.test", ["u@local.test"], MAIL)
    assert faults == []
    assert len(serials) == 6
    assert len(door.gate.mails) == len(sent) + 1
