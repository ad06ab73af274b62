"""A day that closes in pieces says what it says in one, whatever dies between two pieces."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import chain, repeat
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_domain_brute_force import POLICIES, RECORDS, START, Given, WindowFold

from schemas.codec import MessageDecoder
from schemas.envelope import Event, Heartbeat
from schemas.metrics import DOMAINS, DayClosed, MetricsMessage, MetricValues, RevenueValues, UsageValues
from schemas.usage_events import FeatureUsed
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.health import HealthScorer
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Emitted, MemoryPartition
from streams.metrics.upsell import UpsellScorer
from streams.metrics.upsell_policy import UpsellPolicy
from streams.scoring.alignment import Alignment
from streams.scoring.machine import Outputs, ScoringMachine

CRASHES = st.lists(st.booleans(), max_size=30)
PIECES = st.integers(1, 4)


class Driven:
    """A machine driven as an agent drives it; told to, it is saved and dies between two pieces.

    Args:
        torn: of the save of a piece some keys are kept, which nothing marks as ahead, and not the meta: those of which
            the random numbers say so. Nobody dies otherwise before a save is through.
    """

    def __init__(
        self, step: Callable[..., Iterator[None] | None], meta: Any, render: Any, torn: Random | None = None
    ) -> None:
        self._torn = torn
        self._saved: tuple[Any, dict[str, Any]] = (meta, {})
        self.sent: list[Emitted] = []
        self.paused = self.finished = 0
        self._step, self._render = step, render
        self.part: MemoryPartition[Any, Any] = MemoryPartition(0, meta, render, self.sent.append)

    def run(self, messages: list[Any], crashes: Iterator[bool]) -> None:
        for offset, message in enumerate(messages):
            self._save()
            while (pieces := self._step(self.part, offset, message)) is not None:
                self._through(chain([None], pieces), crashes)

    def _through(self, pieces: Iterator[None], crashes: Iterator[bool]) -> None:
        got_to = self.part.meta.got_to
        for _ in pieces:
            self.paused += 1
            self.finished += self.part.meta.got_to != got_to
            got_to = self.part.meta.got_to
            if next(crashes):
                self.part = self._reborn()
                return
            self._save()

    def _save(self) -> None:
        self._saved = (deepcopy(self.part.meta), deepcopy(self.part.states)) if self._torn else self._saved

    def _reborn(self) -> MemoryPartition[Any, Any]:
        meta, states = self.part.meta, self.part.states
        if self._torn is not None:
            meta, before = self._saved
            states = {key: state if self._torn.random() < 0.5 else before[key] for key, state in states.items()}
        reborn: MemoryPartition[Any, Any] = MemoryPartition(0, deepcopy(meta), self._render, self.sent.append)
        reborn.states = deepcopy(states)
        return reborn


def event(record: Given) -> Event:
    if record.customer:
        return FeatureUsed(event_id=record.event_id, customer_id=record.customer, occurred_at=record.at or 0)
    return Heartbeat(event_id="beat", customer_id="_clock", occurred_at=record.at or 0)


def domain(
    records: list[Given],
    policy: TimePolicy,
    daily: bool,
    piece: int | None,
    crashes: list[bool],
    torn: Random | None = None,
) -> Driven:
    days = Days()
    machine: Any = DomainMachine(WindowFold(days, daily), days, policy, "usage.v1", "metrics.v1", piece)
    driven = Driven(machine.step, Ledger(), machine.render, torn)
    driven.run([event(record) for record in records if record.at is not None], chain(crashes, repeat(False)))
    return driven


@given(RECORDS, POLICIES, st.booleans(), PIECES, CRASHES, st.none() | st.randoms(use_true_random=False))
def test_a_domain_in_pieces_is_the_domain_in_one(
    records: list[Given], policy: TimePolicy, daily: bool, piece: int, crashes: list[bool], torn: Random | None
) -> None:
    """Also where the save of a piece was torn: done twice, it changes a key once."""
    records = [*records, *(Given(START * DAY_MS + day * DAY_MS) for day in (30, 31))]
    whole, pieces = (domain(records, policy, daily, size, crashes, torn) for size in (None, piece))
    assert whole.paused == 0
    if not any(crashes):
        assert pieces.sent == whole.sent
    # a piece that runs again says the same again
    assert dict.fromkeys(pieces.sent).keys() == dict.fromkeys(whole.sent).keys()
    assert newest(pieces.sent) == newest(whole.sent)
    assert (pieces.part.meta, pieces.part.states) == (whole.part.meta, whole.part.states)


def newest(sent: list[Emitted]) -> dict[Any, Any]:
    """The last message of each kind, customer and day."""
    read = MessageDecoder[Any](MetricsMessage)
    found = {}
    for message in map(read, [emitted.value for emitted in sent]):
        who = (getattr(message, "customer_id", None), getattr(message, "kind", None), getattr(message, "day", None))
        found[type(message), *who] = message
    return found


@st.composite
def metrics(draw: st.DrawFn) -> list[Any]:
    """Values of some customers on some days, each domain closing day after day at its own pace."""
    customers = [f"c{number}" for number in range(draw(st.integers(1, 5)))]
    topics = []
    for name in DOMAINS:
        log: list[Any] = []
        for day in range(19_700, 19_703):
            log += [values(name, one, day, draw(st.integers(0, 9))) for one in customers if draw(st.booleans())]
            log.append(DayClosed(domain=name, day=day))
        topics.append(log)
    turns = draw(st.permutations([name for name, log in enumerate(topics) for _ in log]))
    places = [iter(log) for log in topics]
    return [next(places[turn]) for turn in turns]


def values(name: str, customer: str, day: int, amount: int) -> MetricValues:
    found: Any = RevenueValues(paying=amount > 2, mrr_minor=amount, currency="EUR")
    if name != "revenue":
        found = UsageValues(events_28d=amount, engagement_score=10.0 * amount)
    return MetricValues(customer_id=customer, kind="day", as_of=(day + 1) * DAY_MS, day=day, values=found)


def scored(messages: list[Any], piece: int | None, crashes: list[bool], torn: Random | None = None) -> Driven:
    health, churn = HealthScorer(HealthPolicy(), "test@1"), ChurnScorer(ChurnPolicy())
    outputs = Outputs("health", "churn", "upsell", "observations")
    machine = ScoringMachine(health, churn, UpsellScorer(UpsellPolicy()), Days(), outputs, piece)
    driven = Driven(machine.step, Alignment(), machine.render, torn)
    driven.run(messages, chain(crashes, repeat(False)))
    return driven


def in_order(sent: list[Emitted]) -> dict[tuple[str, bytes | None], list[Emitted]]:
    """What readers of a topic meet; among churn scores those of a customer, for who leaves is told in another step."""
    found: dict[tuple[str, bytes | None], list[Emitted]] = {}
    for one in sent:
        found.setdefault((one.topic, one.key if one.topic == "churn" else None), []).append(one)
    return found


@pytest.mark.covers
@given(metrics(), PIECES, CRASHES)
def test_scoring_in_pieces_is_scoring_in_one(messages: list[Any], piece: int, crashes: list[bool]) -> None:
    whole, pieces = (scored(messages, size, crashes) for size in (None, piece))
    assert whole.paused == 0
    # who is through is passed over by a piece that runs again
    assert len(pieces.sent) == len(whole.sent)
    assert in_order(pieces.sent) == in_order(whole.sent)
    assert (pieces.part.meta, pieces.part.states) == (whole.part.meta, whole.part.states)


@given(metrics(), PIECES, CRASHES, st.randoms(use_true_random=False))
def test_scoring_with_torn_pieces_is_scoring_in_one(
    messages: list[Any], piece: int, crashes: list[bool], torn: Random
) -> None:
    whole, pieces = scored(messages, None, []), scored(messages, piece, crashes, torn)
    assert dict.fromkeys(pieces.sent).keys() == dict.fromkeys(whole.sent).keys()
    assert (pieces.part.meta, pieces.part.states) == (whole.part.meta, whole.part.states)


def test_a_large_partition_does_stop_on_the_way() -> None:
    used = [Given(START * DAY_MS, f"c{number}", f"e{number}") for number in range(10)]
    assert domain([*used, Given((START + 9) * DAY_MS)], TimePolicy(), True, 4, []).paused > 2
    log = [values(name, f"c{number}", 19_700, 5) for name in DOMAINS for number in range(10)]
    assert scored([*log, *(DayClosed(domain=name, day=19_700) for name in DOMAINS)], 4, []).paused == 2


def test_days_that_are_through_are_told_by_the_meta_while_they_close() -> None:
    """By which the engine tells progress from pieces without end."""
    used = [Given(START * DAY_MS, f"c{number}", f"e{number}") for number in range(10)]
    far = Given((START + 4) * DAY_MS)  # closes four days, each of ten customers
    driven = domain([*used, far], TimePolicy(lateness_ms=0), True, 4, [])
    assert (driven.paused, driven.finished, driven.part.meta.got_to) == (9, 3, START + 3)
    log = [values(name, f"c{number}", 19_700, 5) for name in DOMAINS for number in range(10)]
    jumps = [DayClosed(domain=name, day=day) for day in (19_700, 19_702) for name in DOMAINS]
    days = scored([*log, *jumps], 4, [])
    assert (days.paused, days.finished, days.part.meta.got_to) == (2 + 4, 1, 19_702)
