"""Batches of a topic stepped through a machine inside its table; what cannot be read goes to the dead letters.

Decides nothing: decoding is the guard's, everything else the machine's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.registry import DEAD_LETTERS, Topic
from streams.app import Zelo
from streams.engine.counters import Counters
from streams.engine.guard import Poison, decode, judged, readable
from streams.engine.table import StateTable
from streams.metrics.domain import MOST_ALONE

Step = Callable[[Any, int, Any], Iterator[None] | None]
Steps = Callable[[Any, Sequence[int], Sequence[Any]], tuple[int, Iterator[None]] | None]
Many = Callable[[Sequence[Any]], list[Any]]
Dead = Callable[[Any, int], None]
Done = Callable[[Any, Any], None]
_THROUGH = object()


class Runs(NamedTuple):
    """What is done with a run of records at less cost than with each.

    Attributes:
        many: gives the messages of all, as the decoder gives each; raises when it would for one (engine/guard.py).
        steps: `steps(partition, offsets, messages)`, what `step` does with each; gives how many it has taken in where
            the next one asks for pieces of work first, and those.
    """

    many: Many
    steps: Steps


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
    runs: Runs | None = None,
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
        runs: what these do, for a run.
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
        runs,
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
    runs: Runs | None = None

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
            stopped = self._step_through(part, records)
            if stopped is not None:
                taken, work = stopped
                self.table.took(taken)
                return _Pieces(work, len(records) - taken)
        self.done(event.message.tp, part)
        return None

    def _step_through(self, part: Any, records: Sequence[Any]) -> tuple[int, Iterator[None]] | None:
        """Takes records in; gives how many it has taken, and the work that the next one asks for."""
        if self.runs is None:
            found = decode(records, self.decoder)
        elif (messages := readable(records, self.runs.many)) is not None:
            return self.runs.steps(part, [record.offset for record, _ in zip(records, messages, strict=True)], messages)
        else:
            found = judged(records, self.decoder)
        for place, (record, message) in enumerate(found):
            if place == MOST_ALONE:
                return place, iter(())
            if isinstance(message, Poison):
                self._bury(part, record, message)
            elif (work := self.step(part, record.offset, message)) is not None:
                return place, work
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
