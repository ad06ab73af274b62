"""What a page says: figures of its own sums, of the windows before it, and in a segment of all customers' sums."""

from collections.abc import Iterator

from msgspec.structs import replace

from schemas.portfolio import PORTFOLIO, PortfolioFigures, segment_of
from streams.metrics.acquisition import WINDOW_DAYS, WINDOWS, WITH_CHURN, WITH_COSTS, acquired
from streams.metrics.payback import without_margins
from streams.metrics.portfolio_pages import Page, PortfolioPartition, key_of, place_of
from streams.metrics.sums import figures


def figures_of(part: PortfolioPartition, key: str, page: Page, as_of: int) -> PortfolioFigures:
    """The figures of a page as it is now; `as_of` is the end of its day, epoch ms."""
    (day, portfolio), ledger = place_of(key), part.meta
    before, company = [one for one in earlier(part, key) if one is not None], company_of(part, key)
    behind = before if company is None else [*before, company]
    restated = page.restated + sum(one.churned for one in before) + (0 if company is None else company.costed)
    values = figures(without_margins(page.sums))
    if page.edition >= WITH_CHURN:
        windows = [page.sums, *(one.sums for one in in_a_row(part, key))]
        values = acquired(values, windows, ledger.is_spent(day), _costs(portfolio, page, company), page.edition)
    if page.churn_target is not None:
        values = replace(values, churn_target=page.churn_target)
    return PortfolioFigures(
        portfolio=portfolio,
        segment=segment_of(portfolio),
        as_of=as_of,
        day=day,
        values=values,
        revision=restated,
        reason="restated" if restated else "closed",
        version=max(ledger.spent_version, page.version, *(one.version for one in behind)),
    )


def earlier(part: PortfolioPartition, key: str) -> list[Page | None]:
    """The pages whose windows lie one behind the other before that of a page, the newest first."""
    day, portfolio = place_of(key)
    return [part.get(one) for one in _earlier_keys(day, portfolio)]


def was_told(part: PortfolioPartition, key: str) -> bool:
    """Whether the last figures of a page that has not faded are out all the same.

    Pages that it takes figures from fade, or go, behind it, and all are saved behind what went out: where one of them
    did, the flush was torn that had this page, too.
    """
    company, (day, portfolio) = company_of(part, key), place_of(key)
    if company is not None and company.faded:
        return True
    needed = [key_of(day, PORTFOLIO), *_earlier_keys(day, portfolio)]
    return any(part.ahead(one, part.offset) and part.get(one) is None for one in needed)


def in_a_row(part: PortfolioPartition, key: str) -> Iterator[Page]:
    """These, up to the first that is missing, or does not tell its churn."""
    for page in earlier(part, key):
        if page is None or page.edition < WITH_CHURN:
            return
        yield page


def company_of(part: PortfolioPartition, key: str) -> Page | None:
    """Of a segment's page that of all customers on its day; None of that one itself."""
    day, portfolio = place_of(key)
    return None if portfolio == PORTFOLIO else part.get(key_of(day, PORTFOLIO))


def _earlier_keys(day: int, portfolio: str) -> list[str]:
    return [key_of(day - number * WINDOW_DAYS, portfolio) for number in range(1, WINDOWS)]


def _costs(portfolio: str, page: Page, company: Page | None) -> dict[str, int] | None:
    """What a segment shares the costs of campaigns by; nothing while an older release added one of the two up."""
    if portfolio == PORTFOLIO:
        return None
    known = company is not None and not company.faded and min(page.edition, company.edition) >= WITH_COSTS
    return company.sums if company is not None and known else {}
