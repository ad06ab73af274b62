"""What the churn model learns from a customer's aligned day: its features while it can still be lost, and the loss.

The event is the first that says the customer is lost: a notice that all it has will end (scheduled by it, done in
billing, or the customer's own word that it leaves), or the end of paid service where no notice came before. From the
notice on there is nothing left to predict, and its features would give the answer away; so a customer under notice is
no example. Taken back (or 90 days after a word that nothing followed), the customer is at risk again.

A pause is no loss: a customer at risk that pays nothing while a subscription of it is paused, and gave no notice, stays
at risk, without examples, until it pays again, ends or gives notice.

A customer that is none says so by its segment: deleted, merged into another, or a test. It is censored: no example from
then on, and what is open of it is never judged, for it neither stayed nor left. A merge mostly ends the subscription
first and says so later, so a customer that was lost is censored, too, while the window of a snapshot of it may be open.
"""

from collections.abc import Mapping

from schemas.metrics import CustomerValues, RevenueValues
from schemas.scores import Censored, CensorReason, Outcome, Snapshot
from streams.churn.features import features
from streams.metrics.days import is_sunday

#: Segments (whatever their case) of customers that are none.
CENSORED_SEGMENTS: Mapping[str, CensorReason] = {
    "deleted": "deleted",
    "merged": "merged",
    "test": "test",
    "internal": "test",
}


def at_risk(values: CustomerValues, was_at_risk: bool) -> bool:
    """True for a customer that pays, or was at risk and pauses; not one that gave notice that stands or is censored."""
    revenue = values.revenue
    if revenue is None or censored(values) is not None:
        return False
    return (revenue.paying or (was_at_risk and revenue.subscriptions_paused > 0)) and not _under_notice(revenue)


def censored(values: CustomerValues) -> CensorReason | None:
    """Why the customer is none, None for a real one."""
    account = values.account
    return CENSORED_SEGMENTS.get(account.segment.strip().lower()) if account and account.segment else None


def _under_notice(revenue: RevenueValues) -> bool:
    running = revenue.subscriptions_active + revenue.trials_active + revenue.subscriptions_paused
    return revenue.cancellation_reported_while_paying or 0 < running <= revenue.subscriptions_ending


def is_open(lost: int | None, day: int, horizon_days: int) -> bool:
    """Whether on `day` a window may be open of a customer that was lost on another: a snapshot is of the day before."""
    return lost is not None and day < lost + horizon_days


def observe(
    key: str, was_at_risk: bool, values: CustomerValues, day: int, version: int, is_open: bool = False
) -> list[Outcome | Snapshot | Censored]:
    """The observations of an aligned day.

    Args:
        key: the customer.
        was_at_risk: on the last aligned day before, as `at_risk` said.
        values: those at the end of `day`.
        day: an aligned day.
        version: offset of the record that aligned it.
        is_open: it was lost, and of one of its snapshots the window may be open (`is_open`).

    Returns:
        An outcome on the day a customer is lost, or its censoring; a snapshot on Sundays of one at risk that pays.
    """
    if not at_risk(values, was_at_risk):
        reason = censored(values)
        if (was_at_risk or is_open) and reason is not None:
            return [Censored(customer_id=key, day=day, reason=reason, version=version)]
        return [Outcome(customer_id=key, day=day, version=version)] if was_at_risk else []
    if is_sunday(day) and values.revenue is not None and values.revenue.paying:
        return [Snapshot(customer_id=key, day=day, features=features(values), version=version)]
    return []


def noted(observation: Outcome | Snapshot | Censored) -> tuple[int | None, dict[str, float] | None]:
    """What is remembered of a customer's newest observation: the day it was lost, the features of a snapshot."""
    if isinstance(observation, Snapshot):
        return None, observation.features
    return (observation.day, None) if isinstance(observation, Outcome) else (None, None)
