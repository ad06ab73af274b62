"""A worker that dies in a backlog: its heir renders every key of its tables, and says nothing that was not out already.

What is out may be sent again, and values that stand still may be sent for a later day; no figure may be another one.
"""

from collections.abc import Iterable
from typing import Any

import pytest
from changelog_rig import Tables, codec_of, records, written
from msgspec.structs import replace

from schemas import registry
from schemas.codec import MessageDecoder
from schemas.metrics import MetricValues
from schemas.portfolio import PortfolioFigures
from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import Logged
from streams.metrics.partition import Emitted

READ = MessageDecoder[Any](registry.METRICS.message)
Told = dict[Any, Any]


def told(log: Iterable[Any]) -> Told:
    """What is known of whom behind a log: messages without what tells apart those that say the same."""
    known: Told = {}
    for sent in log:
        key, said = meaning(sent)
        known[key] = said
    return known


def meaning(sent: Any) -> tuple[Any, Any]:
    message = sent if isinstance(sent, PortfolioFigures) else None
    if message is None and sent.topic == registry.METRICS.name:
        message = READ(sent.value)
    if isinstance(message, PortfolioFigures):
        return (message.day, message.portfolio), replace(message, version=0)
    if isinstance(message, MetricValues) and message.revision == 0:
        return (message.customer_id, type(message.values)), message.values
    return sent[:3], sent[3]


def heir_of(dead: Any) -> Partition[Any, Any]:
    """Whoever recovers what a partition leaves with keys marked."""
    _, codec = codec_of(dead._render.__self__)
    dead.publish(next(iter(dead.keys()), "nobody"))
    heir: Partition[Any, Any] = Partition(dead.number, codec, dead._render)
    heir.load([Logged(position, key, value) for position, (key, value) in enumerate(written(dead))])
    heir.recovered()
    assert heir.marks == len(heir)
    return heir


@pytest.mark.parametrize("part", [0.5, 0.7, 1.0])
def test_whoever_renders_all_keys_says_nothing_new(part: float) -> None:
    inputs, tables = records(), Tables()
    tables.fold(inputs[: int(len(inputs) * part)])
    known = told([*(sent for log in tables.log.values() for sent in log), *tables.figures])
    rendered = dict.fromkeys(tables.tables, 0)
    for name, parts in tables.tables.items():
        for dead in parts:
            if name == "delivered":  # has nothing to render
                continue
            heir = heir_of(dead)
            assert not [key for key, _ in written(dead) if key != META_KEY]
            for output in heir.take_outputs():
                key, said = meaning(Emitted(*output[:4], ()))
                assert known.get(key) == said, name
                rendered[name] += 1
    assert rendered["trainer"] == rendered["alerts"] == 0
    assert min(rendered[name] for name in ("usage", "support", "revenue", "feedback", "account", "scoring")) > 0
