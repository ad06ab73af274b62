"""The shortened pipeline gives the labels of the whole one; and no snapshot knows what came after its day."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import registry
from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER, Event, Heartbeat, epoch_ms
from schemas.events import (
    AccountSet,
    CancellationReported,
    CancellationScheduled,
    CancellationWithdrawn,
    InvoiceIssued,
    SpendRecorded,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionSet,
    SurveyAnswered,
    TicketOpened,
    TicketSolved,
)
from schemas.scores import Labelled, Outcome, Snapshot
from schemas.usage_events import FeatureUsed
from streams.backtest.churn.rehearsal import Happened, Rehearsal
from streams.churn.policy import ChurnPolicy
from streams.metrics.days import DAY_MS, HOUR_MS, Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import Profile, load_profile
from streams.metrics.revenue_policy import RevenuePolicy
from streams.offline import Input, Offline

#: Half a minute of work where coverage is measured, which other work may stretch.
pytestmark = pytest.mark.timeout(400)

FIRST = 19_700  # a Saturday
DAYS = 70
REPORT_LASTS = 90
TOPICS = (
    registry.ACCOUNTS, registry.BILLING, registry.USAGE, registry.TICKETS, registry.SURVEYS, registry.SPEND,
)  # fmt: skip
TIME = TimePolicy()
DEFAULT = load_profile("default")


def profile(**revenue: object) -> Profile:
    policy = RevenuePolicy(**revenue)  # type: ignore[arg-type]
    return msgspec.structs.replace(DEFAULT, churn=ChurnPolicy(horizon_days=10), revenue=policy)


PROFILES = (profile(), profile(past_due_days=9), profile(churn_date="cancellation_request"))
customers = st.sampled_from(("a", "b"))
segments = st.sampled_from((None, "smb", "test"))
seats = st.integers(1, 9)
subscriptions = st.sampled_from(("s", "t"))
times = st.builds(
    lambda day, hour: (FIRST + day) * DAY_MS + hour * HOUR_MS, st.integers(0, DAYS - 1), st.sampled_from((0, 9, 23))
)
ENDS = (FIRST + DAYS) * DAY_MS
SPENT: dict[str, Any] = {
    "event_id": "p",
    "customer_id": "_company",
    "occurred_at": ENDS - 1,
    "amount_minor": 5,
    "currency": "EUR",
}


@st.composite
def happenings(draw: st.DrawFn) -> list[Happened]:
    """A few events of two customers, each of which pays from the first day."""
    made: list[Happened] = []
    for customer in ("a", "b"):
        start = SubscriptionSet(
            event_id=f"{customer}-start",
            customer_id=customer,
            occurred_at=FIRST * DAY_MS + HOUR_MS,
            subscription_id="s",
            amount_minor=9_000,
            currency="EUR",
            term_ends_at=draw(st.none() | st.just((FIRST + 40) * DAY_MS)),
        )
        made.append(Happened(registry.BILLING.name, start))
    made += [draw(events(number)) for number in range(draw(st.integers(0, 22)))]
    return sorted(made, key=lambda one: (epoch_ms(one.event.occurred_at), one.event.event_id))


@st.composite
def events(draw: st.DrawFn, number: int) -> Happened:
    envelope: dict[str, Any] = {"event_id": f"e{number}", "customer_id": draw(customers), "occurred_at": draw(times)}
    of: dict[str, Any] = {"subscription_id": draw(subscriptions)}
    makers: tuple[tuple[registry.Topic, Callable[[], Event]], ...] = (
        (registry.USAGE, lambda: FeatureUsed(**envelope, feature="f", quantity=draw(st.integers(1, 9)), user_id="u")),
        (registry.BILLING, lambda: SubscriptionSet(**envelope, **of, amount_minor=500, currency="EUR", seats=3)),
        (registry.BILLING, lambda: SubscriptionEnded(**envelope, **of)),
        (registry.BILLING, lambda: SubscriptionPaused(**envelope, **of)),
        (registry.BILLING, lambda: SubscriptionResumed(**envelope, **of)),
        (registry.BILLING, lambda: CancellationScheduled(**envelope, **of, ends_at=ENDS)),
        (registry.BILLING, lambda: CancellationWithdrawn(**envelope, **of)),
        (registry.BILLING, lambda: SubscriptionCancelled(**envelope, **of)),
        (registry.BILLING, lambda: CancellationReported(**envelope)),
        (
            registry.BILLING,
            lambda: InvoiceIssued(
                **envelope, **of, invoice_id=f"i{number}", amount_minor=5, currency="EUR",
                due_at=envelope["occurred_at"] + DAY_MS,
            ),
        ),
        (registry.TICKETS, lambda: TicketOpened(**envelope, ticket_id="1")),
        (registry.TICKETS, lambda: TicketSolved(**envelope, ticket_id="1")),
        (registry.SURVEYS, lambda: SurveyAnswered(**envelope, response_id=f"r{number}", survey="nps", score=3)),
        (registry.ACCOUNTS, lambda: AccountSet(**envelope, name="Acme", segment=draw(segments), seats=draw(seats))),
    )  # fmt: skip
    topic, make = draw(st.sampled_from(makers))
    return Happened(topic.name, make())


def whole(happened: Sequence[Happened], of: Profile, days: int = DAYS) -> Offline:
    """The whole pipeline over events, with a heartbeat of every topic at the start of each day."""
    offline = Offline(of, 1, TIME, Days(), (FIRST + 2 * days) * DAY_MS)
    offline.feed(_with_heartbeats(happened, days))
    return offline


def _with_heartbeats(happened: Sequence[Happened], days: int) -> Iterable[Input]:
    rest = list(happened)
    for day in range(FIRST, FIRST + days + 1):
        for topic in TOPICS:
            yield _input(topic.name, Heartbeat(event_id=f"h{day}", customer_id=CLOCK_CUSTOMER, occurred_at=_start(day)))
        while rest and epoch_ms(rest[0].event.occurred_at) < _start(day + 1):
            yield _input(*rest.pop(0))


def _start(day: int) -> int:
    return day * DAY_MS


def _input(topic: str, event: Event) -> Input:
    return Input(topic, 0, event.customer_id.encode(), encode(event))


def rehearsed(happened: Sequence[Happened], of: Profile, days: int = DAYS) -> tuple[list[Labelled], Rehearsal]:
    labels: list[Labelled] = []
    rehearsal, rest = Rehearsal(of, TIME, Days(), labels.append), list(happened)
    for day in range(FIRST, FIRST + days + 1):
        rehearsal.beat(_start(day))
        while rest and epoch_ms(rest[0].event.occurred_at) < _start(day + 1):
            rehearsal.take(rest.pop(0))
    return labels, rehearsal


def labels_of(offline: Offline) -> list[Labelled]:
    return [one for one in offline.messages(registry.OBSERVATIONS) if isinstance(one, Labelled)]


def without_version(labels: Iterable[Labelled]) -> list[Labelled]:
    return [msgspec.structs.replace(label, version=0) for label in labels]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(happenings(), st.sampled_from(PROFILES))
def test_the_labels_are_those_of_the_whole_pipeline_bit_for_bit(happened: list[Happened], of: Profile) -> None:
    labels, rehearsal = rehearsed(happened, of)
    offline = whole(happened, of)
    assert without_version(labels) == without_version(labels_of(offline))
    assert rehearsal.events == len(happened)
    offline.flush()
    last = offline.messages(registry.MODELS)
    if last:
        assert rehearsal.model().parameters == last[-1].parameters
        assert rehearsal.model().quality == last[-1].quality


@pytest.mark.covers
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(happenings(), st.randoms(use_true_random=False))
def test_so_they_are_for_events_that_come_late_and_days_that_end_by_events_alone(
    happened: list[Happened], chance: Random
) -> None:
    """Each event may come up to a week too late; only the end is told by heartbeats."""
    due = sorted(happened, key=lambda one: epoch_ms(one.event.occurred_at) + chance.choice((0, 0, 7)) * DAY_MS)
    due.append(Happened(registry.SPEND.name, SpendRecorded(**SPENT)))
    labels: list[Labelled] = []
    rehearsal = Rehearsal(profile(), TIME, Days(), labels.append)
    offline = Offline(profile(), 1, TIME, Days(), 2 * ENDS)
    for one in due:
        rehearsal.take(one)
        offline.feed([_input(*one)])
    rehearsal.beat(ENDS)
    offline.feed(_input(t.name, Heartbeat(event_id="h", customer_id=CLOCK_CUSTOMER, occurred_at=ENDS)) for t in TOPICS)
    assert without_version(labels) == without_version(labels_of(offline))


def test_spend_says_nothing_of_who_leaves() -> None:
    labels, rehearsal = rehearsed([Happened(registry.SPEND.name, SpendRecorded(**SPENT))], profile())
    assert (labels, rehearsal.events) == ([], 1)


def test_a_word_that_it_leaves_lapses_by_itself_and_the_next_notice_counts_again() -> None:
    def reported(day: int, name: str) -> Happened:
        event = CancellationReported(event_id=name, customer_id="a", occurred_at=_start(FIRST + day) + HOUR_MS)
        return Happened(registry.BILLING.name, event)

    start = SubscriptionSet(
        event_id="s", customer_id="a", occurred_at=_start(FIRST), subscription_id="s", amount_minor=5, currency="EUR"
    )
    # The word of day 3 stands for 90 days, so until a Wednesday; the next one comes two days later.
    again = 3 + REPORT_LASTS + 2
    happened = [Happened(registry.BILLING.name, start), reported(3, "first"), reported(again, "second")]
    days = again + 20
    offline = whole(happened, profile(), days)
    outcomes = [one.day for one in offline.messages(registry.OBSERVATIONS) if isinstance(one, Outcome)]
    assert outcomes == [FIRST + 3, FIRST + again]
    labels, rehearsal = rehearsed(happened, profile(), days)
    assert without_version(labels) == without_version(labels_of(offline))
    offline.flush()
    assert rehearsal.model().parameters == offline.messages(registry.MODELS)[-1].parameters


def test_a_pause_is_no_loss_and_an_end_after_it_is_one_on_its_day() -> None:
    def billing(kind: type[Any], day: int) -> Happened:
        event = kind(event_id=f"{day}", customer_id="a", occurred_at=_start(FIRST + day) + HOUR_MS, subscription_id="s")
        return Happened(registry.BILLING.name, event)

    rests = [(SubscriptionPaused, 20), (SubscriptionResumed, 35), (SubscriptionPaused, 50), (SubscriptionEnded, 64)]
    happened = [Happened(registry.BILLING.name, _paying()), *(billing(*one) for one in rests)]
    offline = whole(happened, profile(allowed_gap_days=30))
    found = offline.messages(registry.OBSERVATIONS)
    assert [one.day - FIRST for one in found if isinstance(one, Outcome)] == [64]
    assert [one.day - FIRST for one in found if isinstance(one, Snapshot)] == [1, 8, 15, 36, 43]
    labels, _ = rehearsed(happened, profile(allowed_gap_days=30))
    assert without_version(labels) == without_version(labels_of(offline))
    assert {(one.day - FIRST, one.churned) for one in labels} == {(day, False) for day in (1, 8, 15, 36, 43)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(happenings(), st.integers(1, DAYS), st.sampled_from(PROFILES))
def test_no_feature_changes_when_later_events_are_taken_away(happened: list[Happened], cut: int, of: Profile) -> None:
    """Snapshots, and outcomes, up to a day are the same whether or not the world went on after it."""
    end = _start(FIRST + cut)
    earlier = [one for one in happened if epoch_ms(one.event.occurred_at) < end]

    def known(events: Sequence[Happened], days: int) -> list[Snapshot | Outcome]:
        found = whole(events, of, days).messages(registry.OBSERVATIONS)
        dated = [one for one in found if isinstance(one, Snapshot | Outcome) and one.day < FIRST + cut]
        return [msgspec.structs.replace(one, version=0) for one in dated]

    assert known(happened, DAYS) == known(earlier, cut)


def test_a_snapshot_is_taken_on_the_sundays_of_who_pays() -> None:
    found = whole([Happened(registry.BILLING.name, _paying())], profile()).messages(registry.OBSERVATIONS)
    days = [one.day for one in found if isinstance(one, Snapshot)]
    assert days[0] == FIRST + 1
    assert {datetime.fromtimestamp(_start(day) / 1000, UTC).strftime("%a") for day in days} == {"Sun"}


def _paying() -> SubscriptionSet:
    return SubscriptionSet(
        event_id="s", customer_id="a", occurred_at=_start(FIRST), subscription_id="s", amount_minor=5, currency="EUR"
    )


def test_who_is_first_heard_of_after_a_sunday_has_no_snapshot_of_it() -> None:
    """Use may be days ahead of billing: then a customer waits whose day has not come."""
    sunday = FIRST + 1

    def used(day: int) -> Happened:
        event = FeatureUsed(event_id=f"u{day}", customer_id="a", occurred_at=_start(day) + 9 * HOUR_MS)
        return Happened(registry.USAGE.name, event)

    paying = Happened(registry.BILLING.name, msgspec.structs.replace(_paying(), occurred_at=_start(sunday + 1)))
    beats = (sunday, sunday + 3, sunday + 15, sunday + 30)
    happened = {sunday: [used(sunday + 1), used(sunday + 3), paying]}
    labels: list[Labelled] = []
    rehearsal, offline = (
        Rehearsal(profile(), TIME, Days(), labels.append),
        Offline(profile(), 1, TIME, Days(), 2 * ENDS),
    )
    for day in beats:
        rehearsal.beat(_start(day))
        for topic in TOPICS:
            beat = Heartbeat(event_id=f"h{day}", customer_id=CLOCK_CUSTOMER, occurred_at=_start(day))
            offline.feed([_input(topic.name, beat)])
        for one in happened.get(day, ()):
            rehearsal.take(one)
            offline.feed([_input(*one)])
    assert [label.day for label in labels] == [sunday + 7, sunday + 14]
    assert without_version(labels) == without_version(labels_of(offline))
