"""Who really sent a mail: SPF, DKIM, DMARC and ARC. Pure functions; DNS is a function that is handed in (`inbox.auth.resolving`)."""

from inbox.auth.arc import ArcResult, arc
from inbox.auth.dkim import DkimResult, dkim
from inbox.auth.dmarc import DmarcResult, dmarc
from inbox.auth.organization import organizational_domain
from inbox.auth.resolving import NotFound, Resolver, Temporary
from inbox.auth.spf import SpfResult, spf

__all__ = [
    "ArcResult",
    "DkimResult",
    "DmarcResult",
    "NotFound",
    "Resolver",
    "SpfResult",
    "Temporary",
    "arc",
    "dkim",
    "dmarc",
    "organizational_domain",
    "spf",
]
