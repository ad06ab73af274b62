"""Warnings against churn, worked out by hand."""

import pytest

from streams.backtest.foresight import Foresight, Span, Windows, foresight
from streams.backtest.track import Churned, Spell

WINDOWS = Windows(lookback_days=30, horizon_days=20)
SPAN = Span(since=0, until=100, known=110)


def judged(spells: list[Spell], *churned: tuple[int, str], span: Span = SPAN) -> Foresight:
    return foresight("red", spells, [Churned(*one) for one in churned], span, WINDOWS)


def test_lead_time_counts_from_the_first_day_of_warning_to_the_churn() -> None:
    found = judged([Spell("a", 40, 43), Spell("a", 46, None)], (50, "a"))
    assert found.lead_days == [10]
    assert (found.lead_lower, found.lead_median, found.lead_upper) == (10.0, 10.0, 10.0)
    assert (found.churns, found.warned, found.recall) == (1, 1, 1.0)


def test_lead_time_is_at_most_the_lookback_and_an_older_warning_none() -> None:
    assert judged([Spell("a", 5, None)], (50, "a")).lead_days == [30]
    assert judged([Spell("a", 5, 21)], (50, "a")).lead_days == [30]  # day 20 was under warning, 30 before
    missed = judged([Spell("a", 5, 20)], (50, "a"))  # day 19 was the last
    assert (missed.lead_days, missed.recall, missed.lead_median) == ([], 0.0, None)


def test_a_warning_on_the_day_of_the_churn_or_of_somebody_else_is_none() -> None:
    found = judged([Spell("a", 50, None), Spell("b", 40, None)], (50, "a"))
    assert (found.warned, found.recall) == (0, 0.0)
    assert (found.warnings, found.followed) == (2, 0)


def test_quartiles_are_those_of_the_sample() -> None:
    # Leads 2, 4, 6, 8, 20: a quarter of the way from the first to the last of five is the second.
    spells = [Spell(name, 60 - lead, None) for name, lead in zip("abcde", (20, 2, 8, 4, 6), strict=True)]
    found = judged(spells, *((60, name) for name in "abcde"))
    assert found.lead_days == [2, 4, 6, 8, 20]
    assert (found.lead_lower, found.lead_median, found.lead_upper) == (4.0, 6.0, 8.0)
    # Of four the quartiles lie between: 2 + 0.75 * 2, 4 + 0.5 * 2, 6 + 0.25 * 2.
    found = judged(spells[1:], *((60, name) for name in "bcde"))
    assert (found.lead_lower, found.lead_median, found.lead_upper) == (3.5, 5.0, 6.5)


def test_precision_counts_warnings_and_customers_apart() -> None:
    spells = [
        Spell("a", 10, 12),  # left on day 30: 20 days after, within the horizon
        Spell("a", 20, 25),
        Spell("b", 10, 12),  # left on day 31: too late
        Spell("c", 10, None),
        Spell("d", 91, None),  # the horizon ends on day 111, the history on 110
    ]
    found = judged(spells, (30, "a"), (31, "b"), (95, "d"))
    assert (found.warnings, found.mature, found.followed) == (5, 4, 2)
    assert found.precision == 0.5
    assert (found.customers, found.customers_churned) == (3, 1)
    assert found.customer_precision == pytest.approx(1 / 3)


def test_a_churn_of_the_day_the_warning_began_is_not_followed() -> None:
    assert judged([Spell("a", 10, None)], (10, "a")).followed == 0
    assert judged([Spell("a", 10, None)], (10, "a"), (15, "a")).followed == 1


def test_only_churns_and_beginnings_within_the_span_count_and_outcomes_after_it_do() -> None:
    span = Span(since=20, until=40, known=110)
    spells = [Spell("a", 15, 30), Spell("b", 40, None), Spell("c", 41, None)]
    found = judged(spells, (19, "x"), (20, "a"), (50, "b"), (50, "c"), span=span)
    assert (found.churns, found.warned, found.lead_days) == (1, 1, [5])
    assert (found.warnings, found.followed) == (1, 1)  # of b alone, who left after the span


def test_without_a_sample_every_figure_is_undefined() -> None:
    found = judged([])
    assert (found.recall, found.precision, found.customer_precision) == (None, None, None)
    assert (found.lead_lower, found.lead_median, found.lead_upper) == (None, None, None)
    assert (found.churns, found.warnings, found.customers) == (0, 0, 0)
