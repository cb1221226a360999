"""An observer: one line of JSON for each finished mail, appended to a file.

The file is named by the variable AUDIT_FILE; without it nothing is written. Each line is written at once and whole, so several workers
may share the file.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from inbox import hookimpl

if TYPE_CHECKING:
    from inbox import Mail, Receipt


@hookimpl
def mail_settled(mail: Mail, receipt: Receipt) -> None:
    path = os.environ.get("AUDIT_FILE")
    if not path:
        return
    line = json.dumps(_record(mail, receipt), ensure_ascii=True) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def _record(mail: Mail, receipt: Receipt) -> dict[str, Any]:
    plan = receipt.plan
    return {
        **mail.to_dict(),
        "state": receipt.state,
        "labels": list(plan.labels) if plan else [],
        "rules": [decision.rule for decision in plan.decisions if decision.matched] if plan else [],
        "outcomes": [outcome.to_dict() for outcome in receipt.outcomes],
    }
