"""When the largest subscription of a customer renews, and how long the contract is that ends then.

It renews at its `term_ends_at`. Passed without an end, the term is taken as renewed by billing periods, or with
`auto_renews` False as due now (0). Without a term, the billing period counted from the start of the run of service when
`auto_renews` is True, else unknown. The contract that ends then is as long as its term, at least a billing period.
"""

from streams.metrics.days import Days
from streams.metrics.roll import Running
from streams.metrics.subscriptions import next_renewal, period_days


def days_to_renewal(largest: Running, days: Days, day: int) -> int | None:
    """Calendar days from `day`; None when nobody knows."""
    terms = largest.terms
    if terms.term_ends_at is not None:
        ends = days.of(terms.term_ends_at)
        if ends >= day:
            return ends - day
        if terms.auto_renews is False:
            return 0
        return next_renewal(ends, terms.interval, terms.interval_count, day) - day
    if not terms.auto_renews:
        return None
    start = days.of(largest.subscription.run_start(largest.index))
    return next_renewal(start, terms.interval, terms.interval_count, max(day, start + 1)) - day


def renewal_period_days(largest: Running, days: Days, day: int) -> int | None:
    """Length of the contract that the next renewal ends: its term, at least a billing period (months of 30.4375).

    Terms that were set anew inside a term count from there.
    """
    if days_to_renewal(largest, days, day) is None:
        return None
    terms = largest.terms
    billing = period_days(terms.interval, terms.interval_count)
    if terms.term_ends_at is None:
        return billing
    ends = days.of(terms.term_ends_at)
    is_over = ends < day and terms.auto_renews is not False
    began = days.of(largest.subscription.changes[largest.index].at)
    return billing if is_over else max(billing, ends - began)
