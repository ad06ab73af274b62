"""The trainer over whole streams: determinism, no look-ahead, quality against an offline recomputation."""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.alerts import Alert
from schemas.models import ModelFigures, Quality
from schemas.scores import Labelled, Observation, ObservationsClosed, Outcome, Snapshot
from streams.alerts.model_machine import ModelAlerts
from streams.alerts.policy import ModelAlertPolicy
from streams.churn.arrears import Arrears
from streams.churn.calibration import Platt
from streams.churn.drift import DriftWatch
from streams.churn.evaluation import Evaluation
from streams.churn.labels import CustomerRecords
from streams.churn.learner import Learning
from streams.churn.ledger import TrainerLedger
from streams.churn.policy import ChurnPolicy
from streams.churn.quality import QualityFigures
from streams.churn.trainer import TrainerMachine
from streams.metrics.days import Days
from streams.metrics.partition import Emitted, MemoryPartition

HORIZON = 30
POLICY = ChurnPolicy(horizon_days=HORIZON)
# Changes at the least occasion, so that all of its state is worked hard in a stream of 30 weeks.
EVENTFUL = ChurnPolicy(
    horizon_days=HORIZON,
    week_labels=15,
    week_positives=1,
    promotion_weeks=2,
    promotion_margin=0.0,
    rollback_ratio=1.3,
    least_standard_errors=0.0,
    calibration_labels=100,
    calibration_ratio=1.05,
    calibration_back=1.04,
    drift_delta=0.999,
    drift_muted_days=0,
    variance_cap=0.1,
    least_kept=0.0,
    twin_least_kept=0.0,
)
# Keeps most of what it knew, so that it lags behind the world: drift is seen and a twin learns to the end.
LAGGING = msgspec.structs.replace(EVENTFUL, least_kept=0.98)
Script = list[Observation]


class Run:
    """A trainer with its partition and what it sent."""

    def __init__(self, partitions: int, policy: ChurnPolicy = POLICY) -> None:
        alerts = ModelAlerts("alerts.v1", "en", ModelAlertPolicy())
        figures = QualityFigures("metrics.v1", Days())
        self.machine = TrainerMachine(policy, partitions, alerts=alerts, figures=figures)
        self.sent: list[Emitted] = []
        self.part: MemoryPartition[CustomerRecords, TrainerLedger] = MemoryPartition(
            0, TrainerLedger(), self.machine.render, self.sent.append
        )
        self.policy = policy
        self.partitions = partitions

    def feed(self, records: Iterable[Observation]) -> "Run":
        for record in records:
            self.machine.step(self.part, self.part.offset + 1, record)
            ledger = self.part.meta
            taken = ledger.applied + ledger.duplicate + ledger.late + ledger.dead + ledger.own
            assert ledger.read == taken
        return self

    def restart(self) -> "Run":
        """Another process: a new machine over what the table kept as bytes."""
        encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
        other = Run(self.partitions, self.policy)
        other.sent.extend(self.sent)
        other.part.offset = self.part.offset
        other.part.meta = decode(encode(self.part.meta), type=TrainerLedger)
        other.part.states = {
            key: decode(encode(state), type=CustomerRecords) for key, state in self.part.states.items()
        }
        return other

    def labels(self) -> list[Labelled]:
        sent = [e.value or b"" for e in self.sent if e.topic == "observations.v1"]
        found = [msgspec.json.decode(value, type=Observation) for value in sent]
        return [msgspec.structs.replace(label, version=0) for label in found]

    def alerts(self) -> list[Alert]:
        sent = [e.value or b"" for e in self.sent if e.topic == "alerts.v1"]
        return [msgspec.structs.replace(msgspec.json.decode(value, type=Alert), version=0) for value in sent]

    def figures(self) -> list[ModelFigures]:
        sent = [e.value or b"" for e in self.sent if e.topic == "metrics.v1"]
        return [msgspec.structs.replace(msgspec.json.decode(value, type=ModelFigures), version=0) for value in sent]

    def essence(self) -> object:
        """All that must not depend on how the records came."""
        ledger = self.part.meta
        model = msgspec.structs.replace(self.machine.snapshot(self.part), version=0, counts={})
        return (
            msgspec.json.encode((model, ledger.evaluation, ledger.learning)),
            self.labels(),
            self.alerts(),
            self.figures(),
            sorted(self.part.states.items()),
        )


def stream(
    seed: int, customers: int, weeks: int, partitions: int, signal: float, rate: float = 0.02, drift: float = 1.0
) -> list[Script]:
    """Weekly snapshots, outcomes, markers per partition; silence makes leaving likelier by `signal`.

    In the second half of the time `drift` times as many leave.
    """
    source = random.Random(seed)
    scripts: list[Script] = [[] for _ in range(partitions)]
    alive = {f"c{i:04d}": i % partitions for i in range(customers)}
    temper = {key: source.gauss(0, 1) for key in alive}
    for day in range(weeks * 7):
        for key in sorted(alive):
            partition, z = alive[key], temper[key]
            now = rate * (drift if day * 2 >= weeks * 7 else 1.0)
            weekly = 1 / (1 + math.exp(-(math.log(now) + signal * z)))
            if source.random() < 1 - (1 - weekly) ** (1 / 7):
                scripts[partition].append(Outcome(customer_id=key, day=day))
                if source.random() < 0.9:
                    del alive[key]
                    continue
            if day % 7 == 3:
                features = {
                    "days_since_last_use": round(math.exp(1 + 0.8 * z + 0.3 * source.gauss(0, 1)), 2),
                    "tickets_open": float(source.randrange(4)),
                    "usage_trend": round(1 + 0.3 * source.gauss(0, 1), 3),
                }
                scripts[partition].append(Snapshot(customer_id=key, day=day, features=features))
        for partition, script in enumerate(scripts):
            script.append(ObservationsClosed(partition=partition, day=day))
    return scripts


def interleaved(scripts: Sequence[Script], source: random.Random) -> Script:
    """The records of the partitions in one order, each partition's own order kept."""
    queues = [list(reversed(script)) for script in scripts]
    merged: Script = []
    while any(queues):
        queue = source.choice([q for q in queues if q])
        for _ in range(min(len(queue), source.randrange(1, 40))):
            merged.append(queue.pop())
    return merged


def with_repetitions(script: Script, source: random.Random) -> Script:
    """As after crashes of a producer: it goes back and sends a stretch again, before it goes on."""
    at, repeated = 0, []
    while at < len(script):
        step = source.randrange(1, 60)
        repeated += script[at : at + step]
        at += step
        if source.random() < 0.3:
            at -= source.randrange(0, min(at, 80) + 1)
    return repeated


WEEKS = 30
SCRIPTS = stream(seed=6, customers=60, weeks=WEEKS, partitions=3, signal=1.2, rate=0.04)
ALL = interleaved(SCRIPTS, random.Random(0))
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
fewer = settings(few, max_examples=3)


@dataclass(frozen=True)
class Reference:
    """A stream under a policy."""

    policy: ChurnPolicy
    scripts: list[Script]

    @cached_property
    def essence(self) -> object:
        """What is learned of it in one go."""
        return self.begin().feed(interleaved(self.scripts, random.Random(0))).essence()

    def begin(self) -> Run:
        return Run(len(self.scripts), self.policy)


CHANGING = Reference(EVENTFUL, SCRIPTS)
DRIFTING = Reference(LAGGING, stream(6, customers=200, weeks=WEEKS, partitions=3, signal=1.2, rate=0.01, drift=6.0))


def in_pieces(of: Reference, records: Script, cuts: list[int]) -> Run:
    """Each piece in a process of its own."""
    run, start = of.begin(), 0
    for cut in [*sorted(cuts), len(records)]:
        run = run.restart().feed(records[start:cut])
        start = max(start, cut)
    return run


def test_the_references_have_seen_every_kind_of_change() -> None:
    run = Run(3, EVENTFUL).feed(ALL)
    told = run.machine.snapshot(run.part)
    assert {change.kind for change in told.changes} >= {"promotion", "rollback", "calibration_on", "calibration_off"}
    assert told.weeks
    run = DRIFTING.begin().feed(interleaved(DRIFTING.scripts, random.Random(0)))
    told = run.machine.snapshot(run.part)
    assert told.drift.count > 0
    assert "twin" in {challenger.kind for challenger in told.challengers}
    assert ("model_drift", "opened") in {(alert.rule, alert.status) for alert in run.alerts()}


def lose_drift(learning: Learning) -> None:
    learning.drift = DriftWatch(first=learning.drift.first)


def lose_twins(learning: Learning) -> None:
    contest = learning.contest
    contest.challengers = [one for one in contest.challengers if one.kind != "twin"]


def lose_arrears(learning: Learning) -> None:
    learning.arrears = Arrears()


def lose_calibration(learning: Learning) -> None:
    learning.platt = Platt()


@pytest.mark.parametrize(
    "of, lose",
    [(DRIFTING, lose_drift), (DRIFTING, lose_twins), (CHANGING, lose_arrears), (CHANGING, lose_calibration)],
    ids=["drift", "twins", "arrears", "calibration"],
)
def test_what_a_restart_lost_would_be_noticed(of: Reference, lose: Callable[[Learning], None]) -> None:
    records = interleaved(of.scripts, random.Random(1))
    run, piece = of.begin(), len(records) // 20
    for start in range(0, len(records), piece):
        run = run.restart()
        lose(run.part.meta.learning)
        run.feed(records[start : start + piece])
    assert run.essence() != of.essence


def test_people_are_told_of_every_kind_of_change() -> None:
    alerts = Run(3, EVENTFUL).feed(ALL).alerts()
    opened = {alert.rule for alert in alerts if alert.status == "opened"}
    assert opened >= {"model_promoted", "model_rolled_back", "model_calibrated"}
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    assert {alert.customer_id for alert in alerts} == {"_model"}


@few
@given(seed=st.integers(0, 2**32))
def test_any_interleaving_of_partitions_learns_the_same_bits(seed: int) -> None:
    assert Run(3, EVENTFUL).feed(interleaved(SCRIPTS, random.Random(seed))).essence() == CHANGING.essence


@fewer
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 4200), min_size=1, max_size=4))
def test_drift_and_twins_are_the_same_bits_in_any_interleaving_with_repetitions_in_any_pieces(
    seed: int, cuts: list[int]
) -> None:
    source = random.Random(seed)
    plain = interleaved(DRIFTING.scripts, source)
    assert in_pieces(DRIFTING, plain, cuts).essence() == DRIFTING.essence
    again = interleaved([with_repetitions(script, source) for script in DRIFTING.scripts], source)
    assert DRIFTING.begin().feed(again).essence() == DRIFTING.essence


@few
@given(seed=st.integers(0, 2**32))
def test_records_sent_again_after_a_crash_change_nothing(seed: int) -> None:
    source = random.Random(seed)
    run = Run(3, EVENTFUL).feed(interleaved([with_repetitions(script, source) for script in SCRIPTS], source))
    assert run.essence() == CHANGING.essence
    assert run.part.meta.applied == sum(map(len, SCRIPTS))


@few
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 1800), min_size=1, max_size=4))
def test_pieces_in_processes_of_their_own_learn_what_one_go_learns(seed: int, cuts: list[int]) -> None:
    records = interleaved(SCRIPTS, random.Random(seed))
    assert in_pieces(CHANGING, records, cuts).essence() == CHANGING.essence


@few
@given(seed=st.integers(0, 2**32), partitions=st.integers(1, 5))
def test_another_number_of_partitions_learns_the_same_model(seed: int, partitions: int) -> None:
    everything = [r for script in SCRIPTS for r in script if not isinstance(r, ObservationsClosed)]
    scripts: list[Script] = [[] for _ in range(partitions)]
    for day in range(WEEKS * 7):
        for record in everything:
            if record.day == day:
                scripts[int(record.customer_id[1:]) % partitions].append(record)
        for partition, script in enumerate(scripts):
            script.append(ObservationsClosed(partition=partition, day=day))
    assert Run(partitions, EVENTFUL).feed(interleaved(scripts, random.Random(seed))).essence() == CHANGING.essence


@few
@given(day=st.integers(0, WEEKS * 7))
def test_what_happens_after_a_day_never_moves_a_probability_given_on_it(day: int) -> None:
    until = [[r for r in script if r.day <= day] for script in SCRIPTS]
    cut = Run(3).feed(interleaved(until, random.Random(1)))
    pending = [p for records in cut.part.states.values() for p in records.pending]
    known = {(label.customer_id, label.day): label.probability for label in Run(3).feed(ALL).labels()}
    told = {(key, p.day): p.probability for key, records in cut.part.states.items() for p in records.pending}
    assert len(pending) == len(told)
    for at, probability in told.items():
        assert known.get(at, probability) == probability


def test_frozen_features_travel_unchanged_into_their_label() -> None:
    sent = {(r.customer_id, r.day): r.features for r in ALL if isinstance(r, Snapshot)}
    labels = Run(3).feed(ALL).labels()
    assert labels
    assert all(sent[label.customer_id, label.day] == label.features for label in labels)


def rank_auc(pairs: list[tuple[float, bool]]) -> float:
    """Mann-Whitney over all pairs, ties counted half."""
    leavers = [p for p, churned in pairs if churned]
    stayers = [p for p, churned in pairs if not churned]
    won = sum((a > b) + 0.5 * (a == b) for a in leavers for b in stayers)
    return won / len(leavers) / len(stayers)


def offline(labels: list[Labelled], outcomes: dict[str, list[int]], last_day: int, base_rate: float) -> Quality:
    """The quality recomputed from the labels sent, day of maturity by day of maturity."""
    mature = [label for label in labels if label.day + HORIZON <= last_day]
    log_loss = constant = 0.0
    n = positives = 0
    for day in sorted({label.day + HORIZON for label in mature}):
        today = [label for label in mature if label.day + HORIZON == day]
        guess = (positives + 1) / (n + 1 / base_rate)
        for label in today:
            assert label.churned == any(label.day < d <= day for d in outcomes.get(label.customer_id, []))
            log_loss -= math.log(label.probability if label.churned else 1 - label.probability)
            constant -= math.log(guess if label.churned else 1 - guess)
        n, positives = n + len(today), positives + sum(label.churned for label in today)
    return Quality(
        observations=0,
        labelled=n,
        positives=positives,
        customers_churned=len({label.customer_id for label in mature if label.churned}),
        roc_auc=rank_auc([(label.probability, label.churned) for label in mature]),
        log_loss=log_loss / n,
        log_loss_constant=constant / n,
        mean_predicted=sum(label.probability for label in mature) / n,
        mean_observed=positives / n,
    )


@pytest.mark.parametrize("signal", [0.0, 1.5])
def test_quality_equals_an_independent_recomputation_from_the_labels(signal: float) -> None:
    weeks = 30
    scripts = stream(seed=3, customers=60, weeks=weeks, partitions=2, signal=signal, rate=0.03)
    run = Run(2).feed(interleaved(scripts, random.Random(2)))
    outcomes: dict[str, list[int]] = {}
    for record in (r for script in scripts for r in script if isinstance(r, Outcome)):
        outcomes.setdefault(record.customer_id, []).append(record.day)
    want = offline(run.labels(), outcomes, weeks * 7 - 1, POLICY.base_rate)
    got = run.part.meta.evaluation.quality()
    assert got.observations == sum(isinstance(r, Snapshot) for script in scripts for r in script)
    assert (got.labelled, got.positives, got.customers_churned) == (
        want.labelled,
        want.positives,
        want.customers_churned,
    )
    assert got.roc_auc == pytest.approx(want.roc_auc, abs=run.part.meta.evaluation.roc_auc_error() + 1e-12)
    for name in ("log_loss", "log_loss_constant", "mean_predicted", "mean_observed"):
        assert getattr(got, name) == pytest.approx(getattr(want, name), rel=1e-12)


def test_a_known_signal_is_found_and_beats_the_constant_guess() -> None:
    run = Run(2).feed(interleaved(stream(5, 200, 60, 2, signal=1.2), random.Random(2)))
    quality = run.part.meta.evaluation.quality()
    assert quality.roc_auc is not None
    assert quality.log_loss is not None
    assert quality.log_loss_constant is not None
    assert quality.roc_auc > 0.65
    assert quality.log_loss < 0.95 * quality.log_loss_constant
    assert quality.mean_predicted == pytest.approx(quality.mean_observed, rel=0.25)
    assert not run.machine.snapshot(run.part).is_prior


def test_pure_noise_is_not_sold_as_knowledge() -> None:
    run = Run(2).feed(interleaved(stream(5, 200, 60, 2, signal=0.0), random.Random(2)))
    quality = run.part.meta.evaluation.quality()
    assert quality.roc_auc is not None
    assert quality.log_loss is not None
    assert quality.log_loss_constant is not None
    assert 0.4 < quality.roc_auc < 0.6
    assert quality.log_loss == pytest.approx(quality.log_loss_constant, rel=0.05)
    assert quality.mean_predicted == pytest.approx(quality.mean_observed, rel=0.25)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=2, max_size=60).filter(
        lambda pairs: len({churned for _, churned in pairs}) == 2
    )
)
def test_binned_auc_is_within_its_stated_error_of_exact_ranks(pairs: list[tuple[float, bool]]) -> None:
    evaluation = Evaluation()
    for probability, churned in pairs:
        evaluation.add(probability, churned, 0.1, new_customer=False)
    assert evaluation.roc_auc() == pytest.approx(rank_auc(pairs), abs=evaluation.roc_auc_error() + 1e-12)
