"""The day close of the benchmark: the product's own machines close a day of copied customers and score it."""

import pytest

from bench.day_close import LIVE, SCORES, TAKEN, faults, lines, measure
from bench.day_tables import DOMAINS, Part, prepared

CUSTOMERS, DAYS = 30, 3


@pytest.mark.parametrize("apart", [False, True])
def test_every_customer_closes_in_each_daily_domain_and_is_scored(apart: bool) -> None:
    found = measure(*prepared(CUSTOMERS, DAYS), DAYS, apart)
    assert list(found) == [*DOMAINS, TAKEN, SCORES, LIVE]
    sent = {name: part.outputs for name, part in found.items()}
    marker = 1
    for daily in ("usage", "support", "revenue", "feedback"):
        assert marker < sent[daily] <= CUSTOMERS + marker  # of those the domain knows
    assert sent["account"] == marker  # accounts are told of when they change
    tallies = 2  # of all customers, in no segment, and their marker
    assert sent[SCORES] == 3 * CUSTOMERS + tallies + marker  # health, upsell, and churn, for all of them pay
    assert sent[LIVE] == 0  # nothing newer is known of anybody
    assert all(part.longest_seconds <= part.seconds for part in found.values())


def test_a_card_of_a_scored_day_holds_each_value_once_and_no_names() -> None:
    closing, scoring = prepared(CUSTOMERS, DAYS)
    assert scoring is not None
    before = scoring.bytes_each
    measure(closing, scoring, DAYS)
    assert 400 < scoring.bytes_each < 1_200  # with names, and days that share nothing, 7,000
    assert len(scoring.saved) == CUSTOMERS
    assert before != scoring.bytes_each


def test_of_some_domains_nothing_is_scored() -> None:
    assert list(measure(*prepared(CUSTOMERS, DAYS, ["usage"]), DAYS)) == ["usage"]


def test_figures_are_told_per_customer_and_for_the_customers_of_the_target() -> None:
    found = {"usage": Part(seconds=0.5, longest_seconds=0.01, outputs=5), "scores": Part(1.5, 0.02, 7)}
    head, usage, scores, whole = lines(found, 10_000)
    assert head.split()[-2:] == ["ms", "sent"]
    assert usage.split() == ["usage", "50.0", "5.00", "20,000", "10.0", "5"]
    assert scores.split() == ["scores", "150.0", "15.00", "6,667", "20.0", "7"]
    assert whole.split() == ["all", "200.0", "20.00", "5,000", "20.0", "12"]


def test_a_target_missed_is_a_fault_of_its_part() -> None:
    slow, long = Part(0.5, 0.01), Part(0.1, 0.201)
    assert faults({"slow": slow, "long": long, "fine": Part(0.499, 0.2)}, 10_000) == [
        "slow takes 5.0 s for 100,000 customers, wanted under 5",
        "a piece of long takes 201 ms, wanted at most 200",
    ]
