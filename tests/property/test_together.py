"""Events taken in together are those taken in one by one: the same outputs in the same order, the same bytes saved."""

from collections import deque
from collections.abc import Sequence
from itertools import cycle
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_domain_brute_force import WindowFold

from schemas.envelope import Event, Heartbeat
from schemas.usage_events import EmailOpened, EmailSent, FeatureUsed, MilestoneReached, ResourceRated, ResourceViewed
from streams.engine.partition import Partition
from streams.engine.staging import PREFIX
from streams.engine.states import StateCodec
from streams.metrics import domain
from streams.metrics.activation import ActivationPolicy, ActiveDays, AllOf, DistinctFeatures, FeatureUse, UsersDid
from streams.metrics.days import DAY_MS, HOUR_MS, Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.fold import Fold
from streams.metrics.ledger import Ledger
from streams.metrics.lifts import customer_shape
from streams.metrics.onboarding import OnboardingPolicy
from streams.metrics.sessions import SessionPolicy
from streams.metrics.usage import UsageFold, UsagePolicy

START = 20_000
UTC, ELSEWHERE = Days(), Days("America/Sao_Paulo")
CRITERIA = ActivationPolicy(
    criterion=AllOf(of=(FeatureUse(feature="f1"), UsersDid(n=2, feature="f2"), ActiveDays(n=2), DistinctFeatures(n=2)))
)
POLICIES = (
    UsagePolicy(),
    UsagePolicy(onboarding=OnboardingPolicy(limit_days=1)),
    UsagePolicy(sessions=SessionPolicy(counted=True)),
    UsagePolicy(activation=CRITERIA),
    UsagePolicy(activation=ActivationPolicy(criterion=DistinctFeatures(n=2)), onboarding=OnboardingPolicy(steps=())),
)
TIMES = (
    TimePolicy(),
    TimePolicy(lateness_ms=0, horizon_days=0, dedup_days=1),
    TimePolicy(lateness_ms=6 * HOUR_MS, horizon_days=1, dedup_days=1),
)


class Replayed(Partition[Any, Ledger]):
    """A partition some of whose keys are ahead of it, as after a torn flush."""

    held: dict[str, int]

    def ahead(self, key: str, offset: int) -> bool:
        return offset <= self.held.get(key, -1)


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Mostly in order, a few of the past; some ids come again, be it on another day."""
    at, found = START * DAY_MS, list[Event]()
    for number in range(draw(st.integers(1, 60))):
        at += draw(st.sampled_from((0, 0, 1, HOUR_MS // 4, HOUR_MS // 4, 5 * HOUR_MS, 30 * HOUR_MS)))
        when = at - draw(st.sampled_from((0,) * 12 + (1, HOUR_MS, 20 * HOUR_MS, 3 * DAY_MS)))
        if draw(st.integers(0, 15)) == 0:
            found.append(Heartbeat(event_id=f"beat{number}", customer_id="_clock", occurred_at=when))
            continue
        head = {"event_id": f"e{number}", "customer_id": f"c{draw(st.integers(0, 3))}", "occurred_at": when}
        if found and draw(st.integers(0, 4)) == 0:
            again = draw(st.sampled_from(found[-5:]))
            head |= {"event_id": again.event_id, "customer_id": again.customer_id.replace("_clock", "c0")}
        found.append(draw(st.sampled_from(KINDS))(draw, head))
    return found


def use(draw: st.DrawFn, envelope: dict[str, Any]) -> Event:
    return FeatureUsed(
        **envelope,
        user_id=draw(st.sampled_from((None, *(f"u{number}" for number in range(10))))),
        feature=draw(st.sampled_from((None, *(f"f{number}" for number in range(20))))),
        quantity=draw(st.sampled_from((1, 1, 7))),
        duration_seconds=draw(st.sampled_from((None, 0.0015, 2.5))),
        errors=draw(st.sampled_from((0, 0, 2))),
        session_id=draw(st.sampled_from((None, "s1"))),
    )


def beside(draw: st.DrawFn, envelope: dict[str, Any]) -> Event:
    made: list[Event] = [
        MilestoneReached(**envelope, milestone="m1"),
        EmailSent(**envelope, email_id="m1"),
        EmailOpened(**envelope, email_id="m1"),
        ResourceViewed(**envelope, resource="r1"),
        ResourceRated(**envelope, resource="r1", helpful=True),
    ]
    return draw(st.sampled_from(made))


KINDS = (use,) * 9 + (beside,)


def machine_of(fold: Fold[Any, Any], days: Days, time: TimePolicy, piece: int | None) -> DomainMachine[Any]:
    return DomainMachine(fold, days, time, "usage.v1", "metrics.v1", piece)


def partition_of(machine: DomainMachine[Any], held: dict[str, int]) -> Replayed:
    part = Replayed(0, StateCodec(customer_shape(machine.fold), Ledger), machine.render)
    part.held = held
    return part


def one_by_one(machine: DomainMachine[Any], part: Replayed, offsets: range, events: Sequence[Event]) -> None:
    for offset, event in zip(offsets, events, strict=True):
        while (pieces := machine.step(part, offset, event)) is not None:
            deque(pieces, maxlen=0)


def together(machine: DomainMachine[Any], part: Replayed, offsets: range, events: Sequence[Event]) -> None:
    while (stopped := machine.steps(part, offsets, events)) is not None:
        taken, pieces = stopped
        deque(pieces, maxlen=0)
        offsets, events = offsets[taken:], events[taken:]


def driven(machine: DomainMachine[Any], part: Replayed, log: Sequence[Event], lengths: list[int], take: Any) -> Any:
    """All that a partition sends, published after every run, and saves, in order; without its writer, a random one."""
    sent, start, turn = [], 0, cycle(lengths)
    while start < len(log):
        offsets = range(start, min(len(log), start + next(turn)))
        start = offsets.stop
        take(machine, part, offsets, log[offsets.start : offsets.stop])
        sent.append((part.take_outputs(), part.offset))
    part.worked = True
    saved = part.take_state()
    assert saved is not None
    states, meta = saved
    return sent, [(key, value and value[PREFIX.size :]) for key, value in states], meta[PREFIX.size :]


def compare(fold: Any, days: Days, time: TimePolicy, piece: int | None, log: list[Event], lengths: list[int]) -> None:
    machine = machine_of(fold, days, time, piece)
    one, all_at_once = (
        driven(machine, partition_of(machine, {}), log, lengths, take) for take in (one_by_one, together)
    )
    assert all_at_once == one


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=4)
PIECES = st.sampled_from((None, 1, 3))


@given(events(), st.sampled_from(POLICIES), st.sampled_from((UTC, ELSEWHERE)), st.sampled_from(TIMES), PIECES, LENGTHS)
def test_use_taken_in_together_is_use_taken_in_one_by_one(
    log: list[Event], policy: UsagePolicy, days: Days, time: TimePolicy, piece: int | None, lengths: list[int]
) -> None:
    compare(UsageFold(policy, days), days, time, piece, log, lengths)


@pytest.mark.covers
@given(events(), st.booleans(), st.sampled_from(TIMES), PIECES, LENGTHS)
def test_so_it_is_for_a_fold_that_knows_no_runs(
    log: list[Event], daily: bool, time: TimePolicy, piece: int | None, lengths: list[int]
) -> None:
    compare(WindowFold(UTC, daily), UTC, time, piece, log, lengths)


@pytest.mark.covers
@settings(max_examples=60)
@given(events(), st.sampled_from(TIMES), st.data(), LENGTHS)
def test_what_a_torn_flush_holds_already_is_passed_over(
    log: list[Event], time: TimePolicy, data: st.DataObject, lengths: list[int]
) -> None:
    """Some keys are as far as some record, be its id forgotten by then; the others where the partition is: at first."""
    machine = machine_of(UsageFold(UsagePolicy(), UTC), UTC, time, None)
    held = {f"c{number}": data.draw(st.integers(-1, len(log) - 1)) for number in range(4)}
    parts = partition_of(machine, held), partition_of(machine, held)
    for part in parts:
        for key, until in held.items():
            before = partition_of(machine, {})
            one_by_one(machine, before, range(until + 1), log[: until + 1])
            if (state := before.get(key)) is not None:
                part.put(key, state)
    one = driven(machine, parts[0], log, lengths, one_by_one)
    assert driven(machine, parts[1], log, lengths, together) == one


def use_at(event_id: str, customer: str, minute: int, feature: str = "f1") -> Event:
    at = START * DAY_MS + minute * 60_000
    return FeatureUsed(event_id=event_id, customer_id=customer, occurred_at=at, feature=feature)


def test_of_customers_whose_first_event_is_a_duplicate_the_order_and_the_time_are_kept() -> None:
    """The duplicate says it happened later: that moves no watermark."""
    log = [use_at("e0", "c0", 300), use_at("e1", "c1", 301), use_at("e1", "c1", 900), use_at("e2", "c2", 303)]
    log += [use_at("e3", "c1", 304), use_at("e3", "c1", 305), use_at("e4", "c0", 306)]
    fold = UsageFold(UsagePolicy(), UTC)
    compare(fold, UTC, TimePolicy(), None, log, [2, 5])
    machine = machine_of(fold, UTC, TimePolicy(), None)
    part = partition_of(machine, {})
    sent, _, _ = driven(machine, part, log, [2, 5], together)
    assert [output.key for output in sent[1][0]] == [b"_clock", b"c2", b"c1", b"c0"]
    assert (part.meta.read, part.meta.applied, part.meta.duplicate) == (7, 5, 2)
    assert part.meta.watermark == START * DAY_MS + 306 * 60_000 - HOUR_MS


@pytest.mark.parametrize("daily", [True, False])
def test_others_have_a_turn_before_a_run_of_events_that_take_long_is_through(daily: bool) -> None:
    """Each of an event of closed days makes their values anew."""
    machine = machine_of(WindowFold(UTC, daily), UTC, TimePolicy(), None)
    part = partition_of(machine, {})
    log = [use_at("new", "c1", 9 * 1440), *(use_at(f"e{number}", "c1", number) for number in range(15))]
    with patch.object(domain, "MOST_ALONE", 10):
        stopped = machine.steps(part, range(16), log)
        assert stopped is not None
        assert (stopped[0], list(stopped[1]), part.meta.read) == (10, [], 10)
        assert machine.steps(part, range(10, 16), log[10:]) is None
    assert part.meta.applied == 16


@pytest.mark.parametrize("fewer", [0, 1])
def test_a_busy_customers_state_is_looked_for_once_a_stretch(fewer: int) -> None:
    """Else the comparisons above could pass with everything left to `step`."""
    machine = machine_of(UsageFold(UsagePolicy(), UTC), UTC, TimePolicy(), None)
    log = [use_at(f"e{number}", "c1", 300 + number) for number in range(100)]
    part, looked = partition_of(machine, {}), 0
    get = part.get

    def counted(key: str) -> Any:
        nonlocal looked
        looked += 1
        return get(key)

    part.get = counted  # type: ignore[method-assign]
    for offsets in (range(100 - fewer), range(100 - fewer, 100)):
        together(machine, part, offsets, log[offsets.start : offsets.stop])
    assert part.meta.applied == 100
    # twice for the first, which closes the days before it and so is looked at by itself; once more for the last one
    assert looked == 3 + fewer
