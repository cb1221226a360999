"""What the planner of forwarding foretells, mailauth finds: another implementation of SPF, DKIM, DMARC and ARC, in another language.

`make test-aws` installs it beside the other tools; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from inbox.auth.signing import SigningKey, dkim_signature, seal
from inbox.config import validate
from inbox.parsing import parse
from inbox.send.forwarding import Arrival, Ourselves, Wish, plan
from inbox.send.identities import Identities
from inbox.send.key_files import KeyFolder
from inbox.send.srs import Srs
from published_keys import published, resolver

NOW = time.time()
RAW = b"From: Jane <jane@example.org>\r\nTo: support@shop.example\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n\r\nwords  \r\n\r\n"
AUTHOR, LIST = (SigningKey(domain, "s", rsa.generate_private_key(65_537, 2048)) for domain in ("example.org", "list.example"))


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    KeyFolder(folder / "identities" / "shop.example", "shop.example").make("inbox")
    return Identities(validate({"dir": folder})).of("shop.example")


def mails():
    signed = dkim_signature(RAW, AUTHOR, NOW) + RAW
    said = "mx.list.example; dkim=pass header.d=example.org; dmarc=pass header.from=example.org"
    return {"signed": signed, "unsigned": RAW, "sealed before": seal(signed, LIST, NOW, results=said, chain="none") + signed}


@pytest.mark.parametrize("method", ["auto", "srs", "munge", "wrap"])
@pytest.mark.parametrize("kind", ["signed", "unsigned", "sealed before"])
def test_another_implementation_finds_what_was_foretold(identity, kind, method):
    names = {
        "shop.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
        "_dmarc.shop.example": {"TXT": ["v=DMARC1; p=reject"]},
        "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]},
        **published(AUTHOR, LIST, identity.signing_key),
    }
    raw = mails()[kind]
    srs = Srs((b"a secret of the tests",))
    arrival = Arrival(
        raw, parse(raw), "jane@example.org", ("team@corp.test",), datetime.fromtimestamp(NOW, UTC), b"", "spf=pass; dmarc=pass"
    )
    ours = Ourselves(
        "support@shop.example", lambda sender: srs.forward(sender, "shop.example", NOW), identity, "mx.shop.example", "mx.shop.example"
    )
    found = plan(arrival, ours, Wish(method), resolver(names), NOW)
    said = found.prediction
    assert mailauth(found, names) == {
        "spf": said.spf.result,
        "dkim": [f"{one.result} {one.domain}" for one in said.dkim] or ["none undefined"],
        "arc": "pass",
        "links": 2 if kind == "sealed before" and method != "wrap" else 1,
        "dmarc": said.dmarc.result,
    }


def mailauth(found, names):
    node, module = (os.environ.get(name, "") for name in ("NODE_PROGRAM", "MAILAUTH_MODULE"))
    if not (Path(node).is_file() and Path(module).is_dir()):
        pytest.skip("NODE_PROGRAM and MAILAUTH_MODULE are not set: make test-aws installs them")
    about = json.dumps({"ip": "192.0.2.1", "helo": "mx.shop.example", "sender": found.sender, "names": names})
    script = Path(__file__).with_name("mailauth.cjs")
    done = subprocess.run([node, script, module, about], input=found.raw, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
