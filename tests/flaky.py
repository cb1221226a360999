"""Faults of a mail server at every stage, in every way: for `far_server.FarServer`."""

from __future__ import annotations

import random
import threading
from collections import Counter

FAULTS = {
    "greeting": ("421 4.3.2 going down", "450 4.3.2 later", "554 5.3.2 not today", "drop", "garbage", "half-close", "slow"),
    "ehlo": ("421 4.3.2 going down", "450 4.3.2 later", "drop", "garbage", "half-close", "slow"),
    "mail": ("421 4.3.2 going down", "450 4.3.0 later", "452 4.3.1 full", "drop", "garbage", "half-close", "slow"),
    "rcpt": ("421 4.3.2 going down", "450 4.2.0 greylisted", "452 4.2.2 full", "drop", "garbage", "half-close", "slow"),
    "data": ("421 4.3.2 going down", "451 4.3.0 later", "drop", "garbage", "half-close", "slow"),
    "body": ("452 4.3.1 full", "drop", "slow"),
    "dot": ("421 4.3.2 going down", "451 4.3.0 later", "drop", "drop-taken", "half-close", "garbage", "slow"),
}


class Whims:
    """A fault at every seventh step or so, each as often as the others; which ones there were is counted."""

    def __init__(self, seed: int) -> None:
        self.random, self.lock, self.done = random.Random(seed), threading.Lock(), Counter()

    def __call__(self, stage, argument):
        with self.lock:
            if self.random.random() > 0.14:
                return None
            fault = self.random.choice(FAULTS[stage])
            self.done[stage, fault] += 1
            return fault
