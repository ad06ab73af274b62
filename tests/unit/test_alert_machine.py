"""Which scores alarm, and which only repeat."""

from typing import Any

import msgspec
import pytest
from alert_samples import AT, DETRACTOR, FACTORS, GREEN, Rig, daily, live

from schemas.metrics import NpsAnswer
from streams.alerts.machine import Watched
from streams.metrics.days import DAY_MS, HOUR_MS

OPENED, UPDATED, RESOLVED = ("health_red", "opened"), ("health_red", "updated"), ("health_red", "resolved")
BETTER = msgspec.structs.replace(DETRACTOR, score=8, nps_class="passive")


def test_a_fall_to_red_is_told_once_and_its_end_too() -> None:
    rig = Rig()
    assert rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "red", 39.0, "red")) == [OPENED]
    assert rig.take(daily(2, "yellow", 60.0, "red"), daily(3, "green", 80.0, "yellow")) == [RESOLVED]
    opened, resolved = rig.alerts
    assert opened.episode_id == resolved.episode_id == f"health_red:c1:{AT + DAY_MS}"
    assert (opened.alert_id, resolved.alert_id) == (f"{opened.episode_id}:1", f"{opened.episode_id}:2")
    assert (opened.opened_at, resolved.opened_at, resolved.at) == (AT + DAY_MS, AT + DAY_MS, AT + 3 * DAY_MS)


def test_an_alert_says_why_and_what_is_at_stake() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.04, "yellow", previous_score=61.0))
    (alert,) = rig.alerts
    assert alert.facts == {
        "score": 40.0,
        "previous_score": 61.0,
        "mrr_minor": 123_456,
        "currency": "BRL",
        "factor_1": "support",
        "missed_1": 32.0,
        "factor_2": "engagement",
        "missed_2": 22.5,
    }
    assert (alert.trigger_event_id, alert.severity, alert.next_step) == ("e-7", "critical", "call_customer")


@pytest.mark.parametrize("before", ["red", "unknown", None])
def test_who_was_not_known_to_be_better_did_not_fall(before: str | None) -> None:
    assert Rig().take(daily(0, "red", 40.0, before)) == []


def test_who_does_not_pay_does_not_alarm() -> None:
    assert Rig().take(daily(0, "red", 40.0, "green", paying=False)) == []


def test_days_without_data_do_not_make_a_fall_invisible() -> None:
    rig = Rig()
    blind = [daily(0, "unknown", None, "green", previous_score=80.0), daily(1, "unknown", 40.0, "unknown")]
    assert rig.take(*blind, daily(2, "red", 40.0, "unknown")) == [OPENED]
    assert rig.alerts[0].facts["previous_score"] == 80.0


def test_days_without_data_are_forgotten_once_there_are_data() -> None:
    rig = Rig()
    rig.take(daily(0, "unknown", None, "green"), daily(1, "green", 80.0, "unknown"))
    assert rig.part.get("c1") is not None
    assert rig.take(daily(2, "red", 40.0, "red")) == []


def test_an_unknown_band_ends_nothing() -> None:
    rig = Rig()
    assert rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "unknown", None, "red")) == [OPENED]
    assert rig.take(daily(2, "red", 40.0, "unknown"), daily(3, "yellow", 60.0, "red")) == [RESOLVED]


def test_a_customer_that_left_ends_its_episode_otherwise_than_one_that_recovered() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "red", None, "red", paying=False))
    assert rig.alerts[1].facts["ended"] == "left"
    assert rig.alerts[1].facts["score"] is None


def test_health_that_goes_on_falling_is_told_again_at_every_ten_points() -> None:
    rig = Rig()
    assert rig.take(daily(0, "red", 45.0, "yellow"), daily(1, "red", 36.0, "red")) == [OPENED]
    assert rig.take(daily(2, "red", 35.0, "red"), daily(3, "red", 30.0, "red")) == [UPDATED]
    assert rig.take(daily(4, "yellow", 60.0, "red")) == [RESOLVED]
    assert (rig.alerts[2].facts["score_told"], rig.alerts[2].facts["score"]) == (35.0, 60.0)


def test_a_second_fall_within_the_cooldown_waits_and_is_told_if_it_lasts() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "yellow", 60.0, "red"))
    assert rig.take(daily(2, "red", 41.0, "yellow", previous_score=60.0)) == []
    assert rig.take(*(daily(day, "red", 42.0, "red", previous_score=42.0) for day in range(3, 8))) == []
    assert rig.take(daily(8, "red", 43.0, "red", previous_score=42.0)) == [OPENED]
    assert (rig.alerts[-1].facts["score"], rig.alerts[-1].facts["previous_score"]) == (43.0, 60.0)


def test_a_second_fall_within_the_cooldown_is_not_told_if_it_passes() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "yellow", 60.0, "red"))
    assert rig.take(daily(2, "red", 41.0, "yellow"), daily(3, "yellow", 60.0, "red")) == []
    assert rig.take(daily(9, "red", 41.0, "red")) == []
    assert rig.take(daily(10, "yellow", 60.0, "red"), daily(11, "red", 41.0, "yellow")) == [OPENED]


def test_a_second_fall_after_the_cooldown_is_another_episode() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "yellow", 60.0, "red"))
    assert rig.take(daily(8, "red", 41.0, "yellow")) == [OPENED]
    assert rig.alerts[0].episode_id != rig.alerts[2].episode_id


def test_live_scores_alarm_while_fresh() -> None:
    now = AT + 2 * DAY_MS
    assert Rig().take(live(DAY_MS, "red", 40.0, "yellow"), now_ms=now) == [OPENED]
    assert Rig().take(live(DAY_MS - 1, "red", 40.0, "yellow"), now_ms=now) == []


def test_a_daily_score_of_an_earlier_instant_neither_ends_nor_renews_what_a_live_one_told() -> None:
    rig = Rig()
    assert rig.take(live(25 * HOUR_MS, "red", 40.0, "yellow")) == [OPENED]
    assert rig.take(daily(0, "yellow", 60.0, "yellow")) == []
    rig = Rig()
    rig.take(live(25 * HOUR_MS, "red", 40.0, "yellow"))
    assert rig.take(daily(0, "red", 20.0, "yellow")) == []
    assert rig.take(daily(1, "yellow", 60.0, "red")) == [RESOLVED]


def test_a_daily_score_opens_though_live_ones_came_before() -> None:
    rig = Rig()
    rig.take(live(25 * HOUR_MS, "yellow", 55.0, "yellow"))
    assert rig.take(daily(0, "red", 45.0, "yellow"), daily(1, "yellow", 60.0, "red")) == [OPENED, RESOLVED]


def test_a_live_score_compared_with_the_new_day_counts_again() -> None:
    rig = Rig()
    stale = live(25 * HOUR_MS, "yellow", 51.0, "yellow", previous_score=55.0)
    again = live(25 * HOUR_MS, "red", 51.0, "red", previous_score=45.0)
    # it alarmed before, so it has a state
    rig.take(daily(-20, "red", 40.0, "yellow"), daily(-9, "yellow", 55.0, "red"))
    rig.take(stale, daily(0, "red", 45.0, "yellow", previous_score=55.0), again)
    assert rig.alerts[-1].status == "opened"
    assert rig.take(stale) == []  # sent again after a crash: it would end the episode
    assert rig.take(again, daily(1, "yellow", 60.0, "red")) == [RESOLVED]


def test_live_scores_repeated_after_a_day_that_opened_an_episode_do_not_end_it() -> None:
    """A customer without an alarm has no state, so the live score that came before the day had not been noted."""
    rig = Rig()
    stale = live(25 * HOUR_MS, "yellow", 48.0, "yellow", previous_score=55.0)
    day = daily(0, "red", 45.0, "yellow", previous_score=55.0)
    again = live(25 * HOUR_MS, "red", 48.0, "red", previous_score=45.0)
    assert rig.take(stale, day) == [OPENED]
    assert rig.take(stale, day, again) == []
    assert rig.take(live(26 * HOUR_MS, "yellow", 55.0, "red", previous_score=45.0)) == [RESOLVED]


def test_a_live_score_from_before_a_day_that_was_first_conflated_away_does_not_end_an_episode() -> None:
    rig = Rig()
    day = daily(0, "red", 45.0, "yellow", previous_score=55.0)
    before = live(25 * HOUR_MS, "yellow", 55.0, "yellow", previous_score=55.0)
    conflated = live(26 * HOUR_MS, "yellow", 48.0, "yellow", previous_score=55.0)
    again = live(26 * HOUR_MS, "red", 48.0, "red", previous_score=45.0)
    rig.take(daily(-20, "red", 40.0, "yellow"), daily(-9, "yellow", 55.0, "red"))  # so it has a state
    assert rig.take(before, day) == [OPENED]
    assert rig.take(before, conflated, day, again) == []


def test_days_repeated_after_the_first_alarm_of_a_customer_do_not_count() -> None:
    """A live score began the state, so it knows no day; between the repeated days an older live score counted."""
    rig = Rig()
    before = [daily(-2, "red", 40.0), live(1, "yellow", 51.0, "red", previous_score=40.0)]
    after = [daily(-1, "yellow", 51.0, "red"), live(1, "red", 49.0, "yellow", previous_score=51.0)]
    assert rig.take(*before, *after) == [OPENED]
    assert rig.take(*before, *after) == []


def test_a_customer_that_never_alarmed_has_no_state() -> None:
    rig = Rig()
    rig.take(GREEN, daily(1, "yellow", 60.0, "green"))
    assert rig.part.states == {}
    assert rig.part.meta.seen == 2


def test_a_state_ahead_of_the_log_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    monkeypatch.setattr(rig.part, "ahead", lambda key, offset: True)
    assert rig.take(daily(0, "red", 40.0, "yellow")) == []


def test_a_detractor_is_told_once_and_expires() -> None:
    rig = Rig()
    days = [daily(day, "green", 80.0, "green", answers=[DETRACTOR]) for day in range(20)]
    assert rig.take(*days) == [("detractor", "opened"), ("detractor", "resolved")]
    opened, resolved = rig.alerts
    assert opened.episode_id == f"detractor:c1:{AT + DAY_MS}:r1"
    assert opened.trigger_event_id == resolved.trigger_event_id == "e-9"
    assert resolved.facts["ended"] == "expired"
    assert resolved.at - DETRACTOR.answered_at > 14 * DAY_MS


def test_an_old_answer_is_no_news() -> None:
    old = msgspec.structs.replace(DETRACTOR, answered_at=AT - 14 * DAY_MS)
    assert Rig().take(daily(0, "green", 80.0, "green", answers=[old])) == []


def test_an_answer_completed_later_is_told_again_and_improved_ends() -> None:
    rig = Rig()
    short = msgspec.structs.replace(DETRACTOR, reason=None)
    answers = [short, short, DETRACTOR, BETTER, DETRACTOR]
    steps = rig.take(*(daily(day, "green", 80.0, "green", answers=[answer]) for day, answer in enumerate(answers)))
    assert steps == [("detractor", "opened"), ("detractor", "updated"), ("detractor", "resolved")]
    assert rig.alerts[1].facts["reason"] == DETRACTOR.reason
    assert rig.alerts[2].facts["ended"] == "answered_better"


def test_every_detractor_has_an_episode_and_only_its_own_better_answer_ends_it() -> None:
    rig = Rig()
    other = msgspec.structs.replace(DETRACTOR, response_id="r2", event_id="e-10", respondent_id="caio")
    assert rig.take(daily(0, "green", 80.0, "green", answers=[DETRACTOR])) == [("detractor", "opened")]
    assert rig.take(daily(1, "green", 80.0, "green", answers=[other])) == [("detractor", "opened")]
    later = msgspec.structs.replace(
        BETTER, response_id="r3", respondent_id="caio", answered_at=other.answered_at + HOUR_MS
    )
    assert rig.take(daily(2, "green", 80.0, "green", answers=[later])) == [("detractor", "resolved")]
    assert rig.alerts[-1].episode_id.endswith(":r2")
    nobody = msgspec.structs.replace(BETTER, response_id="r4", respondent_id=None)
    assert rig.take(daily(3, "green", 80.0, "green", answers=[nobody])) == []


def test_every_detractor_of_a_day_has_an_episode() -> None:
    """One score of the day is all a replay has; the newest answer alone was told."""
    rig = Rig()
    others = [answered(f"r{n}", AT + n, respondent_id=f"user {n}") for n in range(2, 5)]
    promoter = answered("r9", AT + 9, score=10, nps_class="promoter", respondent_id="rui")
    answers = [DETRACTOR, *others, promoter]
    days = [daily(day, "green", 80.0, "green", answers=answers) for day in range(3)]
    assert rig.take(*days, *days) == [("detractor", "opened")] * 4
    assert [alert.facts["response"] for alert in rig.alerts] == ["r1", "r2", "r3", "r4"]
    assert len({alert.episode_id for alert in rig.alerts}) == 4


def test_what_live_scores_told_the_day_does_not_tell_again() -> None:
    rig = Rig()
    first, second, third = (answered(f"r{n}", AT + n * HOUR_MS) for n in (2, 3, 4))
    rig.take(live(3 * HOUR_MS, "green", 80.0, "green", answers=[first]))
    rig.take(live(6 * HOUR_MS, "green", 80.0, "green", answers=[first, second, third]))
    assert rig.take(daily(0, "green", 80.0, "green", answers=[first, second, third])) == []
    assert [alert.facts["response"] for alert in rig.alerts] == ["r2", "r3", "r4"]


def test_who_answers_better_on_the_same_day_is_told_and_then_resolved() -> None:
    rig = Rig()
    worse = answered("r2", AT + 1, respondent_id="caio")
    better = answered("r3", AT + 2, score=9, nps_class="promoter", respondent_id="caio")
    last = answered("r4", AT + 3, score=9, nps_class="promoter", respondent_id="rui")
    days = [daily(day, "green", 80.0, "green", answers=[worse, better, last]) for day in range(3)]
    assert rig.take(days[0]) == [("detractor", "opened"), ("detractor", "resolved")]
    assert (rig.alerts[0].at, rig.alerts[1].at) == (days[0].as_of, days[0].as_of)
    assert rig.alerts[1].facts["ended"] == "answered_better"
    assert rig.take(*days) == []


def test_an_earlier_better_answer_of_the_same_person_ends_nothing() -> None:
    earlier = answered("r0", AT - 1, score=9, nps_class="promoter", respondent_id="caio")
    worse = answered("r2", AT + 1, respondent_id="caio")
    days = [daily(day, "green", 80.0, "green", answers=[earlier, worse]) for day in range(3)]
    assert Rig().take(*days) == [("detractor", "opened")]


def answered(response: str, at: int, **changes: Any) -> NpsAnswer:
    changed: NpsAnswer = msgspec.structs.replace(DETRACTOR, response_id=response, answered_at=at, **changes)
    return changed


def test_what_is_long_over_is_forgotten() -> None:
    rig = Rig()
    rig.take(*(daily(day, "green", 80.0, "green", answers=[DETRACTOR]) for day in range(20)))
    rig.take(daily(60, "green", 80.0, "green"))
    state = rig.part.get("c1")
    assert state is not None
    assert state.episodes == {}


def test_language_is_the_customers_or_the_companys() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow", locale="pt"))
    rig.take(daily(0, "red", 40.0, "yellow", locale=None, customer_id="c2"))
    assert [alert.locale for alert in rig.alerts] == ["pt", "en"]
    assert "caiu para o vermelho" in rig.alerts[0].text


def test_a_score_without_factors_still_makes_a_message() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow", factors=FACTORS[3:], name=None, owner=None, currency=None))
    assert "Loses most points on: –." in rig.alerts[0].text
    assert rig.alerts[0].text.startswith("c1: health fell to red. ")


def test_a_generated_answer_is_marked() -> None:
    rig = Rig()
    answer: NpsAnswer = msgspec.structs.replace(DETRACTOR, generated=True)
    rig.take(daily(0, "green", 80.0, "green", answers=[answer]))
    assert "generated sample data" in str(rig.alerts[0].blocks)


def test_the_state_survives_the_changelog() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow", answers=[DETRACTOR]), daily(1, "unknown", None, "red"))
    state = rig.part.get("c1")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Watched) == state
