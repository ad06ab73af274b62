"""Two tracks side by side, and their charts."""

from datetime import date
from xml.etree import ElementTree as ET

from alert_samples import AT, DAY, GREEN, daily
from backtest_samples import LEFT
from msgspec.structs import replace
from sink_samples import alert as archived

from schemas.alerts import Alert
from schemas.codec import MessageDecoder
from schemas.scores import Factor
from streams.backtest.foresight import Span, Windows
from streams.backtest.report import Report, compare, scored_days
from streams.backtest.track import Track
from streams.cli.charted import charts
from streams.metrics.days import DAY_MS, Days

NAMES = ("default@1", "stricter@2")
SPAN = Span(DAY, DAY + 9, DAY + 9)
WINDOWS = Windows(lookback_days=9, horizon_days=5)


def track(*bands: str, customer: str = "c1", leaves: bool = False) -> Track:
    kept = Track(Days())
    for day, band in enumerate(bands):
        score = {"red": 30.0, "yellow": 60.0, "green": 90.0}.get(band)
        kept.score(daily(day, band, score, customer_id=customer))
    if leaves:
        kept.movement(replace(LEFT, customer_id=customer))
    return kept


def both(present: Track, changed: Track, span: Span = SPAN) -> Report:
    return compare(NAMES, (present, changed), span, WINDOWS)


def test_bands_are_counted_by_day_within_the_span() -> None:
    report = both(track("green", "yellow", "red"), track("green", "red"), Span(DAY + 1, DAY + 2, DAY + 9))
    none = {"red": 0, "yellow": 0, "green": 0, "unknown": 0}
    assert report.present.bands == {date(2024, 10, 5): none | {"yellow": 1}, date(2024, 10, 6): none | {"red": 1}}
    assert report.changed.bands == {date(2024, 10, 5): none | {"red": 1}}
    assert (report.since, report.until, report.customers) == (date(2024, 10, 5), date(2024, 10, 6), 1)


def test_a_customer_in_another_band_comes_with_the_factors_that_moved_it() -> None:
    present, changed = Track(Days()), Track(Days())
    present.score(daily(0, "green", 80.0))
    moved = [
        Factor(factor="support", value=20.0, weight=0.5, earned=10.0, missed=40.0),
        Factor(factor="billing", value=90.0, weight=0.1, earned=9.0, missed=1.0),
        Factor(factor="adoption", value=50.0, weight=0.4, earned=20.0, missed=20.0),
    ]
    changed.score(daily(0, "red", 39.0, factors=moved))
    (found,) = both(present, changed).moved
    assert (found.present.band, found.changed.band, found.changed.score) == ("green", "red", 39.0)
    # adoption 0 > 20, billing 27 > 9, engagement 7.5 > 0, support 8 > 10
    assert [(one.factor, one.moved) for one in found.factors] == [
        ("adoption", 20.0),
        ("billing", -18.0),
        ("engagement", -7.5),
        ("support", 2.0),
        ("value", 0.0),
    ]
    assert (found.factors[0].present_value, found.factors[0].changed_value) == (None, 50.0)


def test_a_customer_that_only_one_profile_scores_is_unknown_under_the_other() -> None:
    report = both(track(), track("green", customer="c9"))
    assert [(one.customer_id, one.present.band, one.changed.band) for one in report.moved] == [
        ("c9", "unknown", "green")
    ]


def test_those_whose_score_moved_most_come_first_then_by_id() -> None:
    present, changed = Track(Days()), Track(Days())
    for customer, score in (("b", 70.0), ("a", 70.0), ("c", 40.0)):
        present.score(replace(GREEN, customer_id=customer))
        changed.score(replace(GREEN, customer_id=customer, band="yellow", score=score))
    assert [one.customer_id for one in both(present, changed).moved] == ["c", "a", "b"]


def test_warnings_are_judged_under_each_profile_for_every_signal_of_either() -> None:
    report = both(track("green", *["yellow"] * 5, leaves=True), track("green", "red", "red", "red", "red", leaves=True))
    assert [found.signal for found in report.present.foresight] == ["red"]
    (present,), (changed,) = report.present.foresight, report.changed.foresight
    assert (present.recall, present.lead_median, present.precision) == (0.0, None, None)
    assert (changed.recall, changed.lead_median, changed.precision) == (1.0, 4.0, 1.0)
    assert (report.present.churns, report.changed.churns) == (1, 1)


def test_alerts_are_counted_by_rule_when_they_opened_within_the_span() -> None:
    changed = track("green", "red")
    sample = MessageDecoder[Alert](Alert)(archived("opened", 1, "e1", AT).value)
    for number, day in enumerate((0, 1, 2, 2)):
        opened = replace(sample, episode_id=f"e{number}", rule="detractor", at=AT + (day + 1) * DAY_MS)
        changed.alert(opened)
    report = both(track("green"), changed, Span(DAY + 1, DAY + 2, DAY + 9))
    assert (report.present.alerts, report.changed.alerts) == ({}, {"detractor": 3})
    assert [(one.signal, one.warnings) for one in report.present.foresight] == [("detractor", 0), ("red", 0)]


def test_notes_say_what_is_undefined_and_why() -> None:
    notes = both(track("green"), track("red", leaves=True)).notes
    assert notes == [
        "default@1: nobody left in these days, so recall and lead time are undefined",
        "default@1: no warning began 5 days or more before the history ends, so precision is undefined",
        "the profiles count churn differently, so their recall and precision do not speak of the same",
    ]


def test_days_with_scores_are_those_of_either_track() -> None:
    assert scored_days((track(), track("green", "red"))) == (DAY, DAY + 1)
    assert scored_days((track(), track())) is None


def test_charts_are_svg_documents_that_name_both_profiles() -> None:
    drawn = charts(both(track("green", "yellow", "yellow"), track("green", "red", "red", leaves=True)))
    assert sorted(drawn) == ["bands.svg", "lead-red.svg"]
    for content in drawn.values():
        root = ET.fromstring(content)
        words = " ".join(root.itertext())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "default@1" in words
        assert "stricter@2" in words
    assert "2024-10-0" in drawn["bands.svg"]
    assert "unknown" not in drawn["bands.svg"]


def test_charts_of_one_day_and_without_any_warned_churn_can_be_drawn() -> None:
    drawn = charts(both(track("green"), track("green")))
    assert list(drawn) == ["bands.svg"]
    assert drawn == charts(both(track("green"), track("green")))
