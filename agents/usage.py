"""Product usage to engagement and activation."""

from schemas.registry import USAGE
from streams.app import Zelo
from streams.domains import serve_domain
from streams.metrics.usage import UsageFold


def register(zelo: Zelo) -> None:
    """Declares the agent of the usage topic."""
    serve_domain(zelo, USAGE, UsageFold(zelo.profile.usage, zelo.days))
