"""Customers as version 1 stored them, and what becomes of them (all of it: tests/golden/test_changelog_upgrade.py)."""

import msgspec
from msgspec.structs import replace

from streams.engine.states import ShapeCodec
from streams.metrics.account import AccountFold, AccountState
from streams.metrics.customer import Customer, fingerprint
from streams.metrics.days import Days
from streams.metrics.lifts import CustomerOf1, UsageStateOf1, customer_shape
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.revenue_state import RevenueState
from streams.metrics.subscriptions import Change, Subscription, Terms
from streams.metrics.usage import UsageFold, UsagePolicy
from streams.metrics.usage_state import UsageState
from streams.shape import Shape

DAY = 20_000
DAY_MS = 86_400_000


def fingerprint_of_1(event_id: str) -> int:
    """As version 1 made it: all 64 bits of the digest."""
    from hashlib import blake2b

    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest())


def test_a_usage_customer_keeps_its_days_names_ids_and_revisions() -> None:
    facts = UsageStateOf1(
        days=[DAY, DAY + 3],
        events=[2, 1],
        quantity=[7, 1],
        duration_ms=[1500, 0],
        errors=[0, 4],
        last_at=[DAY * DAY_MS + 5, (DAY + 3) * DAY_MS + 9],
        features=[b"\x01", b"\x00\x02"],
        users=[b"", b"\x01"],
        feature_bits={"a": 0, "b": 9},
        user_bits={"ana": 0},
        first_used_at=DAY * DAY_MS,
        milestones={"m": 3},
        progress={"active_days/3": {str(DAY): 5}},
    )
    seen = {DAY: {fingerprint_of_1("e1"), fingerprint_of_1("e2")}, DAY + 3: {fingerprint_of_1("e3")}}
    old = CustomerOf1(facts, 5, seen, {DAY: 2}, newest_at=9, event_id="e3", version=41)
    fold = UsageFold(UsagePolicy(), Days())
    codec: ShapeCodec[Customer[UsageState]] = ShapeCodec(customer_shape(fold), "a state of table usage")
    new = codec.decode(msgspec.msgpack.encode(old))
    days = new.facts
    assert (days.first_day, days.days, days.events, list(days.more)) == (DAY, [0, 3], [2, 1], [5, 0])
    assert list(days.last_ms) == [DAY_MS + 5, DAY_MS + 9]
    assert (days.features.numbers(0, 2), days.users.numbers(0, 2)) == ([1, 512], [0, 1])
    assert (days.feature_bits, days.milestones, days.progress) == (facts.feature_bits, {"m": 3}, facts.progress)
    assert [new.seen.has(DAY, fingerprint(name)) for name in ("e1", "e2", "e3")] == [True, True, False]
    assert new.seen.has(DAY + 3, fingerprint("e3"))
    assert (new.first_at, new.revisions, new.newest_at, new.event_id, new.version) == (5, {DAY: 2}, 9, "e3", 41)
    assert codec.decode(codec.encode(new)) == new


def test_a_customer_without_days_of_use_is_lifted() -> None:
    fold = UsageFold(UsagePolicy(), Days())
    codec: ShapeCodec[Customer[UsageState]] = ShapeCodec(customer_shape(fold), "a state")
    assert codec.decode(msgspec.msgpack.encode(CustomerOf1(UsageStateOf1(), 5))).facts == UsageState()


def test_which_one_seat_was_named_is_not_known_of_billing_of_versions_1_and_2() -> None:
    fold = RevenueFold(RevenuePolicy(), Days())
    facts = fold.new()
    flat = Terms(900, "EUR", False, 1, "month", 1, None, None, None)
    told = [Change(at, str(at), replace(flat, seats=seats)) for at, seats in ((1, 1), (2, 7), (3, 0))]
    facts.subscriptions["s"] = Subscription([*told, Change(4, "4", None)])
    shape = customer_shape(fold)
    codec: ShapeCodec[Customer[RevenueState]] = ShapeCodec(shape, "a state of table revenue")
    of_2: ShapeCodec[Customer[RevenueState]] = ShapeCodec(Shape(shape.type, 2, {1: shape.lifts[1]}), "an older one")
    for stored in (msgspec.msgpack.encode(CustomerOf1(facts, 5)), of_2.encode(Customer(facts, 5))):
        new = codec.decode(stored)
        changes = new.facts.subscriptions["s"].changes
        assert [None if one.terms is None else one.terms.seats for one in changes] == [None, 7, 0, None]
        assert new.first_at == 5
        assert codec.decode(codec.encode(new)) == new


def test_facts_of_the_other_domains_are_as_they_were() -> None:
    codec: ShapeCodec[Customer[AccountState]] = ShapeCodec(customer_shape(AccountFold(Days())), "a state")
    old = CustomerOf1(AccountState(), 5, version=3)
    assert codec.decode(msgspec.msgpack.encode(old)) == Customer(AccountState(), 5, version=3)
