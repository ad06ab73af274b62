"""Every bad input at once, through the whole trainer: nothing raises, nothing is poisoned, people are told in order."""

import math
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_churn_stream import EVENTFUL, Run, Script

from schemas.codec import MessageDecoder, SchemaError
from schemas.models import ModelSnapshot
from schemas.scores import Censored, Observation, ObservationsClosed, Outcome, Snapshot
from streams.churn.parameters import ForeignModelError
from streams.churn.scoring import ChurnScorer

SOUND = msgspec.json.encode(msgspec.structs.replace((fresh := Run(1)).machine.snapshot(fresh.part), model_version=3))
NESTED = b'{"parameters":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001
READ = MessageDecoder[Observation](Observation)
NAMES = ["nps", "mrr", "days_since_last_use", "tickets_open", "unseen", ""]
bad_number = st.one_of(
    st.floats(),
    st.sampled_from([1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf, 0.0, 1e18]),
)
foreign: Any = st.one_of(bad_number, st.none(), st.text(max_size=2), st.booleans(), st.just(Decimal("1e400")))
keys = st.sampled_from(["a", "b", "c", "d", "_model", "\x00model", ""])


@st.composite
def worlds(draw: st.DrawFn) -> Script:
    """Fifteen weeks in which days come twice, go back, are skipped or lie far off, and labels are made up."""
    source, script, day = random.Random(draw(st.integers(0, 2**32))), list[Observation](), 0
    poison = draw(st.lists(st.dictionaries(st.sampled_from(NAMES), bad_number, max_size=4), min_size=1, max_size=4))
    for _ in range(draw(st.integers(5, 15))):
        day += source.choice([7, 7, 7, 8, 30, -9, 0])
        for key in source.choices(["a", "b", "c", "d", "e", "_model", ""], k=6):
            kind, at = source.random(), day + source.choice([0, 0, 0, -40, 3, 10**7, -(2**60)])
            if kind < 0.6:
                script.append(Snapshot(customer_id=key, day=at, features=source.choice(poison)))
            elif kind < 0.9:
                script.append(Outcome(customer_id=key, day=at))
            else:
                script.append(Censored(customer_id=key, day=at, reason="deleted"))
        script.append(ObservationsClosed(partition=source.choice([0, 0, 0, 1, -1]), day=day))
    return script


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.integers(0, 100))
def test_no_world_breaks_the_trainer_and_a_restart_anywhere_changes_nothing(script: Script, share: int) -> None:
    run, cut = Run(1, EVENTFUL).feed(script), len(script) * share // 100
    told = run.machine.snapshot(run.part)
    assert all(map(math.isfinite, told.parameters["weights"]))  # type: ignore[call-overload]
    scorer = ChurnScorer(EVENTFUL)
    assert scorer.load(msgspec.structs.replace(told, model_version=told.model_version + 1))
    for row in ({name: value} for name in NAMES for value in (1e308, math.nan, -1e18)):
        assert 0.0 < scorer.score(row).probability < 1.0
    assert Run(1, EVENTFUL).feed(script[:cut]).restart().feed(script[cut:]).essence() == run.essence()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_whatever_happens_opened_and_resolved_alternate(script: Script) -> None:
    steps: dict[str, list[str]] = defaultdict(list)
    days: dict[str, list[int]] = defaultdict(list)
    for alert in Run(1, EVENTFUL).feed(script).alerts():
        steps[alert.rule].append(alert.status)
        days[alert.rule].append(alert.at)
    for rule, found in steps.items():
        ends = [step for step in found if step != "updated"]
        assert ends == ["opened", "resolved"] * (len(ends) // 2) + ["opened"] * (len(ends) % 2)
        assert days[rule] == sorted(days[rule])


@settings(max_examples=120, deadline=None)
@given(keys, st.dictionaries(st.sampled_from(NAMES), foreign, max_size=4), foreign)
def test_what_is_no_observation_is_refused_at_reading_or_harmless(key: str, row: dict[str, Any], day: Any) -> None:
    record = {"type": "snapshot", "customer_id": key, "day": day, "features": row}
    run = Run(1, EVENTFUL)
    try:
        raw = msgspec.json.encode(record)
        run.feed([READ(raw)])
    except SchemaError:
        run.machine.dead(run.part, 0)
    run.feed([ObservationsClosed(partition=0, day=50)])
    assert all(map(math.isfinite, run.machine.snapshot(run.part).parameters["weights"]))  # type: ignore[call-overload]


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 4000), st.integers(0, 255))
def test_a_torn_or_foreign_snapshot_never_changes_what_scores(tail: bytes, at: int, byte: int) -> None:
    place = at % len(SOUND)
    for raw in (SOUND[:place] + tail, SOUND[:place] + bytes([byte]) + SOUND[place + 1 :], tail, NESTED):
        scorer = ChurnScorer(EVENTFUL)
        before = scorer.probability({"nps": 5.0})
        try:
            taken = scorer.load(MessageDecoder[ModelSnapshot](ModelSnapshot)(raw))
        except (SchemaError, ForeignModelError):
            taken = False
        if not taken:
            assert (scorer.model_version, scorer.probability({"nps": 5.0})) == (0, before)
        assert 0.0 < scorer.score({"nps": 5.0, "mrr": math.inf}).probability < 1.0
        assert math.isfinite(scorer.score({"nps": 5.0}).baseline)
