"""Whatever the order in which topics arrive: the same days, the same observations, the same model."""

from typing import Any

import msgspec
import pytest
from offline_rig import folded, interleaved, last_records, one_topic_after_the_other

from schemas import registry
from schemas.metrics import MetricValues, Movement, Progress
from schemas.scores import HealthScore, Labelled
from streams.intake.ordering import Record
from streams.offline import Offline

RECORDS = (12, 125)


def plain(message: Any) -> Any:
    """Without the offset in our own topics, which depends on the interleaving."""
    return msgspec.structs.replace(message, version=0)


def of_the_day(score: HealthScore) -> HealthScore:
    """Nor whether anything newer was known by then."""
    return msgspec.structs.replace(score, version=0, newest=False)


def dated(offline: Offline) -> dict[str, Any]:
    """Everything that speaks of a past instant."""
    metrics = offline.messages(registry.METRICS)
    values = [m for m in metrics if isinstance(m, MetricValues) and m.kind == "day"]
    movements = [m for m in metrics if isinstance(m, Movement)]
    health = [of_the_day(m) for m in offline.messages(registry.HEALTH) if m.kind == "day"]
    return {
        "metrics": {(m.customer_id, type(m.values).__name__, m.day, m.revision): m for m in values},
        "movements": {(m.customer_id, m.currency, m.effective_at, m.version): m for m in movements},
        "health": {(m.customer_id, m.day): m for m in health},
        "upsell": {(m.customer_id, m.day): plain(m) for m in offline.messages(registry.UPSELL)},
        "observations": {repr(plain(m)) for m in offline.messages(registry.OBSERVATIONS)},
        "alerts": {m.alert_id: plain(m) for m in offline.messages(registry.ALERTS)},
        "model": [plain(m) for m in offline.messages(registry.MODELS)][-1:],
    }


def current(offline: Offline) -> dict[str, Any]:
    """The newest scores of everybody at rest."""
    health = {m.customer_id: plain(m) for m in offline.messages(registry.HEALTH)}
    paying = {name for name, score in health.items() if score.paying}
    churn = {m.customer_id: plain(m) for m in offline.messages(registry.CHURN)}
    return {"health": health, "churn": {name: risk for name, risk in churn.items() if name in paying}}


def accounting(offline: Offline) -> dict[tuple[str, int], Progress]:
    found = [m for m in offline.messages(registry.METRICS) if isinstance(m, Progress)]
    return {(m.topic, m.partition): m for m in found}


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    return last_records(*RECORDS)


@pytest.fixture(scope="module")
def in_order(records: tuple[Record, ...]) -> Offline:
    return folded(records)


def test_something_came_out(in_order: Offline) -> None:
    found = dated(in_order)
    labels = [m for m in in_order.messages(registry.OBSERVATIONS) if isinstance(m, Labelled)]
    assert len(found["health"]) > 500
    assert found["upsell"].keys() == found["health"].keys()
    assert {m.gate for m in found["upsell"].values()} >= {None, "not_paying"}
    assert any(m.upsell_ready for m in found["upsell"].values())
    assert len(found["observations"]) > 100
    assert {m.churned for m in labels} == {True, False}
    assert found["movements"]
    assert found["alerts"]
    assert found["model"]


@pytest.mark.parametrize("turns", [1, 2, "whole topics"])
def test_another_interleaving_gives_the_same_history_and_the_same_scores_at_rest(
    in_order: Offline, records: tuple[Record, ...], turns: int | str
) -> None:
    if isinstance(turns, int):
        other = folded(interleaved(records, turns))
    else:
        other = folded(one_topic_after_the_other(records, 3))
    assert dated(other) == dated(in_order)
    assert current(other) == current(in_order)
    assert accounting(other) == accounting(in_order)


def test_publishing_live_values_often_changes_no_history(in_order: Offline, records: tuple[Record, ...]) -> None:
    other = folded(interleaved(records, 5), flush_every=97)
    assert dated(other) == dated(in_order)
    assert current(other) == current(in_order)


def test_the_import_twice_changes_nothing_but_the_duplicate_count(
    in_order: Offline, records: tuple[Record, ...]
) -> None:
    twice = folded([*records, *records])
    assert dated(twice) == dated(in_order)
    assert current(twice) == current(in_order)
    once = accounting(in_order)
    for place, progress in accounting(twice).items():
        expected = msgspec.structs.replace(
            once[place],
            read=2 * once[place].read,
            duplicate=once[place].duplicate + once[place].read,
            version=progress.version,
        )
        assert progress == expected


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_an_import_that_died_in_its_middle_and_is_made_again_changes_no_figure(
    in_order: Offline, records: tuple[Record, ...], share: float
) -> None:
    cut = int(share * len(records))
    again = folded([*records[:cut], *records])
    assert without_versions(again) == without_versions(in_order)
    assert current(again) == current(in_order)
    assert sum(p.duplicate for p in accounting(again).values()) == cut + sum(
        p.duplicate for p in accounting(in_order).values()
    )


def without_versions(offline: Offline) -> dict[str, Any]:
    """What is dated, but for the place of records in their topics, which what was sent before moves."""
    found = dated(offline)
    found["metrics"] = {key: plain(m) for key, m in found["metrics"].items()}
    found["movements"] = {repr(plain(m)) for m in found["movements"].values()}
    return found
