"""What a cold start of the Lambda function costs: from nothing to the first decision, against a function that only fetches the object.

    cold_start.py [--runs 9] [--task FOLDER] [--imports]

Each run is a fresh interpreter with a Lambda event of SES and a stand-in for S3 over HTTP; the two take turns in the same rounds, and the first round
fills the caches of byte code and files and is not counted. CPU time, since the machine has other work: boto3's own share is that of the bare function.
`--task`: an unzipped lambda.zip instead of this checkout. `--imports`: what the modules of one cold start cost, by package.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
STORED = f"""Return-Path: <alice@example.org>
Received: from mail.example.org (mail.example.org [192.0.2.10])
 by inbound-smtp.us-east-1.amazonaws.com with SMTP id {ID}
 for orders@example.com;
 Wed, 05 Nov 2025 10:00:00 +0000 (UTC)
X-SES-Spam-Verdict: PASS
X-SES-Virus-Verdict: PASS
Received-SPF: pass (spfCheck: ok) client-ip=192.0.2.10; envelope-from=alice@example.org; helo=mail.example.org;
Authentication-Results: amazonses.com; spf=pass (ok) client-ip=192.0.2.10; dkim=pass header.i=@example.org; dmarc=pass header.from=example.org;
X-SES-RECEIPT: AEFBQUFB
X-SES-DKIM-SIGNATURE: a=rsa-sha256; d=amazonses.com; s=x; bh=x; b=x
From: Alice <alice@example.org>
To: orders@example.com
Subject: order 4711
Message-ID: <1@example.org>
Date: Wed, 05 Nov 2025 10:00:00 +0000
Content-Type: text/plain; charset=utf-8

Where is it?
""".replace("\n", "\r\n").encode()
EVENT = {
    "Records": [
        {
            "eventSource": "aws:ses",
            "eventVersion": "1.0",
            "ses": {
                "mail": {
                    "timestamp": "2025-11-05T10:00:00.000Z",
                    "source": "alice@example.org",
                    "messageId": ID,
                    "destination": ["orders@example.com"],
                },
                "receipt": {
                    "timestamp": "2025-11-05T10:00:00.000Z",
                    "recipients": ["orders@example.com"],
                    **{f"{name}Verdict": {"status": "PASS"} for name in ("spam", "virus", "spf", "dkim", "dmarc")},
                    "action": {
                        "type": "Lambda",
                        "functionArn": "arn:aws:lambda:us-east-1:111122223333:function:x",
                        "invocationType": "RequestResponse",
                    },
                },
            },
        }
    ]
}
TIMED = "import time; began = time.process_time()\n{0}\nprint('CPU', (time.process_time() - began) * 1000)"
BARE = f"""
import boto3
s3 = boto3.client('s3')
def handler(event, context):
    key = event['Records'][0]['ses']['mail']['messageId']
    return s3.get_object(Bucket='mail', Key='mail/' + key)['Body'].read()
event = {EVENT!r}
assert b'4711' in handler(event, None)
"""
OURS = f"""
from inbox import lambda_handler
event = {EVENT!r}
assert lambda_handler(event, None) == {{'disposition': 'STOP_RULE_SET'}}
"""
RULES_ONLY = """
from inbox import Envelope, Inbox, Mail
box = Inbox('rules.yaml')
mail = Mail.of(b'Subject: order 4711\\r\\n\\r\\nhello\\r\\n', Envelope('alice@example.org', ('orders@example.com',)))
assert box.judge(mail).steps
"""
PROGRAMS = {"bare": BARE, "function": OURS, "rules and one mail, no AWS": RULES_ONLY}


class Bucket(BaseHTTPRequestHandler):
    """Answers every GET with the mail."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(STORED)))
        self.send_header("ETag", '"x"')
        self.send_header("Content-Type", "binary/octet-stream")
        self.end_headers()
        self.wfile.write(STORED)

    def log_message(self, *words):
        pass


def environment(folder: Path, port: int, task: Path | None) -> dict[str, str]:
    endpoint = f"http://127.0.0.1:{port}"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(task or ROOT / "src"),
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "INBOX_RULES": "rules.yaml",
        "INBOX_SES__BUCKETS": "mail/mail",
        "INBOX_LOG__LEVEL": "error",
    }


def cold(program: str, folder: Path, variables: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, "-c", TIMED.format(program)]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done


def milliseconds(program: str, folder: Path, variables: dict[str, str]) -> float:
    return float(re.search(r"^CPU ([\d.]+)$", cold(program, folder, variables).stdout, re.MULTILINE)[1])


def imports(text: str) -> list[tuple[str, float]]:
    """Milliseconds that modules took themselves, by package (ours: by room)."""
    spent = collections.Counter()
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", text):
        parts = name.split(".")
        spent[".".join(parts[:2]) if parts[0] == "inbox" else parts[0]] += int(own) / 1000
    return spent.most_common()


def run(folder: Path, args: argparse.Namespace, port: int) -> None:
    (folder / "rules.yaml").write_text((ROOT / "deploy" / "aws" / "rules.yaml").read_text().partition("\ntests:")[0])
    variables = environment(folder, port, args.task)
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for number in range(args.runs + 1):
        for name, program in PROGRAMS.items():
            if (spent := milliseconds(program, folder, variables)) and number:
                found[name].append(spent)
    bare, ours = found["bare"], found["function"]
    result = {
        "cpu_ms": {name: round(statistics.median(values)) for name, values in found.items()},
        "lowest_cpu_ms": {name: round(min(values)) for name, values in found.items()},
        "without_boto3_ms": round(statistics.median(b - a for a, b in zip(bare, ours, strict=True))),
        "times_bare": round(statistics.median(b / a for a, b in zip(bare, ours, strict=True)), 2),
        "runs": args.runs,
    }
    print(json.dumps(result, indent=2))
    print(
        f"goals: below 300 ms without boto3: {result['without_boto3_ms'] < 300}; below twice the bare function: {result['times_bare'] < 2}"
    )
    if args.imports:
        for name, spent in imports(cold(OURS, folder, variables, "-X", "importtime").stderr)[:30]:
            print(f"{spent:8.1f} ms  {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--task", type=Path, help="an unzipped lambda.zip")
    parser.add_argument("--imports", action="store_true")
    args = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), args, server.server_port)
    server.shutdown()


if __name__ == "__main__":
    main()
