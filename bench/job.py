"""The job "CSJ" (customer score job): what every contestant computes, and the events it is given.

Per customer: events of the last 28 days by day, features ever used, users active within 7 days, last seen; from
these a score from 0 to 100. Pure: the same number of events and customers gives the same events everywhere.
"""

from collections.abc import Iterator
from random import Random
from typing import Protocol

import msgspec

PARTITIONS = 4
FEATURES = 20
USERS = 5
SPAN_DAYS = 60
WINDOW_DAYS = 28
ACTIVE_DAYS = 7
DAY_MS = 86_400_000
BEGIN_MS = 20_000 * DAY_MS


class UsageEvent(msgspec.Struct):
    """A JSON event of the topic, about 130 bytes."""

    event_id: str
    customer_id: str
    user_id: str
    feature: str
    occurred_at: int


class Customer(msgspec.Struct):
    """State of a customer; plain lists and string keys, so that it is JSON for whoever stores JSON.

    `days` is a ring: the count of day D stands at D modulo 28.
    """

    events: int = 0
    newest_day: int = -1
    days: list[int] = msgspec.field(default_factory=lambda: [0] * WINDOW_DAYS)
    features: list[str] = msgspec.field(default_factory=list)
    users: dict[str, int] = msgspec.field(default_factory=dict)
    last_seen: int = 0


class Score(msgspec.Struct):
    """A published score; `events` says which events of the customer it contains."""

    customer_id: str
    score: int
    events: int
    last_seen: int


class State(Protocol):
    """A `Customer`, in whatever class a contestant keeps it."""

    events: int
    newest_day: int
    days: list[int]
    features: list[str]
    users: dict[str, int]
    last_seen: int


class Usage(Protocol):
    """A `UsageEvent`, in whatever class a contestant decodes it."""

    user_id: str
    feature: str
    occurred_at: int


def fold(state: State, event: Usage) -> None:
    """Adds one event."""
    day = event.occurred_at // DAY_MS
    state.events += 1
    if day > state.newest_day:
        _open_day(state, day)
    if day > state.newest_day - WINDOW_DAYS:
        state.days[day % WINDOW_DAYS] += 1
    if event.feature not in state.features:
        state.features.append(event.feature)
    state.users[event.user_id] = max(day, state.users.get(event.user_id, 0))
    state.last_seen = max(state.last_seen, event.occurred_at)


def _open_day(state: State, day: int) -> None:
    for skipped in range(max(state.newest_day + 1, day - WINDOW_DAYS + 1), day + 1):
        state.days[skipped % WINDOW_DAYS] = 0
    state.newest_day = day


def active_users(state: State) -> int:
    """Users seen in the 7 days up to the customer's newest day."""
    return sum(last > state.newest_day - ACTIVE_DAYS for last in state.users.values())


def score(state: State) -> int:
    """0 to 100: active days weigh 40, active users 30, breadth of features 30 (weights chosen, not measured)."""
    days = sum(count > 0 for count in state.days) / WINDOW_DAYS
    users = min(1.0, active_users(state) / USERS)
    features = min(1.0, len(state.features) / FEATURES)
    return round(40 * days + 30 * users + 30 * features)


def score_of(customer_id: str, state: State) -> Score:
    """What is published of a customer."""
    return Score(customer_id, score(state), state.events, state.last_seen)


def generate(events: int, customers: int) -> Iterator[tuple[int, UsageEvent]]:
    """Events in order of time with their partitions, spread evenly over 60 days and at random over customers."""
    chance = Random(20_261_122)
    step_ms = SPAN_DAYS * DAY_MS / max(1, events)
    for number in range(events):
        customer = int(chance.random() * customers)
        user, feature = int(chance.random() * USERS), int(chance.random() * FEATURES)
        yield (
            customer % PARTITIONS,
            UsageEvent(f"e{number}", f"c{customer}", f"u{user}", f"f{feature}", BEGIN_MS + int(number * step_ms)),
        )
