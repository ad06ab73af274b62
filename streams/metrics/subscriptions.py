"""One subscription: its changes and marks in the order they happened, and the terms and renewal they amount to.

Changes are kept sorted by (time, event id). The newest one before an instant says what holds at it. Dirt
by rule:

- Ended twice: the second end changes nothing. Set again after an end: it runs again, from then on.
- Ended before it was first set: the subscription has zero length. Its first terms end where they begin
  and never count, whatever else holds at that instant; it runs only from a later set on. No duration is
  negative.
- `term_ends_at` ends nothing, with or without renewal, and neither does an announced cancellation: paid service goes
  on until `subscription_ended` says so.
- A term ends when it was agreed to, or when service is left before that. One that was replaced by a later one, or by
  none, was renewed early and ends when it was agreed to; one replaced by the same or an earlier end never was.
- A mark (paused, resumed, cancellation announced, withdrawn) speaks of the run of service it falls in. Where none
  runs, it says nothing; an end, and so a new run, clears them all.
"""

from bisect import bisect_left, insort
from calendar import monthrange
from datetime import date
from fractions import Fraction
from itertools import islice
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from schemas.envelope import optional_ms
from schemas.events import Interval, SubscriptionSet
from streams.metrics.days import DAY_MS, from_date, to_date

# Months in one interval as a fraction: a month has 30.4375 days = 487/16 (METRICS.md section 5)
_MONTHS: dict[Interval, tuple[int, int]] = {
    "day": (16, 487),
    "week": (112, 487),
    "month": (1, 1),
    "year": (12, 1),
}
_AT = attrgetter("at")
_ORDER = attrgetter("at", "event_id")


class Terms(Struct, frozen=True, array_like=True):
    """What was agreed; a trial has no MRR.

    `seats` is the quantity where the event names no seats, None where that is 1: one price, however many use it.
    `list_mrr_minor` is the MRR before discounts, None where no list price is known.
    """

    mrr_minor: int
    currency: str
    trial: bool
    seats: int | None
    interval: Interval
    interval_count: int
    plan: str | None
    auto_renews: bool | None
    term_ends_at: int | None
    list_mrr_minor: int | None = None
    metered: bool = False


class Change(Struct, frozen=True, array_like=True):
    """New terms from `at` on, or the end (None)."""

    at: int
    event_id: str
    terms: Terms | None


MarkKind = Literal["paused", "resumed", "requested", "withdrawn", "cancelled"]


class Mark(Struct, frozen=True, array_like=True):
    """What was said of a running subscription; `ends_at` is the announced end, epoch ms."""

    at: int
    event_id: str
    kind: MarkKind
    ends_at: int | None = None


class Subscription(Struct, array_like=True):
    """Changes sorted by time and event id; older ones may have been forgotten.

    Attributes:
        set_before: terms were set in a change that was forgotten.
        runs_since: start of the run of service that the oldest change kept continues; None when it
            continues none.
        marks: sorted by time and event id.
        terms_due: ends of terms that were renewed early, in changes that were forgotten, sorted.
    """

    changes: list[Change] = []
    set_before: bool = False
    runs_since: int | None = None
    marks: list[Mark] = []
    terms_due: list[int] = []

    def add(self, change: Change) -> None:
        """Puts a change where it belongs in time."""
        insort(self.changes, change, key=_ORDER)

    def mark(self, mark: Mark) -> None:
        """Puts a mark where it belongs in time."""
        insort(self.marks, mark, key=_ORDER)

    def index_at(self, as_of: int) -> int:
        """Position of the newest change before `as_of`, -1 when there is none."""
        if self.changes and self.changes[-1].at < as_of:  # nearly always
            return len(self.changes) - 1
        return bisect_left(self.changes, as_of, key=_AT) - 1

    def terms_after(self, index: int) -> Terms | None:
        """Terms that hold after the change at `index`; None when none do, or for -1."""
        if index < 0:
            return None
        terms = self.changes[index].terms
        # Zero length: ends came first, and these are the first terms ever.
        if terms is not None and self.changes[0].terms is None and not self.set_before:
            return None if all(change.terms is None for change in islice(self.changes, index)) else terms
        return terms

    def run_start(self, index: int) -> int:
        """When the run of uninterrupted service began that the change at `index` belongs to, epoch ms."""
        while index > 0 and self.terms_after(index - 1) is not None:
            index -= 1
        if index == 0 and self.runs_since is not None:
            return self.runs_since
        return self.changes[index].at

    def terms_judged(self, start: int, end: int) -> list[tuple[int, bool]]:
        """Ends of terms that lie a day before an instant in [start, end), and whether service went on that day later.

        A term counts that was agreed on a day before its end at the latest; a trial's never does.
        """
        ends = [at for at in self.terms_due if start <= at + DAY_MS < end and self._outlives(at, 0)]
        for index, change in enumerate(self.changes):
            if change.terms is not None and (agreed := change.terms.term_ends_at) is not None:
                following = self.changes[index + 1] if index + 1 < len(self.changes) else change
                left = following.at if following.terms is None else agreed
                if not (start <= agreed + DAY_MS < end or start <= left + DAY_MS < end):
                    continue  # nearly always: it can have ended at these two only
                at = self._term_end(index, agreed)
                if at is not None and start <= at + DAY_MS < end:
                    ends.append(at)
        return [(at, self.terms_after(self.index_at(at + DAY_MS)) is not None) for at in ends]

    def begun_around(self, at: int) -> bool:
        """Whether paid service began within a day of an instant and ran on a day later."""
        index = self.index_at(at + DAY_MS)
        terms = self.terms_after(index)
        if terms is None or terms.trial:
            return False
        while self.changes[index].at >= at - DAY_MS:
            index -= 1
            if self.terms_after(index) is None:
                return index >= 0 or self.runs_since is None or self.runs_since >= at - DAY_MS
        return False

    def was_set_since(self, at: int) -> bool:
        """Whether terms were set at an instant or later."""
        return any(one.terms is not None for one in self.changes[self.index_at(at) + 1 :])

    def _term_end(self, index: int, agreed: int) -> int | None:
        """When the term of a change ended; None for one that never was a contract's."""
        change, terms = self.changes[index], self.terms_after(index)
        if terms is None or terms.trial or change.at > agreed - DAY_MS:
            return None
        following = self.changes[index + 1] if index + 1 < len(self.changes) else None
        if following is None or following.at > agreed - DAY_MS:
            return agreed
        if following.at == change.at:
            return None
        if following.terms is None:
            return following.at
        return agreed if self._outlives(agreed, index + 1) else None

    def _outlives(self, agreed: int, first: int) -> bool:
        """Whether all changes from `first` to a day before the end that was agreed on go on beyond it."""
        for index in range(first, self.index_at(agreed - DAY_MS + 1) + 1):
            change = self.changes[index]
            if change.terms is None or (change.terms.term_ends_at or agreed + 1) <= agreed:
                return False
        return True

    def forget(self, cutoff: int) -> None:
        """Drops what was superseded before `cutoff`; the terms that hold there stay."""
        base = self.index_at(cutoff)
        if base < 0:
            needed = cutoff if self.runs_since is None else min(cutoff, self.runs_since)
            self.marks = [mark for mark in self.marks if mark.at >= needed]
            return
        running = self.terms_after(base) is not None
        runs_since = self.run_start(base) if running else None
        was_set = self.set_before or any(change.terms is not None for change in self.changes[: base + 1])
        dropped = base + 1 if was_set and not running else base
        self._keep_terms_due(dropped, cutoff)
        self.set_before = self.set_before or any(change.terms is not None for change in self.changes[:dropped])
        self.changes = self.changes[dropped:]
        self.runs_since = runs_since
        if self.marks:
            needed = cutoff if runs_since is None else runs_since
            self.marks = [mark for mark in self.marks if mark.at >= needed]

    def _keep_terms_due(self, dropped: int, cutoff: int) -> None:
        """Keeps what is not judged yet of the terms in the changes that are dropped."""
        due = [at for at in self.terms_due if self._outlives(at, 0)]
        for index, change in enumerate(self.changes[:dropped]):
            if change.terms is not None and change.terms.term_ends_at is not None:
                agreed = change.terms.term_ends_at
                if self._term_end(index, agreed) == agreed:
                    due.append(agreed)
        self.terms_due = sorted([at for at in due if at + DAY_MS >= cutoff])


def terms_of(event: SubscriptionSet) -> Terms:
    """The terms an event sets."""

    def monthly(amount_minor: int) -> int:
        if event.trial:
            return 0
        return monthly_minor(amount_minor, event.quantity, event.interval, event.interval_count)

    return Terms(
        mrr_minor=monthly(event.amount_minor),
        currency=event.currency,
        trial=event.trial,
        seats=event.quantity if event.seats is None and event.quantity > 1 else event.seats,
        interval=event.interval,
        interval_count=event.interval_count,
        plan=event.plan,
        auto_renews=event.auto_renews,
        term_ends_at=optional_ms(event.term_ends_at),
        list_mrr_minor=None if event.list_amount_minor is None else monthly(event.list_amount_minor),
        metered=event.metered,
    )


def monthly_minor(amount_minor: int, quantity: int, interval: Interval, interval_count: int) -> int:
    """MRR of a subscription: amount x quantity / months in the billing period, in minor units.

    Exact up to its end, where it is rounded half to even. This is the one place where MRR is rounded: a
    customer's MRR is the sum of its subscriptions' rounded ones, so the parts add up to the whole that is
    shown.

    Example:
        >>> monthly_minor(200_000, 1, "year", 1)  # 2,000.00 a year
        16667
    """
    months, per = _MONTHS[interval]
    dividend = amount_minor * quantity * per
    divisor = interval_count * months
    whole, rest = divmod(dividend, divisor)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1))


def period_days(interval: Interval, interval_count: int) -> int:
    """Length of a billing period in whole days, a month being 30.4375 days; half to even.

    Example:
        >>> period_days("month", 12), period_days("week", 2), period_days("day", 1)
        (365, 14, 1)
    """
    months, per = _MONTHS[interval]
    return round(Fraction(months * interval_count * 487, per * 16))


def next_renewal(anchor: int, interval: Interval, interval_count: int, not_before: int) -> int:
    """First day from `not_before` on that lies whole billing periods after `anchor`.

    A month too short for the anchor's day of the month renews on its last day.

    Args:
        anchor: a day on which a billing period begins.
        interval: unit of the billing period.
        interval_count: how many units it is long.
        not_before: a day.

    Example:
        >>> to_date(next_renewal(from_date(date(2024, 1, 31)), "month", 1, from_date(date(2024, 2, 1))))
        datetime.date(2024, 2, 29)
    """
    if interval in ("day", "week"):
        length = interval_count * (7 if interval == "week" else 1)
        return anchor + max(0, -((anchor - not_before) // length)) * length
    months = interval_count * (12 if interval == "year" else 1)
    first, target = to_date(anchor), to_date(not_before)
    periods = max(0, ((target.year - first.year) * 12 + target.month - first.month) // months)
    renewal = _months_later(first, periods * months)
    return from_date(renewal if renewal >= target else _months_later(first, (periods + 1) * months))


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
