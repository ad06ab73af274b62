"""The subscriptions of a customer at an instant: which run, rest, or are announced to end."""

from msgspec import Struct

from streams.metrics.days import DAY_MS
from streams.metrics.revenue_state import RevenueState
from streams.metrics.subscriptions import Subscription, Terms


class Running(Struct, frozen=True):
    """A subscription that runs at an instant: the change at `index` set the `terms` that hold."""

    terms: Terms
    subscription_id: str
    subscription: Subscription
    index: int

    def size(self, currency: str) -> tuple[bool, int, str]:
        """Sorts the largest first; amounts compare within the customer's currency, which comes first."""
        return self.terms.currency != currency, -self.terms.mrr_minor, self.subscription_id


class Roll(Struct, frozen=True):
    """How the subscriptions of a customer stand at an instant, and the terms that were judged on its day.

    Attributes:
        running: those that run and do not rest.
        paused, ending: how many rest, and how many are announced to end.
        ends_at: the earliest announced end, epoch ms.
    """

    running: list[Running]
    paused: int
    ending: int
    ends_at: int | None
    terms_ended: int
    terms_renewed: int  # also where another subscription began around the end and goes on


def call_roll(state: RevenueState, day_start: int, as_of: int) -> Roll:
    """How the subscriptions stand just before `as_of`, an instant of the day that begins at `day_start`."""
    subscriptions = state.subscriptions
    begun: list[Subscription] | None = None  # around terms that are judged on the day
    running: list[Running] = []
    paused = ending = ended = renewed = 0
    ends_at: int | None = None
    for subscription_id, subscription in subscriptions.items():
        index = subscription.index_at(as_of)
        terms = subscription.terms_after(index)
        if subscription.marks and terms is not None:
            standing = state.standing(subscription_id, as_of)
            terms, paused = standing.serving(), paused + standing.paused
            if standing.requested:
                ending += 1
                if standing.ends_at is not None:
                    ends_at = standing.ends_at if ends_at is None else min(ends_at, standing.ends_at)
        if terms is not None:
            running.append(Running(terms, subscription_id, subscription, index))
        for at, goes_on in subscription.terms_judged(day_start, as_of):
            ended += 1
            if not goes_on and begun is None:
                begun = [one for one in subscriptions.values() if one.was_set_since(day_start - 2 * DAY_MS)]
            renewed += goes_on or any(one.begun_around(at) for one in begun or ())
    return Roll(running, paused, ending, ends_at, ended, renewed)
