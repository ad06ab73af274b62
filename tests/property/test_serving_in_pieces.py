"""The agent of a topic, when a record asks for work in pieces before it is taken in."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_engine_checkpoint import OUT, Broker, Customer, Worker, event_of, source, step

from streams.messages import Runs, _Server
from streams.metrics.domain import MOST_ALONE

PIECES = 3
CLOSES = "c9"


def closing(part: Any, offset: int, record: Any) -> Iterator[None] | None:
    """A machine with something to be done in pieces before the first record of one key."""
    if record.key == CLOSES.encode() and part.get("closed") is None:
        return close(part)
    step(part, record)
    return None


def close(part: Any) -> Iterator[None]:
    for number in range(PIECES):
        part.emit(OUT, b"piece", b"piece %d" % number)
        if number < PIECES - 1:
            yield
    part.put("closed", Customer(1))


class Stream:
    """What Faust gives an agent: events that are acknowledged."""

    def __init__(self, *events: Any) -> None:
        self._events = events
        self.acked = 0

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for event in self._events:
            event.ack = self._ack
            yield event

    def _ack(self) -> None:
        self.acked += 1


def read(record: Any) -> Any:
    record.topic, record.partition, record.value, record.headers, record.timestamp = "usage", 0, b"?", (), 0
    if record.key == b"c8":
        raise ValueError("not for us")
    return record


def closings(part: Any, offsets: Sequence[int], records: Sequence[Any]) -> tuple[int, Iterator[None]] | None:
    """The same machine over a run."""
    for taken, (offset, record) in enumerate(zip(offsets, records, strict=True)):
        if (pieces := closing(part, offset, record)) is not None:
            return taken, pieces
    return None


def serve(worker: Worker, turn: Callable[[], None] = lambda: None, in_runs: bool = False) -> _Server:
    async def take_turn() -> None:
        turn()

    worker.table.app.engine.pace = SimpleNamespace(turn=take_turn)
    dead = lambda part, offset: part.outputs  # noqa: E731
    runs = Runs(lambda run: [read(one) for one in run], closings) if in_runs else None
    return _Server(worker.table, read, closing, dead, lambda *_: None, worker.counters, "letters", 10_000, runs)


@pytest.mark.parametrize("in_runs", [False, True])
@given(keys=st.lists(st.integers(0, 9), min_size=1, max_size=40))
async def test_every_record_is_taken_in_once_behind_the_pieces(in_runs: bool, keys: list[int]) -> None:
    worker = Worker(Broker())
    stream = Stream(event_of(source(keys)))
    await serve(worker, in_runs=in_runs).agent(stream)
    outputs = worker.part.outputs
    said = [output.value for output in outputs if output.topic == OUT]
    pieces = [b"piece %d" % number for number in range(PIECES)]
    assert stream.acked == 1
    assert worker.part.applied == len(keys) - 1
    assert worker.counters.applied == len(keys)
    assert worker.part.meta.read == sum(key != 8 for key in keys)
    assert worker.counters.dead_letters == keys.count(8) == sum(output.topic == "letters" for output in outputs)
    assert [one for one in said if one.startswith(b"piece")] == (pieces if 9 in keys else [])
    events = [int(one.split()[1]) for one in said if one.startswith(b"event")]
    assert events == [offset for offset, key in enumerate(keys) if key != 8]
    if 9 in keys:
        behind = said.index(pieces[-1])
        assert said[behind + 1].startswith(b"event %d " % keys.index(9))


async def test_what_is_saved_between_two_pieces_does_not_hold_the_record() -> None:
    broker = Broker()
    worker = Worker(broker)
    saved: list[int] = []

    def look() -> None:
        if any(output.key == b"piece" for output in worker.part.outputs) and not saved:
            worker.part.take_state()
            saved.append(worker.part.saved)

    await serve(worker, look).agent(Stream(event_of(source([1, 2, 9, 3]))))
    assert saved == [1]
    assert worker.part.applied == 3


async def test_what_lies_before_the_pieces_is_committable_while_they_go_on() -> None:
    broker = Broker()
    worker = Worker(broker)
    event = event_of(source([1, 2, 9, 3]))
    reached: list[int] = []

    def look() -> None:
        if any(output.key == b"piece" for output in worker.part.outputs):
            reached.append(event.message.reached)

    await serve(worker, look).agent(Stream(event))
    assert set(reached) == {2}
    assert event.message.reached == 4


class Labour:
    """A machine whose state says how far its pieces of work are; each is saved before the next, without a commit."""

    def __init__(self, broker: Broker, records: list[Any]) -> None:
        self.broker = broker
        self.records = records
        self.gone_through: list[int] = []

    def step(self, part: Any, offset: int, record: Any) -> Iterator[None] | None:
        if record.key == CLOSES.encode() and self.done(part) < PIECES:
            return self._work(part)
        step(part, record)
        return None

    def _work(self, part: Any) -> Iterator[None]:
        for number in range(self.done(part), PIECES):
            self.gone_through.append(number)
            part.put("pieces", Customer(number + 1))
            part.emit(OUT, b"piece", b"piece %d" % number)
            if number < PIECES - 1:
                yield

    def done(self, part: Any) -> int:
        found = part.get("pieces")
        return 0 if found is None else found.events

    async def live(self, worker: Worker, saves: int) -> None:
        """A life of so many saves at most."""
        left = iter(range(saves))

        async def save() -> None:
            if next(left, None) is None:
                raise DeathError
            await worker.checkpoint.save(dict, self.broker.commit)

        worker.table.app.engine.pace = SimpleNamespace(turn=save)
        server = _Server(worker.table, read, self.step, lambda *_: None, lambda *_: None, worker.counters, "letters", 9)
        with suppress(DeathError):
            await server.agent(Stream(event_of(self.records[worker.part.applied + 1 :])))


class DeathError(Exception):
    pass


@pytest.mark.parametrize("saves, expected", [(1, [0, 1, 2]), (2, [0, 0, 1, 2]), (3, [0, 1, 1, 2]), (4, [0, 1, 2, 2])])
async def test_a_worker_that_dies_between_two_pieces_goes_on_behind_the_last_one_saved(
    saves: int, expected: list[int]
) -> None:
    """Only the one at hand is done again."""
    broker, records = Broker(), source([1, 2, 9, 3])
    labour = Labour(broker, records)
    await labour.live(Worker(broker), saves)
    survivor = Worker(broker)
    await labour.live(survivor, 100)
    await survivor.commit(len(records))
    assert labour.gone_through == expected
    recovered = Worker(broker).part
    assert (labour.done(recovered), recovered.meta.read) == (PIECES, len(records))
    told = [value for key, value in broker.logs[OUT, 0] if key == b"piece"]
    assert sorted(set(told)) == [b"piece %d" % number for number in range(PIECES)]


@pytest.mark.parametrize("in_runs", [False, True])
@pytest.mark.parametrize("turns", range(1, 4))
async def test_a_partition_that_goes_in_between_takes_nothing_more_in(turns: int, in_runs: bool) -> None:
    worker = Worker(Broker())
    event = event_of(source([1, 2, 9, 3]))
    left = [turns]

    def go() -> None:
        left[0] -= 1
        if left[0] == 0:
            worker.stale.add(id(event.message))

    stream = Stream(event)
    await serve(worker, go, in_runs).agent(stream)
    assert stream.acked == 1  # the consumer forgets it: its positions are gone
    assert worker.part.applied == (-1 if turns == 1 else 1)
    assert worker.part.get(CLOSES) is None


@pytest.mark.parametrize("in_runs", [False, True])
def test_records_taken_one_by_one_give_others_their_turn_on_the_way(in_runs: bool) -> None:
    """One of thousands that cannot be read would else keep the worker for as long as all of them take."""
    worker = Worker(Broker())
    records = [read_later(offset, b"c8" if offset == 7 else b"c1") for offset in range(2 * MOST_ALONE)]
    stopped = serve(worker, in_runs=in_runs)._step_through(worker.part, records)
    assert stopped is not None
    taken, pieces = stopped
    assert (taken, list(pieces), worker.part.meta.read) == (MOST_ALONE, [], MOST_ALONE - 1)


def read_later(offset: int, key: bytes) -> Any:
    return SimpleNamespace(offset=offset, key=key)
