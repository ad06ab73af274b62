"""Batches of a topic stepped through a machine inside its table; what cannot be read goes to the dead letters.

Decides nothing: decoding is the guard's, everything else the machine's.
"""

from collections.abc import Callable
from typing import Any

from schemas.registry import DEAD_LETTERS, Topic
from streams.app import Zelo
from streams.engine.guard import Poison, decode
from streams.engine.table import StateTable

Step = Callable[[Any, int, Any], None]
Dead = Callable[[Any, int], None]
Done = Callable[[Any, Any], None]


def ignore(*_: Any) -> None:
    """Does nothing with what it is told."""


def serve(
    zelo: Zelo,
    topic: Topic,
    table: StateTable[Any, Any],
    decoder: Callable[[Any], Any],
    step: Step,
    dead: Dead = ignore,
    done: Done = ignore,
) -> None:
    """Declares the agent of a topic.

    Args:
        zelo: the worker.
        topic: whose batches are served.
        table: fed by the topic.
        decoder: from a record to a message; what it raises makes the record a dead letter.
        step: `step(partition, offset, message)`.
        dead: `dead(partition, offset)`, told of every record that could not be read.
        done: `done(topic-partition, partition)`, told after every run of a batch.
    """
    dead_letters = zelo.name(DEAD_LETTERS)
    largest = zelo.app.engine.settings.producer_request_bytes
    counters = zelo.app.engine.counters

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            async for run in table.runs(event):
                take(event, run)
            event.ack()

    def take(event: Any, run: Any) -> None:
        with table.batch(event, run) as (part, records):
            for record, found in decode(records, decoder):
                if isinstance(found, Poison):
                    dead(part, record.offset)
                    counters.dead_letters += 1
                    letter = found.dead_letter(dead_letters, part.number, largest)
                    part.emit(
                        letter.topic,
                        letter.key,
                        letter.value,
                        letter.partition,
                        letter.headers,
                        letter.timestamp_ms,
                    )
                else:
                    step(part, record.offset, found)
        done(event.message.tp, part)

    zelo.app.agent(zelo.source(topic), name=f"zelo.{table.name}")(agent)
