"""The job on Pathway: `groupby(customer).reduce` with a stateful reducer, operator state persisted to files.

As its documentation advises: `pw.reducers.stateful_many`, called once per customer and minibatch (API page of
`pw.reducers`); `Table.to_stream`, so that an update is one message and not a retraction and an insertion; persistence
to files at the commit interval of all contestants. Of its modes (API page of `pw.persistence.Config`) this is the
default, which keeps the input and folds it again after a crash: `OPERATOR_PERSISTING`, the one it calls the most
efficient, asks for a licence key. The minibatch (`autocommit_duration_ms`) is the publication interval of our engine.

Values are made by the Rust core from the JSON; a state must be a value of Pathway's own types, so it is JSON bytes,
decoded and encoded once per customer and minibatch. Nobody outside can read it, hence the comparison is with the
scores it has published, which name the number of events, the newest time and the score.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pathway as pw

from bench.contestants import COMMIT_SECONDS, PUBLISH_SECONDS, Task
from bench.contestants.librdkafka import consumer_settings, producer_settings
from bench.job import Customer, UsageEvent, fold, score_of
from bench.progress import Progress

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Customer).decode


class Event(pw.Schema):
    event_id: str
    customer_id: str
    user_id: str
    feature: str
    occurred_at: int


def run(task: Task, progress: Progress) -> None:
    build(task, progress)
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(
            pw.persistence.Backend.filesystem(task.folder),
            snapshot_interval_ms=int(COMMIT_SECONDS * 1000),
            persistence_mode=pw.PersistenceMode.PERSISTING,
        ),
    )


def build(task: Task, progress: Progress) -> None:
    events = pw.io.kafka.read(
        _as_text(consumer_settings(task) | {"group.id": task.group}),
        task.source,
        schema=Event,
        format="json",
        autocommit_duration_ms=int(PUBLISH_SECONDS * 1000),
        name="events",
    )
    this = pw.this

    @pw.reducers.stateful_many
    def folded(kept: tuple[bytes, bytes] | None, rows: Sequence[tuple[list[Any], int]]) -> tuple[bytes, bytes]:
        customer = _decode(kept[0]) if kept else Customer()
        for (customer_id, user_id, feature, occurred_at), _ in rows:
            fold(customer, UsageEvent("", customer_id, user_id, feature, occurred_at))
        progress.applied(len(rows))
        return _encode(customer), _encode(score_of(customer_id, customer))

    kept = events.groupby(this.customer_id).reduce(
        this.customer_id, kept=folded(this.customer_id, this.user_id, this.feature, this.occurred_at)
    )
    scores = kept.select(this.customer_id, score=this.kept[1]).to_stream()
    settings = _as_text(producer_settings(task))
    pw.io.kafka.write(scores, settings, task.scores, format="raw", key=scores.customer_id, value=scores.score)


def _as_text(settings: dict[str, str | int]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items()}
