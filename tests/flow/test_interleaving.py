"""Whatever the order in which topics arrive: the same days, the same observations, the same model."""

from typing import Any

import msgspec
import pytest
from offline_rig import folded, interleaved, some_records

from schemas import registry
from schemas.metrics import MetricValues
from streams.offline import Offline


def dated(offline: Offline) -> dict[str, Any]:
    """Everything that speaks of a past instant; offsets of our own topics depend on the interleaving and are left out."""

    def plain(message: Any) -> Any:
        return msgspec.structs.replace(message, version=0)

    metrics = [
        m for m in offline.messages(registry.METRICS) if isinstance(m, MetricValues) and m.kind == "day"
    ]
    health = [plain(m) for m in offline.messages(registry.HEALTH) if m.kind == "day"]
    observed = {repr(plain(m)) for m in offline.messages(registry.OBSERVATIONS)}
    models = [plain(m) for m in offline.messages(registry.MODELS)]
    return {
        "metrics": {(m.customer_id, type(m.values).__name__, m.day, m.revision): m for m in metrics},
        "health": {(m.customer_id, m.day): m for m in health},
        "observations": observed,
        "model": models[-1] if models else None,
    }


def current(offline: Offline) -> dict[str, Any]:
    """The newest scores of everybody at rest."""
    health = {m.customer_id: msgspec.structs.replace(m, version=0) for m in offline.messages(registry.HEALTH)}
    churn = {m.customer_id: msgspec.structs.replace(m, version=0) for m in offline.messages(registry.CHURN)}
    return {"health": health, "churn": churn}


@pytest.fixture(scope="module")
def in_order() -> Offline:
    return folded(some_records(12, 120))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_interleaving_gives_the_same_history(in_order: Offline, seed: int) -> None:
    other = folded(interleaved(some_records(12, 120), seed))
    assert dated(other) == dated(in_order)


@pytest.mark.parametrize("seed", [4, 5])
def test_another_interleaving_gives_the_same_scores_at_rest(in_order: Offline, seed: int) -> None:
    other = folded(interleaved(some_records(12, 120), seed))
    assert current(other) == current(in_order)


def test_the_import_twice_changes_nothing_but_the_duplicate_count(in_order: Offline) -> None:
    once = some_records(12, 120)
    twice = folded([*once, *once])
    assert dated(twice) == dated(in_order)
    assert current(twice) == current(in_order)


def test_something_came_out(in_order: Offline) -> None:
    found = dated(in_order)
    assert len(found["health"]) > 500
    assert len(found["observations"]) > 100
    assert found["model"] is not None
