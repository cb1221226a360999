"""Who really sent a mail: SPF, DKIM, DMARC and ARC. Pure functions; DNS is a function that is handed in (`inbox.auth.resolving`).

Each name is loaded when it is first asked for: most mails are judged without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inbox.auth.arc_check import ArcResult as ArcResult
    from inbox.auth.arc_check import arc as arc
    from inbox.auth.dkim_check import DkimResult as DkimResult
    from inbox.auth.dkim_check import dkim as dkim
    from inbox.auth.dmarc_check import DmarcResult as DmarcResult
    from inbox.auth.dmarc_check import dmarc as dmarc
    from inbox.auth.organization import organizational_domain as organizational_domain
    from inbox.auth.resolving import NotFound as NotFound
    from inbox.auth.resolving import Resolver as Resolver
    from inbox.auth.resolving import Temporary as Temporary
    from inbox.auth.spf_check import SpfResult as SpfResult
    from inbox.auth.spf_check import spf as spf

_HOMES = {
    **dict.fromkeys(("ArcResult", "arc"), "arc_check"),
    **dict.fromkeys(("DkimResult", "dkim"), "dkim_check"),
    **dict.fromkeys(("DmarcResult", "dmarc"), "dmarc_check"),
    "organizational_domain": "organization",
    **dict.fromkeys(("NotFound", "Resolver", "Temporary"), "resolving"),
    **dict.fromkeys(("SpfResult", "spf"), "spf_check"),
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  all are strings


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'inbox.auth' has no attribute {name!r}")
    return getattr(import_module(f"inbox.auth.{_HOMES[name]}"), name)
