"""`inbox identity` and `inbox doctor --domain` as a user types them: from no key to mail that receivers believe."""

from __future__ import annotations

import json
import re
import stat

import dns.zone
import pytest

from inbox.cli import run
from inbox.config import Settings
from inbox.send.identities import Identities
from name_server import ZoneServer

MAIL = b"From: Shop <shop@example.com>\r\nTo: jane@example.org\r\nSubject: your order\r\n\r\nwords\r\n"


@pytest.fixture
def inbox(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder of its own: (exit status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def printed(text, origin="example.com"):
    """What a name server reads in printed records: {(name, type): [data]}."""
    zone = dns.zone.from_text(f"$TTL 300\n@ IN SOA ns hostmaster 1 1 1 1 1\n@ IN NS ns\n{text}", origin=origin, relativize=False)
    return {
        (name.to_text(omit_final_dot=True), dns.rdatatype.to_text(record.rdtype)): [one.to_text() for one in record]
        for name, record in zone.iterate_rdatasets()
    }


def as_zone(records):
    """Printed records as JSON, as a file for --resolver."""
    zone = {}
    for record in records:
        zone.setdefault(record["name"], {}).setdefault(record["type"], []).append(record["value"].removesuffix("."))
    return zone


# making keys


@pytest.mark.parametrize(
    ("algorithm", "files"), [("rsa", ["inbox.pem"]), ("ed25519", ["inbox-ed.pem"]), ("both", ["inbox.pem", "inbox-ed.pem"])]
)
def test_add_makes_keys_that_are_their_owners_alone(inbox, tmp_path, algorithm, files):
    status, text, _ = inbox("identity", "add", "Example.COM", "--algorithm", algorithm)
    assert (status, [line for line in text.splitlines() if line.startswith("; made ")]) == (
        0,
        [f"; made inbox-data/identities/example.com/{name}" for name in files],
    )
    assert {stat.S_IMODE((tmp_path / "inbox-data/identities/example.com" / name).stat().st_mode) for name in files} == {0o600}


def test_what_is_printed_is_a_zone_file_with_strings_of_255_octets(inbox):
    _, text, _ = inbox("identity", "add", "example.com", "--algorithm", "both", "--ip", "192.0.2.25", "--ip", "2001:DB8::25")
    zone = printed(text)
    assert zone["example.com", "TXT"] == ['"v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"']
    assert zone["_dmarc.example.com", "TXT"] == ['"v=DMARC1; p=none; rua=mailto:dmarc@example.com"']
    assert zone["example.com", "MX"] == ["10 mx.example.com."]
    (rsa,) = zone["inbox._domainkey.example.com", "TXT"]
    assert [len(part) <= 257 for part in re.findall(r'"[^"]*"', rsa)] == [True, True]
    assert {name for name, _ in zone} > {"inbox-ed._domainkey.example.com", "_mta-sts.example.com", "_smtp._tls.example.com"}
    assert ("default._bimi.example.com", "TXT") not in zone
    assert ";default._bimi.example.com. IN TXT" in text


def test_a_key_that_is_there_is_never_written_over(inbox, tmp_path):
    inbox("identity", "add", "example.com")
    key = tmp_path / "inbox-data/identities/example.com/inbox.pem"
    before = key.read_bytes()
    for more in ([], ["--selector", "other"], ["--selector", "inbox", "--rotate"]):
        status, _, error = inbox("identity", "add", "example.com", *more)
        assert (status, "kept" in error, error.count("\n")) == (2, True, 1)
    assert key.read_bytes() == before


def test_amazon_gets_other_records(inbox, tmp_path):
    (tmp_path / "inbox.toml").write_text('[sending]\ntransport = "ses://eu-west-1"\n')
    _, text, _ = inbox("identity", "add", "example.com")
    zone = printed(text)
    assert zone["example.com", "TXT"] == ['"v=spf1 include:amazonses.com ~all"']
    assert zone["example.com", "MX"] == ["10 inbound-smtp.eu-west-1.amazonaws.com."]
    assert zone["bounces.example.com", "MX"] == ["10 feedback-smtp.eu-west-1.amazonses.com."]
    assert "Easy DKIM" in text


def test_list_and_show_say_what_there_is(inbox):
    assert inbox("identity", "list")[:2] == (0, "no identity; inbox identity add DOMAIN makes one\n")
    inbox("identity", "add", "example.com", "--algorithm", "both", "--selector", "s2026")
    assert inbox("identity", "list")[1] == "example.com  s2026 (RSA 2048, signs), s2026-ed (Ed25519, signs)  relay\n"
    shown, added = json.loads(inbox("identity", "show", "example.com", "--json")[1]), json.loads(inbox("identity", "list", "--json")[1])
    assert [key["selector"] for key in shown["keys"]] == ["s2026", "s2026-ed"]
    assert added == [{name: value for name, value in shown.items() if name != "records"}]


def test_a_key_that_cannot_be_read_hides_no_other_identity(inbox, tmp_path):
    inbox("identity", "add", "example.com", "--algorithm", "ed25519")
    inbox("identity", "add", "example.net", "--algorithm", "ed25519")
    (tmp_path / "inbox-data/identities/example.com/inbox-ed.pem").write_text("gone")
    status, text, _ = inbox("identity", "list")
    assert (status, "inbox-ed.pem cannot be used" in text, "example.net  inbox-ed (Ed25519, signs)  relay" in text) == (0, True, True)


# rotation


def test_a_rotation_from_the_first_key_to_the_second(inbox, tmp_path):
    inbox("identity", "add", "example.com")
    status, text, _ = inbox("identity", "add", "example.com", "--rotate", "--algorithm", "both")
    assert (status, "inbox-2-ed._domainkey.example.com. IN TXT" in text, "It waits" in text) == (0, True, True)
    (tmp_path / "zone.json").write_text("{}")
    status, text, _ = inbox("identity", "retire", "example.com", "--resolver", "zone.json")
    assert (status, text.splitlines()[0]) == (1, "inbox-2._domainkey.example.com: no record; nothing was retired")
    records = json.loads(inbox("identity", "show", "example.com", "--json")[1])["records"]
    (tmp_path / "zone.json").write_text(json.dumps(as_zone(records)))
    status, text, _ = inbox("identity", "retire", "example.com", "--resolver", "zone.json")
    assert (status, text.splitlines()[0]) == (0, "inbox is retired and its key deleted; inbox-2 signs")
    assert sorted(path.name for path in (tmp_path / "inbox-data/identities/example.com").iterdir()) == [
        "inbox-2-ed.pem",
        "inbox-2.pem",
        "selectors",
    ]
    status, _, error = inbox("identity", "retire", "example.com", "--force")
    assert (status, "has no further key" in error) == (2, True)


def test_who_names_the_selector_in_the_settings_is_not_overruled(inbox, tmp_path):
    inbox("identity", "add", "example.com", "--selector", "s")
    (tmp_path / "inbox.toml").write_text('[identities."example.com"]\nselector = "s"\n')
    for command in (["add", "example.com", "--rotate"], ["retire", "example.com"]):
        status, _, error = inbox("identity", *command)
        assert (status, error.count("\n")) == (2, 1)
        assert "take `selector` out there" in error


# what is published proves the mail


def test_published_records_make_receivers_believe_our_mail(inbox, tmp_path):
    records = json.loads(inbox("identity", "add", "example.com", "--algorithm", "both", "--ip", "192.0.2.25", "--json")[1])["records"]
    (tmp_path / "zone.json").write_text(json.dumps(as_zone(records)))
    identity = Identities(Settings(dir=tmp_path / "inbox-data")).of("shop@news.example.com")
    (tmp_path / "mail.eml").write_bytes(identity.sign(MAIL))
    asked = ["auth", "mail.eml", "--ip", "192.0.2.25", "--mail-from", "bounces@example.com", "--resolver", "zone.json", "--json"]
    status, text, _ = inbox(*asked)
    said = json.loads(text)
    assert (status, [one["result"] for one in said["dkim"]]) == (0, ["pass", "pass"])
    assert (said["spf"]["result"], said["dmarc"]["result"], said["dmarc"]["aligned"]) == ("pass", "pass", ["spf", "dkim"])
    (tmp_path / "mail.eml").write_bytes(identity.sign(MAIL).replace(b"your order", b"your 0rder"))
    said = json.loads(inbox(*[one.replace("192.0.2.25", "192.0.2.26") for one in asked])[1])
    assert said["dmarc"]["result"] == "fail"


def test_the_doctor_finds_nothing_wrong_with_what_was_printed(inbox, tmp_path):
    (tmp_path / "inbox.toml").write_text('hostname = "mx.example.com"\n')
    _, text, _ = inbox("identity", "add", "example.com", "--algorithm", "both", "--ip", "192.0.2.25")
    policy = re.search(r"version: STSv1 / .*?max_age: \d+", text.replace("\n; ", " "))[0].replace(" / ", "\r\n")
    (tmp_path / "mta-sts.txt").write_text(policy)
    table = printed(text) | {("mx.example.com", "A"): ["192.0.2.25"], ("25.2.0.192.in-addr.arpa", "PTR"): ["mx.example.com."]}
    server = ZoneServer(table)
    try:
        asked = ["doctor", "--domain", "example.com", "--ip", "192.0.2.25", "--nameserver", server.address, "--mta-sts", "mta-sts.txt"]
        status, text, _ = inbox(*asked)
        assert status == 0, text
        assert [
            line.split(":")[0].split()[:2] for line in text.splitlines() if line.startswith(("warning", "wrong", "missing", "unknown"))
        ] == [
            ["warning", "dmarc"],
            ["warning", "mta-sts"],
        ]
        table["inbox._domainkey.example.com", "TXT"] = ['"v=DKIM1; p="']
        findings = json.loads(inbox(*asked, "--json")[1])
        assert [(one["verdict"], one["found"]) for one in findings if one["verdict"] == "wrong"] == [("wrong", "the record was revoked")]
    finally:
        server.close()


def test_no_answer_of_dns_is_to_be_asked_again(inbox, tmp_path):
    names = ("example.com", "_dmarc.example.com", "_mta-sts.example.com", "_smtp._tls.example.com", "default._bimi.example.com")
    (tmp_path / "zone.json").write_text(json.dumps({name: dict.fromkeys(("TXT", "MX", "A"), None) for name in names}))
    status, text, _ = inbox("doctor", "--domain", "example.com", "--resolver", "zone.json", "--selector", "x")
    assert (status, "missing  dkim x._domainkey.example.com" in text) == (1, True)
    (tmp_path / "inbox.toml").write_text('[sending]\ntransport = "ses://eu-west-1"\n')
    status, text, _ = inbox("doctor", "--domain", "example.com", "--resolver", "zone.json")
    assert (status, {line.split()[0] for line in text.splitlines() if not line.startswith(" ")}) == (75, {"unknown", "ok"})


def test_the_doctor_looks_at_keys_and_with_dns_at_all_identities(inbox, tmp_path):
    (tmp_path / "rules.yaml").write_text("version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n")
    (tmp_path / "inbox.toml").write_text('[identities."example.net"]\n[identities."example.org"]\nkey = "file:gone.pem"\n')
    inbox("identity", "add", "example.com")
    (tmp_path / "inbox-data/identities/example.com/inbox.pem").chmod(0o644)
    (tmp_path / "zone.json").write_text("{}")
    findings = json.loads(inbox("doctor", "--json")[1])
    said = [(one["verdict"], one["detail"].split(";")[0]) for one in findings if one["what"] == "identities"]
    assert said == [
        ("warning", "others may read the key inbox-data/identities/example.com/inbox.pem"),
        ("ok", "example.com signs with inbox"),
        ("warning", "example.net has no key"),
        ("wrong", "secret file gone.pem cannot be read: No such file or directory"),
    ]
    assert not any("dmarc" in one["what"] for one in findings)
    (tmp_path / "inbox.toml").write_text('[identities."example.net"]\n')
    status, text, _ = inbox("doctor", "--dns", "--resolver", "zone.json")
    assert (status, "missing  dmarc _dmarc.example.com" in text, "missing  dmarc _dmarc.example.net" in text) == (1, True, True)


# bad input

BAD = [
    (["identity", "add", "nodots"], "'nodots' is no domain"),
    (["identity", "add", "a b.example"], "is no domain"),
    (["identity", "add", "../../etc"], "is no domain"),
    (["identity", "add", "shop@example.com"], "is no domain"),
    (["identity", "add", "[192.0.2.1]"], "is no domain"),
    (["identity", "add", "example.com", "--selector", "a/b"], "is no selector"),
    (["identity", "add", "example.com", "--selector", "x-ed"], "ends with -ed"),
    (["identity", "add", "example.com", "--rotate"], "makes the first"),
    (["identity", "add", "example.com", "--bits", "1024"], "1024"),
    (["identity", "add", "example.com", "--algorithm", "dsa"], "dsa"),
    (["identity", "add", "example.com", "--ip", "300.1.1.1"], "write 192.0.2.1"),
    (["identity", "show", "example.com"], "there is no identity example.com"),
    (["identity", "retire", "example.com"], "there is no identity example.com"),
    (["doctor", "--domain", "nodots", "--resolver", "zone.json"], "is no domain"),
    (["doctor", "--domain", "example.com", "--resolver", "bad.json"], "it is JSON of the form"),
    (["doctor", "--domain", "example.com", "--resolver", "odd.json"], "must be a list of strings, or null"),
    (["doctor", "--domain", "example.com", "--nameserver", "ns.test"], "is no name server"),
    (["doctor", "--domain", "example.com", "--nameserver", "192.0.2.1", "--resolver", "zone.json"], "use one of them"),
    (["doctor", "--domain", "example.com", "--ip", "x", "--resolver", "zone.json"], "--ip: 'x'"),
    (["doctor", "--ip", "192.0.2.1"], "name it with --domain"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(row[0][1:]) for row in BAD])
def test_what_is_wrong_is_told_in_one_line(inbox, tmp_path, arguments, words):
    (tmp_path / "zone.json").write_text("{}")
    (tmp_path / "bad.json").write_text("[1]")
    (tmp_path / "odd.json").write_text('{"example.com": {"TXT": "v=spf1 -all"}}')
    status, text, error = inbox(*arguments)
    assert (status, text, error.count("\n")) == (2, "", 1)
    assert words in error
    assert not (tmp_path / "inbox-data/identities").exists()
