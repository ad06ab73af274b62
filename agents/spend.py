"""Acquisition spend to sums per day and window."""

from schemas.registry import SPEND
from streams.app import Zelo
from streams.domains import serve_domain
from streams.metrics.spend import SpendFold


def register(zelo: Zelo) -> None:
    """Declares the agent of the spend topic."""
    serve_domain(zelo, SPEND, SpendFold(zelo.days))
