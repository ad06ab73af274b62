"""How the benchmark knows that a peer's work is safe."""

import os
import pickle
import sqlite3
from pathlib import Path

import pytest
from faust.types import TP

from bench import saved
from bench.contestants import Task
from bench.progress import Progress

DUE = {TP("events", 0): 5, TP("events", 1): 7}


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task("127.0.0.1:9", "group", "events", "scores", str(tmp_path / "work"))


def recovery(task: Task, snapshots: list[tuple[str, int, int]], frontier: int) -> None:
    """A recovery store as Bytewax keeps it: snapshots (partition, epoch, offset) and the epoch it has closed."""
    Path(task.folder).mkdir(exist_ok=True)
    with sqlite3.connect(Path(task.folder) / "part-0.sqlite3") as database:
        database.executescript(
            "CREATE TABLE exs (ex_num INTEGER); CREATE TABLE fronts (ex_num INTEGER, worker_frontier INTEGER);"
            "CREATE TABLE snaps (step_id TEXT, state_key TEXT, snap_epoch INTEGER, ser_change BLOB);"
            f"INSERT INTO exs VALUES (0); INSERT INTO fronts VALUES (0, {frontier});"
        )
        rows = [("csj.events", key, epoch, pickle.dumps(offset)) for key, epoch, offset in snapshots]
        database.executemany("INSERT INTO snaps VALUES (?, ?, ?, ?)", rows)
    database.close()


def test_an_epoch_is_safe_once_it_is_closed(task: Task) -> None:
    assert not saved.epoch(task, DUE)
    snapshots = [("0-events", 1, 3), ("0-events", 2, 5), ("1-events", 2, 7)]
    recovery(task, snapshots, frontier=3)
    assert saved.epoch(task, DUE)


def test_an_open_epoch_does_not_count(task: Task) -> None:
    recovery(task, [("0-events", 1, 3), ("0-events", 2, 5), ("1-events", 1, 7)], frontier=2)
    assert not saved.epoch(task, DUE)


def test_a_snapshot_is_safe_when_a_file_is_younger_than_the_last_event(task: Task, tmp_path: Path) -> None:
    written = Path(task.folder) / "chunk"
    written.parent.mkdir()
    written.touch()
    now = written.stat().st_mtime
    progress = Progress(tmp_path / "progress")
    assert not saved.snapshot(task, progress, 12)
    progress.applied(12)
    os.utime(written, (now - 10, now - 10))
    assert not saved.snapshot(task, progress, 12)
    os.utime(written, (now + 10, now + 10))
    assert saved.snapshot(task, progress, 12)
    assert not saved.snapshot(task, progress, 13)
