"""The analysts' views on data small enough to be worked out by hand; all rows are put in twice on purpose."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from math import log, sqrt
from random import Random
from typing import NamedTuple

import pytest
from archive_rig import Put, View
from sink_samples import (
    DAY,
    Rec,
    alert,
    churn,
    dead_letter,
    health,
    labelled,
    movement,
    profile,
    progress,
    record,
    snapshot,
    values,
)

from schemas import registry
from schemas.events import SpendRecorded
from schemas.metrics import FeedbackValues, RevenueValues, SpendValues, UsageValues
from streams.metrics.days import from_date

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]


def on(month: int, day: int = 5) -> int:
    return int(datetime(2024, month, day, tzinfo=UTC).timestamp() * 1000)


def day(month: int, number: int = 5) -> int:
    return from_date(date(2024, month, number))


STEPS = (
    movement("new", 100, 0, on(1), "a"),
    movement("expansion", 50, 100, on(3), "a"),
    movement("new", 200, 0, on(1), "b"),
    movement("churn", -200, 200, on(2), "b"),
    movement("reactivation", 150, 0, on(4), "b"),
    movement("new", 300, 0, on(2), "c"),
    movement("contraction", -100, 300, on(3), "c"),
    movement("new", 80, 0, on(3), "d"),
)


def test_mrr_of_every_month_is_carried_on_to_the_last_known_day(put: Put, view: View) -> None:
    put(*STEPS[:2], values(RevenueValues(mrr_minor=150), day=day(5), customer="a"))
    found = [(row["month"].month, row["mrr_minor"]) for row in view("v_mrr_monthly ORDER BY month")]
    assert found == [(1, 100), (2, 100), (3, 150), (4, 150), (5, 150)]


def test_retention_by_month(put: Put, view: View) -> None:
    put(*STEPS)
    found = {
        row["month"].month: (
            row["start_mrr_minor"],
            row["new_minor"],
            row["expansion_minor"],
            row["reactivation_minor"],
            row["contraction_minor"],
            row["churn_minor"],
            row["end_mrr_minor"],
            row["nrr"],
            row["grr"],
            row["logo_churn"],
            (row["start_customers"], row["churned_customers"], row["end_customers"]),
        )
        for row in view("v_retention")
    }
    assert found == {
        1: (0, 300, 0, 0, 0, 0, 300, None, None, None, (0, 0, 2)),
        2: (300, 300, 0, 0, 0, 200, 400, 1 / 3, 1 / 3, 0.5, (2, 1, 2)),
        3: (400, 80, 50, 0, 100, 0, 430, 0.875, 0.75, 0.0, (2, 0, 3)),
        4: (430, 0, 0, 150, 0, 0, 580, 1.0, 1.0, 0.0, (3, 0, 4)),
    }


def test_movements_always_lead_from_start_to_end(put: Put, view: View) -> None:
    # Within one month: down and up again, and a customer that comes and goes.
    put(
        *STEPS,
        movement("contraction", -50, 150, on(5, 2), "a"),
        movement("expansion", 90, 100, on(5, 9), "a"),
        movement("new", 70, 0, on(5, 3), "e"),
        movement("churn", -70, 70, on(5, 4), "e"),
    )
    for row in view("v_retention"):
        gained = row["new_minor"] + row["expansion_minor"] + row["reactivation_minor"]
        assert row["start_mrr_minor"] + gained - row["contraction_minor"] - row["churn_minor"] == row["end_mrr_minor"]
    assert row["contraction_minor"] == 50
    assert row["grr"] == 1.0


def test_currencies_are_never_added_up(put: Put, view: View) -> None:
    real = movement("new", 900, 0, on(1), "z")
    put(*STEPS, Rec(real.topic, (real.value or b"").replace(b'"USD"', b'"BRL"')))
    january = {row["currency"]: row["end_mrr_minor"] for row in view("v_retention") if row["month"].month == 1}
    assert january == {"USD": 300, "BRL": 900}


def test_a_removed_movement_leaves_all_months(put: Put, view: View) -> None:
    put(*STEPS, movement("reactivation", 150, 0, on(4), "b", version=9, removed=True))
    assert max(row["month"].month for row in view("v_mrr_monthly")) == 3


def test_cohorts_keep_their_size_and_lose_their_customers(put: Put, view: View) -> None:
    put(*STEPS)
    found = {
        (row["cohort"].month, row["months_after"]): (
            row["customers"],
            row["logo_retention"],
            round(row["mrr_retention"], 4),
        )
        for row in view("v_cohort_retention")
    }
    assert found == {
        (1, 0): (2, 1.0, 1.0),
        (1, 1): (2, 0.5, 0.3333),
        (1, 2): (2, 0.5, 0.5),
        (1, 3): (2, 1.0, 1.0),
        (2, 0): (1, 1.0, 1.0),
        (2, 1): (1, 1.0, 0.6667),
        (2, 2): (1, 1.0, 0.6667),
        (3, 0): (1, 1.0, 1.0),
        (3, 1): (1, 1.0, 1.0),
    }


#: In dollars, and one that goes over to euros in March, and leaves in May.
CHANGED = (
    movement("new", 400, 0, on(1), "m"),
    movement("currency_change", -400, 400, on(3), "m"),
    movement("currency_change", 350, 0, on(3), "m", currency="EUR"),
    movement("churn", -350, 350, on(5), "m", currency="EUR"),
)


def test_who_changes_its_currency_is_lost_when_it_leaves(put: Put, view: View) -> None:
    put(*STEPS, *CHANGED)
    found = {
        (row["currency"], row["month"].month): (
            row["start_mrr_minor"],
            row["currency_change_minor"],
            row["churn_minor"] + row["contraction_minor"],
            row["end_mrr_minor"],
            (row["nrr"], row["grr"], row["logo_churn"]),
            (row["start_customers"], row["churned_customers"], row["end_customers"]),
        )
        for row in view("v_retention")
    }
    assert found["USD", 3] == (800, -400, 100, 430, (0.875, 0.75, 0.0), (3, 0, 3))  # as without it
    assert found["EUR", 3] == (0, 350, 0, 350, (None, None, None), (0, 0, 1))
    assert found["USD", 5] == (580, 0, 0, 580, (1.0, 1.0, 0.0), (4, 0, 4))
    assert found["EUR", 5] == (350, 0, 350, 0, (0.0, 0.0, 1.0), (1, 1, 0))
    units = {(row["currency"], row["month"].month): row for row in view("v_unit_economics")}
    assert {row["joined_and_lost"] for row in units.values()} == {0}
    assert (units["USD", 3]["customer_churn"], units["USD", 3]["mrr_churn_gross"]) == (0.0, 0.125)


def test_who_comes_changes_its_currency_and_leaves_within_a_month_came_and_left_in_the_first(
    put: Put, view: View
) -> None:
    moved = [("new", 400, 0, 3, "USD"), ("currency_change", -400, 400, 6, "USD")]
    moved += [("currency_change", 350, 0, 6, "EUR"), ("churn", -350, 350, 9, "EUR")]
    steps = [movement(kind, by, was, on(3, day), "m", currency=code) for kind, by, was, day, code in moved]
    put(*STEPS, *steps)
    found = {(row["currency"], row["month"].month): row["joined_and_lost"] for row in view("v_unit_economics")}
    assert (found["USD", 3], found["EUR", 3]) == (1, 0)


def test_who_changes_its_currency_and_leaves_within_the_month_is_lost_with_what_it_paid(put: Put, view: View) -> None:
    changed = [
        movement("currency_change", -400, 400, on(3), "m"),
        movement("currency_change", 350, 0, on(3), "m", currency="EUR"),
    ]
    put(
        movement("new", 400, 0, on(1), "m"),
        movement("new", 400, 0, on(1), "k"),
        *changed,
        movement("churn", -350, 350, on(3, 20), "m", currency="EUR"),
        movement("expansion", 1, 400, on(4), "k"),
    )
    found = {(row["currency"], row["month"].month): row for row in view("v_retention")}
    assert [found["USD", 3][name] for name in ("nrr", "grr", "logo_churn")] == [0.5, 0.5, 0.5]


def test_a_cohort_keeps_who_changes_its_currency_and_compares_no_amounts_of_two(put: Put, view: View) -> None:
    put(*CHANGED, movement("new", 100, 0, on(1), "a"))
    found = [
        (row["currency"], row["months_after"], row["customers"], row["paying_customers"], row["mrr_retention"])
        for row in view("v_cohort_retention")
    ]
    assert found == [("USD", n, 2, 2, 1.0) for n in range(4)] + [("USD", 4, 2, 1, 0.2)]


def test_nps_is_of_all_customers_of_the_day_with_its_interval(put: Put, view: View) -> None:
    def said(customer: str, promoters: int, passives: int, detractors: int, revision: int = 0) -> Rec:
        answers = FeedbackValues(promoters_90d=promoters, passives_90d=passives, detractors_90d=detractors)
        return values(answers, day=day(1), customer=customer, revision=revision)

    put(said("a", 1, 0, 0), said("a", 2, 1, 0, revision=1), said("b", 0, 0, 1), said("c", 0, 0, 0))
    put(values(FeedbackValues(), day=day(2), customer="a"))
    first, empty = view("v_nps_rolling_90d")
    assert (first["promoters"], first["passives"], first["detractors"], first["responses"]) == (2, 1, 1, 4)
    assert first["nps"] == 25.0
    # With the imagined answers of the adjusted Wald interval: 2.75 promoters and 1.75 detractors of 7.
    assert first["margin"] == pytest.approx(196 * sqrt((4.5 / 7 - (1 / 7) ** 2) / 7), rel=1e-3)
    assert (first["nps_low"], first["nps_high"]) == (
        pytest.approx(100 / 7 - first["margin"]),
        pytest.approx(100 / 7 + first["margin"]),
    )
    assert (empty["responses"], empty["nps"], empty["nps_low"]) == (0, None, None)


def test_accounting_adds_up_or_says_that_it_does_not(put: Put, view: View) -> None:
    put(progress(0), progress(2, read=12), dead_letter(own_offset=1), dead_letter(own_offset=2, offset="18"))
    good, wrong = view("v_accounting")
    assert (good["partition"], good["unaccounted"], good["balanced"], good["dead_letters"]) == (0, 0, True, 0)
    assert (wrong["partition"], wrong["unaccounted"], wrong["balanced"], wrong["dead_letters"]) == (
        2,
        2,
        False,
        2,
    )


def test_churn_quality_is_recomputed_from_the_observations(put: Put, view: View) -> None:
    # Pairs (churned, not): 0.8 beats 0.1 and 0.3; 0.3 beats 0.1 and ties with 0.3: 3.5 of 4.
    given = [("a", 0.8, True), ("b", 0.1, False), ("c", 0.3, True), ("d", 0.3, False)]
    put(snapshot(customer="e"), *(snapshot(customer=name) for name, _, _ in given))
    put(*(labelled(probability, churned, customer=name) for name, probability, churned in given))
    (row,) = view("v_churn_quality")
    assert (row["observations"], row["labelled"], row["positives"], row["customers_churned"]) == (5, 4, 2, 2)
    assert row["roc_auc"] == pytest.approx(3.5 / 4)
    assert row["log_loss"] == pytest.approx(-(log(0.8) + log(0.9) + log(0.3) + log(0.7)) / 4)
    assert row["log_loss_base_rate"] == pytest.approx(log(2))
    assert (row["mean_predicted"], row["mean_observed"]) == (pytest.approx(0.375), 0.5)


def test_who_left_at_once_is_not_counted_before_those_who_stayed_can_be(put: Put, view: View) -> None:
    put(labelled(0.1, False, customer="a"), labelled(0.2, True, customer="b"))
    put(snapshot(DAY + 7, customer="a"), labelled(0.3, True, DAY + 7, customer="c"))  # a's window is not over
    (row,) = view("v_churn_quality")
    assert (row["observations"], row["labelled"], row["positives"], row["mean_observed"]) == (4, 2, 1, 0.5)
    early, late = view("v_churn_quality_weekly")
    assert (early["labelled"], early["positives"], early["roc_auc"]) == (2, 1, 1.0)
    assert (late["observations"], late["labelled"], late["positives"], late["mean_observed"]) == (2, 0, 0, None)
    put(labelled(0.4, False, DAY + 7, customer="a"))
    late = view("v_churn_quality_weekly")[1]
    assert (late["labelled"], late["positives"], late["roc_auc"]) == (2, 1, 0.0)
    (model,) = view("v_churn_quality_models")
    assert (model["model_version"], model["labelled"], model["customers_churned"]) == (2, 4, 2)


def test_reliability_has_bins_of_equal_size_by_the_probability_given(put: Put, view: View) -> None:
    put(*(labelled(n / 100, n >= 25, customer=f"c{n:02}") for n in range(30)))
    bins = view("v_churn_reliability")
    assert [row["snapshots"] for row in bins] == [2] * 15
    assert (bins[0]["lowest"], bins[0]["highest"], bins[0]["observed"]) == (pytest.approx(0, abs=1e-9), 0.01, 0)
    assert bins[12]["predicted"] == pytest.approx(0.245)
    last = [(row["bin"], row["observed"], row["churned"]) for row in bins[12:]]
    assert last == [(13, 0.5, 1), (14, 1, 2), (15, 1, 2)]


def test_churn_quality_is_not_defined_before_both_outcomes_were_seen(put: Put, view: View) -> None:
    put(labelled(1.0, False))
    (row,) = view("v_churn_quality")
    assert (row["labelled"], row["roc_auc"], row["log_loss"], row["log_loss_base_rate"]) == (
        1,
        None,
        None,
        None,
    )


def test_a_certain_prediction_that_was_wrong_costs_much_but_not_everything(put: Put, view: View) -> None:
    put(labelled(1.0, False, customer="a"), labelled(0.0, True, customer="b"))
    assert view("v_churn_quality")[0]["log_loss"] == pytest.approx(-log(1e-15), rel=0.01)


def test_acquisition_cost_is_spend_by_customers_won_in_its_currency(put: Put, view: View) -> None:
    def spent(amount: dict[str, int], at: int, offset: int = 0) -> Rec:
        return values(SpendValues(spend_1d_minor=amount), day=at, customer="_company", offset=offset)

    put(
        *(movement("new", 100, 0, on(2), f"won {number}", currency="BRL") for number in range(5)),
        movement("reactivation", 100, 0, on(2), "back", currency="BRL"),
        movement("new", 100, 0, on(3), "free", currency="BRL"),
        spent({"BRL": 400_000, "USD": 7}, day(2, 1)),
        spent({"BRL": 600_000}, day(2, 20)),
    )
    found = {(row["currency"], row["month"].month): tuple(row.values())[2:] for row in view("v_acquisition")}
    assert found == {("BRL", 2): (1_000_000, 5, 200_000), ("USD", 2): (7, 0, None), ("BRL", 3): (0, 1, None)}


class Spent(NamedTuple):
    """A payment as somebody reports it."""

    customer: str
    month: int
    amount: int
    currency: str = "USD"
    channel: str | None = None


def reported(spent: Spent, event_id: str, offset: int) -> Rec:
    event = SpendRecorded(
        event_id=event_id,
        customer_id=spent.customer,
        occurred_at=on(spent.month, 1 + offset % 28),
        amount_minor=spent.amount,
        currency=spent.currency,
        channel=spent.channel,
    )
    return record(registry.SPEND, event, key=spent.customer.encode(), offset=offset)


def test_spend_by_channel_is_that_of_the_events_and_no_cost_is_made_up(put: Put, view: View) -> None:
    put(
        *(
            reported(spent, f"e{number}", number)
            for number, spent in enumerate(
                (
                    Spent("_company", 2, 1000, channel="search"),
                    Spent("_company", 2, 500, channel="fairs"),
                    Spent("a", 2, 70, channel="search"),
                    Spent("a", 2, 30, channel="search"),
                    Spent("b", 2, 11),
                    Spent("_company", 2, 400, "BRL", "search"),
                    Spent("_company", 3, 9, channel="search"),
                )
            )
        ),
        reported(Spent("a", 2, 70, channel="search"), "e2", 40),  # sent twice: the first stands, also when it moved
        reported(Spent("a", 3, 70, channel="fairs"), "e2", 41),
        reported(Spent("c", 2, 5, channel="search"), "e2", 42),  # another customer's, so another event
    )
    found = view("v_acquisition_channels")
    assert list(found[0]) == ["currency", "month", "channel", "spend_minor", "campaigns_minor", "payments", "customers"]
    assert {(row["currency"], row["month"].month, row["channel"]): tuple(row.values())[3:] for row in found} == {
        ("USD", 2, "search"): (1105, 1000, 4, 2),
        ("USD", 2, "fairs"): (500, 500, 1, 0),
        ("USD", 2, None): (11, 0, 1, 1),
        ("BRL", 2, "search"): (400, 400, 1, 0),
        ("USD", 3, "search"): (9, 9, 1, 0),
    }


def test_channels_add_up_to_the_spend_of_the_month(put: Put, view: View) -> None:
    chance = Random(8)
    spent = [
        Spent(
            chance.choice(["_company", "a", "b"]),
            chance.randint(1, 6),
            chance.randint(1, 10_000),
            chance.choice(["USD", "BRL"]),
            chance.choice(["search", "fairs", None]),
        )
        for _ in range(60)
    ]
    folded: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)  # as the fold sums up a customer's day
    for number, one in enumerate(spent):
        folded[one.customer, day(one.month, 1 + number % 28)][one.currency] += one.amount
    put(
        *(reported(one, f"e{number}", number) for number, one in enumerate(spent)),
        *(values(SpendValues(spend_1d_minor=dict(by)), day=at, customer=who) for (who, at), by in folded.items()),
    )
    recount: Counter[tuple[str, int, str | None]] = Counter()
    months: Counter[tuple[str, int]] = Counter()
    for one in spent:
        recount[one.currency, one.month, one.channel] += one.amount
        months[one.currency, one.month] += one.amount
    channels = view("v_acquisition_channels")
    assert {(row["currency"], row["month"].month, row["channel"]): row["spend_minor"] for row in channels} == recount
    assert {(row["currency"], row["month"].month): row["spend_minor"] for row in view("v_acquisition")} == months


def test_the_board_counts_customers_by_their_newest_band(put: Put, view: View) -> None:
    put(
        health("live", 1, "a"),
        health("live", 2, "b", band="green", score=80.0),
        health("live", 3, "c", band="unknown", score=None, currency=None, mrr_minor=0, paying=False),
        health("live", 4, "d"),
        health("live", 5, "d", band="green", score=90.0, previous_score=40.0),
    )
    board = view("v_health_board")
    assert [(row["band"], row["customers"], row["mean_score"]) for row in board] == [
        ("red", 1, 41.5),
        ("green", 2, 85.0),
        ("unknown", 1, None),
    ]
    assert [row["mrr_minor"] for row in board] == [{"USD": 5000}, {"USD": 10_000}, {}]
    assert [row["falling"] for row in board] == [1, 0, 0]


def test_one_row_per_customer_with_the_newest_of_each_domain(put: Put, view: View) -> None:
    put(
        profile("old", 1),
        profile("Acme", 2),
        values(UsageValues(events_28d=1), day=day(1)),
        values(UsageValues(events_28d=7), day=day(2)),
        values(RevenueValues(mrr_minor=900, currency="BRL", plan="pro"), day=day(2), customer="only-billing"),
        health("live"),
        churn(),
    )
    found = {row["customer_id"]: row for row in view("v_customers")}
    assert set(found) == {"c1", "only-billing"}
    acme, other = found["c1"], found["only-billing"]
    assert (acme["name"], acme["usage_day"], acme["events_28d"]) == ("Acme", date(2024, 2, 5), 7)
    assert (acme["health_score"], acme["health_band"], acme["churn_probability"]) == (41.5, "red", 0.12)
    assert acme["health_factors"] == ["engagement", "support"]
    assert (acme["mrr_minor"], acme["tickets_open"], acme["revenue_day"]) == (None, None, None)
    assert (other["mrr_minor"], other["currency"], other["subscription_plan"]) == (900, "BRL", "pro")
    assert (other["name"], other["health_band"], other["events_28d"]) == (None, None, None)


def test_open_alerts_are_episodes_whose_newest_step_is_not_resolved(put: Put, view: View) -> None:
    put(
        alert("opened", 1, "ep1"),
        alert("resolved", 5, "ep1"),
        alert("opened", 2, "ep2"),
        alert("updated", 3, "ep2", at=on(12)),
    )
    (row,) = view("v_alerts_open")
    assert (row["episode_id"], row["status"], row["steps"]) == ("ep2", "updated", 2)
    assert row["updated_at"].replace(tzinfo=UTC) == datetime(2024, 12, 5, tzinfo=UTC)
