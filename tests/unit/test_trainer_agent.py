"""The page of the trainer's worker shows the model it has, from its recovery until another worker has it."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from threading import current_thread
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from agents import trainer
from schemas.models import DriftAlarm, ModelChange
from schemas.scores import Observation, ObservationsClosed, Outcome, Snapshot
from streams import model_watch
from streams.churn import booster
from streams.churn.booster import TREES_KEY, KeptDay
from streams.churn.labels import CustomerRecords
from streams.churn.ledger import TrainerLedger
from streams.churn.trainer import MODEL_KEY
from streams.config import Settings
from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import Logged
from streams.engine.states import StateCodec
from streams.metrics.days import Days
from streams.metrics.profile import load_profile
from streams.telemetry import MODEL, ModelVitals

CHANGE = ModelChange(day=9, kind="calibration_off", before="rls", after="rls")
ALARM = DriftAlarm(day=8, direction="more_leave", before=0.0, after=0.1, labels=64)
GAUGES = {figure.field for figure in MODEL if figure.kind == "gauge"}
UNTIL_THERE_WAS_ONE = {"trained_through", "drift_day", "changed_day", "log_loss_ratio"}
Part = Partition[CustomerRecords, TrainerLedger]


class Worker:
    """A worker that runs the agent; `parts` are those of the trainer's table here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, load: Callable[[], None] = lambda: None) -> None:
        self.parts: list[Part] = []
        self.page = ModelVitals()
        settings = Settings(partitions=1)
        zelo: Any = SimpleNamespace(
            settings=settings,
            profile=load_profile(settings.profile),
            days=Days(),
            model=self.page,
            name=lambda topic: topic.name,
            table=self._table,
        )
        monkeypatch.setattr(trainer, "serve", self._serve)
        monkeypatch.setattr(trainer, "load_booster", load)
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
                while (pieces := self._step(part, part.offset, record)) is not None:
                    deque(pieces, maxlen=0)
            part.take_outputs()
        return [entry["event"] for entry in logs]

    def challengers(self, part: Part) -> list[dict[str, Any]]:
        self._render(part, [MODEL_KEY])
        found: list[dict[str, Any]] = msgspec.json.decode(part.take_outputs()[-1].value or b"")["challengers"]
        return found

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


def _joined() -> None:
    """Waits for the thread that loads a booster."""
    for thread in threading.enumerate():
        if thread.name == "zelo-load-booster":
            thread.join()


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
    before, week = part.meta.learning.weeks[-2:]
    assert worker.shown()["log_loss_ratio"] == week.log_loss / week.log_loss_constant
    assert (before.log_loss, before.log_loss_constant) != (week.log_loss, week.log_loss_constant)
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


def test_keys_that_are_no_model_send_and_say_nothing(worker: Worker) -> None:
    """A recovery from a torn flush asks for every key that was in it."""
    part = worker.recover()
    worker.feed(part, days(0, 8))
    changed(part.meta)
    with capture_logs() as logs:
        for key in ("c1", "", TREES_KEY):
            worker._render(part, [key])
    assert (part.take_outputs(), logs, worker.page.changes) == ([], [], 0)


def test_a_booster_is_loaded_beside_the_stream_once_there_are_labels_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    worker = Worker(monkeypatch, lambda: loaded.append(current_thread().name))
    part = worker.recover()
    worker.feed(part, days(0, 29))
    assert loaded == []
    worker.feed(part, days(30, 40))
    worker.feed(part, days(41, 45))
    _joined()
    assert loaded == ["zelo-load-booster"]
    assert [one["kind"] for one in worker.challengers(part)] == ["booster", "adagrad"]


def test_who_takes_labels_over_loads_at_the_first_record_and_a_day_waits_for_it_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is waited for is loaded when the day is taken, and not one record was taken in before."""
    held = threading.Event()
    worker = Worker(monkeypatch, lambda: (held.wait(), None)[1])
    first = worker.recover()
    first.meta.learning.boosting.days = [KeptDay(0, 10, 3)]
    part = worker.recover(first.meta)
    assert worker._step(part, 1, Snapshot(customer_id="c1", day=1, features={})) is None
    assert "zelo-load-booster" in {thread.name for thread in threading.enumerate()}
    marker = ObservationsClosed(partition=0, day=1)
    pieces = worker._step(part, 2, marker)
    assert next(pieces) is None
    assert next(pieces) is None
    assert (part.meta.read, part.meta.trained_through) == (1, None)
    held.set()
    deque(pieces, maxlen=0)
    _joined()
    assert worker._step(part, 2, marker) is None
    assert (part.meta.read, part.meta.trained_through) == (2, 1)
    assert worker._step(part, 3, ObservationsClosed(partition=0, day=2)) is None  # loaded once


def test_a_day_waits_a_minute_for_a_load_that_hangs_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """From the beginning of the load, so the days after it wait no more."""
    hangs, now = threading.Event(), 1000.0
    request.addfinalizer(hangs.set)
    monkeypatch.setattr(trainer, "Watch", partial(model_watch.Watch, clock=lambda: now))
    worker = Worker(monkeypatch, lambda: (hangs.wait(), None)[1])
    part = worker.recover()
    part.meta.learning.boosting.days = [KeptDay(0, 10, 3)]
    assert worker._step(part, 1, Snapshot(customer_id="c1", day=1, features={})) is None
    now += 40.0  # until the day closes
    marker = ObservationsClosed(partition=0, day=1)
    with capture_logs() as logs:
        pieces = worker._step(part, 2, marker)
        now += 19.5
        assert [next(pieces), next(pieces), logs] == [None, None, []]
        now += 0.5
        assert next(pieces, "gave up") == "gave up"
        assert worker._step(part, 2, marker) is None
        assert worker._step(part, 3, ObservationsClosed(partition=0, day=2)) is None
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("churn_booster_slow", "warning")]
    assert part.meta.trained_through == 2
    hangs.set()
    _joined()


def test_who_takes_over_no_labels_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    worker = Worker(monkeypatch, lambda: loaded.append("loaded"))
    worker.feed(worker.recover(TrainerLedger()), days(0, 3))
    assert (loaded, "zelo-load-booster" in {thread.name for thread in threading.enumerate()}) == ([], False)


def test_without_the_extra_the_log_says_so_once_and_there_is_no_booster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_watch.booster_fit, "installed", lambda: False)
    with capture_logs() as logs:
        worker = Worker(monkeypatch, model_watch.load_booster)
        part = worker.recover()
        part.meta.learning.boosting.days = [KeptDay(0, 10, 3)]  # of a worker that had it
        assert worker.feed(part, days(0, 50)) == []
        _joined()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("churn_booster_absent", "info")]
    assert [one["kind"] for one in worker.challengers(part)] == ["adagrad"]


@pytest.mark.parametrize("problem, told", [(None, []), ("libgomp is missing", ["churn_booster_absent"])])
def test_a_library_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch, problem: str, told: list[str]) -> None:
    monkeypatch.setattr(model_watch.booster_fit, "load", lambda: problem)
    with capture_logs() as logs:
        model_watch.load_booster()
    assert [entry["event"] for entry in logs] == told


def test_a_booster_that_cannot_learn_is_told_once_and_the_stream_goes_on(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Iterator[None]:
        yield
        raise ValueError("no memory")

    monkeypatch.setattr(booster, "fit", failing)
    part = worker.recover()
    assert worker.feed(part, days(0, 80)) == ["churn_booster_absent"]
    assert worker.feed(part, days(81, 100)) == []
    assert part.meta.trained_through == 100
    assert [one["kind"] for one in worker.challengers(part)] == ["adagrad"]


def test_what_a_booster_keeps_goes_through_the_changelog_and_it_goes_on_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(monkeypatch)
    part = worker.recover()
    worker.feed(part, days(0, 80))
    assert part.meta.learning.boosting.fitted is not None
    part.advance(part.offset)
    keys, meta = part.take_state() or ([], b"")
    assert {key for key, _ in keys} >= {TREES_KEY.encode(), b"\x00labels:80"}
    log = [Logged(place, key, value) for place, (key, value) in enumerate([*keys, (META_KEY, meta)])]
    other: Part = Partition(0, worker._codec, worker._render)
    other.load(log)
    worker.feed(part, days(81, 120))
    other.passed(len(log))
    other.recovered()
    other.offset = other.applied
    worker.feed(other, days(81, 120))
    names = part.keys()
    assert other.keys() == names
    assert [other.get(key) for key in names] == [part.get(key) for key in names]
    assert msgspec.msgpack.encode(other.meta) == msgspec.msgpack.encode(part.meta)
    told = worker.challengers(other)[0]
    assert (told["kind"], told["labelled"] > 0) == ("booster", True)


@pytest.mark.parametrize("compacted", [False, True])
def test_a_flush_that_a_crash_tore_changes_nothing_that_is_learned(worker: Worker, compacted: bool) -> None:
    """Of a customer that is in it alone: what a log with holes leaves of such a key knows more than the model does."""
    part = worker.recover()
    worker.feed(part, days(0, 40))
    part.advance(part.offset)
    keys, meta = part.take_state() or ([], b"")
    applied, told = part.applied, part.meta.evaluation.observations
    worker.feed(part, days(41, 43))
    part.advance(part.offset)
    torn, _ = part.take_state() or ([], b"")
    log = [Logged(place + 9 * compacted, *one) for place, one in enumerate([*keys, (META_KEY, meta), *torn])]
    other: Part = Partition(0, worker._codec, worker._render)
    other.load(log)
    other.passed(len(log) + 9 * compacted)
    other.recovered()
    assert (other.applied, other.meta.evaluation.observations) == (applied, told)
    assert other.ahead("c42", applied + 1) is compacted
    worker.feed(other, days(41, 60))
    worker.feed(part, days(44, 60))
    assert msgspec.msgpack.encode(other.meta) == msgspec.msgpack.encode(part.meta)
    names = part.keys()
    assert other.keys() == names
    assert [other.get(key) for key in names] == [part.get(key) for key in names]
