"""Rules in a line, real files, and a real web server that remembers what it was told."""

from __future__ import annotations

import json

import pytest

from aws_endpoint import aws, aws_endpoint
from inbox.testing import make_mail
from web_hook import hook

__all__ = ["aws", "aws_endpoint", "hook"]


@pytest.fixture
def one_step(inbox_for):
    """Run one step on a mail and return its outcome: `one_step({"file": {"path": "/x"}}, mail)`."""

    def run(step, mail=None, *, box=None, **more):
        box = box or inbox_for(one_rule(step), **more)
        return box.process(mail or make_mail()).outcomes[-1]

    return run


def one_rule(step, recipients="[bob@example.com]"):
    return (
        "version: 1\ndomains: [example.com, local.test]\nrules:\n- name: a\n"
        f"  recipients: {recipients}\n  do: [{json.dumps(step)}]\ndefault: [discard]\n"
    )


@pytest.fixture
def rule():
    return one_rule
