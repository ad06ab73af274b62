"""What customers add up to, and the figures behind the sums, by hand."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.metrics import (
    AccountValues,
    FeedbackValues,
    RevenueValues,
    SpendValues,
    SupportValues,
    UsageValues,
    Values,
)
from schemas.portfolio import PORTFOLIO, PortfolioValues, segment_key, segment_of
from schemas.scores import Band
from streams.catalogue.judging import judged
from streams.catalogue.metric import Metric
from streams.catalogue.registry import catalogue
from streams.metrics.sums import Sums, add_health, add_upsell, add_values, change, figures, merge, new_sums
from streams.sinks.tables import PORTFOLIO_METRICS


def added(*values: Values) -> Sums:
    sums = new_sums()
    for one in values:
        add_values(sums, one)
    return sums


def test_use_is_counted_by_customer() -> None:
    found = figures(
        added(
            UsageValues(active_days_28d=3, active_users_28d=4, activated_at=1, engagement_score=80.0),
            UsageValues(active_days_28d=0, engagement_score=20.5, onboarding_overdue=True),
            UsageValues(active_days_28d=1, onboarding_overdue=False),
            UsageValues(),
        )
    )
    assert (found.active_customers_28d, found.active_users_28d, found.overdue_onboardings) == (2, 4, 1)
    assert (found.activated_customers, found.activation_share) == (1, 0.25)
    assert found.mean_engagement_score == 50.25


def test_tickets_add_up() -> None:
    found = figures(
        added(
            SupportValues(tickets_open=2, tickets_opened_7d=1, tickets_opened_28d=3, escalations_28d=1),
            SupportValues(tickets_open=1, reopenings_28d=2, fcr_solved_90d=4, fcr_first_contact_90d=3),
            SupportValues(sla_breaches_28d=2, fcr_solved_90d=1),
        )
    )
    assert (found.tickets_open, found.tickets_opened_7d, found.tickets_opened_28d) == (3, 1, 3)
    assert (found.escalations_28d, found.reopenings_28d, found.sla_breaches_28d) == (1, 2, 2)
    assert found.fcr_rate_90d == 3 / 5


def test_a_profile_without_limits_breaches_none() -> None:
    assert figures(added(SupportValues(), SupportValues())).sla_breaches_28d is None
    assert figures(added(SupportValues(sla_breaches_28d=0))).sla_breaches_28d == 0


def paid(now: int, before: int, currency: str = "BRL", **more: int) -> RevenueValues:
    return RevenueValues(mrr_minor=now, mrr_28d_ago_minor=before, currency=currency, paying=bool(now), **more)


def test_retention_is_that_of_the_customers_of_then() -> None:
    """1,000 + 500 + 200 paid before: one grew to 1,300, one fell to 400, one left; 300 are new: (1,300+400)/1,700."""
    found = figures(
        added(
            paid(1_300, 1_000, expansion_28d_minor=300),
            paid(400, 500, contraction_28d_minor=100),
            paid(0, 200, churn_28d_minor=200),
            paid(300, 0, new_28d_minor=300),
        )
    )
    assert found.mrr_minor == {"BRL": 2_000}
    assert found.arr_minor == {"BRL": 24_000}
    assert found.mrr_28d_ago_minor == {"BRL": 1_700}
    assert found.nrr_28d == {"BRL": 1_700 / 1_700}
    assert found.grr_28d == {"BRL": 1_400 / 1_700}
    assert found.quick_ratio_28d == {"BRL": 2.0}
    assert found.arpa_minor == {"BRL": 2_000 / 3}
    assert (found.paying_customers, found.paying_customers_28d_ago, found.lost_customers_28d) == (3, 3, 1)
    assert found.customer_churn_28d == 1 / 3
    moved = found.new_28d_minor["BRL"] + found.expansion_28d_minor["BRL"]
    lost = found.contraction_28d_minor["BRL"] + found.churn_28d_minor["BRL"]
    assert 1_700 + moved - lost == 2_000


def test_currencies_are_never_added_up() -> None:
    found = figures(
        added(
            paid(100, 100),
            paid(70, 50, currency="USD", reactivation_28d_minor=20),
            RevenueValues(mrr_minor=5, currency="USD", mrr_other_minor={"BRL": 9}, paying=True),
            RevenueValues(mrr_other_minor={}),
        )
    )
    assert found.mrr_minor == {"BRL": 109, "USD": 75}
    assert found.nrr_28d == {"BRL": 1.0, "USD": 1.4}
    assert found.arpa_minor == {"BRL": 109 / 2, "USD": 75 / 2}
    assert found.quick_ratio_28d == {}
    assert found.reactivation_28d_minor == {"USD": 20}


def test_late_payers_are_counted() -> None:
    late = RevenueValues(payment_state="late")
    assert figures(added(late, RevenueValues(payment_state="current"))).late_customers == 1


def test_answers_of_all_customers_make_one_nps() -> None:
    found = figures(
        added(
            FeedbackValues(nps_respondents_90d=3, promoters_90d=2, passives_90d=1),
            FeedbackValues(csat_positive_90d=1, csat_ratings_90d=2),
            FeedbackValues(nps_respondents_90d=1, detractors_90d=1, csat_positive_90d=1, csat_ratings_90d=1),
            FeedbackValues(invitations_90d=4, invited_answered_90d=1, follow_ups_open=2, follow_ups_overdue=1),
        )
    )
    assert (found.promoters_90d, found.passives_90d, found.detractors_90d, found.nps) == (2, 1, 1, 25.0)
    assert found.nps_low is not None
    assert found.nps_high is not None
    assert found.nps_low < 25 < found.nps_high
    assert (found.csat, found.csat_ratings_90d, found.response_rate_90d) == (2 / 3, 3, 0.25)
    assert (found.follow_ups_open, found.follow_ups_overdue) == (2, 1)


def test_health_and_readiness_are_means_of_those_that_have_one() -> None:
    sums = new_sums()
    add_health(sums, 40.0, "red", paid(700, 700))
    add_health(sums, 80.5, "green", paid(100, 100))
    add_health(sums, 60.0, "yellow", None)
    add_health(sums, 20.0, "red", None)
    add_health(sums, None, "unknown", None)
    add_upsell(sums, 30.0)
    add_upsell(sums, None)
    found = figures(sums)
    assert found.mean_health_score == 50.125
    assert (found.red_customers, found.yellow_customers, found.green_customers, found.unknown_customers) == (2, 1, 1, 1)
    assert found.mrr_red_minor == {"BRL": 700}
    assert found.mean_upsell_ready == 30.0


def test_nobody_has_no_figures() -> None:
    assert figures({}) == PortfolioValues()


def test_profiles_add_nothing_and_spend_that_of_its_window() -> None:
    spent = SpendValues(spend_1d_minor={"BRL": 1}, spend_28d_minor={"BRL": 3}, spend_total_minor={"USD": 9})
    assert added(AccountValues(name="Acme"), spent, spent) == {"spend_28d:BRL": 6}


def test_keys_of_portfolios() -> None:
    assert [segment_of(key) for key in (PORTFOLIO, segment_key("a:b"), segment_key(""))] == [None, "a:b", ""]


_VALUES = st.one_of(
    st.builds(UsageValues, active_days_28d=st.integers(0, 3), engagement_score=st.none() | st.floats(0, 100)),
    st.builds(SupportValues, tickets_open=st.integers(0, 3), fcr_solved_90d=st.integers(0, 2)),
    st.builds(
        RevenueValues,
        mrr_minor=st.integers(0, 3),
        mrr_28d_ago_minor=st.integers(0, 3),
        currency=st.sampled_from(["BRL", "USD", None]),
        paying=st.booleans(),
        churn_28d_minor=st.integers(0, 3),
    ),
    st.builds(FeedbackValues, nps_respondents_90d=st.integers(0, 2), promoters_90d=st.integers(0, 2)),
)


@given(st.none() | _VALUES, _VALUES, st.lists(_VALUES))
def test_a_change_makes_the_sums_what_they_were_from_the_new_values(
    before: Values | None, after: Values, others: list[Values]
) -> None:
    if before is not None and type(before) is not type(after):
        before = None
    sums: Sums = {}
    merge(sums, added(*others, *([] if before is None else [before])))
    merge(sums, change(before, after))
    assert figures(sums) == figures(added(*others, after))
    assert all(sums.values())


@given(st.lists(_VALUES), st.randoms(use_true_random=False))
def test_the_order_of_customers_and_the_parts_they_come_in_change_nothing(values: list[Values], turns: object) -> None:
    shuffled = list(values)
    turns.shuffle(shuffled)  # type: ignore[attr-defined]
    half = len(shuffled) // 2
    parts: Sums = {}
    for some in (shuffled[:half], shuffled[half:]):
        merge(parts, added(*some))
    assert figures(parts) == figures(added(*values))


@given(st.lists(_VALUES), st.sampled_from(get_args(Band)))
def test_figures_are_what_the_catalogue_says(values: list[Values], band: Band) -> None:
    sums = added(*values)
    add_health(sums, 50.0, band, None)
    found = figures(sums)
    assert [said for metric in _company() if (said := judged(metric, getattr(found, metric.id)))] == []


def _company() -> tuple[Metric, ...]:
    return catalogue().of("company")


def test_every_figure_is_in_the_catalogue_and_has_a_column() -> None:
    assert [metric.id for metric in _company()] == list(PortfolioValues.__struct_fields__)
    assert {metric.column for metric in _company()} <= set(PORTFOLIO_METRICS.column_names)
    for metric in _company():
        assert (metric.null is not None) == (getattr(PortfolioValues(), metric.id) is None), metric.id
        if metric.id.endswith("_minor"):
            assert metric.unit == "money by currency"


@pytest.mark.parametrize("values", [UsageValues(), SupportValues(), RevenueValues(), FeedbackValues()])
def test_that_a_customer_is_known_is_a_change(values: Values) -> None:
    """So every customer that a restatement makes known is counted."""
    assert change(None, values)
    assert change(values, values) == {}
