"""Survey answers to NPS, CSAT and CES."""

from schemas.registry import SURVEYS
from streams.app import Zelo
from streams.domains import serve_domain
from streams.metrics.feedback import FeedbackFold


def register(zelo: Zelo) -> None:
    """Declares the agent of the surveys topic."""
    serve_domain(zelo, SURVEYS, FeedbackFold(zelo.profile.feedback, zelo.days))
