"""Who takes part. Each module has `run(task, progress)`, which works until the process is told to end."""

from dataclasses import dataclass
from typing import Literal

import msgspec

Name = Literal["zelo", "faust", "aiokafka"]
BASELINE: Name = "faust"

#: The same for all: how long a member may be silent, how a group forms, how often it commits and publishes.
SESSION_SECONDS = 6.0
HEARTBEAT_SECONDS = 1.0
REBALANCE_SECONDS = 3.0
REQUEST_SECONDS = 20.0
COMMIT_SECONDS = 0.5
PUBLISH_SECONDS = 0.25


@dataclass(frozen=True)
class Contestant:
    """An implementation of the job.

    Attributes:
        title: as it stands in the table.
        module: of this package.
        share: of the events it is given; rates and costs are per event, so the figures stay comparable.
        safe: whether it keeps its state anywhere but in memory.
    """

    name: Name
    title: str
    module: str
    share: float = 1.0
    safe: bool = True


CONTESTANTS = (
    Contestant("zelo", "Zelo engine", "bench.contestants.zelo_engine"),
    Contestant("faust", "stock Faust", "bench.contestants.stock_faust", share=0.05),
    Contestant("aiokafka", "bare aiokafka", "bench.contestants.bare_aiokafka", safe=False),
)


class Task(msgspec.Struct):
    """What a worker process is told.

    Attributes:
        group: consumer group, also the prefix of its changelog.
        source: topic of events.
        scores: topic of scores.
        folder: it may write to.
    """

    bootstrap: str
    group: str
    source: str
    scores: str
    folder: str
