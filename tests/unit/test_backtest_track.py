"""What is kept of a profile's scores, alerts and movements."""

from alert_samples import AT, DAY, daily
from backtest_samples import LEFT
from msgspec.structs import replace
from sink_samples import alert as archived

from schemas.alerts import Alert
from schemas.codec import MessageDecoder
from streams.backtest.track import Churned, Spell, Track
from streams.metrics.days import DAY_MS, Days


def track(until: int | None = None) -> Track:
    return Track(Days(), until)


def test_red_spells_last_from_the_first_red_day_to_the_first_that_is_not() -> None:
    kept = track()
    for day, band in enumerate(["green", "red", "red", "yellow", "red", "unknown", "red"]):
        kept.score(daily(day, band, 40.0))
    assert kept.warnings() == {
        "red": [Spell("c1", DAY + 1, DAY + 3), Spell("c1", DAY + 4, DAY + 5), Spell("c1", DAY + 6, None)]
    }


def test_red_without_paying_is_no_warning_and_ends_one() -> None:
    kept = track()
    kept.score(daily(0, "red", 40.0))
    kept.score(daily(1, "red", 20.0, paying=False))
    kept.score(daily(2, "red", 20.0, paying=False))
    assert kept.warnings() == {"red": [Spell("c1", DAY, DAY + 1)]}
    assert kept.bands[DAY + 2] == {"red": 1}


def test_bands_are_counted_by_day_and_the_standing_ends_with_the_limit() -> None:
    kept = track(until=DAY)
    for customer, band in (("a", "green"), ("b", "red"), ("c", "green")):
        kept.score(daily(0, band, 60.0, customer_id=customer))
    kept.score(daily(1, "unknown", None, customer_id="a"))
    assert kept.bands == {DAY: {"green": 2, "red": 1}, DAY + 1: {"unknown": 1}}
    assert {customer: score.band for customer, score in kept.standing.items()} == {
        "a": "green",
        "b": "red",
        "c": "green",
    }


def test_an_episode_stands_from_the_day_it_tells_of_to_the_one_of_its_end() -> None:
    kept = track()
    sample = MessageDecoder[Alert](Alert)(archived("opened", 1, "e1", AT + DAY_MS).value)
    opened = replace(sample, customer_id="c2", rule="detractor")
    kept.alert(opened)
    kept.alert(replace(opened, status="updated", at=AT + 2 * DAY_MS))
    kept.alert(opened)  # sent twice
    assert kept.warnings() == {"red": [], "detractor": [Spell("c2", DAY, None)]}
    kept.alert(replace(opened, status="resolved", at=AT + 4 * DAY_MS))
    assert kept.alerts() == {"detractor": [Spell("c2", DAY, DAY + 3)]}


def test_only_standing_churns_count_once_a_customer_and_day() -> None:
    kept = track()
    kept.movement(LEFT)
    kept.movement(replace(LEFT, currency="USD"))
    kept.movement(replace(LEFT, customer_id="c2", movement="contraction", mrr_after_minor=50))
    kept.movement(replace(LEFT, customer_id="c3"))
    kept.movement(replace(LEFT, customer_id="c3", removed=True))
    assert kept.churned() == [Churned(DAY + 5, "c1")]
