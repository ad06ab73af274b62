"""bench/churn/drift: a company is its seed, its events are sound, and what is told of its drift is right."""

import msgspec
import numpy as np
import pytest

from bench.churn.company import FIRST_DAY, Plan, company
from bench.churn.drift import STEPS, Life, _with_beats, lived, recovery, watched_days
from schemas.codec import EventDecoder, encode
from schemas.models import DriftAlarm
from schemas.registry import INPUT_TOPICS
from streams.backtest.churn.sample import Sample
from streams.metrics.days import DAY_MS, is_sunday
from streams.metrics.profile import load_profile

SMALL = Plan(seed=3, customers=30, new=1, weeks=30, drift_week=20)


def test_a_company_is_its_seed_and_its_events_are_sound_and_in_order() -> None:
    made = company(SMALL)
    assert made == company(SMALL)
    assert made.events != company(SMALL._replace(seed=4)).events
    times = [int(happened.event.occurred_at) for happened in made.events]
    assert times == sorted(times)
    assert len({happened.event.event_id for happened in made.events}) == len(made.events)
    decoders = {topic.name: EventDecoder(topic.message) for topic in INPUT_TOPICS}
    for topic, event in made.events:
        assert decoders[topic](event.customer_id.encode(), encode(event), (), times[-1]) == event
    assert {type(event).__name__ for _, event in made.events} == {
        "AccountSet",
        "FeatureUsed",
        "SubscriptionEnded",
        "SubscriptionSet",
        "SurveyAnswered",
        "TicketOpened",
        "TicketSolved",
    }


def test_the_truth_is_a_probability_of_every_sunday_and_changes_with_the_law() -> None:
    made, steady = company(SMALL), company(SMALL._replace(drift_week=None))
    assert all(is_sunday(day) and 0.0 < p < 1.0 for (_, day), p in made.truth.items())
    drift = SMALL.drift_day
    assert drift == FIRST_DAY + 140
    before = [key for key in made.truth if key[1] + 1 < drift]
    assert all(made.truth[key] == steady.truth[key] for key in before)
    eve = [key for key in made.truth if key[1] + 1 == drift]
    assert eve
    assert all(made.truth[key] != steady.truth[key] for key in eve)


def test_a_day_begins_with_a_beat_and_the_last_one_ends_with_one() -> None:
    events = company(SMALL._replace(customers=1, new=0)).events[:3]
    days = [int(happened.event.occurred_at) // DAY_MS for happened in events]
    found = [(at // DAY_MS, happened) for at, happened in _with_beats(events)]
    beats = [day for day, happened in found if happened is None]
    assert beats == [*range(days[0], days[-1] + 2)]
    assert [happened for _, happened in found if happened is not None] == events
    assert list(_with_beats([])) == [(0, None)]


def test_a_life_holds_every_mature_label_beside_the_truth() -> None:
    life = lived(SMALL, load_profile("default"))
    assert len(life.truth) == len(life.sample) > 300
    assert life.sample.day.max() <= FIRST_DAY + 7 * SMALL.weeks - 30
    seen = life.labels_seen()
    assert (seen[life.sample.day < (SMALL.drift_day or 0)] == -1).all()
    assert seen.max() == int((life.sample.day[seen >= 0] <= life.sample.day.max() - 30).sum())
    steps = recovery([life])
    assert [step.seen for step in steps] == [-1, 0]
    settled = life.sample.day >= life.sample.day[0] + 120
    assert [step.snapshots for step in steps] == [int((settled & (seen < 0)).sum()), int((seen >= 0).sum())]


def made_up(days: list[int], alarms: list[int], drift_week: int | None = 10) -> Life:
    """A life in which the model says what is so, and the oracle the contrary."""
    count = len(days)
    churned = np.arange(count) % 2 == 0
    sample = Sample(
        day=np.array(days),
        customer=np.arange(count),
        features=np.zeros((count, 1)),
        probability=np.where(churned, 0.9, 0.1),
        churned=churned,
        names=("a",),
        horizon_days=30,
    )
    told = [DriftAlarm(day=FIRST_DAY + day, direction="more_leave", before=0.0, after=0.1, labels=9) for day in alarms]
    return Life(Plan(1, drift_week=drift_week), told, 100, sample, np.where(churned, 0.1, 0.9))


@pytest.mark.parametrize(
    "alarms,false,delay", [([], 0, None), ([69], 1, None), ([70], 0, -30), ([20, 69, 107, 130], 2, 7)]
)
def test_an_alarm_is_false_before_the_change(alarms: list[int], false: int, delay: int | None) -> None:
    life = made_up([FIRST_DAY], alarms)  # the law changes on day 70, its first label matures on day 100
    assert (life.false_alarms, life.delay_days) == (false, delay)


def test_of_a_steady_company_every_alarm_is_false() -> None:
    life = made_up([FIRST_DAY], [20, 200], drift_week=None)
    assert (life.felt_day, life.false_alarms, life.delay_days) == (None, 2, None)
    assert life.labels_seen().tolist() == [-1]


def test_labels_seen_are_those_mature_when_a_snapshot_is_scored() -> None:
    life = made_up([FIRST_DAY + day for day in (69, 70, 77, 99, 100, 107)], [])
    assert life.labels_seen().tolist() == [-1, 0, 0, 0, 1, 2]


def test_recovery_is_told_by_labels_seen_and_by_all_companies_together() -> None:
    days = sorted(FIRST_DAY + 70 + i % 130 for i in range(2_600))
    first, second = recovery([made_up(days, []), made_up(days, [])])
    assert (first.seen, second.seen) == STEPS[:2]
    assert first.snapshots + second.snapshots == 2 * 2_600
    assert (first.model, first.oracle) == (1.0, 0.0)
    assert first.less == (1.0, 1.0)
    assert msgspec.structs.asdict(made_up([FIRST_DAY], []))["watched_days"] == 100


def test_watched_are_the_days_on_which_an_alarm_could_be_raised() -> None:
    """Weekly snapshots from day 3 on; the first label matures on day 33, 90 days later the first alarm may come."""
    sample = made_up([*range(3, 400, 7)], []).sample
    assert sample.horizon_days == 30
    assert watched_days([3], sample, 300, 90) == 300 - (3 + 30 + 90)
    # Another model serves from day 150 on; its first snapshot is that of day 150.
    assert watched_days([3, 150], sample, 300, 90) == (150 - 123) + (300 - 270)
    assert watched_days([3, 150, 290], sample, 300, 90) == (150 - 123) + (290 - 270)
    assert watched_days([3], sample, 100, 90) == 0
    assert watched_days([3, 399], sample, 400, 90) == 399 - 123  # no snapshot of its own
