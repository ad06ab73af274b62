"""What customers of a partition add up to on an aligned day, by segment, and what restatements change."""

from typing import Any

import msgspec
import pytest
from test_scoring_machine import Rig, daily, live

from schemas.codec import encode
from schemas.metrics import AccountValues, MetricValues, RevenueValues, SupportValues, UsageValues
from schemas.portfolio import DayChange, PortfolioMessage, Tally, TallyChanged, TallyClosed
from streams.metrics.days import DAY_MS
from streams.metrics.sums import figures, merge, new_sums
from streams.scoring.tallying import PORTFOLIO_PARTITION, Past

DAY = 19_701
ONE, TWO = SupportValues(tickets_open=1), SupportValues(tickets_open=2)


def restated(before: Any, values: Any, day: int, version: int, customer: str = "c", revision: int = 1) -> MetricValues:
    at = (day + 1) * DAY_MS
    return MetricValues(
        customer_id=customer,
        kind="day",
        as_of=at,
        day=day,
        values=values,
        revision=revision,
        version=version,
        before=before,
        restated_by="e9",
    )


def sent(rig: Rig, kind: type) -> list[Any]:
    return [one for one in rig.read("portfolio.v1", PortfolioMessage) if isinstance(one, kind)]


def tallies(rig: Rig) -> list[tuple[int, str, int, int, int]]:
    """Day, portfolio, customers, open tickets, restatements."""
    return [
        (one.day, one.portfolio, one.sums.get("customers", 0), one.sums.get("tickets_open", 0), one.restated)
        for one in sent(rig, Tally)
    ]


def changes(rig: Rig) -> list[DayChange]:
    return [change for one in sent(rig, TallyChanged) for change in one.changes]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_day_is_tallied_in_all_and_by_segment(rig: Rig) -> None:
    rig.step(daily(AccountValues(name="A", segment="smb"), DAY, "a"), daily(ONE, DAY, "a"), daily(TWO, DAY, "b"))
    rig.day(DAY)
    assert tallies(rig) == [(DAY, "_portfolio", 2, 3, 0), (DAY, "_segment:smb", 1, 1, 0)]
    assert [(one.partition, one.day) for one in sent(rig, TallyClosed)] == [(3, DAY)]
    found = [one for one in rig.sent if one.topic == "portfolio.v1"]
    assert {(one.partition, one.key) for one in found} == {(PORTFOLIO_PARTITION, b"3")}


def test_a_tally_has_health_and_readiness(rig: Rig) -> None:
    paying = RevenueValues(paying=True, mrr_minor=500, currency="BRL", payment_state="late")
    rig.day(DAY, paying, UsageValues(engagement_score=10.0))
    (tally,) = sent(rig, Tally)
    (score,) = rig.health("day")
    (upsell,) = rig.upsell()
    assert score.score is not None
    assert (tally.sums["health_scored"], tally.sums["health_points"]) == (1, round(score.score * 1_000_000))
    assert tally.sums[f"health_{score.band}"] == 1
    assert upsell.upsell_ready == 0.0
    assert tally.sums["upsell_known"] == 1
    assert tally.sums["mrr:BRL"] == 500


def test_a_partition_without_customers_closes_its_days(rig: Rig) -> None:
    rig.day(DAY)
    assert (sent(rig, Tally), len(sent(rig, TallyClosed))) == ([], 1)


def test_a_restatement_of_a_tallied_day_is_a_change_counted_once(rig: Rig) -> None:
    rig.day(DAY, AccountValues(name="A", segment="smb"), ONE)
    rig.day(DAY + 1, TWO)
    rig.step(restated(ONE, TWO, DAY, 7), restated(ONE, TWO, DAY, 7))  # the second one after a crash of its sender
    assert changes(rig) == [
        DayChange(day=DAY, portfolio=name, sums={"tickets_open": 1}, restated=1)
        for name in ("_portfolio", "_segment:smb")
    ]
    (change,) = sent(rig, TallyChanged)
    assert (change.partition, change.version) == (3, rig.part.offset - 1)


def test_a_restatement_that_changes_no_sum_is_none(rig: Rig) -> None:
    rig.day(DAY, ONE)
    rig.step(restated(ONE, SupportValues(tickets_open=1, last_ticket_at=5), DAY, 7))
    assert changes(rig) == []


def test_a_restatement_of_a_day_still_open_waits_for_its_tally(rig: Rig) -> None:
    rig.step(daily(ONE, DAY), restated(ONE, TWO, DAY, 7), restated(TWO, ONE, DAY, 8, revision=2))
    rig.step(restated(ONE, TWO, DAY, 9, revision=3))
    rig.day(DAY)
    rig.day(DAY + 1, TWO)
    assert tallies(rig) == [(DAY, "_portfolio", 1, 2, 3), (DAY + 1, "_portfolio", 1, 2, 0)]
    card = rig.part.get("c")
    assert card is not None
    assert card.past.waiting == {}


def test_a_customer_made_known_by_a_late_event_counts_from_then_on(rig: Rig) -> None:
    for day in range(DAY, DAY + 4):
        rig.day(day, ONE, customer="other")
    rig.step(restated(None, ONE, DAY + 1, 7), restated(None, ONE, DAY + 2, 7), restated(None, ONE, DAY + 3, 7))
    rig.step(restated(None, ONE, DAY + 4, 7))
    counted = [(change.day, change.sums.get("customers", 0), change.restated) for change in changes(rig)]
    assert sorted(counted) == sorted(
        [(DAY + 1, 1, 0), (DAY + 2, 1, 0), (DAY + 3, 1, 0), (DAY + 1, 0, 1), (DAY + 2, 0, 1), (DAY + 3, 0, 1)]
    )
    rig.day(DAY + 4, ONE, customer="other")
    assert tallies(rig)[-1] == (DAY + 4, "_portfolio", 2, 2, 1)
    rig.day(DAY + 5, ONE, customer="other")
    assert tallies(rig)[-1] == (DAY + 5, "_portfolio", 2, 1, 0)  # nothing came of it on that day, it is known


def test_a_restatement_counts_in_the_segment_of_its_day(rig: Rig) -> None:
    rig.day(DAY, ONE)
    rig.day(DAY + 1, AccountValues(name="A", segment="smb"), ONE)
    rig.day(DAY + 2, AccountValues(name="A", segment="big"), ONE)
    for day in range(DAY, DAY + 3):
        rig.step(restated(ONE, TWO, day, 9))
    assert [change.portfolio for change in changes(rig) if change.day == DAY] == ["_portfolio"]
    assert [change.portfolio for change in changes(rig) if change.day == DAY + 1][1:] == ["_segment:smb"]
    assert [change.portfolio for change in changes(rig) if change.day == DAY + 2][1:] == ["_segment:big"]


def test_segments_behind_the_horizon_are_forgotten() -> None:
    past = Past()
    for day, segment in ((1, "a"), (5, "b"), (6, "b"), (9, None)):
        past.enter(day, segment, oldest=day - 4)
    assert past.segments == [(5, "b"), (9, None)]
    assert [past.segment(day) for day in (4, 5, 8, 9)] == [None, "b", "b", None]


_EUROS: dict[str, Any] = {"currency": "EUR", "mrr_minor": 100, "mrr_28d_ago_minor": 100, "paying": True}
_AND_DOLLARS = RevenueValues(**_EUROS, mrr_other_minor={"USD": 50}, mrr_28d_ago_other_minor={"USD": 50})


def test_a_day_an_older_release_tallied_is_changed_by_its_rules(rig: Rig) -> None:
    """It counted 50 dollars of MRR, and nobody that pays or paid in dollars: a late event takes 50 away, no more."""
    rig.day(DAY, _AND_DOLLARS)
    card = rig.part.get("c")
    assert card is not None
    fields = msgspec.json.decode(encode(card.past))[:-1]  # as that release left it
    card.past = msgspec.convert(fields, Past, strict=False)
    rig.day(DAY + 1, _AND_DOLLARS)
    assert card.past.exact_since == DAY + 1
    rig.step(*[restated(_AND_DOLLARS, RevenueValues(**_EUROS), day, day) for day in (DAY, DAY + 1)])
    of_older, of_this = changes(rig)
    assert of_older.sums == {"mrr:USD": -50}
    page = {"mrr:EUR": 100, "mrr:USD": 50, "mrr_own:EUR": 100, "paying:EUR": 1, "mrr_before:EUR": 100}
    merge(page, of_older.sums)
    assert figures(page).mrr_28d_ago_minor == {"EUR": 100}
    assert figures(page).arpa_minor == {"EUR": 100.0}
    whole = new_sums()
    for sums in (sent(rig, Tally)[-1].sums, of_this.sums):
        merge(whole, sums)
    assert not [name for name in whole if name.endswith(":USD")]


def test_a_restatement_before_this_release_tallied_anything_goes_by_the_older_rules(rig: Rig) -> None:
    rig.day(DAY, _AND_DOLLARS, SupportValues())
    card = rig.part.get("c")
    assert card is not None
    card.past.exact_since = None
    rig.step(restated(RevenueValues(**_EUROS), _AND_DOLLARS, DAY, 7), restated(SupportValues(), ONE, DAY, 7))
    assert [change.sums for change in changes(rig)] == [{"mrr:USD": 50}, {"tickets_open": 1}]
    rig.step(restated(None, _AND_DOLLARS, DAY, 8, customer="new"))
    assert changes(rig)[-1].sums["paying:USD"] == 1  # of a customer in no sums before, all is exact


def test_live_values_change_no_sum(rig: Rig) -> None:
    rig.day(DAY, ONE)
    rig.step(live(TWO, DAY * DAY_MS + 5, "e"))
    assert changes(rig) == []
