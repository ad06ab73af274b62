"""A newer model scores everybody again, not too often, and no partition is left with an older one."""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.codec import encode
from schemas.models import ModelSnapshot, Quality
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer
from streams.metrics.days import Days
from streams.metrics.health import HealthScorer
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.partition import MemoryPartition, Partition
from streams.metrics.upsell import UpsellScorer
from streams.metrics.upsell_policy import UpsellPolicy
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card
from streams.scoring.machine import Outputs, ScoringMachine
from streams.scoring.rescoring import Rescoring

POLICY = ChurnPolicy()


def model(version: int) -> ModelSnapshot:
    return ModelSnapshot(
        model=MODEL_NAME,
        model_version=version,
        trained_through=100,
        horizon_days=30,
        is_prior=False,
        quality=Quality(),
        parameters=ChurnModel.prior(POLICY).to_parameters(),
        river_version=RIVER_VERSION,
    )


class Rig:
    """Partitions that note who is to be published, and when."""

    def __init__(self, every_seconds: float = 0.0) -> None:
        machine = ScoringMachine(
            HealthScorer(HealthPolicy(), "p"),
            ChurnScorer(POLICY),
            UpsellScorer(UpsellPolicy()),
            Days(),
            Outputs("health", "churn", "upsell", "observations"),
        )
        self.rescoring = Rescoring(machine, every_seconds)
        self.published: list[str] = []
        self.parts = [self.part(0, "a", "b"), self.part(1, "c")]

    def part(self, number: int, *customers: str) -> MemoryPartition[Card, Alignment]:
        def render(part: Partition[Card, Alignment], keys: Sequence[str]) -> None:
            self.published += keys

        part: MemoryPartition[Card, Alignment] = MemoryPartition(number, Alignment(), render, lambda _: None)
        for customer in customers:
            part.put(customer, Card())
        return part

    def run(self, now_ms: int = 1_000_000) -> list[str]:
        asked = self.rescoring.run(self.parts, now_ms)
        self.published.clear()
        for part in self.parts:
            part.flush()
        assert asked == bool(self.published)
        return sorted(self.published)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_prior_needs_no_publication(rig: Rig) -> None:
    assert rig.run() == []


def test_a_newer_model_publishes_everybody_once(rig: Rig) -> None:
    rig.rescoring.load(model(3))
    assert rig.run() == ["a", "b", "c"]
    assert rig.run() == []


@pytest.mark.parametrize("version", [2, 3])
def test_a_model_that_is_not_newer_publishes_nobody(rig: Rig, version: int) -> None:
    rig.rescoring.load(model(3))
    rig.run()
    rig.rescoring.load(model(version))
    assert rig.run() == []


def test_models_in_quick_succession_publish_everybody_at_most_every_interval() -> None:
    rig = Rig(every_seconds=5.0)
    rig.rescoring.load(model(1))
    assert rig.run(100_000) == ["a", "b", "c"]
    rig.rescoring.load(model(2))
    assert rig.run(104_999) == []
    rig.rescoring.load(model(3))
    assert rig.run(105_000) == ["a", "b", "c"]
    assert rig.run(120_000) == []


def test_a_clock_that_is_set_back_keeps_nobody_from_the_newest_model() -> None:
    rig = Rig(every_seconds=5.0)
    rig.rescoring.load(model(1))
    assert rig.run(86_400_000) == ["a", "b", "c"]
    rig.rescoring.load(model(2))
    assert rig.run(60_000) == ["a", "b", "c"]


def test_a_partition_of_another_worker_is_scored_when_it_comes_though_the_model_is_not_new(rig: Rig) -> None:
    """A worker may die with the newest scores unpublished; its heir had long scored its own customers by then."""
    heir, other = rig.parts
    rig.parts = [heir]
    rig.rescoring.load(model(3))
    assert rig.run() == ["a", "b"]
    rig.parts = [heir, other]
    assert rig.run() == ["c"]


def test_a_partition_that_left_and_came_back_is_scored_again(rig: Rig) -> None:
    rig.rescoring.load(model(3))
    rig.run()
    rig.parts[1] = rig.part(1, "c", "d")
    assert rig.run() == ["c", "d"]


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", encode(msgspec.structs.replace(model(5), parameters={"nothing": "known"}))],
    ids=["deleted", "cut", "list", "foreign"],
)
def test_an_unusable_model_is_refused_and_the_present_one_stays(value: bytes) -> None:
    rig = Rig()
    assert rig.rescoring.offer(encode(model(1))) is None
    assert rig.run() == ["a", "b", "c"]
    assert rig.rescoring.offer(value)
    assert rig.run() == []
