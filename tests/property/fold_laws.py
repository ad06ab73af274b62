"""The three laws of `streams.metrics.fold`, to be checked on any fold with generated events."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.envelope import Event
from streams.catalogue.judging import wrong
from streams.metrics.days import DAY_MS, Days

FIRST_DAY = 19_700
LAST_DAY = FIRST_DAY + 420
DAYS = Days()
# Quarters of a day over 400 days: far enough for every window and for forgetting, coarse enough for ties.
TIMES = st.one_of(
    st.integers(0, 1600).map(lambda quarter: FIRST_DAY * DAY_MS + quarter * DAY_MS // 4),
    st.integers(1400, 1480).map(lambda quarter: FIRST_DAY * DAY_MS + quarter * DAY_MS // 4),
)


def histories(kinds: st.SearchStrategy[tuple[type[Event], dict[str, Any]]], most: int = 18) -> Any:
    """Lists of events of the drawn kinds at drawn times; ids say nothing about the order."""
    draws = st.lists(st.tuples(TIMES, kinds), max_size=most)

    def build(drawn: list[Any], ids: Sequence[int]) -> list[Event]:
        return [
            cls(event_id=f"e{ids[i]:03d}", customer_id="c", occurred_at=at, **fields)
            for i, (at, (cls, fields)) in enumerate(drawn)
        ]

    return draws.flatmap(lambda drawn: st.permutations(range(len(drawn))).map(lambda ids: build(drawn, ids)))


@st.composite
def instants(draw: Any) -> tuple[int, int]:
    """A day and an instant in it, or its end."""
    day = draw(st.integers(FIRST_DAY, LAST_DAY))
    within = draw(st.one_of(st.just(DAY_MS), st.integers(0, 3).map(lambda quarter: quarter * DAY_MS // 4 + 1)))
    return day, day * DAY_MS + within


def folded(fold: Any, events: Iterable[Event]) -> Any:
    state = fold.new()
    for event in events:
        fold.apply(state, event, event.occurred_at)
    return state


def assert_any_order(fold: Any, events: list[Event], other: list[Event], moments: list[tuple[int, int]]) -> None:
    """F1, and a state that survives the table."""
    state, again = folded(fold, events), folded(fold, other)
    assert state == again
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=fold.state_type) == state
    assert fold.movements("c", state) == fold.movements("c", again)
    for day, as_of in moments:
        one, two = fold.values(state, day, as_of), fold.values(again, day, as_of)
        assert msgspec.json.encode(one) == msgspec.json.encode(two)
        assert wrong(one) == []  # in the ranges of the catalogue


def assert_past_only(fold: Any, events: list[Event], moments: list[tuple[int, int]]) -> None:
    """F2."""
    state = folded(fold, events)
    for day, as_of in moments:
        past = folded(fold, [event for event in events if event.occurred_at < as_of])
        assert fold.values(state, day, as_of) == fold.values(past, day, as_of)


def assert_forgetting_changes_nothing(
    fold: Any,
    events: list[Event],
    before: int,
    moments: list[tuple[int, int]],
    entities: Callable[[Any], Iterable[str]],
    entity: Callable[[Event], str],
) -> None:
    """F3, twice in a row, and with events of days >= `before` that come after it.

    Events about an entity that was forgotten whole are left out: it begins anew, as each fold documents.
    """
    cutoff = DAYS.start(before)
    known = [event for i, event in enumerate(events) if event.occurred_at < cutoff or i % 2]
    full, pruned = folded(fold, known), folded(fold, known)
    for day in (before - 50, before, before):
        fold.forget(pruned, day)
    dropped = set(entities(full)) - set(entities(pruned))
    moments = [(day, as_of) for day, as_of in moments if day >= before]
    later = [e for e in events if e not in known and entity(e) not in dropped]
    for event in [None, *later]:
        if event is not None:
            fold.apply(full, event, event.occurred_at)
            fold.apply(pruned, event, event.occurred_at)
        assert fold.movements("c", pruned) == fold.movements("c", full)
        for day, as_of in moments:
            assert fold.values(pruned, day, as_of) == fold.values(full, day, as_of)
