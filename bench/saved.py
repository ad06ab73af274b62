"""How far a worker's work is safe, by the contestant's own account: what CPU seconds are counted up to."""

import pickle
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from time import monotonic, time

from faust.types import TP

from bench.contestants import SESSION_SECONDS, Task
from bench.progress import Progress
from streams.engine.offsets import committed_offsets

#: Longer than a group needs to miss a dead member and to form anew.
_QUIET_SECONDS = 2 * SESSION_SECONDS


async def offsets(task: Task, due: Mapping[TP, int]) -> bool:
    """Whether its Kafka group has committed these offsets."""
    return await committed_offsets(task.bootstrap, task.group, due) == due


def epoch(task: Task, due: Mapping[TP, int]) -> bool:
    """Whether Bytewax would resume at these offsets: they are in a snapshot older than the epoch it has closed."""
    try:
        with closing(sqlite3.connect(f"file:{Path(task.folder) / 'part-0.sqlite3'}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT state_key, ser_change FROM snaps WHERE step_id = 'csj.events' AND snap_epoch < "
                "(SELECT min(worker_frontier) FROM fronts WHERE ex_num = (SELECT max(ex_num) FROM exs)) "
                "ORDER BY snap_epoch"
            ).fetchall()
    except sqlite3.OperationalError:  # not there yet, or being written
        return False
    found = {key: pickle.loads(change) for key, change in rows if change is not None}
    return all(found.get(f"{tp.partition}-{tp.topic}") == offset for tp, offset in due.items())


def snapshot(task: Task, progress: Progress, due: int) -> bool:
    """Whether a file in Pathway's folder is younger than the last event applied.

    Its last one is applied when as many are as there are, or none was for a while: after a crash it applies again what
    its snapshots hold, so the number may be another.
    """
    now, at = monotonic(), progress.last_applied_at
    if not progress.records or (progress.records < due and now - at < _QUIET_SECONDS):
        return False
    changes = (path.stat().st_mtime for path in Path(task.folder).rglob("*") if path.is_file())
    return max(changes, default=0.0) - (time() - now) > at
