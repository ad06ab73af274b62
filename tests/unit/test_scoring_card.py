"""What the scoring table keeps of a customer."""

from typing import Literal

import pytest
from msgspec import Struct, field, msgpack

from schemas.metrics import (
    AccountValues,
    FeedbackValues,
    MetricValues,
    RevenueValues,
    SupportValues,
    UsageValues,
    Values,
)
from streams.engine.states import ShapeCodec
from streams.metrics.days import DAY_MS
from streams.metrics.health import HealthMemory
from streams.scoring.card import Card, Observed, as_of, together, trigger
from streams.scoring.tallying import Past

DAY = 19_700


class PlainHeld(Struct):
    """`Held` as its bytes read: what a table stored before values stayed packed."""

    values: Values
    as_of: int
    event_at: int | None
    event_id: str | None


class PlainCard(Struct):
    """`Card` likewise."""

    newest: dict[str, PlainHeld] = {}
    waiting: dict[int, dict[str, PlainHeld]] = {}
    aligned: dict[str, PlainHeld] = {}
    memory: HealthMemory | None = None
    paying: bool = False
    version: int = -1
    past: Past = field(default_factory=Past)
    at_risk: bool | None = None
    observed: list[tuple[int, dict[str, float]]] = []


def message(
    values: Values,
    day: int = DAY,
    kind: Literal["live", "day"] = "day",
    revision: int = 0,
    at: int | None = None,
    event: tuple[int, str] | None = None,
) -> MetricValues:
    return MetricValues(
        customer_id="c",
        kind=kind,
        as_of=(day + 1) * DAY_MS if at is None else at,
        day=day,
        values=values,
        revision=revision,
        event_at=event[0] if event else None,
        event_id=event[1] if event else None,
    )


def used(events: int) -> UsageValues:
    return UsageValues(events_28d=events)


def newest(card: Card) -> int:
    usage = together(card.newest).usage
    assert usage is not None
    return usage.events_28d


def aligned(card: Card) -> int:
    usage = together(card.aligned).usage
    assert usage is not None
    return usage.events_28d


def test_of_values_of_one_instant_the_later_message_stands_and_older_ones_change_nothing() -> None:
    card = Card()
    card.take(message(used(1)), None)
    card.take(message(used(2), revision=1), None)
    assert newest(card) == 2
    card.take(message(used(3), day=DAY - 1, revision=1), None)
    assert newest(card) == 2


def test_a_restated_day_does_not_wait_for_its_alignment() -> None:
    card = Card()
    card.take(message(used(1)), None)
    card.take(message(used(2), revision=1), None)
    assert card.align(DAY)
    assert aligned(card) == 1


def test_a_live_value_does_not_wait_for_an_alignment() -> None:
    card = Card()
    card.take(message(used(1), kind="live"), None)
    assert not card.align(DAY)


def test_values_of_a_day_already_aligned_do_not_wait_again() -> None:
    card = Card()
    card.take(message(used(1)), DAY)
    assert card.waiting == {}
    assert newest(card) == 1


def test_the_first_alignment_takes_what_waited_from_older_days() -> None:
    card = Card()
    card.take(message(AccountValues(name="n"), day=DAY - 9), None)
    card.take(message(used(1), day=DAY - 1), None)
    card.take(message(used(2), day=DAY), None)
    card.take(message(used(3), day=DAY + 1), None)
    assert card.align(DAY)
    assert aligned(card) == 2
    assert together(card.aligned).account == AccountValues(name="n")
    assert list(card.waiting) == [DAY + 1]


def test_a_day_that_was_undone_is_made_good_by_the_next() -> None:
    """A late record of an earlier owner brought the card of before the day; what changed on it was not seen again."""
    card = Card()
    card.take(message(used(1)), None)
    assert card.align(DAY)
    card.take(message(AccountValues(name="n"), day=DAY + 1), DAY)
    card.take(message(used(2), day=DAY + 1), DAY)
    undone = msgpack.decode(msgpack.encode(card), type=Card)
    for one in (card, undone):
        if one is card:
            assert one.align(DAY + 1)
        one.take(message(used(3), day=DAY + 2), DAY + 1)
        assert one.align(DAY + 2)
        assert together(one.aligned).account == AccountValues(name="n")
    assert undone == card


def test_a_domain_silent_on_a_day_keeps_its_values() -> None:
    card = Card()
    card.take(message(AccountValues(name="n")), None)
    card.take(message(used(1)), None)
    card.align(DAY)
    card.take(message(used(2), day=DAY + 1), DAY)
    assert card.align(DAY + 1)
    assert aligned(card) == 2
    assert together(card.aligned).account == AccountValues(name="n")
    assert card.waiting == {}


@pytest.mark.parametrize(
    "values",
    [UsageValues(), SupportValues(), RevenueValues(), FeedbackValues(), AccountValues(name="n")],
    ids=lambda values: str(values.__struct_config__.tag),
)
def test_each_domain_has_its_own_field(values: Values) -> None:
    card = Card()
    card.take(message(values), None)
    tag = str(values.__struct_config__.tag)
    found = together(card.newest)
    assert getattr(found, tag) == values
    assert [name for name in found.__struct_fields__ if getattr(found, name) is not None] == [tag]


def test_instant_and_trigger_are_those_of_the_newest() -> None:
    card = Card()
    card.take(message(used(1), event=(5, "usage")), None)
    assert trigger(card.newest) == "usage"
    card.take(message(RevenueValues(), at=(DAY + 1) * DAY_MS + 7, kind="live", event=(9, "paid")), None)
    card.take(message(SupportValues()), None)
    assert as_of(card.newest) == (DAY + 1) * DAY_MS + 7
    assert trigger(card.newest) == "paid"


def test_without_an_event_there_is_no_trigger() -> None:
    card = Card()
    card.take(message(used(1)), None)
    assert trigger(card.newest) is None


def test_values_that_stay_packed_are_stored_as_they_always_were() -> None:
    card = Card()
    for day in (DAY, DAY + 1):
        card.take(message(used(day), day=day, event=(5, "usage")), None)
        card.take(message(AccountValues(name="n"), day=day), None)
    card.align(DAY)
    card.observe(Observed(DAY, {"nps": -3.0}))
    packed, plain = ShapeCodec[Card](Card, "a card"), ShapeCodec[PlainCard](PlainCard, "a card")
    stored = packed.encode(card)
    known = plain.decode(stored)
    assert known.aligned["usage"].values == used(DAY)
    assert known.observed == [(DAY, {"nps": -3.0})]
    assert known.waiting[DAY + 1]["usage"].values == known.newest["usage"].values == used(DAY + 1)
    assert plain.encode(known) == stored
    assert packed.encode(packed.decode(stored)) == stored
    assert packed.encode(Card()) == plain.encode(PlainCard())


def test_the_two_newest_snapshots_are_kept_until_none_is_taken() -> None:
    card = Card()
    assert card.observed == []
    for day in (DAY, DAY + 7, DAY + 14):
        card.observe(Observed(day, {"mrr": float(day)}))
    assert card.observed == [Observed(day, {"mrr": float(day)}) for day in (DAY + 14, DAY + 7)]
    card.observe(None)
    assert (card.observed, card) == ([], Card())


def test_what_is_read_of_a_stored_card_is_decoded_once() -> None:
    codec = ShapeCodec[Card](Card, "a card")
    card = Card()
    card.take(message(used(1)), None)
    card.align(DAY)
    again = codec.decode(codec.encode(card))
    assert aligned(again) == newest(again) == 1
    assert again.aligned is again.aligned
    assert again.newest["usage"].values is again.newest["usage"].values


def test_a_day_without_values_leaves_a_stored_card_as_it_is() -> None:
    codec = ShapeCodec[Card](Card, "a card")
    card = Card()
    card.take(message(used(1)), None)
    card.align(DAY)
    again = codec.decode(codec.encode(card))
    assert again.align(DAY + 1)
    assert codec.encode(again) == codec.encode(card)
