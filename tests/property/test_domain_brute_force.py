"""The domain machine against a model that keeps everything and recounts it from the start after every record."""

from collections import Counter
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from schemas.codec import MessageDecoder
from schemas.envelope import Heartbeat
from schemas.metrics import DayClosed, Domain, MetricsMessage, MetricValues, Movement, Progress, UsageValues
from schemas.usage_events import FeatureUsed
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import Customer, DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Emitted, MemoryPartition

START = 19_700
WINDOW_DAYS = 3
LATENESS_MS = 3_600_000
FOREVER = 10_000


class Given(NamedTuple):
    """A record: an event of a customer, a heartbeat (no customer) or something unreadable (no time)."""

    at: int | None
    customer: str = ""
    event_id: str = ""


class Log(Struct):
    times: list[int] = []


class WindowFold:
    """Counts the events of a short window; needs no older ones."""

    domain: Domain = "usage"
    state_type: type[Log] = Log
    moves_money = False

    def __init__(self, days: Days, daily: bool) -> None:
        self.daily = daily
        self._days = days

    def new(self) -> Log:
        return Log()

    def apply(self, state: Log, event: FeatureUsed, at: int) -> None:
        state.times.append(at)

    def values(self, state: Log, day: int, as_of: int) -> UsageValues:
        return counted(state.times, self._days, day, as_of)

    def forget(self, state: Log, before: int) -> None:
        state.times = [t for t in state.times if t >= self._days.start(before - WINDOW_DAYS)]

    def movements(self, customer_id: str, state: Log, since: int = 0) -> list[Movement]:
        return []


def counted(times: list[int], days: Days, day: int, as_of: int) -> UsageValues:
    since = days.start(day - WINDOW_DAYS + 1)
    return UsageValues(events_28d=sum(since <= t < as_of for t in times))


class Run:
    """The machine over records, and what the model says of each."""

    def __init__(self, records: list[Given], days: Days, policy: TimePolicy, daily: bool = True) -> None:
        self.days, self.policy = days, policy
        self.messages: list[MetricsMessage] = []
        self.applied: dict[str, list[int]] = {}
        self.counts: Counter[str] = Counter()
        self.watermark: int | None = None
        self.closed: list[int] = []
        self._ids: set[tuple[str, int, str]] = set()
        self.machine: DomainMachine[Log] = DomainMachine(
            WindowFold(days, daily), days, policy, "usage.v1", "metrics.v1"
        )
        self.part: MemoryPartition[Any, Ledger] = MemoryPartition(0, Ledger(), self.machine.render, self._sent)
        for offset, record in enumerate(records):
            before = len(self.messages)
            self._step(offset, record)
            kind = self._judge(record)
            self.counts[kind] += 1
            if kind in ("duplicate", "late", "dead"):
                assert len(self.messages) == before, f"a {kind} record said something"
        self.part.flush()

    def _sent(self, emitted: Emitted) -> None:
        self.messages.append(MessageDecoder[Any](MetricsMessage)(emitted.value))

    def _step(self, offset: int, record: Given) -> None:
        if record.at is None:
            self.machine.dead(self.part, offset)
        elif record.customer:
            event = FeatureUsed(event_id=record.event_id, customer_id=record.customer, occurred_at=record.at)
            self.machine.step(self.part, offset, event)
        else:
            beat = Heartbeat(event_id="beat", customer_id="_clock", occurred_at=record.at)
            self.machine.step(self.part, offset, beat)

    def _judge(self, record: Given) -> str:
        """What becomes of a record, by the definitions in ARCHITECTURE.md."""
        if record.at is None:
            return "dead"
        if not record.customer:
            return "applied" if self._move(record.at) else "duplicate"
        mark = (record.customer, self.days.of(record.at), record.event_id)
        if mark in self._ids:
            return "duplicate"
        if self.watermark is not None and record.at < self.watermark - self.policy.horizon_days * DAY_MS:
            return "late"
        self._ids.add(mark)
        self._move(record.at - self.policy.lateness_ms)
        self.applied.setdefault(record.customer, []).append(record.at)
        return "applied"

    def _move(self, watermark: int) -> bool:
        if self.watermark is not None and watermark <= self.watermark:
            return False
        self.watermark = watermark
        last = self.days.of(watermark) - 1
        self.closed += range(self.closed[-1] + 1 if self.closed else last, last + 1)
        return True

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    def newest(self) -> dict[tuple[str, int], MetricValues]:
        """The newest revision of every day of every customer."""
        found: dict[tuple[str, int], MetricValues] = {}
        for message in self.of(MetricValues):
            if message.kind == "day":
                key = (message.customer_id, message.day)
                assert key not in found or message.revision > found[key].revision
                found[key] = message
        return found

    def recount(self, customer: str, day: int) -> UsageValues:
        return counted(self.applied[customer], self.days, day, self.days.start(day + 1))

    def accounting(self) -> dict[str, int]:
        names = ("applied", "duplicate", "late", "dead")
        return {name: getattr(self.part.meta, name) for name in names}


QUARTER = DAY_MS // 4
TIMES = st.integers(0, 60).map(lambda quarter: START * DAY_MS + quarter * QUARTER)
EVENTS = st.builds(Given, TIMES, st.sampled_from("ab"), st.integers(0, 25).map(lambda n: f"e{n}"))
RECORDS = st.lists(st.one_of(EVENTS, EVENTS, EVENTS, TIMES.map(Given), st.just(Given(None))), max_size=40)
ZONES = st.sampled_from([Days(), Days("America/Sao_Paulo"), Days("Pacific/Apia")])
POLICIES = st.builds(
    TimePolicy,
    lateness_ms=st.sampled_from([0, LATENESS_MS, 2 * DAY_MS]),
    horizon_days=st.integers(1, 12),
    dedup_days=st.just(FOREVER),
)


@given(RECORDS, ZONES, POLICIES)
def test_every_record_is_applied_duplicate_late_or_dead_as_defined(
    records: list[Given], days: Days, policy: TimePolicy
) -> None:
    run = Run(records, days, policy)
    assert run.accounting() == {name: run.counts[name] for name in run.accounting()}
    assert run.part.meta.read == len(records) == sum(run.accounting().values())
    assert run.part.meta.watermark == run.watermark
    for progress in run.of(Progress):
        assert progress.read == progress.applied + progress.duplicate + progress.late + progress.dead


@given(RECORDS, ZONES, POLICIES)
def test_days_close_in_order_and_once_and_the_marker_follows_their_values(
    records: list[Given], days: Days, policy: TimePolicy
) -> None:
    run = Run(records, days, policy)
    assert [marker.day for marker in run.of(DayClosed)] == run.closed
    done: set[int] = set()
    for message in run.messages:
        if isinstance(message, DayClosed):
            done.add(message.day)
        elif isinstance(message, MetricValues) and message.kind == "day":
            in_time = message.revision == 0
            assert in_time == (message.day not in done and message.day >= min(run.closed, default=0))


@given(RECORDS, ZONES, POLICIES)
def test_the_newest_revision_of_a_day_is_the_recount_of_all_applied_events(
    records: list[Given], days: Days, policy: TimePolicy
) -> None:
    run = Run(records, days, policy)
    newest = run.newest()
    for (customer, day), message in newest.items():
        assert message.values == run.recount(customer, day)
        assert message.as_of == days.start(day + 1)
    for customer, times in run.applied.items():
        known = range(days.of(min(times)), run.closed[-1] + 1)
        # A day that was not published reads as one on which nothing was counted.
        assert all((customer, day) in newest or not run.recount(customer, day).events_28d for day in known)


@given(RECORDS, POLICIES)
def test_no_closed_day_of_a_customer_is_left_out(records: list[Given], policy: TimePolicy) -> None:
    run = Run(records, Days(), policy)
    newest = run.newest()
    for customer, times in run.applied.items():
        known = range(run.days.of(min(times)), run.closed[-1] + 1)
        assert {day for day in known if (customer, day) not in newest} == set()


@given(RECORDS, POLICIES)
def test_the_newest_values_at_rest_are_the_recount(records: list[Given], policy: TimePolicy) -> None:
    run = Run(records, Days(), policy)
    newest: dict[str, MetricValues] = {}
    for message in run.of(MetricValues):
        known = newest.get(message.customer_id)
        if known is None or message.as_of >= known.as_of:
            newest[message.customer_id] = message
    assert newest.keys() == run.applied.keys()
    for customer, message in newest.items():
        assert message.as_of == max(max(run.applied[customer]) + 1, run.days.start(run.closed[-1] + 1))
        assert message.values == counted(run.applied[customer], run.days, message.day, message.as_of)


@given(RECORDS, st.randoms(use_true_random=False))
def test_another_order_inside_the_horizon_ends_with_the_same_values(records: list[Given], chance: Any) -> None:
    policy = TimePolicy(horizon_days=FOREVER, dedup_days=FOREVER)
    # One id is one event: with another time on the same day it would be a matter of who came first.
    events = list({(r.customer, r.event_id): r for r in records if r.customer}.values())
    end = Given(START * DAY_MS + 30 * DAY_MS)
    other = events * 2
    chance.shuffle(other)
    here, there = Run([*events, end], Days(), policy), Run([*other, end], Days(), policy)
    assert there.counts["duplicate"] == len(events)
    assert there.counts["applied"] == here.counts["applied"]
    first = max(here.closed[0], there.closed[0])
    values, again = (
        {key: m.values for key, m in run.newest().items() if key[1] >= first and m.values != UsageValues()}
        for run in (here, there)
    )
    assert again == values


@settings(max_examples=50)
@given(RECORDS, st.integers(1, 4), st.integers(0, 3))
@example(
    [Given(START * DAY_MS, "a", "e1"), Given((START + 30) * DAY_MS, "a", "e2"), Given(START * DAY_MS, "a", "e1")], 1, 0
)
def test_forgetting_makes_no_event_count_twice_and_changes_no_value(
    records: list[Given], horizon_days: int, more: int
) -> None:
    policy = TimePolicy(horizon_days=horizon_days, dedup_days=horizon_days + more)
    run = Run(records, Days(), TimePolicy(horizon_days=horizon_days, dedup_days=FOREVER))
    short = Run.__new__(Run)
    short.messages, short.days = [], Days()
    short.machine = DomainMachine(WindowFold(short.days, True), short.days, policy, "usage.v1", "metrics.v1")
    short.part = MemoryPartition(0, Ledger(), short.machine.render, short._sent)
    for offset, record in enumerate(records):
        short._step(offset, record)
    one, two = short.accounting(), run.accounting()
    # What is forgotten is too old to be applied: who sends it again is told it is late and not that it is known.
    assert one.pop("duplicate") + one.pop("late") == two.pop("duplicate") + two.pop("late")
    assert one == two
    assert {k: (m.values, m.as_of) for k, m in short.newest().items()} == {
        k: (m.values, m.as_of) for k, m in run.newest().items()
    }


@given(RECORDS, POLICIES)
def test_a_domain_that_publishes_changes_only_ends_with_the_same_newest_values(
    records: list[Given], policy: TimePolicy
) -> None:
    end = [Given(START * DAY_MS + day * DAY_MS) for day in (30, 31)]
    run = Run([*records, *end], Days(), policy, daily=False)
    last: dict[str, MetricValues] = {}
    for (customer, _), message in sorted(run.newest().items(), key=lambda item: item[0][1]):
        last[customer] = message
    assert last.keys() == run.applied.keys()
    for customer, message in last.items():
        assert message.revision == 0
        assert message.values == run.recount(customer, message.day)
        assert message.day >= run.days.of(max(run.applied[customer]))


def test_a_customer_that_is_gone_says_nothing_and_one_recovered_alone_its_newest_values() -> None:
    run = Run([], Days(), TimePolicy())
    run.part.put("here", Customer(Log([5]), first_at=5, newest_at=5))
    for customer in ("here", "gone"):
        run.part.publish(customer)
    run.part.flush()
    (message,) = run.of(MetricValues)
    assert (message.customer_id, message.as_of, message.day) == ("here", 6, 0)
