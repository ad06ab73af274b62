"""Sums of partitions in; figures of all customers and of segments out, each day once all have closed it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import MessageDecoder
from schemas.metrics import MetricsMessage
from schemas.portfolio import (
    PORTFOLIO,
    DayChange,
    PortfolioFigures,
    PortfolioMessage,
    PortfolioValues,
    Tally,
    TallyChanged,
    TallyClosed,
    segment_key,
)
from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import Logged
from streams.engine.states import StateCodec
from streams.metrics.days import DAY_MS, Days
from streams.metrics.partition import Emitted, MemoryPartition
from streams.metrics.portfolio_machine import METRICS_PARTITION, Page, PortfolioLedger, PortfolioMachine

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
    kept = sorted(int(key.partition("/")[0]) for key in rig.part.states)
    assert kept == list(range(DAY + 19 - HORIZON - 2, DAY + 20))
    assert [said for said in rig.said() if said[0] == DAY] == [(DAY, PORTFOLIO, 0, 2), (DAY, PORTFOLIO, 1, 3)]
    rig.step(changed(0, 4, 1, DAY))
    assert rig.counts[2] == 1
    rig.machine.render(rig.part, f"{DAY:06d}/{PORTFOLIO}")
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
    messages: list[PortfolioMessage], saved: int
) -> tuple[Partition[Page, PortfolioLedger], Partition[Page, PortfolioLedger]]:
    """One that took all messages in and died in a flush behind so many, and the one that went on from what it saved."""
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
            owner.take_outputs()
            keys, meta = owner.take_state() or ([], b"")
            log += [*keys, *([(META_KEY, meta)] if offset + 1 == saved else [])]
    newest = {key: place for place, (key, _) in enumerate(log)}
    heir.load([Logged(place, key, value) for place, (key, value) in enumerate(log) if newest[key] == place])
    heir.passed(len(log))
    heir.recovered()
    for offset, message in enumerate(messages):
        if offset > heir.applied:
            machine.step(heir, offset, message)
            heir.advance(offset)
    return owner, heir
