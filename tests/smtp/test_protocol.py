"""Sessions that hypothesis thinks out, against a model of the protocol; `make fuzz` plays more of them."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test

from fuzz.protocol import Sessions, few


def test_the_door_does_what_the_model_of_the_protocol_says():
    run_state_machine_as_test(Sessions, settings=few(40))
