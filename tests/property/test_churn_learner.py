"""The trainer and what it serves: scorers say what was tested, bad labels are undone, drift starts a challenger."""

import math
import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_churn_stream import ALL, EVENTFUL, HORIZON, Run, Script, interleaved, stream

from schemas.models import Calibration, ModelSnapshot
from schemas.scores import Censored, ObservationsClosed, Outcome, Snapshot
from streams.churn.exact import logit
from streams.churn.features import FEATURES
from streams.churn.learner import Learner, Learning
from streams.churn.parameters import ForeignModelError
from streams.churn.policy import ChurnPolicy
from streams.churn.scale import Constant
from streams.churn.scoring import ChurnScorer
from streams.churn.seats import Score

POLICY = ChurnPolicy(horizon_days=HORIZON)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def days_of(script: Script) -> Iterator[Script]:
    """The records of a single partition, day by day."""
    day: Script = []
    for record in script:
        day.append(record)
        if isinstance(record, ObservationsClosed):
            yield day
            day = []


def test_a_scorer_says_bit_for_bit_what_the_trainer_tests_whoever_serves() -> None:
    (script,) = stream(seed=6, customers=60, weeks=30, partitions=1, signal=1.2, rate=0.04)
    run, scorer, seen = Run(1, EVENTFUL), ChurnScorer(EVENTFUL), set()
    for day in days_of(script):
        if run.part.meta.learning.monday is not None:
            # What changes at a new week is published with the first day of it: score with what that day is tested by.
            opened = run.restart()
            opened.machine._learner(opened.part).open(day[-1].day)
            scorer.load(
                msgspec.structs.replace(opened.machine.snapshot(opened.part), model_version=scorer.model_version + 1)
            )
        snapshots = [record for record in day if isinstance(record, Snapshot)]
        said = {record.customer_id: scorer.score(record.features) for record in snapshots}
        run.feed(day)
        for record in snapshots:
            state = run.part.get(record.customer_id)
            assert state is not None
            tested = [p for p in state.pending if p.day == record.day]
            assert [p.probability for p in tested] == [said[record.customer_id].probability]
            assert (tested[0].raw is not None) == scorer.calibrated
            seen.add((scorer.champion, scorer.calibrated))
    assert {champion for champion, _ in seen} >= {"rls", "adagrad"}
    assert {calibrated for _, calibrated in seen} == {True, False}


def test_what_served_on_the_newest_days_with_snapshots_is_told() -> None:
    run = Run(3).feed(ALL)
    told = run.machine.snapshot(run.part)
    assert [one.day - told.tested[-1].day for one in told.tested] == [7, 0]
    assert set(told.tested[0].weights) == {name for name, *_ in run.machine._learner(run.part).champion.constants}


def flipped(script: Script, since: int) -> Script:
    """From a day on the customers that are silent stay, and those that are busy leave."""
    turned: Script = []
    for record in script:
        if isinstance(record, Snapshot) and record.day >= since:
            silent = record.features["days_since_last_use"]
            turned.append(msgspec.structs.replace(record, features={"days_since_last_use": 40.0 / max(silent, 0.1)}))
        else:
            turned.append(record)
    return turned


def test_a_world_upside_down_is_rolled_back_twice_then_learned() -> None:
    (script,) = stream(seed=6, customers=500, weeks=55, partitions=1, signal=1.6, rate=0.01)
    run = Run(1).feed(flipped(script, since=180))
    told = run.machine.snapshot(run.part)
    changes = [change for change in told.changes if change.day >= 180]
    assert [change.kind for change in changes] == ["rollback", "rollback", "promotion"]
    assert [change.after for change in changes] == ["rls of day 180", "prior", told.champion]
    assert told.champion_kind == "twin"
    assert told.drift.alarms[0].direction == "fewer_leave"
    # What was upside down is learned: the last weeks rank right again, and beat the constant guess.
    assert all(week.roc_auc is not None and week.roc_auc > 0.6 for week in told.weeks[-2:])
    assert told.weeks[-1].log_loss < told.weeks[-1].log_loss_constant
    assert all(math.isfinite(weight) for weight in told.parameters["weights"])


def test_a_drift_alarm_starts_a_twin_that_learns() -> None:
    (script,) = stream(seed=5, customers=600, weeks=42, partitions=1, signal=0.5, rate=0.01)
    more = stream(seed=6, customers=600, weeks=42, partitions=1, signal=0.5, rate=0.03)[0]
    late = [r for r in more if isinstance(r, Outcome) and r.day >= 200]
    merged = sorted([*script, *late], key=lambda r: (r.day, isinstance(r, ObservationsClosed)))
    run = Run(1, msgspec.structs.replace(POLICY, week_labels=10**6)).feed(merged)
    told = run.machine.snapshot(run.part)
    assert [(alarm.day, alarm.direction) for alarm in told.drift.alarms] == [(250, "more_leave")]
    twins = [c for c in told.challengers if c.kind == "twin"]
    assert [twin.name for twin in twins] == ["twin-250"]
    assert twins[0].labelled > 0
    state = next(c for c in run.part.meta.learning.contest.challengers if c.kind == "twin")
    assert state.parameters is not None
    assert state.parameters.learned > 0


def test_the_first_months_of_another_model_that_serves_are_muted_like_those_of_the_first() -> None:
    policy = msgspec.structs.replace(EVENTFUL, drift_muted_days=60)
    run, muted = Run(3, policy), dict[str, int | None]()
    for record in ALL:
        run.feed([record])
        if isinstance(record, ObservationsClosed):
            told = run.machine.snapshot(run.part)
            muted[f"{told.champion} since {told.champion_since_day}"] = told.drift.muted_until_day
    (first, until), *others = muted.items()
    assert (first, until) == ("rls since None", 3 + 30 + 60)
    for name, day in others:
        since = int(name.rpartition(" ")[2])
        assert day is None or day >= since + 30 + 60
    assert any(day is not None for _, day in others)


def closed(*days: int) -> Script:
    return [ObservationsClosed(partition=0, day=day) for day in days]


def test_censored_customers_are_neither_learned_from_nor_counted() -> None:
    def snapshot(key: str, day: int) -> Snapshot:
        return Snapshot(customer_id=key, day=day, features={"nps": 10.0})

    run = Run(1).feed([snapshot("a", 3), snapshot("b", 3), snapshot("c", 3), *closed(3)])
    run.feed([Outcome(customer_id="b", day=5), *closed(5)])
    gone = [Censored(customer_id=key, day=10, reason="deleted") for key in ("a", "b")]
    run.feed([*gone, gone[0], snapshot("a", 10), snapshot("a", 17), *closed(10, 40)])
    told = run.machine.snapshot(run.part)
    # b left five days before it was deleted: that counts no more. Of a snapshots of days 3 and 10 never get a label.
    assert (told.quality.labelled, told.quality.positives) == (1, 0)
    assert told.counts["censored"] == 3
    assert run.part.meta.duplicate == 1
    state = run.part.get("a")
    assert state is not None
    assert [p.day for p in state.pending] == [17]


@pytest.mark.parametrize("day", [-1, 50_000, 10**12])
def test_days_that_cannot_be_are_counted_and_change_nothing(day: int) -> None:
    run = Run(1).feed(closed(3))
    before = run.part.meta.trained_through
    run.feed([Snapshot(customer_id="a", day=day, features={}), Outcome(customer_id="a", day=day)])
    run.feed(closed(day))
    assert run.part.meta.trained_through == before
    assert run.part.get("a") is None
    ledger = run.part.meta
    assert ledger.dead + ledger.late + ledger.duplicate == 3
    assert ledger.waiting == []


hostile_days = st.one_of(st.integers(-5, 120), st.sampled_from([-(2**62), 2**62, 47_482, 47_483]))
keys = st.sampled_from(["a", "b", "\x00model", "_clock", ""])
numbers = st.one_of(st.floats(), st.sampled_from([1e308, -1e308, math.nan, math.inf, 0.0, 5e-324]))
features = st.dictionaries(st.sampled_from(["nps", "mrr", "days_since_last_use", "no such"]), numbers, max_size=3)
observations = st.one_of(
    st.builds(Snapshot, customer_id=keys, day=hostile_days, features=features),
    st.builds(Outcome, customer_id=keys, day=hostile_days),
    st.builds(Censored, customer_id=keys, day=hostile_days, reason=st.sampled_from(["deleted", "merged", "test"])),
    st.builds(ObservationsClosed, partition=st.integers(-1, 2), day=hostile_days),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(observations, max_size=40))
def test_any_records_at_all_leave_a_sound_model(records: Script) -> None:
    run = Run(1, EVENTFUL).feed(records)
    told = run.machine.snapshot(run.part)
    assert all(math.isfinite(weight) for weight in told.parameters["weights"])
    scorer = ChurnScorer(EVENTFUL)
    scorer.load(msgspec.structs.replace(told, model_version=1))
    assert 0.0 < scorer.score({"nps": 1e308}).probability < 1.0
    assert run.restart().essence() == run.essence()


def test_thousands_of_outcomes_of_one_customer_are_one_a_day() -> None:
    run = Run(1).feed([Snapshot(customer_id="a", day=3, features={"nps": 1.0}), *closed(3)])
    for day in range(4, 10):
        run.feed([Outcome(customer_id="a", day=day)] * 500 + closed(day))
    told = run.machine.snapshot(run.part)
    assert told.counts["learned"] == 2
    assert run.part.meta.duplicate == 6 * 499


def published() -> ModelSnapshot:
    run = Run(3).feed(ALL)
    return run.machine.snapshot(run.part)


SOUND = published()
nonsense = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@few
@given(st.sampled_from(sorted(SOUND.parameters)), nonsense)
def test_corrupt_parameters_are_refused_or_sound_and_never_half_taken(name: str, value: object) -> None:
    scorer = ChurnScorer(POLICY)
    before = scorer.score({"nps": 5.0})
    corrupt = msgspec.structs.replace(SOUND, parameters={**SOUND.parameters, name: value})
    try:
        scorer.load(corrupt)
    except ForeignModelError:
        assert (scorer.model_version, scorer.score({"nps": 5.0})) == (0, before)
    assert 0.0 < scorer.score({"nps": 5.0, "mrr": 1e308}).probability < 1.0


@pytest.mark.parametrize(
    "change",
    [
        {"calibration": Calibration(on=True, slope=0.0)},
        {"calibration": Calibration(on=True, slope=-1.0)},
        {"calibration": Calibration(on=True, slope=math.nan)},
        {"calibration": Calibration(on=True, slope=math.inf)},
        {"calibration": Calibration(on=True, slope=10.1)},
        {"calibration": Calibration(on=True, intercept=-50.1)},
        {"calibration": Calibration(on=True, intercept=math.nan)},
        {"horizon_days": 0},
        {"horizons": [30, -1]},
        {"horizons": [10**9]},
        {"horizons": list(range(1, 300))},
        {"parameters": {}},
    ],
)
def test_a_snapshot_with_an_impossible_part_is_foreign_and_changes_nothing(change: dict[str, object]) -> None:
    scorer = ChurnScorer(POLICY, SOUND)
    before = scorer.score({"nps": 5.0})
    with pytest.raises(ForeignModelError):
        scorer.load(msgspec.structs.replace(SOUND, model_version=10**6, **change))
    assert (scorer.model_version, scorer.score({"nps": 5.0})) == (SOUND.model_version, before)


@few
@given(st.floats(0.3, 3.0), st.floats(-2.0, 2.0), st.floats(-100.0, 100.0))
def test_a_calibration_is_part_of_the_weights_so_reasons_still_add_up(slope: float, shift: float, nps: float) -> None:
    raw, scaled = ChurnScorer(POLICY, SOUND), ChurnScorer(POLICY)
    scaled.load(msgspec.structs.replace(SOUND, calibration=Calibration(on=True, slope=slope, intercept=shift)))
    row = {"nps": nps, "days_since_last_use": 9.0}
    given_raw, risk = raw.probability(row), scaled.score(row)
    assert risk.calibrated
    wanted = POLICY.bounded(1 / (1 + math.exp(-(slope * logit(given_raw) + shift))))
    assert risk.probability == pytest.approx(wanted, rel=1e-9)
    at = math.log(risk.probability / (1 - risk.probability))
    if POLICY.probability_floor < risk.probability < 1 - POLICY.probability_floor:
        assert risk.baseline + sum(risk.families.values()) == pytest.approx(at, abs=1e-9)


def test_a_score_tells_other_horizons_and_they_rise() -> None:
    risk = ChurnScorer(POLICY).score({"nps": 5.0})
    assert list(risk.horizons) == ["30", "60", "90"]
    assert risk.horizons["30"] == risk.probability
    assert risk.horizons["30"] < risk.horizons["60"] < risk.horizons["90"]


def test_a_snapshot_fits_into_fifty_kilobytes() -> None:
    run = Run(3, EVENTFUL).feed(interleaved(stream(7, 60, 60, 3, 1.2, 0.04), random.Random(1)))
    assert len(run.machine.snapshot(run.part).weeks) == 26
    assert len(msgspec.json.encode(run.machine.snapshot(run.part))) < 50_000


@few
@given(
    st.lists(st.floats(-49.9, 49.9), min_size=len(FEATURES) + 1, max_size=len(FEATURES) + 1),
    st.floats(0.1, 1e3) | st.floats(0.1, 1e300),
    st.dictionaries(st.sampled_from([feature.name for feature in FEATURES]), st.floats(5e-324, 1e308)),
    st.dictionaries(st.sampled_from([feature.name for feature in FEATURES]), st.floats(-1e308, 1e308)),
)
def test_a_published_model_of_any_weights_is_refused_or_scores(
    weights: list[float], clip: float, scales: dict[str, float], row: dict[str, float]
) -> None:
    scorer = ChurnScorer(POLICY)
    rows = msgspec.convert(SOUND.parameters["constants"], list[Constant])
    constants = [(name, kind, typical, scales.get(name, scale)) for name, kind, typical, scale in rows]
    changed = {"weights": weights, "clip": clip, "constants": constants}
    foreign = msgspec.structs.replace(SOUND, parameters={**SOUND.parameters, **changed})
    if clip > 1e3 or math.isinf(1.0 / min(scales.values(), default=1.0)):
        with pytest.raises(ForeignModelError, match="scale or clip"):
            scorer.load(foreign)
    else:
        assert scorer.load(foreign)
    risk = scorer.score(row)
    assert 0.0 < risk.probability < 1.0
    assert all(math.isfinite(reason.odds_ratio) for reason in risk.raising + risk.protecting)


def test_a_new_champion_ends_the_calibration_and_says_so() -> None:
    learning = Learning()
    learner = Learner(POLICY, learning, None)
    learner.open(4)
    learning.platt.on, learning.platt.since = True, 4
    learning.contest.week, learning.contest.left = Score(200, 150.0, 50.0, 10.0), 10
    learner.open(11)
    changes = [(change.kind, change.day) for change in learning.contest.changes]
    assert changes == [("rollback", 11), ("calibration_off", 11)]
    assert set(learning.contest.changes[-1].figures) == {"slope", "intercept"}
    assert (learning.platt.on, learning.platt.since) == (False, 11)
