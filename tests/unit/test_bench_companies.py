"""bench/churn/companies: kinds of companies are what they are called, and are judged as a file of events is."""

from datetime import date

import numpy as np
import pytest

from bench.churn import companies
from bench.churn.companies import KINDS, Judged, judged, words
from bench.churn.company import FIRST_DAY, HORIZON_DAYS, Company, Plan, _renews, company
from schemas.envelope import epoch_ms
from schemas.events import SubscriptionEnded, SubscriptionSet
from schemas.registry import BILLING, SURVEYS, TICKETS, USAGE
from streams.backtest.churn.figures import Figure
from streams.metrics.days import DAY_MS, from_date, to_date

SMALL = Plan(seed=3, customers=40, new=1, weeks=30, drift_week=None)


def left(made: Company) -> dict[str, int]:
    """Days on which customers left."""
    ended = [happened.event for happened in made.events if isinstance(happened.event, SubscriptionEnded)]
    return {event.customer_id: epoch_ms(event.occurred_at) // DAY_MS for event in ended}


def begun(made: Company) -> dict[str, int]:
    """Days on which customers began."""
    days: dict[str, int] = {}
    for _, event in made.events:
        if isinstance(event, SubscriptionSet):
            days.setdefault(event.customer_id, epoch_ms(event.occurred_at) // DAY_MS)
    return days


def test_a_level_is_of_the_log_odds_of_leaving() -> None:
    few, many = company(SMALL._replace(level=-2.0)), company(SMALL._replace(level=2.0))
    assert len(left(few)) < len(left(company(SMALL))) < len(left(many))
    plain = company(SMALL).truth
    one = next(key for key in plain if key in few.truth)
    odds = [1.0 / (1.0 - (1.0 - p) ** (7 / HORIZON_DAYS)) - 1.0 for p in (plain[one], few.truth[one])]
    assert np.log(odds[1] / odds[0]) == pytest.approx(2.0)


def test_a_season_comes_and_goes_with_the_year() -> None:
    plan = SMALL._replace(season=0.7)
    assert [round(plan.tide(week), 3) for week in (0, 13, 39)] == [0.0, 0.7, -0.7]
    assert {plan._replace(season=0.0).tide(week) for week in range(52)} == {0.0}


def test_what_is_untold_is_left_out_and_nothing_else() -> None:
    made, told = company(SMALL), company(SMALL._replace(untold=frozenset({TICKETS.name, SURVEYS.name, USAGE.name})))
    assert {topic for topic, _ in made.events} > {TICKETS.name, USAGE.name}
    assert [h for h in made.events if h.topic not in {TICKETS.name, SURVEYS.name, USAGE.name}] == told.events
    assert made.truth == told.truth


def test_yearly_customers_begin_in_the_course_of_a_year_and_leave_on_an_anniversary_alone() -> None:
    made = company(SMALL._replace(customers=60, new=1, weeks=120, yearly=True, level=1.5))
    first, last = begun(made), left(made)
    assert last
    for key, day in last.items():
        start, end = to_date(first[key]), to_date(day)
        assert (start.month, start.day, start.year < end.year) == (end.month, end.day, True)
    assert len({first[f"c{number:05d}"] for number in range(52)}) > 40
    for (key, sunday), chance in made.truth.items():
        assert (chance > 0.0) == (_renews(first[key], sunday) <= sunday + HORIZON_DAYS)
    terms = [event for _, event in made.events if isinstance(event, SubscriptionSet)]
    assert {(event.interval, event.auto_renews) for event in terms} == {("year", True)}


@pytest.mark.parametrize(
    "day,renews",
    [(date(2023, 3, 6), date(2024, 3, 6)), (date(2024, 3, 5), date(2024, 3, 6)), (date(2024, 3, 6), date(2025, 3, 6))],
)
def test_a_renewal_is_the_first_anniversary_after_a_day(day: date, renews: date) -> None:
    assert _renews(from_date(date(2023, 3, 6)), from_date(day)) == from_date(renews)


@pytest.fixture(scope="module")
def small() -> Judged:
    """Judged once: opponents are fitted again and again for it."""
    return judged(SMALL, draws=5)


def test_a_company_is_judged_beside_the_oracle(small: Judged) -> None:
    one = small
    assert one.life.events == len(company(SMALL).events)
    assert one.evaluation.judged is not None
    assert one.evaluation.judged.customers_churned > 0
    assert one.monthly == pytest.approx(one.life.sample.churned.mean())
    assert one.oracle is not None
    assert -1.0 < one.oracle.less < 1.0
    assert one.oracle.interval.low <= one.oracle.interval.high
    assert 0.0 < one.oracle.ece < 0.1
    assert 0.3 < one.oracle.ratio < 3.0  # of few leavers
    assert judged(SMALL._replace(weeks=20), draws=2).oracle is None  # nothing after the first 120 days


def test_every_kind_is_printed_with_its_targets(
    small: Judged, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans: list[Plan] = []
    monkeypatch.setattr(companies, "judged", lambda plan: (plans.append(plan), small)[1])
    monkeypatch.setattr("sys.argv", ["companies", "small", "few leave", "--seed", "3"])
    assert companies.main() == 0
    assert plans == [KINDS["small"]._replace(seed=3), KINDS["few leave"]._replace(seed=3)]
    told = capsys.readouterr().out
    assert "small, seed 3:" in told
    assert "few leave, seed 3:" in told
    assert "ROC AUC less the oracle's" in told
    assert "predicted / observed, first 120 days" in told
    assert "drift alarms: none" in told


def test_every_kind_is_another_company() -> None:
    assert len({plan._replace(seed=0) for plan in KINDS.values()}) == len(KINDS)
    assert all(plan.drift_week is None and BILLING.name not in plan.untold for plan in KINDS.values())
    assert FIRST_DAY % 7 == 4  # a Monday


def test_figures_in_words() -> None:
    assert words(Figure(None, None, None)) == "-"
    assert words(Figure(0.5, None, None)) == "0.5000"
    assert words(Figure(0.5, 0.25, 1.0)) == "0.5000 \\[0.2500, 1.0000]"
