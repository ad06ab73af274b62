"""What the scoring table keeps of a customer."""

from typing import Literal

import pytest
from msgspec import msgpack

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
from streams.scoring.card import Card, as_of, together, trigger
from streams.scoring.lifts import CARD
from streams.scoring.stored import NUMBERS, pack
from streams.scoring.weekly import Observed

DAY = 19_700
USAGE, ACCOUNT = NUMBERS["usage"], NUMBERS["account"]
CODEC = ShapeCodec[Card](CARD, "a card")


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


def account(card: Card) -> str:
    profile = together(card.aligned).account
    assert profile is not None
    return profile.name


def test_of_values_of_one_instant_the_later_message_stands_and_older_ones_change_nothing() -> None:
    card = Card()
    assert card.take(message(used(1)), None)
    assert not card.take(message(used(1)), None)
    assert card.take(message(used(2), revision=1), None)
    assert newest(card) == 2
    assert not card.take(message(used(3), day=DAY - 1, revision=1), None)
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
        assert account(one) == "n"
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


def test_what_a_day_and_the_newest_values_have_in_common_is_stored_once() -> None:
    card = Card()
    card.take(message(used(1)), None)
    card.take(message(AccountValues(name="n")), None)
    assert card.waiting == {DAY: {USAGE: None, ACCOUNT: None}}
    card.align(DAY)
    assert card.last == {USAGE: None, ACCOUNT: None}
    before = card.newest[USAGE]
    card.take(message(used(2), day=DAY + 1), DAY)
    assert card.last == {USAGE: before, ACCOUNT: None}
    waited = card.newest[USAGE]
    card.take(message(used(3), kind="live", at=(DAY + 2) * DAY_MS + 1), DAY)
    assert card.waiting == {DAY + 1: {USAGE: waited}}
    assert (aligned(card), newest(card)) == (1, 3)
    card.align(DAY + 1)
    assert card.last == {USAGE: waited, ACCOUNT: None}


def test_a_day_that_comes_behind_newer_values_waits_by_itself() -> None:
    card = Card()
    card.take(message(used(2), kind="live", at=(DAY + 1) * DAY_MS + 1), None)
    card.take(message(used(1)), None)
    card.align(DAY)
    assert (aligned(card), newest(card)) == (1, 2)


def test_what_is_told_again_changes_nothing() -> None:
    card = Card()
    card.take(message(used(1)), None)
    card.align(DAY)
    card.take(message(used(1)), DAY)
    assert card.last == {USAGE: None}


def test_a_card_is_settled_until_something_newer_is_known() -> None:
    card, end = Card(), (DAY + 1) * DAY_MS
    card.take(message(used(1), event=(5, "e")), None)
    card.align(DAY)
    assert card.is_settled(end)
    assert not card.is_settled(end - 1)
    card.take(message(used(1), kind="live", event=(5, "e"), at=end + 5), DAY)
    assert card.is_settled(end + 5)  # the same, of another instant
    card.take(message(used(1), kind="live", event=(6, "f"), at=end + 6), DAY)
    assert not card.is_settled(end + 6)


def test_a_card_with_restated_values_is_not_settled() -> None:
    card, end = Card(), (DAY + 1) * DAY_MS
    card.take(message(used(1)), None)
    card.take(message(used(2)), None)  # of an instant that was told
    card.align(DAY)
    assert card.last == {USAGE: None}
    assert not card.is_settled(end)


def test_a_card_with_a_domain_that_no_day_has_told_is_not_settled() -> None:
    card, end = Card(), (DAY + 1) * DAY_MS
    card.take(message(used(1)), None)
    card.align(DAY)
    card.take(message(AccountValues(name="n"), kind="live", at=end), DAY)
    assert not card.is_settled(end)


def test_how_a_card_is_stored() -> None:
    """What this release writes; fields that are appended stand behind these."""
    card = Card()
    card.take(message(AccountValues(name="n", seats=3), event=(5, "e")), None)
    card.align(DAY)
    card.observe(DAY, {"usage_trend": 0.5, "nps": -3.0})
    profile = [pack(AccountValues(name="n", seats=3)), (DAY + 1) * DAY_MS, 5, "e", False]
    snapshot = [DAY, [[None, None, 0.5, *[None] * 34, -3], {}]]  # by place, up to the last that is known
    fields = [{4: profile}, {}, {4: None}, None, False, -1, [None, [], {}, {}, None, {}], None]
    assert CODEC.encode(card) == b"\xc1\x02" + msgpack.encode([*fields, msgpack.encode([snapshot]), False, None])


def test_the_two_newest_snapshots_are_kept_until_none_is_taken() -> None:
    card = Card()
    assert card.observed == []
    for day in (DAY, DAY + 7, DAY + 14):
        card.observe(day, {"mrr": float(day)})
    assert card.observed == [Observed(day, {"mrr": float(day)}) for day in (DAY + 14, DAY + 7)]
    card.observe(DAY + 21, None)
    assert (card.observed, card) == ([], Card())


def test_what_is_read_of_a_stored_card_is_decoded_once() -> None:
    card = Card()
    card.take(message(used(1)), None)
    card.align(DAY)
    again = CODEC.decode(CODEC.encode(card))
    assert aligned(again) == newest(again) == 1
    assert again.aligned[USAGE] is again.newest[USAGE]
    assert again.newest[USAGE].values is again.newest[USAGE].values


def test_a_day_without_values_leaves_a_stored_card_as_it_is() -> None:
    card = Card()
    card.take(message(used(1)), None)
    card.align(DAY)
    again = CODEC.decode(CODEC.encode(card))
    assert again.align(DAY + 1)
    assert CODEC.encode(again) == CODEC.encode(card)
