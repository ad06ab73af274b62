"""Tickets to support figures."""

from schemas.registry import TICKETS
from streams.app import Zelo
from streams.domains import serve_domain
from streams.metrics.support import SupportFold


def register(zelo: Zelo) -> None:
    """Declares the agent of the tickets topic."""
    serve_domain(zelo, TICKETS, SupportFold(zelo.profile.support, zelo.days))
