"""A whole Zelo whose tables are those of the engine: written to a changelog, recovered from one, folded on.

As a script it captures the changelog of every table as this release writes it, for the releases after it to read:

    python tests/golden/changelog_rig.py tests/golden/changelogs/0.1.0.jsonl

The first line says how far the tables are; each further line is a record of a changelog. Capture a release when it is
made, never again: the file is what that release wrote.
"""

import base64
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "flow"), str(Path(__file__).parents[2])]
# ruff: noqa: E402 - as a script it must find these first
from offline_rig import NOW, PARTITIONS, some_records

from schemas import registry
from schemas.codec import MessageDecoder
from schemas.models import ModelSnapshot
from schemas.portfolio import PortfolioFigures
from streams.alerts.machine import AlertMachine, Watch, Watched
from streams.churn.ledger import TrainerLedger
from streams.churn.lifts import RECORDS
from streams.churn.trainer import TrainerMachine
from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import Logged
from streams.engine.states import StateCodec
from streams.metrics.days import Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.lifts import customer_shape
from streams.metrics.partition import Emitted
from streams.metrics.portfolio_machine import PortfolioMachine
from streams.metrics.portfolio_pages import Page, PortfolioLedger
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline
from streams.scoring.alignment import Alignment
from streams.scoring.lifts import CARD
from streams.scoring.machine import ScoringMachine
from streams.sinks.delivered import Delivered, Deliveries

CHANGELOGS = Path(__file__).with_name("changelogs")


def records() -> list[Input]:
    """What three customers did in two years, the heartbeats and the spend of the last months."""
    return [Input(*record[:4]) for record in some_records(3, 150)]


class TablePartition(Partition[Any, Any]):
    """A partition of the engine that publishes at once, as the one in memory does."""

    def __init__(self, number: int, codec: StateCodec[Any, Any], render: Any, sink: Callable[[Emitted], None]) -> None:
        super().__init__(number, codec, render)
        self._sink = sink
        self._writer = number
        self.live = True

    def emit(self, topic: str, key: Any, value: Any, partition: int | None = None, *rest: Any, **more: Any) -> None:
        self._sink(Emitted(topic, self.number if partition is None else partition, key, value, ()))

    def flush(self) -> None:
        self.render_marked()

    def recover(self, changelog: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Becomes what a changelog holds."""
        self.live = False
        self.load([Logged(position, key, value) for position, (key, value) in enumerate(changelog)])
        self.recovered()
        self.offset = self.applied

    def states(self) -> dict[str, Any]:
        return {key: self.get(key) for key in self.keys()}


class Tables(Offline):
    """The offline Zelo over tables of the engine.

    Attributes:
        tables: partitions by the name of the table.
        figures: of many customers. They go around `metrics.v1` here: releases before 0.2 sent none, and offsets there
            would tell the release.
    """

    def __init__(self) -> None:
        self.tables: dict[str, list[TablePartition]] = {}
        self.figures: list[PortfolioFigures] = []
        super().__init__(load_profile("demo"), PARTITIONS, TimePolicy(dedup_days=1100), Days(), NOW)
        self.tables["delivered"] = [
            TablePartition(number, StateCodec(Delivered, Deliveries), None, lambda _: None)
            for number in range(PARTITIONS)
        ]

    def _parts(self, number: int, meta: type[Any], render: Any) -> Any:
        name, codec = codec_of(render.__self__)
        self.tables[name] = [TablePartition(n, codec, render, self._route) for n in range(number)]
        return self.tables[name]

    def _route(self, emitted: Emitted) -> None:
        if emitted.topic == registry.METRICS.name and (emitted.key or b"").startswith((b"_portfolio", b"_segment")):
            message = MessageDecoder[Any](registry.METRICS.message)(emitted.value or b"")
            if isinstance(message, PortfolioFigures):  # those of the model are learned, as the model is
                self.figures.append(message)
        else:
            super()._route(emitted)

    def fold(self, inputs: Iterable[Input]) -> None:
        """Takes records in, and publishes, as a worker does now and then, and before it saves."""
        taken = list(inputs)
        for start in range(0, len(taken), 500):
            self.feed(taken[start : start + 500])
            self.flush()

    def saved(self) -> dict[str, Any]:
        """How far the tables are, beside what they hold."""
        models = self.log[registry.MODELS.name]
        return {
            "offsets": [[topic, number, end] for (topic, number), end in self._offsets.items()],
            "model": base64.b64encode(models[-1].value or b"").decode() if models else None,
        }

    def resume(self, saved: dict[str, Any]) -> None:
        """Goes on where another one stopped; its tables are recovered."""
        self._offsets.update({(topic, number): end for topic, number, end in saved["offsets"]})
        if saved["model"] is not None:
            decode = MessageDecoder[ModelSnapshot](ModelSnapshot)
            self._rescoring.load(decode(base64.b64decode(saved["model"])))


def codec_of(machine: Any) -> tuple[str, StateCodec[Any, Any]]:
    """Name of a machine's table, and how its values are written."""
    match machine:
        case DomainMachine():
            return machine.fold.domain, StateCodec(customer_shape(machine.fold), Ledger)
        case ScoringMachine():
            return "scoring", StateCodec(CARD, Alignment)
        case TrainerMachine():
            return "trainer", StateCodec(RECORDS, TrainerLedger)
        case PortfolioMachine():
            return "portfolio", StateCodec(Page, PortfolioLedger)
        case AlertMachine():
            return "alerts", StateCodec(Watched, Watch)
        case _:
            raise TypeError(machine)


def deliver(tables: Tables) -> None:
    """Notes every alert as told, as the notify worker does."""
    for sent in tables.log[registry.ALERTS.name]:
        part = tables.tables["delivered"][sent.partition]
        alert = MessageDecoder[Any](registry.ALERTS.message)(sent.value or b"")
        part.offset += 1
        part.meta.told += 1
        part.put(alert.customer_id, (part.get(alert.customer_id) or Delivered()).after(alert, None))


def write(path: Path) -> None:
    inputs = records()
    tables, cut = Tables(), len(inputs) * 2 // 3
    tables.fold(inputs[:cut])
    deliver(tables)
    with path.open("w", encoding="ascii") as file:
        file.write(json.dumps({"records": cut, **tables.saved()}) + "\n")
        for name, parts in tables.tables.items():
            for part in parts:
                for key, value in written(part):
                    line = {"table": name, "partition": part.number, "key": text(key), "value": text(value)}
                    file.write(json.dumps(line) + "\n")


def written(part: TablePartition) -> list[tuple[bytes, bytes | None]]:
    """What the partition's flush writes to its changelog."""
    part.advance(part.offset)
    taken = part.take_state()
    if taken is None:
        return []
    keys, meta = taken
    return [*keys, (META_KEY, meta)]


def text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def read(path: Path) -> tuple[dict[str, Any], dict[tuple[str, int], list[tuple[bytes, bytes | None]]]]:
    """How far the tables of a release were, and the changelog of each partition."""
    first, *lines = path.read_text(encoding="ascii").splitlines()
    found: dict[tuple[str, int], list[tuple[bytes, bytes | None]]] = defaultdict(list)
    for line in map(json.loads, lines):
        key, value = (None if text is None else base64.b64decode(text) for text in (line["key"], line["value"]))
        found[line["table"], line["partition"]].append((key or b"", value))
    return json.loads(first), found


if __name__ == "__main__":
    write(Path(sys.argv[1]))
