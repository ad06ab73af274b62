"""A company whose customers leave by a known law that changes on a known day: the drift panel.

Everything comes from a seed. Customers pay monthly, use the product more or less, open tickets, answer surveys, get
dearer, and leave at any time, each with a weekly hazard that follows from how they are. Until the day of the drift
those leave who are unhappy (use falls, silence, tickets, CSAT); from then on these hardly, but those who pay much, or
more than before. The true probability at the end of a Sunday is known, for a customer that stays as it is: the
oracle's. More or fewer of them may leave, more at one time of the year, at the end of a yearly contract alone, and some
of what happens may be told to nobody (`companies` has such kinds).
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from schemas import registry
from schemas.envelope import Event
from schemas.events import (
    AccountSet,
    Interval,
    SubscriptionEnded,
    SubscriptionSet,
    SurveyAnswered,
    TicketOpened,
    TicketSolved,
)
from schemas.usage_events import FeatureUsed
from streams.backtest.churn.rehearsal import Happened
from streams.metrics.days import DAY_MS, HOUR_MS, from_date, to_date

SOURCE = "bench/churn/company"
#: Monday 2023-01-02: weeks of the company begin on Mondays, so a week ends with the snapshot of its Sunday.
FIRST_DAY = 19_359
HORIZON_DAYS = 30
_CURRENCY = "USD"
_WEEKS_OF_A_YEAR = 365.25 / 7
#: Who may leave once a year alone decides then what a monthly customer decides in so many weeks.
_DECIDED_AT_ONCE = 26


class Plan(NamedTuple):
    """How a company is made.

    Attributes:
        seed: of everything.
        customers: at the start; new: in each week.
        weeks: how long it is looked at.
        drift_week: from which on the other law holds, None for never.
        shift: log-odds by which more leave from then on.
        level: log-odds by which more leave all the time.
        dear: how much it weighs before the change what a customer pays, as a share of what it weighs from then on.
        season: log-odds by which more leave when the year is at a quarter, and fewer at three quarters; use follows by
            a third of it, the other way round.
        yearly: contracts of a year, which end at its end alone; those of the start begin in the course of a year.
        untold: topics of which no event is told.
    """

    seed: int
    customers: int = 700
    new: int = 8
    weeks: int = 48
    drift_week: int | None = 30
    shift: float = 0.3
    level: float = 0.0
    dear: float = 0.1
    season: float = 0.0
    yearly: bool = False
    untold: frozenset[str] = frozenset()

    def first_week(self, number: int) -> int:
        """The week in which a customer begins."""
        if number >= self.customers:
            return (number - self.customers) // self.new
        return int(number * _WEEKS_OF_A_YEAR / self.customers) if self.yearly else 0

    def tide(self, week: int) -> float:
        """Log-odds by which more leave at this time of the year."""
        return self.season * math.sin(2.0 * math.pi * week / _WEEKS_OF_A_YEAR)

    @property
    def drift_day(self) -> int | None:
        """First day of the other law."""
        return None if self.drift_week is None else FIRST_DAY + 7 * self.drift_week


class Company(NamedTuple):
    """Events in the order of time, and the true probability of leaving by customer and Sunday."""

    events: list[Happened]
    truth: dict[tuple[str, int], float]


class _State:
    """How a customer is."""

    def __init__(self, random: np.random.Generator) -> None:
        self.health = float(random.normal(0.0, 0.6))
        self.base = float(random.lognormal(3.0, 0.6))
        self.seats = int(np.clip(random.lognormal(2.0, 0.8), 1, 200))
        self.amount = int(self.seats * random.uniform(1_500, 6_000))
        self.used: list[int] = []
        self.silent = 0
        self.tickets: list[str] = []
        self.csat = 4.0
        self.dearer = 0.0

    def hazard(self, shift: float | None, dearness: float = 0.1, more: float = 0.0) -> float:
        """The chance of leaving in the week to come; `shift` is None before the drift, `more` are log-odds on top."""
        recent, before = sum(self.used[-4:]), sum(self.used[-8:-4])
        trend = math.log((recent + 3.0) / (before + 3.0)) if len(self.used) >= 8 else 0.0
        unhappy = -1.6 * trend + 0.6 * math.log1p(self.silent) + 0.4 * len(self.tickets) - 0.5 * (self.csat - 4.0)
        dear = 0.9 * (math.log(self.amount) - 10.0) + 6.0 * max(self.dearer, 0.0)
        z = -5.7 + unhappy + dearness * dear if shift is None else -5.0 + shift + 0.25 * unhappy + dear
        return 1.0 / (1.0 + math.exp(-(z + more)))


def company(plan: Plan) -> Company:
    """A company of a plan; the same plan gives the same one."""
    made, truth = list[tuple[int, Happened]](), dict[tuple[str, int], float]()
    term: Interval = "year" if plan.yearly else "month"
    for number in range(plan.customers + plan.new * plan.weeks):
        first_week = plan.first_week(number)
        random = np.random.default_rng((plan.seed, number))  # each its own: what one does moves no other
        key, state = f"c{number:05d}", _State(random)
        made += _begins(key, state, FIRST_DAY + 7 * first_week, term)
        for week in range(first_week, plan.weeks):
            monday = FIRST_DAY + 7 * week
            made += _week(key, state, monday, random, term, plan.tide(week))
            is_late = plan.drift_week is not None and week + 1 >= plan.drift_week
            hazard = state.hazard(plan.shift if is_late else None, plan.dear, plan.level + plan.tide(week))
            if plan.yearly:
                renews = _renews(FIRST_DAY + 7 * first_week, monday + 6)
                chance = 1.0 - (1.0 - hazard) ** _DECIDED_AT_ONCE
                truth[key, monday + 6] = chance if renews <= monday + 6 + HORIZON_DAYS else 0.0
                leaves, last = random.random() < chance and renews <= monday + 13, renews
            else:
                truth[key, monday + 6] = 1.0 - (1.0 - hazard) ** (HORIZON_DAYS / 7)
                leaves = random.random() < hazard
                last = monday + 7 + int(random.integers(7)) if leaves else monday
            if leaves:
                at = last * DAY_MS + 15 * HOUR_MS
                made.append(
                    _item(registry.BILLING.name, SubscriptionEnded(**_head(key, at, "end"), subscription_id=key))
                )
                break
    end = (FIRST_DAY + 7 * plan.weeks) * DAY_MS
    made.sort(key=lambda item: item[0])
    return Company([happened for at, happened in made if at < end and happened.topic not in plan.untold], truth)


def _renews(begun: int, day: int) -> int:
    """The first anniversary after a day; the first day of a customer is a Monday of 2023 to 2027, no 29 February."""
    first, year = to_date(begun), to_date(day).year
    return min(at for more in (0, 1) if (at := from_date(first.replace(year=year + more))) > day)


def _begins(key: str, state: _State, day: int, term: Interval) -> Iterator[tuple[int, Happened]]:
    at = day * DAY_MS + 8 * HOUR_MS
    account = AccountSet(**_head(key, at, "account"), name=f"Customer {key}", signed_up_at=at)
    yield _item(registry.ACCOUNTS.name, account)
    yield _item(registry.BILLING.name, _terms(key, state, at, term))


def _week(
    key: str, state: _State, monday: int, random: np.random.Generator, term: Interval, tide: float
) -> Iterator[tuple[int, Happened]]:
    """What happens in a week; the state is that of its end."""
    state.health = 0.93 * state.health + float(random.normal(0.0, 0.22)) - 1.2 * (random.random() < 0.01)
    used = int(random.poisson(state.base * math.exp(state.health - tide / 3.0)))
    state.used.append(used)
    days = sorted(random.choice(5, size=min(5, used, 1 + int(random.poisson(2))), replace=False)) if used else []
    state.silent = 6 - int(days[-1]) if days else state.silent + 7
    for day in days:
        at, user = (monday + int(day)) * DAY_MS + 10 * HOUR_MS, f"{key}:{random.integers(1 + state.seats // 2)}"
        event = FeatureUsed(
            **_head(key, at, "use"), user_id=user, feature=f"f{random.integers(6)}", quantity=1 + used // len(days)
        )
        yield _item(registry.USAGE.name, event)
    yield from _support(key, state, monday, random)
    state.dearer *= 0.85
    if random.random() < 0.012:
        state.dearer = float(random.choice([0.1, 0.2, 0.3, -0.2]))
        state.amount = int(state.amount * (1.0 + state.dearer))
        yield _item(registry.BILLING.name, _terms(key, state, (monday + 1) * DAY_MS + 9 * HOUR_MS, term))


def _support(key: str, state: _State, monday: int, random: np.random.Generator) -> Iterator[tuple[int, Happened]]:
    if random.random() < 0.06 + 0.06 * (state.health < -0.6):
        at = (monday + 2) * DAY_MS + 11 * HOUR_MS
        state.tickets.append(f"{key}:{monday}")
        yield _item(registry.TICKETS.name, TicketOpened(**_head(key, at, "ticket"), ticket_id=state.tickets[-1]))
    if state.tickets and random.random() < 0.5:
        at, ticket = (monday + 4) * DAY_MS + 16 * HOUR_MS, state.tickets.pop(0)
        yield _item(registry.TICKETS.name, TicketSolved(**_head(key, at, "solved"), ticket_id=ticket))
        if random.random() < 0.6:
            state.csat = float(np.clip(round(4.0 + 0.8 * state.health + random.normal(0.0, 0.8)), 1, 5))
            answer = SurveyAnswered(
                **_head(key, at, "csat"),
                response_id=f"{ticket}:csat",
                survey="csat",
                score=state.csat,
                scale_min=1.0,
                scale_max=5.0,
            )
            yield _item(registry.SURVEYS.name, answer)


def _terms(key: str, state: _State, at: int, term: Interval) -> SubscriptionSet:
    return SubscriptionSet(
        **_head(key, at, "terms"),
        subscription_id=key,
        amount_minor=state.amount * (12 if term == "year" else 1),
        currency=_CURRENCY,
        interval=term,
        auto_renews=True if term == "year" else None,
        seats=state.seats,
    )


def _head(key: str, at: int, what: str) -> dict[str, Any]:
    return {"event_id": f"{key}:{at}:{what}", "customer_id": key, "occurred_at": at, "source": SOURCE}


def _item(topic: str, event: Event) -> tuple[int, Happened]:
    return int(event.occurred_at), Happened(topic, event)
