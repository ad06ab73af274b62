"""Retention, churn, renewal and worth of customers in ClickHouse, on figures worked out by hand."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from archive_rig import Put, View
from sink_samples import Rec, movement, record, values

from schemas import registry
from schemas.metrics import RevenueValues, SpendValues
from schemas.portfolio import PORTFOLIO, PortfolioFigures, PortfolioValues
from streams.metrics.days import DAY_MS, from_date

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]


def on(month: int, day: int = 5) -> int:
    return int(datetime(2024, month, day, tzinfo=UTC).timestamp() * 1000)


def day(month: int, number: int = 5) -> int:
    return from_date(date(2024, month, number))


def paying(customer: str, mrr: int, month: int, number: int = 28, **more: Any) -> Rec:
    said = {"currency": "USD", "paying": mrr > 0, "mrr_minor": mrr, "first_paid_at": on(1), **more}
    return values(RevenueValues(**said), day=day(month, number), customer=customer)


#: At the end of January 60 + 40; in February 10 more, 10 less, and 10 of the 40 gone.
FEBRUARY = (
    movement("new", 6_000, 0, on(1), "a"),
    movement("new", 3_000, 0, on(1), "b"),
    movement("new", 1_000, 0, on(1), "c"),
    movement("expansion", 1_000, 6_000, on(2), "a"),
    movement("contraction", -1_000, 3_000, on(2), "b"),
    movement("churn", -1_000, 1_000, on(2), "c", churn_reason="price", churn_voluntary=True),
)


def of_month(found: list[dict[str, Any]], month: int) -> dict[str, Any]:
    return next(row for row in found if row["month"].month == month)


def test_net_churn_of_the_published_example_is_ten_percent(put: Put, view: View) -> None:
    put(*FEBRUARY)
    found = of_month(view("v_unit_economics"), 2)
    assert found["mrr_churn_gross"] == pytest.approx(0.2)  # (10 + 10) / 100
    assert found["mrr_churn_net"] == pytest.approx(0.1)  # (10 + 10 - 10) / 100
    assert (found["nrr"], found["nrr_movements"]) == (pytest.approx(0.9), pytest.approx(0.9))
    assert found["grr"] == pytest.approx(0.8)  # 60 + 20 + 0 of 100
    assert found["quick_ratio"] == pytest.approx(0.5)  # 10 / 20
    assert found["customer_churn"] == pytest.approx(1 / 3)
    assert found["customer_churn_yearly"] == pytest.approx(1 - (2 / 3) ** 12)
    assert (found["arpa_minor"], found["arr_minor"]) == (4_500, 108_000)
    january = of_month(view("v_unit_economics"), 1)
    assert [january[name] for name in ("nrr", "nrr_movements", "grr", "quick_ratio", "customer_churn")] == [None] * 5


def test_the_two_forms_of_retention_differ_by_who_came_back_within_the_window(put: Put, view: View) -> None:
    put(
        *FEBRUARY[:3],
        movement("churn", -1_000, 1_000, on(2), "c"),
        movement("reactivation", 1_000, 0, on(3), "c"),  # no customer of March's start
    )
    found = of_month(view("v_unit_economics"), 3)
    assert (found["nrr"], found["nrr_movements"]) == (pytest.approx(1.0), pytest.approx(10_000 / 9_000))


def test_customers_that_came_and_left_in_a_month_are_left_out_or_counted(put: Put, view: View) -> None:
    put(
        *FEBRUARY[:3],
        movement("new", 500, 0, on(2, 3), "d"),
        movement("churn", -500, 500, on(2, 20), "d"),
        movement("churn", -1_000, 1_000, on(2), "c"),
    )
    found = of_month(view("v_unit_economics"), 2)
    assert (found["customer_churn"], found["joined_and_lost"]) == (pytest.approx(1 / 3), 1)
    assert found["customer_churn_with_joiners"] == pytest.approx(2 / 3)
    assert of_month(view("v_unit_economics"), 1)["joined_and_lost"] == 0


def test_free_customers_are_out_of_the_denominator_or_in_it(put: Put, view: View) -> None:
    put(
        *FEBRUARY[:3],
        paying("a", 6_000, 1, subscriptions_active=1),
        paying("free", 0, 1, subscriptions_active=1, first_paid_at=None),
        paying("trial", 0, 1, trials_active=1, first_paid_at=None),
        paying("trial", 0, 1, 2, trials_active=0, first_paid_at=None),  # not the last day of the month
    )
    found = of_month(view("v_unit_economics"), 1)
    assert (found["end_customers"], found["free_customers"]) == (3, 2)
    assert (found["arpa_minor"], found["arpa_with_free_minor"]) == (pytest.approx(10_000 / 3), 2_000)


def five_percent_a_month() -> list[Rec]:
    """Twenty customers of 100.00; in each of six months one of them leaves and another comes."""
    found = [movement("new", 10_000, 0, on(1), f"c{n}") for n in range(20)]
    for month in range(2, 8):
        found.append(movement("churn", -10_000, 10_000, on(month), f"c{month}"))
        found.append(movement("new", 10_000, 0, on(month), f"n{month}"))
    return found


def test_lifetime_value_of_the_published_example_is_two_thousand(put: Put, view: View) -> None:
    put(*five_percent_a_month(), *(paying("c0", 10_000, month, gross_margin=1.0) for month in (1, 7, 8)))
    found = view("v_unit_economics")
    assert of_month(found, 7)["ltv_minor"] is None  # five full months of churn are no six
    august = of_month(found, 8)
    assert (august["arpa_minor"], august["churn_6m"]) == (10_000, pytest.approx(0.05))
    assert august["ltv_minor"] == pytest.approx(200_000)  # 100 / 5 %
    assert august["churn_12m"] is None


def test_lifetime_value_is_net_of_the_costs_of_serving(put: Put, view: View) -> None:
    put(
        *five_percent_a_month(),
        paying("c0", 10_000, 8, 20, gross_margin=1.0),
        paying("c0", 10_000, 8, 30, gross_margin=0.5),  # the newest of the month holds
    )
    assert of_month(view("v_unit_economics"), 8)["ltv_minor"] == pytest.approx(100_000)


def test_acquisition_cost_of_the_published_example_is_two_thousand(put: Put, view: View) -> None:
    put(
        *(movement("new", 25_000, 0, on(1), name) for name in "abcde"),
        values(SpendValues(spend_1d_minor={"USD": 1_000_000}), day=day(1), customer="_company"),
        paying("a", 25_000, 1, gross_margin=0.8),
    )
    found = of_month(view("v_unit_economics"), 1)
    assert found["cac_minor"] == 200_000  # 10,000 / 5
    assert found["payback_months"] == pytest.approx(10)  # 2,000 / (250 x 0.8)


def test_lifetime_value_is_undefined_while_nobody_leaves(put: Put, view: View) -> None:
    put(
        movement("new", 10_000, 0, on(1), "a"),
        *(paying("a", 10_000, month, gross_margin=0.8) for month in range(1, 10)),
    )
    found = of_month(view("v_unit_economics"), 9)
    assert (found["churn_6m"], found["ltv_minor"], found["gross_margin"]) == (0, None, 0.8)


def test_the_target_of_churn_lies_under_the_companys_own_last_year(put: Put, view: View) -> None:
    found = [movement("new", 10_000, 0, on(1), f"c{n}") for n in range(20)]
    for month in range(2, 13):  # from January on one of twenty leaves each month and another comes
        found.append(movement("churn", -10_000, 10_000, on(month), f"c{month}"))
        found.append(movement("new", 10_000, 0, on(month), f"n{month}"))
    in_2025 = [int(datetime(2025, month, 5, tzinfo=UTC).timestamp() * 1000) for month in (1, 2)]
    for number, at in enumerate(in_2025, 13):
        found.append(movement("churn", -10_000, 10_000, at, f"c{number}"))
        found.append(movement("new", 10_000, 0, at, f"n{number}"))
    found.append(movement("churn", -10_000, 10_000, in_2025[1], "c15"))
    put(*found)
    rows = {row["month"].isoformat(): row for row in view("v_churn_targets")}
    assert rows["2025-01-01"]["churn_target"] is None  # eleven months
    february = rows["2025-02-01"]
    assert (february["customer_churn"], february["churn_12m"]) == (pytest.approx(0.1), pytest.approx(0.05))
    assert february["churn_target"] == pytest.approx(0.045)
    assert february["churn_target_gap"] == pytest.approx(0.055)
    assert rows["2024-12-01"]["churn_target_gap"] is None


def test_churn_by_reason_and_wish(put: Put, view: View) -> None:
    put(
        *FEBRUARY,
        movement("churn", -3_000, 3_000, on(2, 9), "d", churn_reason="past_due", churn_voluntary=False),
        movement("churn", -1_000, 1_000, on(2, 9), "e", churn_reason="price", churn_voluntary=True),
        movement("churn", -5_000, 5_000, on(3), "f"),
    )
    found = {
        (row["month"].month, row["churn_reason"], row["churn_voluntary"]): (
            row["customers"],
            row["churn_minor"],
            row["share_of_customers"],
            row["share_of_mrr"],
        )
        for row in view("v_churn_reasons")
    }
    assert found == {
        (2, "price", True): (2, 2_000, pytest.approx(2 / 3), pytest.approx(0.4)),
        (2, "past_due", False): (1, 3_000, pytest.approx(1 / 3), pytest.approx(0.6)),
        (3, None, None): (1, 5_000, 1, 1),
    }


def test_renewal_rate_by_month(put: Put, view: View) -> None:
    put(
        paying("a", 100, 1, 3, terms_ended_1d=1, terms_renewed_1d=1),
        paying("a", 100, 1, 4),
        paying("b", 0, 1, 9, terms_ended_1d=2, terms_renewed_1d=1),
        paying("a", 100, 2),
    )
    found = [(row["month"].month, row["terms_ended"], row["renewal_rate"]) for row in view("v_renewals")]
    assert found == [(1, 3, pytest.approx(2 / 3)), (2, 0, None)]


def test_who_left_before_its_margin_covered_its_cost(put: Put, view: View) -> None:
    won = [movement("new", 10_000, 0, on(1), name) for name in ("gone", "earned", "stays", "unknown")]
    margin: dict[str, Any] = {"gross_margin": 0.8}
    put(
        *won,
        *(paying(name, 10_000, 1) for name in ("gone", "earned", "stays", "unknown")),
        values(SpendValues(spend_1d_minor={"USD": 200_000}), day=day(1), customer="_company"),
        paying("gone", 0, 3, margin_to_date_minor=40_000, **margin),
        paying("earned", 0, 3, margin_to_date_minor=50_000, **margin),
        paying("stays", 10_000, 3, margin_to_date_minor=8_000, **margin),
        paying("unknown", 0, 3, **margin),
    )
    found = {row["customer_id"]: row for row in view("v_payback")}
    judged = {name: (row["cac_minor"], row["paid_back"], row["lost_before_payback"]) for name, row in found.items()}
    assert judged == {
        "gone": (50_000, False, True),
        "earned": (50_000, True, False),
        "stays": (50_000, False, False),
        "unknown": (50_000, None, None),
    }
    assert (found["gone"]["ltv_minor"], found["stays"]["ltv_minor"]) == (40_000, None)  # no six months of churn


def test_what_was_spent_on_a_customer_by_name_is_its_own_cost_beside_its_share_of_the_campaigns(
    put: Put, view: View
) -> None:
    """Campaigns of 1,000.00 won two; 300.00 more were spent on one of them, and 70.00 on one that never came."""
    put(
        *(movement("new", 10_000, 0, on(1), name) for name in ("named", "other")),
        values(SpendValues(spend_1d_minor={"USD": 100_000}), day=day(1), customer="_company"),
        values(
            SpendValues(spend_1d_minor={"USD": 20_000}, spend_total_minor={"USD": 20_000}), day=day(1), customer="named"
        ),
        values(
            SpendValues(spend_1d_minor={"USD": 10_000}, spend_total_minor={"USD": 30_000, "BRL": 9}),
            day=day(2),
            customer="named",
        ),
        values(
            SpendValues(spend_1d_minor={"USD": 7_000}, spend_total_minor={"USD": 7_000}), day=day(1), customer="lead"
        ),
        paying("named", 10_000, 1),
        paying("other", 10_000, 1),
        paying("named", 0, 3, margin_to_date_minor=70_000, gross_margin=0.8),
        paying("other", 0, 3, margin_to_date_minor=70_000, gross_margin=0.8),
    )
    found = {row["customer_id"]: row for row in view("v_payback")}
    assert {name: (row["cac_minor"], row["own_cac_minor"]) for name, row in found.items()} == {
        "named": (63_500, 80_000),  # (1,000.00 + 200.00 + 70.00) / 2; 1,000.00 / 2 + 300.00
        "other": (63_500, 50_000),
    }
    assert {name: (row["paid_back"], row["lost_before_payback"]) for name, row in found.items()} == {
        "named": (False, True),
        "other": (True, False),
    }


def test_the_target_of_the_profile_holds_where_it_sets_one(put: Put, view: View) -> None:
    put(*FEBRUARY, _target(day(2, 1), 0.03), _target(day(2, 28), 0.02))
    rows = {row["month"].month: row for row in view("v_churn_targets")}
    assert (rows[2]["churn_target"], rows[2]["churn_target_gap"]) == (0.02, pytest.approx(1 / 3 - 0.02))
    assert rows[1]["churn_target"] is None


def _target(of_day: int, target: float) -> Rec:
    message = PortfolioFigures(
        portfolio=PORTFOLIO,
        segment=None,
        as_of=(of_day + 1) * DAY_MS,
        day=of_day,
        values=PortfolioValues(churn_target=target),
    )
    return record(registry.METRICS, message, key=PORTFOLIO.encode())


def test_a_customer_is_won_in_the_month_of_the_companys_calendar(put: Put, view: View) -> None:
    """Its first payment may lie in the next month by the clock of UTC."""
    put(
        movement("new", 10_000, 0, on(1, 31), "a"),
        values(SpendValues(spend_1d_minor={"USD": 1_000}), day=day(1), customer="_company"),
        values(SpendValues(spend_1d_minor={"USD": 7_000}), day=day(2), customer="_company"),
        paying("a", 10_000, 1, 31, first_paid_at=on(2, 1), margin_to_date_minor=2_000),
    )
    (found,) = view("v_payback")
    assert (found["won"].month, found["cac_minor"], found["paid_back"]) == (1, 1_000, True)


def test_lifetime_value_of_a_customer_is_its_margin_and_what_may_come(put: Put, view: View) -> None:
    put(*five_percent_a_month(), paying("c0", 10_000, 8, gross_margin=0.8, margin_to_date_minor=64_000))
    (found,) = view("v_payback")
    assert found["expected_minor"] == pytest.approx(10_000 * 0.8 / 0.05)
    assert found["ltv_minor"] == pytest.approx(64_000 + 160_000)
    assert (found["cac_minor"], found["paid_back"]) == (None, None)  # nothing is known to have been spent
    assert found["lost_before_payback"] is False  # it pays
