"""Settings: what is wrong is said with its place (line, variable, flag) and what would be right; what is right is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inbox.config import load, with_flags
from inbox.errors import ConfigError

BAD = sorted((Path(__file__).parent / "bad").glob("*.toml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_in_these_words(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConfigError) as error:
        load(Path(path.name), environment={})
    assert f"{error.value}\n" == path.with_suffix(".txt").read_text()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_line_of_the_words_names_the_file_and_its_line(path):
    for line in path.with_suffix(".txt").read_text().splitlines():
        assert line.startswith(f"{path.name}:")
        assert "hunter2" not in line
        assert "pydantic" not in line
        assert "Input should" not in line


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"INBOX_LIMITS__SIZE": "big"},
            "INBOX_LIMITS__SIZE: setting limits.size: 'big' is of the wrong kind; write a whole number such as 100",
        ),
        (
            {"INBOX_SMTP": "127.0.0.1:25,nowhere"},
            "INBOX_SMTP: setting smtp: 'nowhere' is no address to listen on; write HOST:PORT or [::1]:PORT",
        ),
        ({"INBOX_LIMITZ__SIZE": "3"}, "INBOX_LIMITZ__SIZE: setting limitz: there is no such setting; did you mean limits?"),
        ({"INBOX_LIMITS": "5"}, "INBOX_LIMITS: setting limits: '5' is of the wrong kind; write a table"),
        ({"INBOX_LIMITS": "5", "INBOX_LIMITS__SIZE": "5"}, "unset one of the two"),
        ({"INBOX_FILTERS": "block 10.0.0.1/8"}, "INBOX_FILTERS: setting filters: '10.0.0.1/8' names an address within a network"),
        (
            {"INBOX_TLS__REQUIRED": "perhaps"},
            "INBOX_TLS__REQUIRED: setting tls.required: 'perhaps' is of the wrong kind; write true or false",
        ),
        ({"INBOX_LIMITS__RATES__SENDER": "5"}, "INBOX_LIMITS__RATES__SENDER: setting limits.rates.sender: '5' is no rate"),
    ],
)
def test_a_bad_variable_is_named(variables, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        load(environment=variables)
    assert words in str(error.value)


def test_the_place_that_is_named_is_the_one_that_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("inbox.toml").write_text('[limits]\nsize = "low"\nrecipients = 7\n')
    with pytest.raises(ConfigError, match=r"^INBOX_LIMITS__SIZE: .*'high'"):
        load(environment={"INBOX_LIMITS__SIZE": "high"})
    with pytest.raises(ConfigError, match=r"^--workers: setting workers: 'x'"):
        with_flags(load(environment={"INBOX_LIMITS__SIZE": "5"}), {"workers": "x"})


def test_all_mistakes_of_all_places_are_told_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("inbox.toml").write_text('hostname = 3\n[limits]\nsize = "low"\n')
    with pytest.raises(ConfigError) as error:
        load(environment={"INBOX_HTTP": "80"}, flags={"dir": 5})
    assert [line.partition(": setting")[0] for line in str(error.value).splitlines()] == [
        "--dir",
        "inbox.toml:1",
        "INBOX_HTTP",
        "inbox.toml:3",
    ]


def test_rates_and_filters_are_read_from_file_and_variables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("inbox.toml").write_text('filters = ["block 10.0.0.0/8", "allow 10.1.2.3"]\n[limits.rates]\nmails = "100/1h"\n')
    settings = load(environment={"INBOX_LIMITS__RATES__SENDER": "5/m"})
    assert settings.filters == ("block 10.0.0.0/8", "allow 10.1.2.3")
    assert (settings.limits.rates.mails, settings.limits.rates.sender, settings.limits.rates.connections) == ("100/1h", "5/m", "off")
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
    assert load(environment={"INBOX_FILTERS": "block 10.0.0.0/8,allow ::1"}).filters == ("block 10.0.0.0/8", "allow ::1")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--smtp", "nowhere"], "--smtp: setting smtp: 'nowhere' is no address to listen on"),
        (
            ["--certificate", "none.pem"],
            "tls.certificate (--certificate) none.pem cannot be read: No such file or directory; write the path of a PEM",
        ),
        (["--certificate", "cert.pem"], "tls.certificate (--certificate) cert.pem holds no private key; set tls.key (--key) too"),
        (["--key", "cert.pem"], "tls.key (--key) is set, but no tls.certificate (--certificate); set both"),
        (["--certificate", "cert.pem", "--key", "none.pem"], "tls.key (--key) none.pem cannot be read"),
        (
            ["--certificate", "cert.pem", "--key", "other.pem"],
            "does not belong to tls.certificate (--certificate) cert.pem; give the pair that was issued together",
        ),
        (["--certificate", "folder", "--key", "other.pem"], "tls.certificate (--certificate) folder cannot be read: Is a directory"),
        (["--smtps", "127.0.0.1:0"], "smtps (--smtps) needs a certificate: set tls.certificate (--certificate) and tls.key (--key)"),
        (["--smtp", "203.0.113.200:0"], "smtp (--smtp): cannot listen on 203.0.113.200:0"),
        (["--dir", "folder/file"], "'--dir': Directory 'folder/file' is a file"),
    ],
)
def test_serve_ends_with_status_2_and_one_line_that_says_what_would_be_right(flags, words, tmp_path):
    import trustme

    authority = trustme.CA()
    authority.issue_cert("a.test").cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.issue_cert("b.test").private_key_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "rules.yaml").write_text("version: 1\ndomains: [a.test]\nrules: []\ndefault: [store]\n")
    done = subprocess.run([sys.executable, "-m", "inbox", "serve", *flags], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert (done.returncode, len(said)) == (2, 1), done.stderr
    assert words in said[0]
