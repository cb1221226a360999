"""A function starts cold: what is slow to import waits until it is needed."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("boto3", "botocore", "cryptography", "flanker", "pydantic", "asyncio", "sqlite_utils")


def test_reading_events_imports_nothing_slow():
    program = f"import sys, inbox.sources.ses; print([name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
