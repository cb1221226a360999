"""rules.yaml: loading (every mistake at once, with line and column), deciding (pure), the index, lint, the tests in the file, the schema.

load / check -> Rules -> admit (at RCPT, envelope only) / decide -> Plan -> expand (every rule in the open)
"""

from __future__ import annotations

from inbox.inspect import NamedFact
from inbox.rules.admit import RELAY_DENIED, admit
from inbox.rules.decide import decide, expand
from inbox.rules.file_tests import TestResult, run_tests
from inbox.rules.loading import check, load, load_text
from inbox.rules.ruleset import Rule, Rules, Translated
from inbox.rules.schema import schema
from inbox.rules.words import Operator, reference

__all__ = [
    "RELAY_DENIED",
    "NamedFact",
    "Operator",
    "Rule",
    "Rules",
    "TestResult",
    "Translated",
    "admit",
    "check",
    "decide",
    "expand",
    "load",
    "load_text",
    "reference",
    "run_tests",
    "schema",
]
