"""How fast a mail is read, in CPU time beside the standard library and flanker, all taking turns in the same rounds.

    python benchmarks/parsing.py ../shared [--rounds 9] [--only WORD,...]

The mails and the peers are those of the shared benchmarks (`mails.py`, `parse_speed.py`): text, HTML of 15 KB, a PDF of 60 KB, a picture of
400 KB, and the 104 of them together. Ratios are to `stdlib, full` in the same round: how many mails it takes us for one of theirs.
"""

from __future__ import annotations

import argparse
import email
import gc
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from inbox.parsing import parse

Read = Callable[[bytes], object]
BASE = "stdlib, full"


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("shared", type=Path)
    given.add_argument("--rounds", type=int, default=9)
    given.add_argument("--only", default="", help="kinds of mail, separated by commas: simple,html,attachment,image,all")
    args = given.parse_args()
    sys.path.insert(0, str(args.shared / "bench"))
    groups = mixes()
    for label in [one for one in groups if not args.only or one in args.only.split(",")]:
        show(label, groups[label], measured(readers(), groups[label], args.rounds))


def mixes() -> dict[str, list[bytes]]:
    """The mails by kind, and all of them; the same octets in every run, boundaries too."""
    import mails  # noqa: PLC0415 (of the shared benchmarks)

    random.seed(1)
    groups: dict[str, list[bytes]] = mails.mix()
    return {**groups, "all": [raw for group in groups.values() for raw in group]}


def readers() -> dict[str, Read]:
    """Whoever reads, and how much of it. `full`: every header, text and attachment decoded; ours with all that is said of them, as JSON."""
    import parse_speed  # noqa: PLC0415 (as above)

    found: dict[str, Read] = {
        BASE: parse_speed.stdlib("compat32"),
        "stdlib, header and structure": stdlib_structure,
        "inbox, full": lambda raw: parse(raw).to_dict(),
        "inbox, without reply, bounce, thread": without_derived,
        "inbox, header and structure": structure,
        "inbox, subject": lambda raw: parse(raw).subject,
    }
    try:
        found["flanker, full"] = parse_speed.flanker()
    except ImportError:
        sys.stdout.write("flanker is not there\n")
    return found


def stdlib_structure(raw: bytes) -> object:
    message = email.message_from_bytes(raw)
    return message["subject"], message["from"], [(part.get_content_type(), part.get_filename()) for part in message.walk()]


def structure(raw: bytes) -> object:
    """What most rules ask for."""
    message = parse(raw)
    return message.subject, message.from_, [part.media.value for part in message.parts], [one.filename for one in message.attachments]


def without_derived(raw: bytes) -> object:
    """All that the others say too: header, addresses, date, texts, attachments with their digests, and what was odd."""
    message = parse(raw)
    values = [(header.name, header.value) for header in message.headers]
    files = [one.to_dict() for one in message.attachments]
    return values, message.subject, message.date, message.from_, message.to, message.text, message.html, files, message.defects


def measured(found: dict[str, Read], group: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Microseconds of CPU a mail in each round; one round is warming up and does not count."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds + 1):
        for name, read in found.items():
            gc.collect()
            begin = time.process_time()
            for raw in group:
                read(raw)
            times[name].append((time.process_time() - begin) / len(group) * 1e6)
    return {name: each[1:] for name, each in times.items()}


def show(label: str, group: list[bytes], times: dict[str, list[float]]) -> None:
    sys.stdout.write(f"\n{label}: {len(group)} mails, {sum(map(len, group)) / 1e6:.2f} MB\n")
    for name, each in times.items():
        ratios = [base / own for base, own in zip(times[BASE], each, strict=True)]
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
        sys.stdout.write(f"  {name:38} {statistics.median(each):9,.0f} us {statistics.median(ratios):8.2f} x {spread}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
