"""What customers of a partition add up to on an aligned day, by segment, and what restatements change."""

from typing import Any

import msgspec
import pytest
from test_scoring_machine import Rig, daily, live

from schemas.codec import encode
from schemas.metrics import (
    AccountValues,
    DayClosed,
    MetricValues,
    RevenueValues,
    SpendValues,
    SupportValues,
    UsageValues,
)
from schemas.portfolio import DayChange, PortfolioMessage, SpendClosed, Tally, TallyChanged, TallyClosed
from streams.metrics.days import DAY_MS
from streams.metrics.sums import figures, merge, new_sums
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card
from streams.scoring.tallying import PORTFOLIO_PARTITION, Past, Restated

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
    fields = msgspec.json.decode(encode(card.past))[:-2]  # as that release left it
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
    rig.day(DAY + 2, _AND_DOLLARS)
    assert card.past.exact_since == DAY + 1  # days tallied since are changed by the rules of this release


def test_a_restatement_before_this_release_tallied_anything_goes_by_the_older_rules(rig: Rig) -> None:
    rig.day(DAY, _AND_DOLLARS, SupportValues())
    card = rig.part.get("c")
    assert card is not None
    card.past.exact_since = None
    rig.step(restated(RevenueValues(**_EUROS), _AND_DOLLARS, DAY, 7), restated(SupportValues(), ONE, DAY, 7))
    assert [change.sums for change in changes(rig)] == [{"mrr:USD": 50}, {"tickets_open": 1}]
    assert card.past.exact_since is None  # a day that was restated is not tallied anew
    rig.step(restated(None, _AND_DOLLARS, DAY, 8, customer="new"))
    assert changes(rig)[-1].sums["paying:USD"] == 1  # of a customer in no sums before, all is exact


def test_live_values_change_no_sum(rig: Rig) -> None:
    rig.day(DAY, ONE)
    rig.step(live(TWO, DAY * DAY_MS + 5, "e"))
    assert changes(rig) == []


def spent(amount: int, day: int, version: int, key: str = "_company", before: int | None = None) -> MetricValues:
    """What was spent on `key` in the 28 days that end with a day; restated where `before` says what it was."""
    values = SpendValues(spend_28d_minor={"BRL": amount} if amount else {})
    was = None if before is None else SpendValues(spend_28d_minor={"BRL": before})
    return restated(was, values, day, version, key, revision=0 if before is None else 1)


def spend_tallied(rig: Rig) -> list[tuple[int, str, int, int, int]]:
    """Day, portfolio, customers, spend and restatements of tallies."""
    return [
        (one.day, one.portfolio, one.sums.get("customers", 0), one.sums.get("spend_28d:BRL", 0), one.restated)
        for one in sent(rig, Tally)
    ]


def test_spend_that_comes_before_a_day_is_tallied_is_in_its_tally_and_makes_nobody_a_customer(rig: Rig) -> None:
    rig.step(spent(500, DAY, 3), spent(40, DAY, 3, "c"), spent(45, DAY, 4, "c", before=40), spent(7, DAY, 3, "lead"))
    rig.day(DAY, AccountValues(name="A", segment="smb"))
    rig.day(DAY + 1)
    assert spend_tallied(rig) == [
        (DAY, "_portfolio", 1, 552, 1),
        (DAY, "_segment:smb", 1, 45, 1),
        (DAY + 1, "_portfolio", 1, 0, 0),
        (DAY + 1, "_segment:smb", 1, 0, 0),
    ]
    assert changes(rig) == []
    cards = [rig.part.get(key) for key in ("_company", "c", "lead")]
    assert [card.past.spent for card in cards if card is not None] == [{}, {}, {}]
    rig.part.flush()
    assert {score.customer_id for score in rig.health("day")} == {"c"}


def test_spend_that_comes_later_is_a_change_and_a_restatement_only_if_it_is_one(rig: Rig) -> None:
    rig.day(DAY, AccountValues(name="A", segment="smb"))
    late = spent(60, DAY, 9, "c", before=40)
    rig.step(spent(500, DAY, 3), spent(40, DAY, 3, "c"), late, late, spent(0, DAY, 10, "lead"))
    found = [(one.portfolio, one.sums, one.restated) for one in changes(rig)]
    assert found == [
        ("_portfolio", {"spend_28d:BRL": 500, "campaigns_28d:BRL": 500}, 0),
        ("_portfolio", {"spend_28d:BRL": 40}, 0),
        ("_segment:smb", {"spend_28d:BRL": 40}, 0),
        ("_portfolio", {"spend_28d:BRL": 20}, 1),
        ("_segment:smb", {"spend_28d:BRL": 20}, 1),
    ]
    assert rig.part.get("lead") is None


def test_that_a_day_is_over_for_spend_is_said(rig: Rig) -> None:
    rig.step(DayClosed(domain="spend", day=DAY))
    assert sent(rig, SpendClosed) == [SpendClosed(partition=3, day=DAY, version=0)]


def test_a_tally_says_how_many_restatements_changed_churn(rig: Rig) -> None:
    paid = RevenueValues(currency="EUR", mrr_minor=5, mrr_28d_ago_minor=5, paying=True)
    left = RevenueValues(currency="EUR", mrr_28d_ago_minor=5)
    rig.step(daily(paid, DAY), daily(ONE, DAY), restated(paid, left, DAY, 7), restated(ONE, TWO, DAY, 7))
    rig.day(DAY, AccountValues(name="A", segment="smb"))
    assert [(one.restated, one.churned, one.edition) for one in sent(rig, Tally)] == [(2, 1, 2), (2, 1, 2)]


def test_a_day_that_was_open_at_the_upgrade_does_not_say_that_it_has_all_sums(rig: Rig) -> None:
    """The release before took in that a customer left, by fewer names, and passed over what was spent by then."""
    paid = RevenueValues(currency="EUR", mrr_minor=5, mrr_28d_ago_minor=5, paying=True, first_paid_at=1)
    rig.part.meta = Alignment(first={"revenue": DAY}, closed={"revenue": DAY})
    older = Restated(1, {"paying": -1, "mrr:EUR": -5, "paying:EUR": -1, "mrr_own:EUR": -5, "lost": 1})
    rig.part.put("c", Card(past=Past(waiting={DAY: older})))
    rig.step(daily(paid, DAY), spent(105_000, DAY, 9, before=100_000))
    rig.day(DAY)
    rig.day(DAY + 1, paid)
    assert [(one.day, one.edition) for one in sent(rig, Tally)] == [(DAY, 0), (DAY + 1, 2)]


def test_a_day_that_was_open_at_the_upgrade_tells_nobody_lost_before_payback(rig: Rig) -> None:
    """The release before took in that a customer pays on, and not that what it had earned counts no more."""
    left = RevenueValues(currency="BRL", mrr_28d_ago_minor=5, margin_to_date_minor=100)
    rig.part.meta = Alignment(first={"revenue": DAY}, closed={"revenue": DAY}, older=-1)
    pays_on = Restated(1, {"paying": 1, "mrr:BRL": 5, "paying:BRL": 1, "mrr_own:BRL": 5, "lost": -1, "lost:BRL": -1})
    rig.part.put("c", Card(past=Past(waiting={DAY: pays_on})))
    rig.step(daily(left, DAY))
    rig.day(DAY)
    rig.day(DAY + 1, left)
    found = [(one.day, one.edition, one.sums.get("lost_at:BRL:100")) for one in sent(rig, Tally)]
    assert found == [(DAY, 1, 1), (DAY + 1, 2, 1)]


def test_a_tally_says_how_many_restatements_changed_what_winning_one_costs(rig: Rig) -> None:
    """One of a customer won, two of campaigns; none of what was spent by name, or of one that pays on."""
    lead = RevenueValues(currency="EUR")
    won = RevenueValues(currency="EUR", mrr_minor=5, new_28d_minor=5, paying=True)
    rig.step(daily(lead, DAY), daily(ONE, DAY), restated(lead, won, DAY, 7), restated(ONE, TWO, DAY, 7))
    rig.step(spent(500, DAY, 3), spent(600, DAY, 4, before=500), spent(650, DAY, 5, before=600))
    rig.step(spent(40, DAY, 3, "c"), spent(60, DAY, 9, "c", before=40))
    rig.day(DAY, AccountValues(name="A", segment="smb"))
    found = [(one.portfolio, one.costed, one.sums.get("campaigns_28d:BRL")) for one in sent(rig, Tally)]
    assert found == [("_portfolio", 3, 650), ("_segment:smb", 0, None)]
