"""Sums of partitions in; figures of all customers and of segments out, each day once all have closed it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import MessageDecoder
from schemas.metrics import MetricsMessage
from schemas.portfolio import (
    PORTFOLIO,
    DayChange,
    PortfolioFigures,
    PortfolioMessage,
    PortfolioValues,
    SpendClosed,
    Tally,
    TallyChanged,
    TallyClosed,
    segment_key,
)
from streams.engine.outbox import Output
from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import Logged
from streams.engine.states import StateCodec
from streams.metrics.days import DAY_MS, Days
from streams.metrics.partition import Emitted, MemoryPartition
from streams.metrics.portfolio_machine import METRICS_PARTITION, PortfolioMachine
from streams.metrics.portfolio_pages import Page, PortfolioLedger, keep, place_of

DAY = 20_000
HORIZON = 5


class Rig:
    """A machine of two partitions."""

    def __init__(self) -> None:
        self.sent: list[Emitted] = []
        self.machine = PortfolioMachine(2, Days(), HORIZON, "metrics")
        self.part: MemoryPartition[Page, PortfolioLedger] = MemoryPartition(
            0, PortfolioLedger(), self.machine.render, self.sent.append
        )
        self._next = 0

    def step(self, *messages: PortfolioMessage) -> None:
        for message in messages:
            self.machine.step(self.part, self._next, message)
            self._next += 1

    def read(self) -> list[PortfolioFigures]:
        self.part.flush()
        read = MessageDecoder[Any](MetricsMessage)
        return [read(one.value) for one in self.sent]

    def said(self) -> list[tuple[int, str, int, int]]:
        """Day, portfolio, revision and customers of what went out."""
        return [(one.day, one.portfolio, one.revision, one.values.customers) for one in self.read()]

    @property
    def counts(self) -> tuple[int, ...]:
        meta = self.part.meta
        assert meta.read == meta.applied + meta.duplicate + meta.late + meta.dead
        return (meta.applied, meta.duplicate, meta.late, meta.dead)


def day(partition: int, customers: int, day: int = DAY, restated: int = 0, name: str = PORTFOLIO) -> Tally:
    return Tally(partition=partition, day=day, portfolio=name, sums={"customers": customers}, restated=restated)


def closed(partition: int, day: int = DAY) -> TallyClosed:
    return TallyClosed(partition=partition, day=day)


def changed(partition: int, version: int, customers: int, day: int = DAY, restated: int = 1) -> TallyChanged:
    change = DayChange(day=day, portfolio=PORTFOLIO, sums={"customers": customers}, restated=restated)
    return TallyChanged(partition=partition, version=version, changes=[change])


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_day_goes_out_when_every_partition_has_closed_it(rig: Rig) -> None:
    rig.step(day(0, 3), day(0, 1, name=segment_key("smb")), closed(0), day(1, 4))
    assert rig.said() == []
    rig.step(closed(1))
    assert rig.said() == [(DAY, PORTFOLIO, 0, 7), (DAY, "_segment:smb", 0, 1)]
    everybody, smb = rig.read()
    assert (everybody.segment, smb.segment) == (None, "smb")
    assert (everybody.as_of, everybody.reason) == ((DAY + 1) * DAY_MS, "closed")
    assert {(one.topic, one.partition, one.key) for one in rig.sent} == {
        ("metrics", METRICS_PARTITION, b"_portfolio"),
        ("metrics", METRICS_PARTITION, b"_segment:smb"),
    }
    assert rig.counts == (5, 0, 0, 0)


def test_a_partition_that_began_later_had_no_customers_before(rig: Rig) -> None:
    rig.step(day(0, 3), closed(0), day(0, 3, DAY + 1), closed(0, DAY + 1), day(1, 4, DAY + 1), closed(1, DAY + 1))
    assert rig.said() == [(DAY, PORTFOLIO, 0, 3), (DAY + 1, PORTFOLIO, 0, 7)]


def test_what_comes_again_counts_once(rig: Rig) -> None:
    rig.step(day(0, 3), day(0, 3), closed(0), day(0, 3), closed(0), day(1, 1), closed(1))
    rig.step(changed(0, 9, 1), changed(0, 9, 1), changed(0, 8, 1))
    assert rig.said()[-1] == (DAY, PORTFOLIO, 1, 5)
    assert rig.counts == (5, 5, 0, 0)


def test_a_change_sends_a_day_again_with_its_reason(rig: Rig) -> None:
    rig.step(day(0, 3), closed(0), day(1, 1), closed(1), changed(1, 5, 1), changed(0, 5, -1), changed(0, 6, 2))
    assert rig.said() == [(DAY, PORTFOLIO, 0, 4), (DAY, PORTFOLIO, 3, 6)]
    assert rig.read()[-1].reason == "restated"


def test_a_change_of_a_day_that_has_not_gone_out_goes_out_with_it(rig: Rig) -> None:
    rig.step(day(0, 3, restated=2), closed(0), changed(0, 5, 1))
    assert rig.said() == []
    rig.step(day(1, 1), closed(1))
    assert rig.said() == [(DAY, PORTFOLIO, 3, 5)]


def test_a_change_may_bring_a_portfolio(rig: Rig) -> None:
    rig.step(closed(0), closed(1), changed(0, 5, 1))
    assert rig.said() == [(DAY, PORTFOLIO, 1, 1)]


def test_a_change_of_a_day_that_was_not_tallied_is_late(rig: Rig) -> None:
    rig.step(changed(0, 1, 1), day(0, 3), closed(0), closed(1), changed(0, 2, 1, DAY - 1), changed(0, 3, 1, DAY + 1))
    assert rig.said() == [(DAY, PORTFOLIO, 0, 3)]
    assert rig.counts == (3, 0, 3, 0)


def test_a_partition_that_cannot_be_is_dead(rig: Rig) -> None:
    rig.step(closed(2), closed(-1))
    rig.machine.dead(rig.part, 9)
    assert rig.counts == (0, 0, 0, 3)
    assert rig.part.offset == 9


def test_days_behind_the_horizon_are_forgotten_but_not_before_they_are_told(rig: Rig) -> None:
    for one in range(DAY, DAY + 20):
        rig.step(day(0, 1, one), closed(0, one), day(1, 1, one), closed(1, one))
        if one == DAY + 3:
            rig.step(changed(0, 3, 1, DAY))
    kept = sorted(int(key.partition("/")[0]) for key, page in rig.part.states.items() if not page.faded)
    assert kept == list(range(DAY + 19 - HORIZON - 2, DAY + 20))
    assert [said for said in rig.said() if said[0] == DAY] == [(DAY, PORTFOLIO, 0, 2), (DAY, PORTFOLIO, 1, 3)]
    rig.step(changed(0, 4, 1, DAY))
    assert rig.counts[2] == 1
    rig.machine.render(rig.part, [f"{DAY:06d}/{PORTFOLIO}"])
    assert len(rig.sent) == 21


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3)), max_size=4), min_size=4, max_size=4),
    st.lists(st.booleans(), max_size=80),
    st.booleans(),
)
def test_figures_do_not_depend_on_how_partitions_interleave(
    changes: list[list[tuple[int, int]]], turns: list[bool], twice: bool
) -> None:
    """Each partition tallies four days with changes of earlier ones in between; some of it comes twice."""

    def log(number: int) -> list[PortfolioMessage]:
        found: list[PortfolioMessage] = []
        for place, of_day in enumerate(changes):
            found += [day(number, place + number, DAY + place), closed(number, DAY + place)]
            for back, amount in of_day:
                found.append(changed(number, len(found), amount, DAY + place - back))
        return [*found, *found] if twice else found

    def folded(take_first: Callable[[], bool]) -> tuple[dict[Any, Any], int]:
        rig, logs = Rig(), [iter(log(0)), iter(log(1))]
        left = [len(log(0)), len(log(1))]
        while any(left):
            number = 0 if left[0] and (not left[1] or take_first()) else 1
            rig.step(next(logs[number]))
            left[number] -= 1
        found = {(one.portfolio, one.day): (one.revision, one.reason, one.values) for one in rig.read()}
        return found, rig.counts[0]

    order = iter(turns)
    assert folded(lambda: next(order, True)) == folded(lambda: True)


SMB = segment_key("smb")


def in_smb(partition: int, version: int, one: int) -> TallyChanged:
    change = DayChange(day=one, portfolio=SMB, sums={"customers": 1}, restated=1)
    return TallyChanged(partition=partition, version=version, changes=[change])


def test_a_segment_that_lost_its_last_customer_has_empty_figures_once(rig: Rig) -> None:
    for one in range(DAY, DAY + 4):
        tallies = [day(0, 5, one), day(0, 2, one, name=SMB)] if one == DAY else [day(0, 5, one)]
        rig.step(*tallies, closed(0, one), closed(1, one))
    assert [said for said in rig.said() if said[1] == SMB] == [(DAY, SMB, 0, 2), (DAY + 1, SMB, 0, 0)]
    empty = rig.read()[-1 - [one.portfolio for one in rig.read()][::-1].index(SMB)]
    assert (empty.values, empty.reason, empty.segment) == (PortfolioValues(), "closed", "smb")


def test_a_segment_that_comes_back_goes_on(rig: Rig) -> None:
    for one, customers in enumerate([2, None, None, 1, None]):
        tallies = [] if customers is None else [day(0, customers, DAY + one, name=SMB)]
        rig.step(*tallies, closed(0, DAY + one), closed(1, DAY + one))
    found = [(one - DAY, customers) for one, name, _, customers in rig.said() if name == SMB]
    assert found == [(0, 2), (1, 0), (3, 1), (4, 0)]


def test_a_restatement_that_brings_a_segment_brings_its_end_too(rig: Rig) -> None:
    rig.step(*[closed(number, one) for one in (DAY, DAY + 1, DAY + 2) for number in (0, 1)])
    rig.step(in_smb(0, 9, DAY + 1))
    assert rig.said() == [(DAY + 1, SMB, 1, 1), (DAY + 2, SMB, 0, 0)]
    rig.step(in_smb(1, 3, DAY + 2))
    assert rig.said()[2:] == [(DAY + 2, SMB, 1, 1)]


@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 3), max_size=2)), min_size=5, max_size=5),
    st.lists(st.booleans(), max_size=60),
)
def test_ends_of_segments_do_not_depend_on_how_partitions_interleave(
    days: list[tuple[bool, list[int]]], turns: list[bool]
) -> None:
    def log(number: int) -> list[PortfolioMessage]:
        found: list[PortfolioMessage] = []
        for place, (is_there, changes) in enumerate(days):
            found += [day(number, 1, DAY + place, name=SMB)] if is_there and place % 2 == number else []
            found.append(closed(number, DAY + place))
            found += [in_smb(number, 9 * place + n, DAY + place - back) for n, back in enumerate(changes)]
        return found

    def folded(take_first: Callable[[], bool]) -> dict[int, tuple[int, PortfolioValues]]:
        rig, logs = Rig(), [log(0)[::-1], log(1)[::-1]]
        while any(logs):
            rig.step(logs[0 if logs[0] and (not logs[1] or take_first()) else 1].pop())
        return {one.day: (one.revision, one.values) for one in rig.read()}

    order = iter(turns)
    assert folded(lambda: next(order, True)) == folded(lambda: True)


def test_the_first_day_of_all_partitions_publishes_no_later_one() -> None:
    rig = Rig()
    rig.step(day(0, 5), closed(0), day(0, 6, DAY + 1), closed(0, DAY + 1), day(0, 7, DAY + 2))
    rig.step(day(1, 3), closed(1))
    assert rig.said() == [(DAY, PORTFOLIO, 0, 8)]


@pytest.mark.parametrize(
    "saved, torn",
    [
        ([("day", 0, 5), ("closed", 0)], [("changed", 0, 7, 1)]),
        ([("day", 0, 5)], [("closed", 0)]),
        ([("day", 1, 3)], [("day", 0, 5)]),
        ([("day", 1, 3)], [("day", 0, 5), ("closed", 0)]),
    ],
)
def test_pages_of_a_torn_flush_take_nothing_in_twice(saved: list[Any], torn: list[Any]) -> None:
    """Compaction has removed what they were before, and the replay begins behind the flush before."""
    make: dict[str, Callable[..., PortfolioMessage]] = {"day": day, "closed": closed, "changed": changed}
    owner, heir = after_a_torn_flush([make[name](*arguments) for name, *arguments in saved + torn], len(saved))
    page = heir.get(f"{DAY:06d}/{PORTFOLIO}")
    assert page == owner.get(f"{DAY:06d}/{PORTFOLIO}")
    assert heir.meta == owner.meta


def test_an_empty_page_of_a_torn_flush_goes_out_with_the_change_that_brought_it() -> None:
    whole: list[PortfolioMessage] = [closed(number, one) for one in (DAY, DAY + 1) for number in (0, 1)]
    owner, heir = after_a_torn_flush([*whole, in_smb(0, 9, DAY)], len(whole))
    assert heir.meta == owner.meta
    read = MessageDecoder[Any](MetricsMessage)
    sent = [read(one.value) for one in heir.take_outputs()]
    assert [(one.day, one.portfolio, one.values.customers) for one in sent] == [(DAY, SMB, 1), (DAY + 1, SMB, 0)]


def after_a_torn_flush(
    messages: list[PortfolioMessage], saved: int, arrived: int | None = None, sent: list[Output] | None = None
) -> tuple[Partition[Page, PortfolioLedger], Partition[Page, PortfolioLedger]]:
    """One that took all messages in and died in a flush behind so many, and the one that went on from what it saved.

    `arrived`: so many pages of that flush; all without. `sent` takes what the first one sent.
    """
    machine = PortfolioMachine(2, Days(), HORIZON, "metrics")
    parts: list[Partition[Page, PortfolioLedger]] = [
        Partition(0, StateCodec(Page, PortfolioLedger), machine.render) for _ in range(2)
    ]
    owner, heir = parts
    log: list[tuple[bytes, bytes | None]] = []
    owner.recovered()
    for offset, message in enumerate(messages):
        machine.step(owner, offset, message)
        owner.advance(offset)
        if offset + 1 in (saved, len(messages)):
            outputs = owner.take_outputs()
            if sent is not None:
                sent += outputs
            keys, meta = owner.take_state() or ([], b"")
            log += [*keys, (META_KEY, meta)] if offset + 1 == saved else keys[:arrived]
    newest = {key: place for place, (key, _) in enumerate(log)}
    heir.load([Logged(place, key, value) for place, (key, value) in enumerate(log) if newest[key] == place])
    heir.passed(len(log))
    heir.recovered()
    for offset, message in enumerate(messages):
        if offset > heir.applied:
            machine.step(heir, offset, message)
            heir.advance(offset)
    return owner, heir


@pytest.mark.parametrize("until", [21, 202])
@pytest.mark.parametrize("arrived", range(6))
def test_a_segment_whose_page_a_torn_flush_lost_keeps_the_cost_it_went_out_with(arrived: int, until: int) -> None:
    """The page of all customers, whose costs it shares, may have been saved as it faded, or was deleted."""
    messages: list[PortfolioMessage] = [
        bought(DAY, {**ALL, **LOST}, edition=2),
        bought(DAY, {**SEGMENT, **LOST}, name=SMB, edition=2),
        *(closed(0), closed(1), spend_over(0, DAY + 400)),
        *(closed(number, one) for one in range(DAY + 1, DAY + 7) for number in (0, 1)),
    ]
    more = {"spend_28d:BRL": 100_00, "campaigns_28d:BRL": 100_00}  # the first of them, so no restatement
    late = TallyChanged(
        partition=0, version=1, changes=[DayChange(day=DAY, portfolio=PORTFOLIO, sums=more, restated=0)]
    )
    last = [closed(number, one) for one in range(DAY + 20, DAY + until + 1) for number in (0, 1)]
    sent: list[Output] = []
    owner, heir = after_a_torn_flush([*messages, late, *last], len(messages), arrived, sent)
    read = MessageDecoder[Any](MetricsMessage)
    told = [read(one.value) for one in [*sent, *heir.take_outputs()]]
    found = sorted(
        (one for one in told if (one.day, one.portfolio) == (DAY, SMB)), key=lambda one: (one.revision, one.version)
    )
    assert found[-1].values.cac_28d_minor == {"BRL": 3_620_00.0}  # 2,000.00 + 8,100.00 / 5
    assert found[-1].values.lost_before_payback_28d == {"BRL": 1}
    for name in (PORTFOLIO, SMB):
        page = heir.get(f"{DAY:06d}/{name}")
        assert page == owner.get(f"{DAY:06d}/{name}")
        assert (page is None, page is not None and page.faded) == (until > 140, until < 140)


@pytest.mark.parametrize("arrived", range(8))
def test_a_page_whose_window_a_torn_flush_deleted_keeps_the_churn_it_went_out_with(arrived: int) -> None:
    messages: list[PortfolioMessage] = [spend_over(0, DAY - 1)]
    for one in range(DAY, DAY + 141, 28):
        messages += [bought(one, {**ONE_IN_20, **SPENT}, edition=2), closed(0, one), closed(1, one)]
    torn: list[PortfolioMessage] = [moved(1, {"spend_28d:BRL": 1}, DAY), spend_over(0, DAY + 400)]
    torn += [closed(number, one) for one in (DAY + 200, DAY + 201, DAY + 202) for number in (0, 1)]
    sent: list[Output] = []
    owner, heir = after_a_torn_flush([*messages, *torn], len(messages), arrived, sent)
    assert (heir.meta, heir.keys()) == (owner.meta, owner.keys())
    read = MessageDecoder[Any](MetricsMessage)
    told = [one for one in (read(out.value) for out in [*sent, *heir.take_outputs()]) if one.day == DAY + 140]
    last = max(reversed(told), key=lambda one: (one.revision, one.version))
    assert (last.values.cac_28d_minor, last.values.mean_churn_168d) == (
        {"BRL": 2_000_00.0},
        {"BRL": pytest.approx(0.05)},
    )


@pytest.mark.parametrize("arrived", range(4))
def test_a_segment_that_came_and_went_with_a_torn_flush_keeps_the_cost_it_went_out_with(arrived: int) -> None:
    """An import: half a year between two flushes."""
    tallies = bought(DAY, ALL, edition=2), bought(DAY, SEGMENT, name=SMB, edition=2)
    saved: list[PortfolioMessage] = [
        spend_over(0, DAY + 400),
        bought(DAY - 1, SPENT),
        closed(0, DAY - 1),
        closed(1, DAY - 1),
    ]
    torn: list[PortfolioMessage] = [moved(1, {"tickets_open": 1}, DAY - 1), *tallies]
    torn += [closed(number, one) for one in range(DAY, DAY + 203) for number in (0, 1)]
    sent: list[Output] = []
    owner, heir = after_a_torn_flush([*saved, *torn], len(saved), arrived, sent)
    assert (heir.meta, heir.keys()) == (owner.meta, owner.keys())
    read = MessageDecoder[Any](MetricsMessage)
    told = [read(one.value) for one in [*sent, *heir.take_outputs()]]
    found = [one for one in told if (one.day, one.portfolio) == (DAY, SMB)]
    last = max(reversed(found), key=lambda one: (one.revision, one.version))
    assert last.values.cac_28d_minor == {"BRL": 3_600_00.0}


def test_who_recovers_knows_the_segments_of_a_day() -> None:
    messages: list[PortfolioMessage] = [bought(DAY, ALL, edition=2), bought(DAY, SEGMENT, name=SMB, edition=2)]
    messages += [closed(0), closed(1), spend_over(0)]
    costs = moved(1, {"spend_28d:BRL": -5_00_00, "campaigns_28d:BRL": -5_00_00}, DAY)
    _, heir = after_a_torn_flush([*messages, costs], len(messages))
    read = MessageDecoder[Any](MetricsMessage)
    told = {one.portfolio: one.values.cac_28d_minor for one in (read(sent.value) for sent in heir.take_outputs())}
    assert told == {PORTFOLIO: {"BRL": 1_900_00.0}, SMB: {"BRL": 3_500_00.0}}


def test_costs_may_change_in_pages_that_a_torn_flush_deleted() -> None:
    messages: list[PortfolioMessage] = [bought(DAY, ALL, edition=2), bought(DAY, SEGMENT, name=SMB, edition=2)]
    messages += [closed(0), closed(1), spend_over(0, DAY + 400)]
    later: list[PortfolioMessage] = [moved(1, {"new_customers:BRL": 1}, DAY)]
    later += [closed(number, one) for one in (DAY + 200, DAY + 201, DAY + 202) for number in (0, 1)]
    owner, heir = after_a_torn_flush([*messages, *later], len(messages))
    assert (heir.meta, heir.keys()) == (owner.meta, owner.keys())
    assert f"{DAY:06d}/{PORTFOLIO}" not in heir.keys()  # noqa: SIM118 - a partition is no mapping


def spend_over(partition: int, until: int = DAY) -> SpendClosed:
    return SpendClosed(partition=partition, day=until)


def bought(day: int, sums: dict[str, int], restated: int = 0, name: str = PORTFOLIO, edition: int = 1) -> Tally:
    return Tally(partition=0, day=day, portfolio=name, sums=sums, restated=restated, edition=edition)


def moved(version: int, sums: dict[str, int], day: int) -> TallyChanged:
    change = DayChange(day=day, portfolio=PORTFOLIO, sums=sums, restated=1)
    return TallyChanged(partition=0, version=version, changes=[change])


SPENT = {"spend_28d:BRL": 10_000_00, "new_customers:BRL": 5}


def test_10000_spent_on_winning_5_customers_are_2000_each_once_the_day_is_over_for_spend(rig: Rig) -> None:
    rig.step(bought(DAY, SPENT), closed(0), closed(1))
    (before,) = rig.read()
    assert before.values.new_customers_28d == {"BRL": 5}
    assert (before.values.spend_28d_minor, before.values.cac_28d_minor) == ({}, {})
    rig.step(spend_over(0))
    after = rig.read()[-1]
    assert after.values.spend_28d_minor == {"BRL": 10_000_00}
    assert after.values.cac_28d_minor == {"BRL": 2_000_00.0}
    assert (after.revision, after.reason) == (0, "closed")
    assert after.version > before.version  # of equal revisions the greatest version holds
    assert rig.counts == (4, 0, 0, 0)


def test_a_day_waits_for_the_spend_of_every_partition_that_has_any(rig: Rig) -> None:
    rig.step(spend_over(0), spend_over(0), bought(DAY, SPENT), closed(0), closed(1))
    rig.step(bought(DAY + 1, SPENT), closed(0, DAY + 1), closed(1, DAY + 1))
    rig.part.flush()
    rig.step(spend_over(0, DAY + 1))
    assert [one.values.spend_28d_minor.get("BRL") for one in rig.read()] == [10_000_00, None, 10_000_00]
    rig.step(spend_over(1))  # the second day is not over there
    assert [(one.day, one.values.spend_28d_minor) for one in rig.read()[3:]] == [(DAY + 1, {})]
    rig.step(spend_over(1, DAY + 1), spend_over(0, DAY + 9))
    assert [(one.day, one.values.spend_28d_minor) for one in rig.read()[4:]] == [(DAY + 1, {"BRL": 10_000_00})]
    assert rig.counts[1] == 1


def test_spend_that_comes_longer_than_the_horizon_behind_the_other_figures_is_told_all_the_same(rig: Rig) -> None:
    rig.step(spend_over(0, DAY - 1))
    days = range(DAY, DAY + 2 * HORIZON + 9)
    for one in days:
        rig.step(bought(one, SPENT if one > DAY else {"new_customers:BRL": 5}), closed(0, one), closed(1, one))
    rig.step(moved(1, {"spend_28d:BRL": 10_000_00}, DAY), *(spend_over(0, one) for one in days))
    told = {one.day: one.values.spend_28d_minor for one in rig.read()}
    assert told == {one: {"BRL": 10_000_00} for one in days}
    assert rig.part.meta.late == 0
    last = days[-1]
    rig.step(closed(0, last + 1), closed(1, last + 1))
    page = rig.part.get(f"{DAY:06d}/{PORTFOLIO}")
    assert page is not None
    assert page.faded  # once both are behind it


def test_the_churn_target_of_the_profile_stands_beside_the_figures(rig: Rig) -> None:
    rig.machine = PortfolioMachine(2, Days(), HORIZON, "metrics", 0.02)
    rig.step(closed(0), day(1, 4), closed(1))
    assert [one.values.churn_target for one in rig.read()] == [0.02]


def test_a_company_without_spend_is_held_up_by_nothing(rig: Rig) -> None:
    rig.step(bought(DAY, {"customers": 3}), closed(0), closed(1))
    assert rig.said() == [(DAY, PORTFOLIO, 0, 3)]


#: 8,000.00 of campaigns and 2,000.00 by name won 5; one in the segment for 2,000.00 more. One left there that had
#: earned 3,500.00.
ALL = {"spend_28d:BRL": 10_000_00, "campaigns_28d:BRL": 8_000_00, "new_customers:BRL": 5}
SEGMENT = {"spend_28d:BRL": 2_000_00, "new_customers:BRL": 1}
LOST = {"lost:BRL": 1, "lost_at:BRL:350000": 1}


def segmented(rig: Rig, edition: int = 2) -> None:
    rig.step(bought(DAY, {**ALL, **LOST}, edition=edition), bought(DAY, {**SEGMENT, **LOST}, name=SMB, edition=edition))
    rig.step(closed(0), closed(1), spend_over(0))


def costs(rig: Rig) -> list[tuple[str, int, dict[str, float], dict[str, int]]]:
    """Portfolio, revision, what winning one costs, and who left before that was earned."""
    found = [(one.portfolio, one.revision, one.values) for one in rig.read()]
    return [(name, revision, one.cac_28d_minor, one.lost_before_payback_28d) for name, revision, one in found]


def test_a_segment_shares_the_costs_of_campaigns_by_the_customers_they_won(rig: Rig) -> None:
    segmented(rig)
    assert costs(rig)[-2:] == [
        (PORTFOLIO, 0, {"BRL": 2_000_00.0}, {"BRL": 0}),
        (SMB, 0, {"BRL": 3_600_00.0}, {"BRL": 1}),  # 2,000.00 + 8,000.00 / 5
    ]


def test_what_campaigns_cost_is_restated_in_segments_too(rig: Rig) -> None:
    segmented(rig)
    sent = len(costs(rig))
    rig.step(moved(1, {"spend_28d:BRL": -5_00_00, "campaigns_28d:BRL": -5_00_00}, DAY))
    assert costs(rig)[sent:] == [
        (PORTFOLIO, 1, {"BRL": 1_900_00.0}, {"BRL": 0}),
        (SMB, 1, {"BRL": 3_500_00.0}, {"BRL": 0}),
    ]
    rig.step(moved(2, {"tickets_open": 1}, DAY))
    assert [(name, revision) for name, revision, _, _ in costs(rig)[sent + 2 :]] == [(PORTFOLIO, 2)]


def test_restatements_that_came_with_the_tally_count_in_segments_where_they_changed_costs(rig: Rig) -> None:
    tally = Tally(partition=0, day=DAY, portfolio=PORTFOLIO, sums=ALL, restated=3, edition=2, costed=2)
    rig.step(tally, bought(DAY, SEGMENT, restated=1, name=SMB, edition=2), closed(0), closed(1), spend_over(0))
    assert [(name, revision) for name, revision, _, _ in costs(rig)[-2:]] == [(PORTFOLIO, 3), (SMB, 3)]


def test_a_segment_tallied_by_an_older_release_has_no_cost(rig: Rig) -> None:
    segmented(rig, edition=1)
    assert costs(rig)[-2:] == [(PORTFOLIO, 0, {"BRL": 2_000_00.0}, {}), (SMB, 0, {}, {})]


def test_costs_that_change_with_the_last_day_of_the_horizon_go_out_in_segments_too(rig: Rig) -> None:
    segmented(rig)
    rig.step(*[one for day in range(DAY + 1, DAY + 7) for one in (closed(0, day), closed(1, day))])
    rig.part.flush()
    sent = len(costs(rig))
    rig.step(moved(1, {"spend_28d:BRL": -5_00_00, "campaigns_28d:BRL": -5_00_00}, DAY))
    rig.step(
        spend_over(0, DAY + 30), *[one for day in (DAY + 20, DAY + 21) for one in (closed(0, day), closed(1, day))]
    )
    assert {(name, revision) for name, revision, _, _ in costs(rig)[sent:]} >= {(PORTFOLIO, 1), (SMB, 1)}
    page = rig.part.get(f"{DAY:06d}/{SMB}")
    assert page is not None
    assert page.faded


#: 20 paid 28 days ago and 1 of them left; 19 pay 1,900.00 in all, of which everything is margin.
ONE_IN_20 = {
    "paying_before:BRL": 20,
    "lost:BRL": 1,
    "mrr:BRL": 1_900_00,
    "mrr_own:BRL": 1_900_00,
    "paying:BRL": 19,
    "margin:BRL": 19_000_000,
}


def six_windows(rig: Rig, sums: dict[str, int]) -> None:
    for number in range(6):
        one = DAY + 28 * number
        rig.step(bought(one, sums), closed(0, one), closed(1, one))


def test_what_a_customer_is_worth_takes_six_windows(rig: Rig) -> None:
    """100.00 a month at 5 % lost per 28 days: 20 windows of 28 / 30.4375 months, 1,839.84 in all."""
    rig.machine = PortfolioMachine(2, Days(), 200, "metrics")
    six_windows(rig, {**ONE_IN_20, **SPENT})
    rig.step(spend_over(0, DAY + 140))
    found = {one.day: one.values for one in rig.read()}
    last = found[DAY + 140]
    assert last.mean_churn_168d == {"BRL": pytest.approx(0.05)}
    assert last.ltv_minor == {"BRL": pytest.approx(1_839_84, abs=1)}
    assert last.ltv_cac == {"BRL": pytest.approx(0.91992, abs=1e-5)}
    assert last.cac_payback_months == {"BRL": 20.0}  # 2,000.00 at 100.00 a month
    assert (found[DAY + 112].ltv_minor, found[DAY + 112].mean_churn_168d) == ({}, {})


def test_pages_of_an_older_release_tell_no_churn_by_currency(rig: Rig) -> None:
    rig.machine = PortfolioMachine(2, Days(), 200, "metrics")
    rig.step(bought(DAY, ONE_IN_20, edition=0), closed(0), closed(1))
    for number in range(1, 7):
        one = DAY + 28 * number
        rig.step(bought(one, ONE_IN_20), closed(0, one), closed(1, one))
    found = {one.day: one.values.mean_churn_168d for one in rig.read()}
    assert [day for day, churn in found.items() if churn] == [DAY + 168]
    assert found[DAY] == {}


def test_what_those_that_left_had_earned_is_gone_through_a_few_times_for_all_figures(rig: Rig) -> None:
    """There may be thousands of such sums on a page, and figures of several dozen names."""
    rig.machine = PortfolioMachine(2, Days(), 200, "metrics")
    six_windows(rig, {**ONE_IN_20, **SPENT, **{f"lost_at:BRL:{number}000": 1 for number in range(100, 1000)}})
    passes: list[int] = []

    class Counting(dict[str, int]):
        def items(self) -> Any:
            passes.append(len(self))
            return super().items()

    for page in rig.part.states.values():
        page.sums = Counting(page.sums)
    rig.step(spend_over(0, DAY + 140))
    rig.part.flush()
    passes.clear()
    rig.machine.render(rig.part, [f"{DAY + 140:06d}/{PORTFOLIO}"])
    assert len(passes) == 2 + 5  # of its own, and one of each window before it
    told = rig.read()[-1]
    assert told.values.cac_28d_minor == {"BRL": 2_000_00.0}
    assert told.values.mean_churn_168d == {"BRL": pytest.approx(0.05)}


def test_restated_churn_restates_the_days_that_have_its_window(rig: Rig) -> None:
    rig.machine = PortfolioMachine(2, Days(), 200, "metrics")
    six_windows(rig, ONE_IN_20)
    sent = len(rig.read())
    rig.step(moved(1, {"lost:BRL": 1}, DAY + 28), moved(2, {"tickets_open": 1}, DAY + 28))
    later = {one.day: one for one in rig.read()[sent:]}
    assert sorted(later) == [DAY + 28, DAY + 56, DAY + 84, DAY + 112, DAY + 140]
    assert [later[day].revision for day in sorted(later)] == [2, 1, 1, 1, 1]
    assert later[DAY + 140].reason == "restated"
    assert later[DAY + 140].values.mean_churn_168d == {"BRL": pytest.approx((5 * 0.05 + 0.1) / 6)}


def test_of_pages_behind_the_horizon_the_churn_of_their_windows_is_kept(rig: Rig) -> None:
    """With a horizon of 5 days, 7 are kept whole."""
    rig.step(bought(DAY, ONE_IN_20, restated=1), closed(0), closed(1), moved(1, {"lost:BRL": 1}, DAY))
    for later in range(DAY + 28, DAY + 160, 28):
        rig.step(bought(later, ONE_IN_20), closed(0, later), closed(1, later))
    rig.machine.render(rig.part, [f"{DAY:06d}/{PORTFOLIO}"])  # faded: it says nothing any more
    found = [one for one in rig.read() if one.day == DAY]
    assert [(one.revision, one.values.mrr_minor) for one in found] == [(1, {"BRL": 1_900_00}), (2, {"BRL": 1_900_00})]
    last = next(one for one in rig.read() if one.day == DAY + 140)
    assert last.revision == 1
    assert last.values.mean_churn_168d == {"BRL": pytest.approx((5 * 0.05 + 0.1) / 6)}
    page = rig.part.get(f"{DAY:06d}/{PORTFOLIO}")
    assert page is not None
    assert (page.faded, page.sums) == (True, {"paying_before:BRL": 20, "lost:BRL": 2})
    rig.step(closed(0, DAY + 148), closed(1, DAY + 148))
    assert rig.part.get(f"{DAY:06d}/{PORTFOLIO}") is None


#: What changes of a day may bring, in which portfolios, and whether it is a restatement.
CHANGES: list[tuple[list[str], list[str], int]] = [
    (["spend_28d:BRL"], [PORTFOLIO, SMB], 0),
    (["spend_28d:BRL", "campaigns_28d:BRL"], [PORTFOLIO], 0),
    (["spend_28d:BRL", "campaigns_28d:BRL"], [PORTFOLIO], 1),
    (["lost:BRL"], [PORTFOLIO, SMB], 1),
    (["lost:BRL", "lost_at:BRL:150000"], [PORTFOLIO, SMB], 1),
    (["new_customers:BRL"], [PORTFOLIO], 1),
    (["tickets_open"], [PORTFOLIO], 1),
]


def newest(rig: Rig) -> dict[tuple[str, int], tuple[int, PortfolioValues]]:
    """Revision and values that hold, by portfolio and day."""
    found: dict[tuple[str, int], PortfolioFigures] = {}
    for one in sorted(rig.read(), key=lambda one: (one.revision, one.version)):
        found[one.portfolio, one.day] = one
    return {key: (one.revision, one.values) for key, one in found.items()}


@settings(max_examples=200)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.integers(-2, 2), st.sampled_from(CHANGES)), max_size=3),
        min_size=3,
        max_size=3,
    ),
    st.lists(st.integers(0, 7), max_size=60),
)
def test_figures_do_not_depend_on_when_spend_comes(
    days: list[list[tuple[int, int, tuple[list[str], list[str], int]]]], turns: list[int]
) -> None:
    """Of every partition: tallies with their changes, some of them of churn or costs, and what is over for spend."""

    def tallied(number: int) -> list[PortfolioMessage]:
        found: list[PortfolioMessage] = []
        for place, of_day in enumerate(days):
            one = DAY + 28 * place
            for name in (PORTFOLIO, SMB):
                sums = {**ONE_IN_20, **ALL} if name == PORTFOLIO else {**ONE_IN_20, **SEGMENT}
                found.append(Tally(partition=number, day=one, portfolio=name, sums=sums, edition=2))
            found.append(closed(number, one))
            for back, amount, (names, portfolios, restated) in of_day:
                sums, then = dict.fromkeys(names, amount), one - 28 * min(back, place)
                changes = [DayChange(day=then, portfolio=name, sums=sums, restated=restated) for name in portfolios]
                found.append(TallyChanged(partition=number, version=len(found), changes=changes))
        return found

    def folded(take: Callable[[], int]) -> dict[tuple[str, int], tuple[int, PortfolioValues]]:
        rig = Rig()
        rig.machine = PortfolioMachine(2, Days(), 90, "metrics")
        over = [[spend_over(number, DAY + 28 * place) for place in range(number, 2 + number)] for number in (0, 1)]
        logs: list[list[PortfolioMessage]] = [[*log][::-1] for log in (tallied(0), tallied(1), over[0], over[1])]
        while any(logs):
            first = take()
            rig.step(next(log for log in [*logs[first % 4 :], *logs] if log).pop())
            if first > 3:  # what is asked for goes out in between
                rig.part.flush()
        return newest(rig)

    order = iter(turns)
    assert folded(lambda: next(order, 0)) == folded(lambda: 0)


def test_who_recovers_with_every_page_marked_tells_none_of_a_day_that_is_not_out(rig: Rig) -> None:
    """It told sums of some partitions only, with a version that no row of a day has."""
    part: Partition[Page, PortfolioLedger] = Partition(0, StateCodec(Page, PortfolioLedger), rig.machine.render)
    part.recovered()
    messages: list[PortfolioMessage] = [day(0, 10), closed(0), day(1, 7), closed(1)]
    messages += [day(0, 11, DAY + 1), closed(0, DAY + 1), day(0, 12, DAY + 2), changed(0, 9, 1)]
    for offset, message in enumerate(messages):
        rig.machine.step(part, offset, message)
        part.advance(offset)
    part.outputs.clear()
    assert part.marks == 1
    taken = part.take_state()
    assert taken is not None
    heir: Partition[Page, PortfolioLedger] = Partition(0, StateCodec(Page, PortfolioLedger), rig.machine.render)
    heir.load([Logged(place, key, value) for place, (key, value) in enumerate([*taken[0], (META_KEY, taken[1])])])
    heir.recovered()
    read = MessageDecoder[Any](MetricsMessage)
    said = [read(output.value) for output in heir.take_outputs()]
    assert [(one.day, one.revision, one.values.customers, one.version) for one in said] == [(DAY, 1, 18, 7)]


def test_a_day_keeps_the_churn_target_it_went_out_with(rig: Rig) -> None:
    rig.machine = PortfolioMachine(2, Days(), HORIZON, "metrics", 0.02)
    rig.step(spend_over(0), bought(DAY, SPENT), closed(0), closed(1))
    rig.machine = PortfolioMachine(2, Days(), HORIZON, "metrics", 0.03)  # another profile, days later
    rig.step(moved(1, {"tickets_open": 1}, DAY))
    for one in range(DAY + 1, DAY + 10):  # until it fades
        rig.step(bought(one, SPENT), closed(0, one), closed(1, one), spend_over(0, one))
    rig.step(in_smb(0, 2, DAY + 5))  # brings a page, and the empty one after it
    told = rig.read()
    assert {one.values.churn_target for one in told if one.day == DAY} == {0.02}
    assert {one.values.churn_target for one in told if one.day > DAY} == {0.03}
    assert {one.day for one in told if one.portfolio == SMB} == {DAY + 5, DAY + 6}
    rig.machine = PortfolioMachine(2, Days(), HORIZON, "metrics")
    rig.step(moved(3, {"tickets_open": 1}, DAY + 9), closed(0, DAY + 10), closed(1, DAY + 10))
    assert rig.read()[-1].values.churn_target == 0.03


def test_pages_that_have_faded_are_not_read_with_every_day() -> None:
    """Kept whole are 7 days, faded ones 140 more: a day reads a few pages of each portfolio."""
    read: list[str] = []

    class Counting(MemoryPartition[Page, PortfolioLedger]):
        def get(self, key: str) -> Page | None:
            read.append(key)
            return super().get(key)

    machine = PortfolioMachine(1, Days(), HORIZON, "metrics")
    part = Counting(0, PortfolioLedger(), machine.render, lambda _: None)
    found: list[int] = []
    for place, one in enumerate(range(DAY, DAY + 170)):
        machine.step(part, 2 * place, bought(one, ONE_IN_20))
        read.clear()
        machine.step(part, 2 * place + 1, closed(0, one))
        found.append(len(read))
    assert len(part.states) == 148
    faded = [place_of(key)[0] for key, page in part.states.items() if page.faded]
    assert (min(faded), max(faded), len(faded)) == (DAY + 22, DAY + 161, 140)
    assert max(found) < 40


def test_changes_of_costs_look_for_the_segments_of_their_day_alone() -> None:
    listed: list[int] = []

    class Counting(MemoryPartition[Page, PortfolioLedger]):
        def keys(self) -> Iterable[str]:
            listed.append(self.offset)
            return super().keys()

    machine, sent = PortfolioMachine(1, Days(), 90, "metrics"), list[Emitted]()
    part = Counting(0, PortfolioLedger(), machine.render, sent.append)
    messages: list[PortfolioMessage] = []
    for one in range(DAY, DAY + 20):
        names = [PORTFOLIO, *(segment_key(f"s{number}") for number in range(9))]
        messages += [*(bought(one, SEGMENT, name=name, edition=2) for name in names), closed(0, one)]
    messages += [moved(number, {"new_customers:BRL": 1}, DAY + number) for number in range(20)]
    for offset, message in enumerate(messages):
        machine.step(part, offset, message)
    assert len(listed) == 21  # with every day that goes out, and once for all
    sent.clear()
    part.flush()
    assert len(sent) == 20 * 10


def test_pages_that_an_older_release_kept_fade_when_that_is_not_known(rig: Rig) -> None:
    for one in range(DAY, DAY + 9):
        rig.step(bought(one, ONE_IN_20), closed(0, one), closed(1, one))
    keep(rig.part, key := f"{DAY - 3:06d}/{PORTFOLIO}", Page(dict(ONE_IN_20), edition=1))
    rig.part.meta.faded = None
    rig.step(closed(0, DAY + 9), closed(1, DAY + 9))
    page = rig.part.get(key)
    assert page is not None
    assert page.faded


def test_figures_without_spend_go_out_once(rig: Rig) -> None:
    for one in (DAY, DAY + 1):
        tallies = [bought(one, {"customers": 3}), bought(one, SPENT, name=SMB)] if one > DAY else [day(0, 3, one)]
        rig.step(*tallies, closed(0, one), closed(1, one))
        rig.part.flush()
        rig.step(spend_over(0, one), spend_over(1, one))
        rig.part.flush()
    found = [(one.day, one.portfolio, one.values.spend_28d_minor) for one in rig.read()]
    there = (DAY + 1, SMB)
    assert found == [(DAY, PORTFOLIO, {}), (DAY + 1, PORTFOLIO, {}), (*there, {}), (*there, {"BRL": 10_000_00})]


@pytest.mark.parametrize("flushed", [False, True])
def test_what_a_change_brought_goes_out_though_it_fades_in_the_same_batch(rig: Rig, flushed: bool) -> None:
    """An empty page behind a change, and customers that are no restatement."""
    for one in (DAY, DAY + 1):
        rig.step(bought(one, {"customers": 3}), closed(0, one), closed(1, one))
    brought = DayChange(day=DAY, portfolio=SMB, sums={"spend_28d:BRL": 5}, restated=0)
    known = DayChange(day=DAY, portfolio=PORTFOLIO, sums={"customers": 1}, restated=0)
    rig.step(TallyChanged(partition=0, version=1, changes=[brought, known]))
    if flushed:
        rig.part.flush()
    for one in range(DAY + 2, DAY + 12):
        rig.step(bought(one, {"customers": 3}), closed(0, one), closed(1, one))
    last = {(one.day, one.portfolio): one.values.customers for one in rig.read()}
    assert (last[DAY, SMB], last[DAY + 1, SMB], last[DAY, PORTFOLIO]) == (0, 0, 4)
