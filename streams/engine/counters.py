"""What the engine counts about itself: plain numbers, read by the telemetry of the application."""

from dataclasses import dataclass, field

from faust.types import TP


@dataclass(slots=True)
class Counters:
    """Running totals since the start of the process, and the present lag.

    Attributes:
        batches, records: handed to agents.
        reseeks: in-process drops found and read again (I2).
        stale: batches thrown away because their partition had no known position (I4).
        overlaps: batches cut because their beginning had been delivered.
        lost: offsets that the broker had deleted before we read them (retention).
        flushes, flush_seconds, keys: checkpoints written, time in them, state records written.
        outputs: output records written.
        applied: records stepped through tables, counted slice by slice.
        pieces: of work that precedes a record (days that close), gone through.
        acknowledged: records of any kind that the broker has taken; moves with every batch.
        commits, failed_commits: of source offsets.
        dead_letters: records that could not be processed and were sent there.
        recoveries, recovery_seconds, recovery_cpu_seconds, recovered: recoveries done, time in them until partitions
            are live, processor time of all threads meanwhile, changelog records read by them and for standby copies.
        last_commit_at_monotonic: `time.monotonic()` of the last commit, or save of pieces of work between two; None
            before the first.
        lag: records on the broker after the committed offset, per source partition.
        lag_seconds: for how long the oldest of them has been there, as far as this worker knows (lateness.py).
        late_seconds: the same from the committable offset, to which the work has come: what the rhythm goes by.
        backlog_seconds: until all that waits is done, at the present pace (backlog.py); the rhythm goes by it, too.
    """

    batches: int = 0
    records: int = 0
    reseeks: int = 0
    stale: int = 0
    overlaps: int = 0
    lost: int = 0
    flushes: int = 0
    flush_seconds: float = 0.0
    keys: int = 0
    outputs: int = 0
    applied: int = 0
    pieces: int = 0
    acknowledged: int = 0
    commits: int = 0
    failed_commits: int = 0
    dead_letters: int = 0
    recoveries: int = 0
    recovery_seconds: float = 0.0
    recovery_cpu_seconds: float = 0.0
    recovered: int = 0
    last_commit_at_monotonic: float | None = None
    lag: dict[TP, int] = field(default_factory=dict)
    lag_seconds: dict[TP, float] = field(default_factory=dict)
    late_seconds: dict[TP, float] = field(default_factory=dict)
    backlog_seconds: float = 0.0

    @property
    def activity(self) -> int:
        """A number that changes whenever anything of the worker moves."""
        return self.records + self.applied + self.pieces + self.acknowledged + self.commits
