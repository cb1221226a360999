"""The Lambda adapter beside a bare loop that only fetches: 5 KB records of SQS, in batches of ten, from an S3 on 127.0.0.1.

    python benchmarks/function.py [--records 1000] [--rounds 5]

Rounds are interleaved; what counts are the ratios within a round. `fetch` is what nobody can do without: JSON, GetObject, read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from inbox import config, lambda_handler_for
from inbox.aws import client

BUCKET, TOPIC = "inbound-mail", "arn:aws:sns:us-east-1:123456789012:inbound"
RULES = "version: 1\ndomains: [example.com]\nrules:\n" + "".join(
    f"- {{name: r{n}, recipients: [u{n}@example.com], when: {{subject: {{has: word{n}}}}}, label: l{n}}}\n" for n in range(100)
)
RULES += "default: [{store: {table: mails}}]\n"
TEXT = "\r\n".join(["The quick brown fox jumps over the lazy dog, and says so to everybody who asks."] * 58)


def mail(number: int) -> bytes:
    head = f"From: Jane <jane{number}@example.org>\r\nTo: u{number % 100}@example.com\r\nSubject: mail {number}\r\nMessage-ID: <{number}@example.org>\r\n"
    return f"{head}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{TEXT}\r\n".encode()


def serve(port: multiprocessing.connection.Connection) -> None:
    """An S3 that has every object, as quick as an event loop is."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = mail(int(head.split(b" ", 2)[1].rpartition(b"/")[2].partition(b"?")[0]))
            writer.write(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body))

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def event(start: int, count: int, offset: int) -> dict:
    records = []
    for number in range(start, start + count):
        id_ = f"{offset + number:040}"
        about = {"timestamp": "2026-11-24T10:00:00.000Z", "source": "jane@example.org", "messageId": id_, "destination": []}
        action = {"type": "S3", "topicArn": TOPIC, "bucketName": BUCKET, "objectKeyPrefix": "mail", "objectKey": f"mail/{id_}"}
        receipt = {"recipients": [f"u{number % 100}@example.com"], "action": action}
        body = json.dumps({"notificationType": "Received", "mail": about, "receipt": receipt})
        records.append({"eventSource": "aws:sqs", "messageId": id_, "receiptHandle": "h", "body": body})
    return {"Records": records}


def fetch(client: object) -> Callable[[dict], dict]:
    def handler(event: dict) -> dict:
        for record in event["Records"]:
            action = json.loads(record["body"])["receipt"]["action"]
            client.get_object(Bucket=action["bucketName"], Key=action["objectKey"])["Body"].read()
        return {"batchItemFailures": []}

    return handler


def run(handler: Callable[[dict], dict], records: int, offset: int) -> tuple[float, float]:
    """Records a second, and milliseconds of CPU for each."""
    events = [event(start, 10, offset) for start in range(0, records, 10)]
    began, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):  # the metrics, which a function prints
        for one in events:
            assert handler(one) == {"batchItemFailures": []}
    return records / (time.perf_counter() - began), (time.process_time() - cpu) / records * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    near, far = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(far,), daemon=True)
    process.start()
    endpoint = f"http://127.0.0.1:{near.recv()}"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        handlers = made(endpoint)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in handlers}
        for number in range(args.rounds + 1):
            for name, handler in handlers.items():
                result = run(handler, args.records if number else 50, number * 1_000_000)
                if number:  # the first warms up
                    found[name].append(result)
    show(found)
    process.kill()


def made(endpoint: str) -> dict[str, Callable[[dict], dict]]:
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "y"), ("REGION", "us-east-1"), ("DEFAULT_REGION", "us-east-1")):
        os.environ[f"AWS_{name}"] = value
    Path("rules.yaml").write_text(RULES)
    aws = {"region": "us-east-1", "endpoint": endpoint}
    settings = config.validate({"aws": aws, "ses": {"buckets": [BUCKET], "topics": [TOPIC]}, "log": {"level": "error"}})
    bare = fetch(client("s3", aws))
    without = lambda_handler_for("rules.yaml", settings=settings)
    within = lambda_handler_for("rules.yaml", settings=settings, store="data")
    logging.disable(logging.WARNING)
    return {"fetch": bare, "adapter, no store": without, "adapter, SQLite": within}


def show(found: dict[str, list[tuple[float, float]]]) -> None:
    base = found["fetch"]
    for name, results in found.items():
        rates, cpu = zip(*results, strict=True)
        ratios = [rate / other for rate, (other, _) in zip(rates, base, strict=True)]
        print(
            f"{name:20} {statistics.median(rates):7.0f}/s ({min(rates):.0f}-{max(rates):.0f})  {statistics.median(cpu):5.2f} ms CPU"
            f"  x fetch {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            file=sys.stdout,
        )


if __name__ == "__main__":
    main()
