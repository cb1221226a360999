"""The worker process: `python -m inbox.worker` (started by `inbox.supervise`), and `run` for programs that bring their own."""

from inbox.worker.rounds import run
from inbox.worker.slot import InHand, Slot

__all__ = ["InHand", "Slot", "run"]
