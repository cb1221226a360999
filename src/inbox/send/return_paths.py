"""Return paths of ours: made for mail that is forwarded (SRS), and recognised when a report comes back to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from inbox.model import ACCEPTED, Plan, Reply, Step
from inbox.send.secret import return_path_secrets
from inbox.send.srs import Expired, NotOurs, Srs, is_srs

if TYPE_CHECKING:
    from pathlib import Path

    from inbox.config import Settings

RULE = "return path"
"""The name under which reports that go home stand in a plan."""
NOT_NULL = Reply(550, "5.7.1", "This address takes reports with the null sender only (MAIL FROM:<>)")
NOT_OURS = Reply(550, "5.1.1", "There is no such return path")


class ReturnPaths:
    """Addresses of the Sender Rewriting Scheme, with the secret of this installation, which is made when the first address is."""

    def __init__(self, settings: Settings) -> None:
        self._reference = settings.sending.secret
        self._folder: Path | None = settings.dir if settings.store is None else None
        self._srs: Srs | None = None

    def rewrite(self, sender: str, domain: str, now: float) -> str:
        """The address at `domain` that stands for a sender; `now`: seconds since 1970. Deferred when there is no secret."""
        srs = self._known(make=True)
        assert srs is not None
        return srs.forward(sender, domain, now)

    def home(self, sender: str | None, recipient: str, now: float) -> str | Reply | None:
        """Whose return path a recipient is, or the refusal of a mail to it; None for any other recipient, and where no return path was ever made.

        Only reports come home: mail with the null sender, to an address that we made within 21 days. Deferred when the secret cannot be read.
        """
        if not is_srs(recipient) or (srs := self._known(make=False)) is None:
            return None
        try:
            home = srs.reverse(recipient, now)
        except NotOurs:
            return NOT_OURS
        except Expired as error:
            return Reply(550, "5.1.1", f"{str(error).capitalize()}: it is good no longer")
        return home if sender is None else NOT_NULL

    def _known(self, *, make: bool) -> Srs | None:
        if self._srs is None and (secrets := return_path_secrets(self._reference, self._folder, make=make)):
            self._srs = Srs(secrets)
        return self._srs


def with_return_paths(plan: Plan, home: Mapping[str, str | Reply], *, others: bool) -> Plan:
    """The plan, and for each recipient that is a return path a step that brings the report home, or its refusal. `others`: whether the mail has
    further recipients, whom the plan is for.
    """
    refused = {recipient: found for recipient, found in home.items() if isinstance(found, Reply)}
    steps = list(plan.steps)
    for recipient, found in home.items():
        if not isinstance(found, Reply):
            steps.append(Step(len(steps) + 1, RULE, "forward-bounce", {"to": found}, (recipient,)))
    nobody = len(refused) == len(home) and (not others or plan.reply.code >= 400)
    reply = (plan.reply if others else next(iter(refused.values()))) if nobody else ACCEPTED
    return replace(plan, reply=reply, steps=tuple(steps), refused={**plan.refused, **refused})


__all__ = ["NOT_NULL", "NOT_OURS", "RULE", "ReturnPaths", "is_srs", "with_return_paths"]
