"""Everything the whole machinery publishes of the sample data is what the catalogue says of it."""

from collections import Counter
from typing import Any

import pytest
from offline_rig import folded, last_records

from schemas import registry
from schemas.metrics import MetricValues
from schemas.models import ModelFigures
from streams.catalogue.judging import judged, wrong
from streams.catalogue.metric import Metric
from streams.catalogue.registry import catalogue
from streams.offline import Offline

SCORES = {"health": registry.HEALTH, "churn": registry.CHURN, "upsell": registry.UPSELL}


@pytest.fixture(scope="module")
def offline() -> Offline:
    return folded(last_records(8, 100))


def value_of(metric: Metric, message: Any) -> object:
    """A figure in a score; that of a factor or a component in its list."""
    if metric.part is None:
        return getattr(message, metric.column or metric.id)
    parts = message.factors if metric.domain == "health" else message.components
    named = {getattr(part, "factor", None) or part.component: part.value for part in parts}
    return named.get(metric.part)


def test_every_value_lies_in_its_range(offline: Offline) -> None:
    values = [m.values for m in offline.messages(registry.METRICS) if isinstance(m, MetricValues)]
    assert len(values) > 1000
    assert Counter(said for one in values for said in wrong(one)) == {}


def test_every_figure_of_the_model_lies_in_its_range(offline: Offline) -> None:
    values = [m.values for m in offline.messages(registry.METRICS) if isinstance(m, ModelFigures)]
    assert len(values) > 5
    found = [judged(metric, getattr(one, metric.id)) for one in values for metric in catalogue().of("model")]
    assert Counter(said for said in found if said is not None) == {}


@pytest.mark.parametrize("domain", SCORES)
def test_every_score_lies_in_its_range(offline: Offline, domain: str) -> None:
    messages = offline.messages(SCORES[domain])
    assert messages
    found = [judged(metric, value_of(metric, message)) for message in messages for metric in catalogue().of(domain)]
    assert Counter(said for said in found if said is not None) == {}
