"""Delayed labels, one customer at a time, through the trainer machine."""

import msgspec
import pytest

from schemas.models import ModelSnapshot
from schemas.scores import Censored, Labelled, Observation, ObservationsClosed, Outcome, Snapshot
from streams.churn.booster_fit import Trees
from streams.churn.labels import CustomerRecords
from streams.churn.ledger import TrainerLedger
from streams.churn.model import MODEL_NAME
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer
from streams.churn.trainer import MODEL_KEY, TrainerMachine
from streams.metrics.partition import Emitted, MemoryPartition

H = 30
POLICY = ChurnPolicy(horizon_days=H, min_customers_churned=1)


class Bench:
    """A trainer of one scoring partition, fed by hand."""

    def __init__(self, policy: ChurnPolicy = POLICY, partitions: int = 1) -> None:
        self.sent: list[Emitted] = []
        self.machine = TrainerMachine(policy, partitions)
        self.part: MemoryPartition[CustomerRecords, TrainerLedger] = MemoryPartition(
            0, TrainerLedger(), self.machine.render, self.sent.append
        )

    def step(self, *records: Observation) -> "Bench":
        for record in records:
            self.machine.step(self.part, self.part.offset + 1, record)
        return self

    def snapshot(self, day: int, customer: str = "a", **features: float) -> "Bench":
        return self.step(Snapshot(customer_id=customer, day=day, features=features))

    def outcome(self, day: int, customer: str = "a") -> "Bench":
        return self.step(Outcome(customer_id=customer, day=day))

    def close(self, day: int, partition: int = 0) -> "Bench":
        return self.step(ObservationsClosed(partition=partition, day=day))

    @property
    def ledger(self) -> TrainerLedger:
        return self.part.meta

    def censored(self, day: int, customer: str = "a") -> "Bench":
        return self.step(Censored(customer_id=customer, day=day, reason="merged"))

    def labels(self) -> list[tuple[int, bool | None, int]]:
        decoded = [msgspec.json.decode(e.value, type=Observation) for e in self.sent if e.topic == "observations.v1"]
        return [(d.day, d.churned, d.labelled_day) for d in decoded if isinstance(d, Labelled)]


@pytest.mark.parametrize(
    "outcome,labels,positives",
    [
        (100, [(100, False, 130)], 0),  # on the snapshot's own day: over before the snapshot
        (101, [(100, True, 101)], 1),
        (130, [(100, True, 130)], 1),  # last day of the window
        (131, [(100, False, 130)], 0),  # one day after
    ],
)
def test_an_outcome_labels_the_snapshots_in_whose_window_it_falls(
    outcome: int, labels: list[tuple[int, bool, int]], positives: int
) -> None:
    bench = Bench().snapshot(100).outcome(outcome).close(140)
    assert bench.labels() == labels
    assert (bench.ledger.evaluation.labelled, bench.ledger.evaluation.positives) == (1, positives)


def test_a_label_is_not_counted_before_its_window_has_passed() -> None:
    bench = Bench().snapshot(100).outcome(105).close(129)
    assert bench.labels() == [(100, True, 105)]
    assert bench.ledger.evaluation.labelled == 0
    bench.close(130)
    assert bench.ledger.evaluation.labelled == 1


def test_a_window_past_the_end_of_the_stream_stays_pending() -> None:
    bench = Bench().snapshot(100).close(129)
    assert bench.labels() == []
    assert bench.ledger.evaluation.observations == 1
    records = bench.part.get("a")
    assert records is not None
    assert [p.day for p in records.pending] == [100]


def test_a_customer_that_comes_back_is_a_new_risk_and_one_churned_customer() -> None:
    bench = Bench().snapshot(100).outcome(105).snapshot(110).outcome(112).outcome(120).close(150)
    assert bench.labels() == [(100, True, 105), (110, True, 112)]
    assert (bench.ledger.evaluation.positives, bench.ledger.evaluation.customers_churned) == (2, 1)


def test_a_customer_that_comes_back_and_stays_is_a_stayer_again() -> None:
    bench = Bench().snapshot(100).outcome(105).snapshot(110).close(150)
    assert bench.labels() == [(100, True, 105), (110, False, 140)]


def test_one_outcome_labels_every_pending_snapshot() -> None:
    bench = Bench().snapshot(93).snapshot(100).snapshot(107).outcome(125).close(140)
    assert bench.labels() == [(93, False, 123), (100, True, 125), (107, True, 125)]


def test_nothing_is_learned_before_every_partition_has_closed_the_day() -> None:
    bench = Bench(partitions=2).snapshot(100).close(100)
    assert bench.ledger.trained_through is None
    bench.close(99, partition=1)
    assert (bench.ledger.trained_through, bench.ledger.evaluation.observations) == (99, 0)
    bench.close(100, partition=1)
    assert (bench.ledger.trained_through, bench.ledger.evaluation.observations) == (100, 1)


def test_records_of_days_already_learned_are_counted_late_and_ignored() -> None:
    bench = Bench().snapshot(100).close(100)
    before = msgspec.json.encode(bench.ledger.parameters)
    bench.snapshot(100).snapshot(99, "b").outcome(100)
    assert bench.ledger.late == 3
    assert msgspec.json.encode(bench.ledger.parameters) == before
    assert bench.part.get("b") is None


def test_the_first_of_two_snapshots_of_a_day_stands() -> None:
    bench = Bench().snapshot(100, nps=10.0).snapshot(100, nps=99.0).outcome(110).outcome(110).close(110)
    records = bench.part.get("a")
    assert records is not None
    assert records.pending[0].features == {"nps": 10.0}
    assert bench.ledger.duplicate == 2


def test_a_marker_seen_before_is_a_duplicate_and_one_of_no_partition_is_dead() -> None:
    bench = Bench().close(100).close(100).close(99).close(200, partition=7)
    assert (bench.ledger.applied, bench.ledger.duplicate, bench.ledger.dead) == (1, 2, 1)
    assert bench.ledger.trained_through == 100


def test_unreadable_records_and_own_labels_are_counted_and_change_nothing() -> None:
    bench = Bench().snapshot(100).outcome(105).close(140)
    before = bench.machine.snapshot(bench.part)
    label = msgspec.json.decode(bench.sent[0].value or b"", type=Observation)
    bench.step(label)
    bench.machine.dead(bench.part, bench.part.offset + 1)
    assert (bench.ledger.own, bench.ledger.dead) == (1, 1)
    assert bench.ledger.read == 5
    after = bench.machine.snapshot(bench.part)
    assert msgspec.structs.replace(after, version=before.version) == before


def test_what_only_a_torn_flush_held_is_forgotten_and_taken_in_again() -> None:
    bench, torn = Bench().snapshot(93, "b").close(93), Bench().snapshot(100, nps=1.0)
    bench.part.put("a", torn.part.states["a"])
    bench.part.ahead = lambda key, offset: key == "a"  # type: ignore[method-assign]
    bench.machine = TrainerMachine(POLICY, 1)  # of another process
    bench.snapshot(100, nps=1.0).outcome(103).close(103)
    assert (bench.ledger.duplicate, bench.ledger.evaluation.observations) == (0, 2)
    assert bench.labels() == [(100, True, 103)]


def test_a_customer_without_anything_left_is_forgotten_and_a_churned_one_remembered() -> None:
    bench = Bench().snapshot(100, "gone").outcome(100, "alone").snapshot(100, "left").outcome(101, "left").close(140)
    assert list(bench.part.keys()) == ["left"]
    records = bench.part.get("left")
    assert records is not None
    assert records.churned


def test_quiet_days_change_no_model_and_publish_nothing() -> None:
    bench = Bench().snapshot(100).close(100)
    bench.part.flush()
    version, sent = bench.ledger.model_version, len(bench.sent)
    bench.close(101).close(129)
    bench.part.flush()
    assert (bench.ledger.model_version, len(bench.sent)) == (version, sent)
    bench.close(130)
    bench.part.flush()
    assert bench.ledger.model_version == version + 1
    assert len(bench.sent) == sent + 2


def test_the_published_model_is_what_a_scorer_scores_with() -> None:
    bench = Bench()
    for i in range(40):
        bench.snapshot(100, f"c{i:02d}", nps=-80.0 if i < 20 else 80.0)
    for i in range(20):
        bench.outcome(103, f"c{i:02d}")
    bench.close(140)
    bench.part.flush()
    last = bench.sent[-1]
    assert (last.topic, last.key) == ("models.v1", MODEL_NAME.encode())
    published = msgspec.json.decode(last.value or b"", type=ModelSnapshot)
    assert (published.is_prior, published.trained_through, published.horizon_days) == (False, 140, H)
    assert published.quality.customers_churned == 20
    scorer = ChurnScorer(POLICY, published)
    assert scorer.score({"nps": -80.0}).probability > 3 * scorer.score({"nps": 80.0}).probability
    bench.snapshot(141, "d", nps=-80.0).close(141)
    records = bench.part.get("d")
    assert records is not None
    assert records.pending[0].probability == scorer.probability({"nps": -80.0})
    assert records.pending[0].model_version == published.model_version


def test_a_model_is_a_prior_until_enough_customers_have_churned() -> None:
    policy = msgspec.structs.replace(POLICY, min_customers_churned=2)
    bench = Bench(policy).snapshot(100, "a").snapshot(100, "b").outcome(110, "a").close(130)
    assert bench.machine.snapshot(bench.part).is_prior
    bench.outcome(131, "b").snapshot(131, "c").outcome(132, "c").close(161)
    assert not bench.machine.snapshot(bench.part).is_prior


def test_the_prior_itself_can_be_asked_for_before_anything_came() -> None:
    published = Bench().machine.snapshot(Bench().part)
    assert (published.model_version, published.trained_through, published.is_prior) == (0, -1, True)


def test_who_turns_out_to_be_none_after_it_left_is_not_judged() -> None:
    """A merge: the subscription ends first, the account says so two days later. It was judged as a customer lost."""
    bench = Bench().snapshot(93).snapshot(100).outcome(125).censored(127).snapshot(100, "b").close(140)
    assert bench.labels() == [(93, False, 123), (100, True, 125), (100, None, 127), (100, False, 130)]
    evaluation, learning = bench.ledger.evaluation, bench.ledger.learning
    assert (evaluation.labelled, evaluation.positives, bench.ledger.censored) == (2, 0, 1)
    assert learning.drift.window.width == 2
    assert sum(day.labelled for day in learning.platt.days) == 2
    records = bench.part.get("a")
    assert records is None or records.pending == []


def test_who_turns_out_to_be_none_on_the_day_its_label_matures_is_not_judged() -> None:
    bench = Bench().snapshot(100).outcome(101).censored(130).close(140)
    assert bench.labels() == [(100, True, 101), (100, None, 130)]
    assert bench.ledger.evaluation.labelled == 0


def test_what_it_had_taught_stays() -> None:
    left, none = Bench().snapshot(100).outcome(110), Bench().snapshot(100).outcome(110).censored(112)
    assert none.close(112).ledger.parameters == left.close(112).ledger.parameters


def test_what_a_booster_keeps_is_not_forgotten() -> None:
    assert CustomerRecords().forgettable
    assert not CustomerRecords(kept=Trees(["nps"], "")).forgettable


def test_of_a_customer_there_is_nothing_to_send() -> None:
    bench = Bench().snapshot(100).close(100)
    bench.part.flush()
    sent = len(bench.sent)
    for key in ("a", "", "\x00trees"):
        bench.machine.render(bench.part, [key])
    assert len(bench.sent) == sent
    bench.machine.render(bench.part, [MODEL_KEY])
    assert [one.topic for one in bench.sent[sent:]] == ["models.v1"]
