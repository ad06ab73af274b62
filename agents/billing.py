"""Subscriptions and invoices to MRR and its movements."""

from schemas.registry import BILLING
from streams.app import Zelo
from streams.domains import serve_domain
from streams.metrics.revenue import RevenueFold


def register(zelo: Zelo) -> None:
    """Declares the agent of the billing topic."""
    serve_domain(zelo, BILLING, RevenueFold(zelo.profile.revenue, zelo.days))
