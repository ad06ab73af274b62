"""Sums of all partitions to figures of all customers and of segments, day by day."""

from schemas.codec import MessageDecoder
from schemas.portfolio import PortfolioMessage
from schemas.registry import METRICS, PORTFOLIO
from streams.app import Zelo
from streams.messages import serve
from streams.metrics.portfolio_machine import PortfolioMachine
from streams.metrics.portfolio_pages import Page, PortfolioLedger


def register(zelo: Zelo) -> None:
    """Declares the agent of the sums."""
    settings = zelo.settings
    machine = PortfolioMachine(
        settings.partitions, zelo.days, settings.horizon_days, zelo.name(METRICS), zelo.profile.revenue.churn_target
    )
    table = zelo.table("portfolio", PORTFOLIO, Page, PortfolioLedger, machine.render)
    read = MessageDecoder[PortfolioMessage](PortfolioMessage)
    serve(zelo, PORTFOLIO, table, lambda record: read(record.value), machine.step, machine.dead)
