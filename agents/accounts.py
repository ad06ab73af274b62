"""Customer profiles, the newest wins."""

from schemas.registry import ACCOUNTS
from streams.app import Zelo
from streams.domains import serve_domain
from streams.metrics.account import AccountFold


def register(zelo: Zelo) -> None:
    """Declares the agent of the accounts topic."""
    serve_domain(zelo, ACCOUNTS, AccountFold(zelo.days))
