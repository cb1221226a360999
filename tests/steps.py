"""Rules in a line for tests of handlers."""

from __future__ import annotations

import json


def rules(*steps, when=None, more=""):
    """A rules file with one rule `a` that does these steps; `more`: further rules."""
    condition = f"  when: {when}\n" if when else ""
    done = ", ".join(map(json.dumps, steps))
    return f"version: 1\ndomains: [example.com]\nrules:\n- name: a\n{condition}  do: [{done}]\n{more}default: [discard]\n"
