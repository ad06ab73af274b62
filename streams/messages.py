"""Batches of a topic stepped through a machine inside its table; what cannot be read goes to the dead letters.

Decides nothing: decoding is the guard's, everything else the machine's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.registry import DEAD_LETTERS, Topic
from streams.app import Zelo
from streams.engine.counters import Counters
from streams.engine.guard import Poison, decode
from streams.engine.table import StateTable

Step = Callable[[Any, int, Any], Iterator[None] | None]
Many = Callable[[Sequence[Any]], list[Any]]
Dead = Callable[[Any, int], None]
Done = Callable[[Any, Any], None]
_THROUGH = object()


class _Pieces(NamedTuple):
    """Work to be done before the last so many records of a run are taken in."""

    work: Iterator[None]
    left: int


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
    many: Many | None = None,
) -> None:
    """Declares the agent of a topic.

    Args:
        zelo: the worker.
        topic: whose batches are served.
        table: fed by the topic.
        decoder: from a record to a message; what it raises makes the record a dead letter.
        step: `step(partition, offset, message)`; gives pieces of work to be done before it takes the message in.
        dead: `dead(partition, offset)`, told of every record that could not be read.
        done: `done(topic-partition, partition)`, told after every run of a batch.
        many: what `decoder` does with all records of a run, at less cost (engine/guard.py).
    """
    engine = zelo.app.engine
    server = _Server(
        table,
        decoder,
        step,
        dead,
        done,
        engine.counters,
        zelo.name(DEAD_LETTERS),
        engine.settings.producer_request_bytes,
        many,
    )
    zelo.app.agent(zelo.source(topic), name=f"zelo.{table.name}")(server.agent)


@dataclass(frozen=True)
class _Server:
    """One agent."""

    table: StateTable[Any, Any]
    decoder: Callable[[Any], Any]
    step: Step
    dead: Dead
    done: Done
    counters: Counters
    letters: str
    largest: int
    many: Many | None = None

    async def agent(self, stream: Any) -> None:
        async for event in stream.noack().events():
            async for run in self.table.runs(event):
                rest = run
                while (pieces := self._take(event, rest)) is not None:
                    rest = rest[-pieces.left :]
                    await self._go_through(event, pieces.work)
            event.ack()

    def _take(self, event: Any, run: Any) -> _Pieces | None:
        with self.table.batch(event, run) as (part, records):
            for place, (record, found) in enumerate(decode(records, self.decoder, many=self.many)):
                if isinstance(found, Poison):
                    self._bury(part, record, found)
                elif (work := self.step(part, record.offset, found)) is not None:
                    self.table.took(place)
                    return _Pieces(work, len(records) - place)
        self.done(event.message.tp, part)
        return None

    def _bury(self, part: Any, record: Any, poison: Poison) -> None:
        self.dead(part, record.offset)
        self.counters.dead_letters += 1
        part.outputs.append(poison.dead_letter(self.letters, part.number, self.largest))

    async def _go_through(self, event: Any, work: Iterator[None]) -> None:
        while True:
            await self.table.room()
            with self.table.piece(event) as part:
                if part is None or next(work, _THROUGH) is _THROUGH:
                    return
