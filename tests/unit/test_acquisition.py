"""What winning customers costs and what they are worth, by hand."""

from typing import Any

import pytest

from schemas.metrics import RevenueValues, SpendValues
from schemas.portfolio import PortfolioValues
from streams.metrics.acquisition import (
    EDITION,
    WINDOW_MONTHS,
    WITH_CHURN,
    acquired,
    campaigns,
    cost_of_one,
    has_spend,
    lifetime_value,
    mean_churn,
    moves_churn,
    moves_costs,
    only_churn,
)
from streams.metrics.payback import lost_before_payback, rounded_down
from streams.metrics.sums import Sums, add_values, change, figures, merge, new_sums


def paid(now: int, before: int, **more: Any) -> RevenueValues:
    known: dict[str, Any] = {"currency": "BRL", "paying": bool(now), **more}
    return RevenueValues(mrr_minor=now, mrr_28d_ago_minor=before, **known)


def added(*values: RevenueValues | SpendValues) -> Sums:
    sums = new_sums()
    for one in values:
        add_values(sums, one)
    return {name: amount for name, amount in sums.items() if amount}


def worked_out(
    sums: Sums, *earlier: Sums, spent: bool = True, company: Sums | None = None, edition: int = EDITION
) -> PortfolioValues:
    return acquired(figures(sums), [sums, *earlier], spent, company, edition)


WON = [paid(100_00, 0, new_28d_minor=100_00)] * 5
COMPANY = SpendValues(spend_28d_minor={"BRL": 9_000_00})
ONE = SpendValues(spend_28d_minor={"BRL": 1_000_00})


def test_10000_spent_on_5_new_customers_are_2000_each() -> None:
    found = worked_out(added(*WON, paid(100_00, 100_00), COMPANY, ONE))
    assert found.spend_28d_minor == {"BRL": 10_000_00}
    assert found.new_customers_28d == {"BRL": 5}
    assert found.cac_28d_minor == {"BRL": 2_000_00.0}


def test_nothing_spent_or_nobody_won_is_no_cost() -> None:
    assert worked_out(added(*WON)).cac_28d_minor == {}
    assert worked_out(added(paid(5, 5), COMPANY)).cac_28d_minor == {}
    given_back = SpendValues(spend_28d_minor={"BRL": -5})
    assert worked_out(added(*WON, given_back)).cac_28d_minor == {}
    assert worked_out(added(*WON, COMPANY), company={}).cac_28d_minor == {}
    assert worked_out(added(*WON, COMPANY), spent=False).spend_28d_minor == {}


def test_who_began_in_two_currencies_is_won_in_both_and_who_went_over_where_it_began() -> None:
    both = paid(5, 0, new_28d_minor=5, mrr_other_minor={"USD": 3}, moved_other_28d_minor={"new:USD": 3})
    over = paid(5, 0, currency_change_28d_minor=5, moved_other_28d_minor={"new:EUR": 4, "currency_change:EUR": -4})
    found = worked_out(added(both, over))
    assert found.new_customers_28d == {"BRL": 1, "EUR": 1, "USD": 1}
    assert found.currency_change_28d_minor == {"BRL": 5, "EUR": -4}  # which wins nobody


def test_payback_is_cost_over_the_margin_of_a_month() -> None:
    """2,000.00 at 100.00 a month of which 80 % is left: 25 months."""
    won = [paid(100_00, 0, new_28d_minor=100_00, gross_margin=0.8)] * 5
    assert worked_out(added(*won, COMPANY, ONE)).cac_payback_months == {"BRL": 25.0}
    assert worked_out(added(*WON, COMPANY, ONE)).cac_payback_months == {}  # the profile names no margin


def test_lifetime_value_of_100_at_5_percent_lost_is_2000() -> None:
    assert lifetime_value(100.0, 0.05) == pytest.approx(2_000)
    assert lifetime_value(100.0, 0.05, WINDOW_MONTHS) == pytest.approx(2_000 * 28 / 30.4375)
    assert lifetime_value(100.0, 0.0) is None


STAYED, LEFT = paid(100_00, 100_00, gross_margin=1.0), paid(0, 100_00, gross_margin=1.0)


def test_worth_is_of_the_churn_of_six_windows() -> None:
    """1 of 20 left in each; 19 pay 100.00: 100 / 5 % in windows of 28 / 30.4375 months."""
    window = added(*[STAYED] * 19, LEFT)
    found = worked_out(window, *[window] * 5)
    assert found.mean_churn_168d == {"BRL": pytest.approx(0.05)}
    assert found.ltv_minor == {"BRL": pytest.approx(2_000_00 * 28 / 30.4375)}
    assert worked_out(window, *[window] * 4).ltv_minor == {}
    calm = added(STAYED)
    assert worked_out(calm, *[calm] * 5).mean_churn_168d == {"BRL": 0.0}
    assert worked_out(calm, *[calm] * 5).ltv_minor == {}  # nobody leaves


def test_churn_of_a_currency_that_nobody_paid_in_at_the_start_of_a_window_is_not_known() -> None:
    window, other = {"paying_before:BRL": 4, "lost:BRL": 1, "paying_before:USD": 1}, {"paying_before:BRL": 2}
    assert mean_churn([window, *[other] * 5]) == {"BRL": pytest.approx(0.25 / 6)}
    assert mean_churn([other, window]) == {}


def test_who_pays_on_in_another_currency_is_lost_in_none() -> None:
    over = paid(0, 0, paying=True, mrr_28d_ago_other_minor={"USD": 5}, mrr_other_minor={"EUR": 5})
    assert only_churn(added(over)) == {"paying_before:USD": 1}
    gone = paid(0, 7, mrr_28d_ago_other_minor={"USD": 5})
    assert only_churn(added(gone)) == {
        "paying_before:BRL": 1,
        "lost:BRL": 1,
        "paying_before:USD": 1,
        "lost:USD": 1,
    }


def test_what_changes_churn_and_what_is_spend() -> None:
    sums: Sums = {}
    merge(sums, added(STAYED, COMPANY))
    assert moves_churn(sums)
    assert has_spend(sums)
    assert not moves_churn({"paying_before": 1, "lost": 1, "paying:BRL": 1})
    assert not has_spend({"mrr:BRL": 1})
    assert moves_costs(added(*WON))
    assert moves_costs(campaigns(added(COMPANY)))
    assert not moves_costs(added(STAYED, LEFT, ONE))


ALL = {**added(*WON, COMPANY, ONE), **campaigns(added(COMPANY))}
SPENT: list[RevenueValues | SpendValues] = [*WON, COMPANY, ONE]


class TestSegments:
    """9,000.00 of campaigns won 5 customers, 1,800.00 each: 2 of them in a segment, 1 of those by 1,000.00 more."""

    def test_a_segment_costs_what_was_spent_by_name_and_its_share_of_campaigns(self) -> None:
        assert cost_of_one(added(*WON[:2], ONE), ALL) == {"BRL": 1_000_00 / 2 + 9_000_00 / 5}
        assert cost_of_one(added(*WON[:3]), ALL) == {"BRL": 1_800_00.0}

    def test_segments_cost_together_what_the_company_spent(self) -> None:
        parts = [cost_of_one(added(*WON[:2], ONE), ALL)["BRL"] * 2]
        parts.append(cost_of_one(added(*WON[:3]), ALL)["BRL"] * 3)
        assert sum(parts) == pytest.approx(10_000_00)

    def test_where_nobody_was_won_or_nothing_was_spent_there_is_no_cost(self) -> None:
        assert cost_of_one(added(STAYED, ONE), ALL) == {}
        assert cost_of_one(added(*WON), added(*WON)) == {}
        given_back = {**ALL, "campaigns_28d:BRL": -5}
        assert cost_of_one(added(*WON), given_back) == {}

    def test_its_payback_and_worth_are_of_its_own_cost(self) -> None:
        won = [paid(100_00, 0, new_28d_minor=100_00, gross_margin=0.5)] * 2
        assert worked_out(added(*won, ONE), company=ALL).cac_payback_months == {"BRL": 46.0}


def gone(margin: int | None, **more: Any) -> RevenueValues:
    return paid(0, 100_00, margin_to_date_minor=margin, **more)


class TestLostBeforePayback:
    """Winning one costs 2,000.00; of those that left one had earned 1,999.99, one 2,000.00, one nothing."""

    def test_who_had_earned_less_than_one_costs_was_lost_before(self) -> None:
        found = worked_out(added(*SPENT, gone(1_999_99), gone(2_000_00), gone(0)))
        assert (found.cac_28d_minor, found.lost_before_payback_28d) == ({"BRL": 2_000_00.0}, {"BRL": 2})

    def test_margins_are_taken_down_to_three_digits(self) -> None:
        assert [rounded_down(minor) for minor in (-1, 0, 7, 1_000, 1_009, 98_765_43)] == [
            0,
            0,
            7,
            1_000,
            1_000,
            9_870_000,
        ]
        company = SpendValues(spend_28d_minor={"BRL": 9_004_00})
        found = worked_out(added(*WON, company, ONE, gone(2_000_90), gone(2_010_00)))  # 2,000.80 each
        assert found.lost_before_payback_28d == {"BRL": 1}

    def test_refunds_above_all_that_was_paid_are_less_than_any_cost(self) -> None:
        assert worked_out(added(*SPENT, gone(-50_00))).lost_before_payback_28d == {"BRL": 1}

    def test_where_nobody_left_nobody_was_lost_and_where_no_margin_is_known_nobody_knows(self) -> None:
        assert worked_out(added(*SPENT, STAYED)).lost_before_payback_28d == {"BRL": 0}
        assert worked_out(added(*SPENT, gone(None))).lost_before_payback_28d == {}
        assert worked_out(added(*SPENT, gone(None), gone(5))).lost_before_payback_28d == {"BRL": 1}

    def test_who_left_counts_in_its_own_currency_alone_known_or_not(self) -> None:
        costs, dollars = {"BRL": 9.0, "USD": 9.0}, {"mrr_28d_ago_other_minor": {"USD": 5}}
        assert lost_before_payback(added(gone(7, **dollars)), costs) == {"BRL": 1, "USD": 0}
        assert lost_before_payback(added(gone(None, **dollars)), costs) == {"USD": 0}

    def test_without_a_cost_there_is_none_and_who_pays_on_or_left_long_ago_is_not_counted(self) -> None:
        assert worked_out(added(*WON, gone(5))).lost_before_payback_28d == {}
        assert worked_out(added(*SPENT, gone(5)), spent=False).lost_before_payback_28d == {}
        stays, long_gone = paid(5, 5, margin_to_date_minor=1), paid(0, 0, margin_to_date_minor=1)
        assert worked_out(added(*SPENT, stays, long_gone)).lost_before_payback_28d == {"BRL": 0}

    def test_sums_of_the_release_before_tell_none(self) -> None:
        assert worked_out(added(*SPENT, STAYED), edition=WITH_CHURN).lost_before_payback_28d == {}

    def test_a_restatement_takes_one_away(self) -> None:
        assert lost_before_payback({"lost_unknown:BRL": 1, "lost_at:BRL:5": 0}, {"BRL": 9.0}) == {}
        sums: Sums = {}
        merge(sums, added(gone(5)))
        merge(sums, change(gone(5), gone(5_000_00)))
        assert lost_before_payback(sums, {"BRL": 2_000_00.0}) == {"BRL": 0}
