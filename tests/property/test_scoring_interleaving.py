"""Alignment against its definition, and scores against every interleaving of the domains."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import MessageDecoder
from schemas.metrics import (
    DOMAINS,
    AccountValues,
    DayClosed,
    Domain,
    FeedbackValues,
    MetricsMessage,
    MetricValues,
    RevenueValues,
    SpendValues,
    SupportValues,
    UsageValues,
)
from schemas.portfolio import PortfolioMessage
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer
from streams.metrics.days import DAY_MS, Days
from streams.metrics.health import HealthScorer
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.partition import Emitted, MemoryPartition
from streams.metrics.portfolio_machine import PortfolioMachine
from streams.metrics.portfolio_pages import Page, PortfolioLedger
from streams.metrics.upsell import UpsellScorer
from streams.metrics.upsell_policy import UpsellPolicy
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card
from streams.scoring.machine import Outputs, ScoringMachine

START = 19_700
SPANS = st.tuples(*(st.tuples(st.integers(0, 3), st.integers(3, 6)) for _ in DOMAINS))
Streams = dict[Domain, list[Any]]


@st.composite
def markers(draw: Any) -> list[tuple[Domain, int]]:
    """Each domain's markers in its own order, some of them again, in any interleaving."""
    streams: dict[Domain, list[int]] = {}
    for domain, (first, last) in zip(DOMAINS, draw(SPANS), strict=True):
        days = list(range(START + first, START + last + 1))
        again = draw(st.integers(0, len(days)))  # a crash: the stream goes back and comes again
        back = draw(st.integers(0, again))
        streams[domain] = [*days[:again], *days[back:]]
    order = [domain for domain, days in streams.items() for _ in days]
    draw(st.randoms(use_true_random=False)).shuffle(order)
    return [(domain, streams[domain].pop(0)) for domain in order]


@given(markers())
def test_ready_days_are_those_every_domain_has_closed_in_order_and_once(closes: list[tuple[Domain, int]]) -> None:
    alignment = Alignment()
    seen: dict[Domain, set[int]] = {domain: set() for domain in DOMAINS}
    ready: list[int] = []
    for domain, day in closes:
        seen[domain].add(day)
        due = alignment.ready(domain, day)
        for each in due:
            alignment.score(each)
        alignment.close(domain, day)
        ready += due
        common = set.intersection(*seen.values())
        first = max((min(days) for days in seen.values() if days), default=0)
        assert ready == sorted(day for day in common if day >= first)
    assert alignment.aligned == (ready[-1] if ready else None)


KINDS: dict[Domain, Any] = {
    "usage": lambda n: UsageValues(
        events_28d=n, engagement_score=float(n), active_days_28d=n, last_used_at=START * DAY_MS
    ),
    "support": lambda n: SupportValues(tickets_open=n, tickets_opened_28d=n),
    "revenue": lambda n: RevenueValues(mrr_minor=n, paying=n % 3 > 0, currency="EUR"),
    "feedback": lambda n: FeedbackValues(detractors_90d=n % 4, responses_90d=n % 4),
    "account": lambda n: AccountValues(name=f"n{n}", segment="smb" if n % 2 else None),
    "spend": lambda n: SpendValues(spend_28d_minor={"EUR": n}),
}


@st.composite
def histories(draw: Any) -> Streams:
    """What each domain publishes over some days: values of two customers, restatements, live values, markers."""
    streams: Streams = {}
    for domain, (first, last) in zip(DOMAINS, draw(SPANS), strict=True):
        out: list[MetricsMessage] = []
        for day in range(START + first, START + last + 1):
            customers = draw(st.sets(st.sampled_from("ab")))
            out += [said(domain, customer, "day", day, draw(st.integers(0, 30)), 0) for customer in sorted(customers)]
            out.append(DayClosed(domain=domain, day=day))
            if draw(st.booleans()):
                out.append(said(domain, "a", "day", day, draw(st.integers(0, 30)), 1))
            if draw(st.booleans()):
                out.append(said(domain, "b", "live", day + 1, draw(st.integers(0, 30)), 0))
        streams[domain] = out
    streams["spend"] = draw(spends())
    return streams


@st.composite
def spends(draw: Any) -> list[MetricsMessage]:
    """What was spent on one of the customers, on one that never comes and on nobody, over days that may lag behind."""
    out: list[MetricsMessage] = []
    first, last = draw(st.tuples(st.integers(0, 3), st.integers(2, 7)))
    for day in range(START + first, START + last + 1):
        keys = draw(st.sets(st.sampled_from(["a", "lead", "_company"])))
        out += [spent(key, day, draw(st.integers(0, 9)), 0, len(out)) for key in sorted(keys)]
        out.append(DayClosed(domain="spend", day=day))
        if draw(st.booleans()):
            late = draw(st.integers(START + first, day))
            out.append(spent("a", late, draw(st.integers(0, 9)), 1, len(out)))
    return out


def spent(key: str, day: int, amount: int, revision: int, version: int) -> MetricValues:
    known = said("spend", key, "day", day, amount, revision)
    return replace(known, version=version, before=SpendValues(spend_28d_minor={"EUR": 4}) if revision else None)


def said(domain: Domain, customer: str, kind: Any, day: int, number: int, revision: int) -> MetricValues:
    at = (day + 1) * DAY_MS if kind == "day" else day * DAY_MS + 1
    return MetricValues(
        customer_id=customer,
        kind=kind,
        as_of=at,
        day=day,
        values=KINDS[domain](number),
        revision=revision,
        event_id=f"{domain}{number}",
        event_at=at,
    )


def scored(streams: Streams, order: list[Domain], flushes: set[int]) -> tuple[list[Any], dict[str, Any]]:
    """What is dated, and the live scores at rest."""
    sent: list[Emitted] = []
    health = HealthScorer(HealthPolicy(), "p")
    outputs = Outputs("health", "churn", "upsell", "observations")
    machine = ScoringMachine(health, ChurnScorer(ChurnPolicy()), UpsellScorer(UpsellPolicy()), Days(), outputs)
    part: MemoryPartition[Card, Alignment] = MemoryPartition(0, Alignment(), machine.render, sent.append)
    left = {domain: iter(messages) for domain, messages in streams.items()}
    for offset, domain in enumerate(order):
        machine.step(part, offset, next(left[domain]))
        if offset in flushes:
            part.flush()
    part.flush()
    dated, live = [], {}
    read = MessageDecoder[Any](dict)
    for one in sent:
        message = None if one.value is None else {**read(one.value), "version": 0}
        if one.topic == "portfolio.v1":
            continue  # restatements are in a tally or in a change: what both come to is compared
        if message is not None and (one.topic == "churn" or message.get("kind") == "live" or message.get("newest")):
            live[f"{one.topic} {one.key!r}"] = message
        if one.topic != "churn" and (message is None or message.get("kind") != "live"):
            dated.append((one.topic, None if message is None else {**message, "newest": None}))
    return sorted([*dated, *portfolio(sent)], key=repr), live


def portfolio(sent: list[Emitted]) -> list[tuple[str, Any]]:
    """What the sums that were sent come to."""
    figures: list[Emitted] = []
    machine = PortfolioMachine(1, Days(), 90, "metrics")
    part: MemoryPartition[Page, PortfolioLedger] = MemoryPartition(0, PortfolioLedger(), machine.render, figures.append)
    read = MessageDecoder[PortfolioMessage](PortfolioMessage)
    for offset, one in enumerate(one for one in sent if one.topic == "portfolio.v1"):
        machine.step(part, offset, read(one.value))
    return [(key, (sorted(page.sums.items()), page.restated)) for key, page in part.states.items()]


@settings(max_examples=60)
@given(histories(), st.randoms(use_true_random=False), st.sets(st.integers(0, 60)))
def test_dated_scores_and_scores_at_rest_are_the_same_in_every_interleaving(
    streams: Streams, chance: Random, flushes: set[int]
) -> None:
    order = [domain for domain, messages in streams.items() for _ in messages]
    dated, live = scored(streams, order, set())
    chance.shuffle(order)
    dated_again, live_again = scored(streams, order, flushes)
    assert dated_again == dated
    paying = {name.split()[1] for name, score in live.items() if score.get("paying")}
    assert {n: v for n, v in live_again.items() if n.startswith("health") or n.split()[1] in paying} == live
