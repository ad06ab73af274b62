"""The page of the trainer's worker shows the model it has, from its recovery until another worker has it."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from agents import trainer
from schemas.models import DriftAlarm, ModelChange
from schemas.scores import Observation, ObservationsClosed, Outcome, Snapshot
from streams.churn.labels import CustomerRecords
from streams.churn.trainer import TrainerLedger
from streams.config import Settings
from streams.engine.partition import Partition
from streams.engine.states import StateCodec
from streams.metrics.profile import load_profile
from streams.telemetry import MODEL, ModelVitals

CHANGE = ModelChange(day=9, kind="calibration_off", before="rls", after="rls")
ALARM = DriftAlarm(day=8, direction="more_leave", before=0.0, after=0.1, labels=64)
GAUGES = {figure.field for figure in MODEL if figure.kind == "gauge"}
UNTIL_THERE_WAS_ONE = {"trained_through", "drift_day", "changed_day", "log_loss_ratio"}
Part = Partition[CustomerRecords, TrainerLedger]


class Worker:
    """A worker that runs the agent; `parts` are those of the trainer's table here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[Part] = []
        self.page = ModelVitals()
        settings = Settings(partitions=1)
        zelo: Any = SimpleNamespace(
            settings=settings,
            profile=load_profile(settings.profile),
            model=self.page,
            name=lambda topic: topic.name,
            table=self._table,
        )
        monkeypatch.setattr(trainer, "serve", self._serve)
        trainer.register(zelo)

    def _table(self, name: str, topic: Any, state: Any, meta: Any, render: Any) -> Any:
        self._codec, self._render = StateCodec[Any, Any](state, meta, name, "zelo"), render
        return SimpleNamespace(partitions_here=lambda: self.parts)

    def _serve(self, zelo: Any, topic: Any, table: Any, decoder: Any, step: Any, dead: Any) -> None:
        self._step = step

    def recover(self, ledger: TrainerLedger | None = None, live: bool = True) -> Part:
        part: Part = Partition(0, self._codec, self._render)
        if ledger is not None:
            part.meta = msgspec.msgpack.decode(msgspec.msgpack.encode(ledger), type=TrainerLedger)
        if live:
            part.recovered()
        self.parts = [part]
        return part

    def feed(self, part: Part, records: Iterator[Observation]) -> list[str]:
        """What the log says when all of them are published at once."""
        with capture_logs() as logs:
            for record in records:
                part.offset += 1
                self._step(part, part.offset, record)
            part.take_outputs()
        return [entry["event"] for entry in logs]

    def shown(self) -> dict[str, Any]:
        vitals = self.page.now()
        return {field: getattr(vitals, field) for field in GAUGES if getattr(vitals, field) is not None}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(monkeypatch)


def days(first: int, last: int) -> Iterator[Observation]:
    for day in range(first, last + 1):
        yield Snapshot(customer_id=f"c{day}", day=day, features={"tickets_open": 1.0})
        if day % 2:
            yield Outcome(customer_id=f"c{day - 1}", day=day)
        yield ObservationsClosed(partition=0, day=day)


def changed(ledger: TrainerLedger) -> TrainerLedger:
    contest, drift = ledger.learning.contest, ledger.learning.drift
    contest.changes.append(CHANGE)
    drift.alarms.append(ALARM)
    drift.count += 1
    return ledger


def test_a_worker_that_does_not_train_says_nothing_of_the_model(worker: Worker) -> None:
    assert worker.shown() == {}
    worker.recover(live=False)  # a standby copy
    assert worker.shown() == {}


def test_counts_begin_at_zero_before_anything_was_learned(worker: Worker) -> None:
    worker.recover()
    assert worker.shown() == {"drift_alarms": 0, "examples_refused": 0, "is_prior": True}
    assert worker.page.changes == 0


def test_a_model_is_shown_as_it_was_recovered_and_no_more_when_another_worker_has_it(worker: Worker) -> None:
    part = worker.recover()
    worker.feed(part, days(0, 50))
    assert worker.shown().keys() == GAUGES - {"drift_day", "changed_day"}
    assert worker.shown()["trained_through"] == 50
    worker.parts = []
    assert worker.shown() == {}
    worker.recover(changed(part.meta))
    assert worker.shown().keys() == GAUGES
    assert (worker.page.trained_through, worker.page.drift_alarms) == (50, 1)
    assert (worker.page.drift_day, worker.page.changed_day) == (8, 9)


def test_what_the_worker_before_had_told_is_no_news_and_all_since_is_whenever_it_is_published(worker: Worker) -> None:
    part = worker.recover()
    assert worker.feed(part, days(0, 8)) == []
    ledger = changed(part.meta)  # of the day after, and published days later
    assert worker.feed(part, days(9, 14)) == ["churn_model_changed"]
    assert worker.page.changes == 1
    taken_over = worker.recover(ledger)
    assert worker.feed(taken_over, days(15, 16)) == []
    again = msgspec.structs.replace(CHANGE, day=17)
    taken_over.meta.learning.contest.changes.append(again)
    assert worker.feed(taken_over, days(17, 20)) == ["churn_model_changed"]
    assert worker.page.changes == 2
