"""Who takes part. Each module has `run(task, progress)`, which works until the process is told to end."""

from dataclasses import dataclass
from typing import Literal

import msgspec

Name = Literal["zelo", "faust", "quix", "bytewax", "pathway", "aiokafka", "confluent"]
Saved = Literal["offsets", "epoch", "snapshot"]
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
        package: a peer's, in the peers' own environment; "" for what runs in ours.
        saved: where it says how far its work is safe: offsets of its Kafka group, an epoch in its database, or files.
        opens_state: whether its state can be read; if not, its last scores stand for it.
    """

    name: Name
    title: str
    module: str
    share: float = 1.0
    safe: bool = True
    package: str = ""
    saved: Saved = "offsets"
    opens_state: bool = True


CONTESTANTS = (
    Contestant("zelo", "Zelo engine", "bench.contestants.zelo_engine"),
    Contestant("faust", "stock Faust", "bench.contestants.stock_faust", share=0.05),
    Contestant("quix", "Quix Streams", "bench.contestants.quix_streams", share=0.25, package="quixstreams"),
    Contestant("bytewax", "Bytewax", "bench.contestants.bytewax_flow", package="bytewax", saved="epoch"),
    Contestant(
        "pathway",
        "Pathway",
        "bench.contestants.pathway_table",
        package="pathway",
        saved="snapshot",
        opens_state=False,
    ),
    Contestant("aiokafka", "bare aiokafka", "bench.contestants.bare_aiokafka", safe=False),
    Contestant(
        "confluent",
        "bare confluent-kafka",
        "bench.contestants.bare_confluent",
        safe=False,
        package="confluent_kafka",
    ),
)

BY_NAME = {one.name: one for one in CONTESTANTS}


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
