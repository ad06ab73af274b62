"""Arithmetic of the figures: percentiles, spreads, ratios, recounts, times from event to score. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.job import Customer, Score, score_of


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank).

    Example:
        >>> percentile([4, 1, 3, 2], 0.5), percentile(range(1, 101), 0.99)
        (2, 99)
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no percentile of nothing")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one figure."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


def times_better(mine: float, baseline: float, *, less_is_better: bool) -> float | None:
    """How many times better than the baseline; below 1 is worse, None where it cannot be said.

    Example:
        >>> times_better(300.0, 100.0, less_is_better=False), times_better(5.0, 50.0, less_is_better=True)
        (3.0, 10.0)
    """
    above, below = (baseline, mine) if less_is_better else (mine, baseline)
    return above / below if below > 0 and math.isfinite(above) and math.isfinite(below) else None


@dataclass(frozen=True)
class Recount:
    """A contestant's state against a fold of the same events without any broker.

    Attributes:
        events: in the topic.
        counted_twice: events too many, summed over customers.
        lost: events too few, summed over customers.
        differing: customers of whom anything differs, not only the number of events.
        committed: whether its offsets came to the end of the topic.
    """

    events: int
    counted_twice: int
    lost: int
    differing: int
    committed: bool = True

    @property
    def exact(self) -> bool:
        """Whether no state differs."""
        return self.differing == 0

    def __str__(self) -> str:
        return self._state() + ("" if self.committed else "; its offsets stand still before the end")

    def _state(self) -> str:
        if self.exact:
            return "exact"
        faults = [("counted twice", self.counted_twice), ("lost", self.lost)]
        said = [f"{name} {number:,} ({number / self.events:.1%})" for name, number in faults if number]
        return ", ".join(said) or f"{self.differing:,} customers differ"


def recount(found: Mapping[str, Customer], expected: Mapping[str, Customer]) -> Recount:
    """Compares customer by customer; a surplus here never makes up for a deficit there."""
    nobody = Customer()
    pairs = [(found.get(name, nobody), expected.get(name, nobody)) for name in found.keys() | expected.keys()]
    return Recount(
        events=sum(customer.events for customer in expected.values()),
        counted_twice=sum(max(0, got.events - due.events) for got, due in pairs),
        lost=sum(max(0, due.events - got.events) for got, due in pairs),
        differing=sum(_comparable(got) != _comparable(due) for got, due in pairs),
    )


def recount_of_scores(last: Mapping[str, Score], expected: Mapping[str, Customer]) -> Recount:
    """The same for a contestant that shows nothing but the last score of each customer."""
    due = {name: score_of(name, customer) for name, customer in expected.items()}
    pairs = [(last.get(name), due.get(name)) for name in last.keys() | due.keys()]
    surplus = [(got.events if got else 0) - (want.events if want else 0) for got, want in pairs]
    return Recount(
        events=sum(customer.events for customer in expected.values()),
        counted_twice=sum(max(0, more) for more in surplus),
        lost=sum(max(0, -more) for more in surplus),
        differing=sum(got != want for got, want in pairs),
    )


def _comparable(customer: Customer) -> tuple[object, ...]:
    return (
        customer.events,
        customer.newest_day,
        customer.days,
        sorted(customer.features),  # the order of a set means nothing
        customer.users,
        customer.last_seen,
    )


@dataclass
class Journey:
    """From event to score, for every event, however many of them one score covers.

    An event has arrived when the first score of its customer that counts it is seen. The clock starts when the
    event was due to be sent, not when it was: a stalled sender makes the figures worse, never better.

    Attributes:
        had: events that customers had before; they do not count.
        seconds: of every event that has arrived.
    """

    had: Mapping[str, int]
    seconds: list[float] = field(default_factory=list)
    _due: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _arrived: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def sent(self, customer_id: str, due_at: float) -> None:
        """The customer's next event goes out."""
        self._due[customer_id].append(due_at)

    def seen(self, customer_id: str, events: int, at: float) -> None:
        """A score is here that contains the customer's first `events` events."""
        contained = events - self.had.get(customer_id, 0)
        first = self._arrived[customer_id]
        if contained > first:
            self._arrived[customer_id] = contained
            self.seconds += [at - due_at for due_at in self._due[customer_id][first:contained]]

    @property
    def missing(self) -> int:
        """Events sent whose score has not been seen."""
        return sum(len(due) for due in self._due.values()) - len(self.seconds)
