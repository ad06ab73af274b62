"""A customer's billing history written as a list of dated facts, for worked examples."""

from datetime import UTC, date, datetime

from schemas.envelope import epoch_ms
from schemas.events import SubscriptionEnded, SubscriptionSet
from streams.metrics.days import Days, from_date
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy

DAYS = Days()


def at(text):
    return epoch_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


class Book:
    """One customer's facts, and what the revenue fold makes of them."""

    def __init__(self, gap=0, **policy):
        self.fold = RevenueFold(RevenuePolicy(allowed_gap_days=gap, **policy), DAYS)
        self.state = self.fold.new()
        self.count = 0

    def add(self, cls, when, **fields):
        self.count += 1
        event = cls(event_id=f"e{self.count:02d}", customer_id="c", occurred_at=at(when), **fields)
        self.fold.apply(self.state, event, at(when))

    def set(self, when, subscription="s", amount=10_000, currency="EUR", **fields):
        self.add(
            SubscriptionSet,
            when,
            subscription_id=subscription,
            amount_minor=amount,
            currency=currency,
            **fields,
        )

    def end(self, when, subscription="s", reason=None):
        self.add(SubscriptionEnded, when, subscription_id=subscription, reason=reason)

    def values(self, on):
        """Values at the end of a day."""
        day = from_date(date.fromisoformat(on))
        return self.fold.values(self.state, day, DAYS.start(day + 1))

    @property
    def movements(self):
        return [
            (
                datetime.fromtimestamp(m.effective_at / 1000, UTC).date().isoformat(),
                m.movement,
                m.amount_minor,
            )
            for m in self.fold.movements("c", self.state)
        ]
