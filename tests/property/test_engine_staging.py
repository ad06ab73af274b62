"""A flush counts whole or not at all: writers that die anywhere in it, one after the other, compactions between.

Every value is written once in the whole history, so a state made of two flushes cannot look right by chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import Logged
from streams.engine.states import StateCodec


class Ledger(msgspec.Struct):
    flushes: int = 0


State = dict[str, int]
Part = Partition[int, Ledger]

#: One flush: keys that are put, keys that are deleted, and after how many records the writer dies (None: it lives).
FLUSH = st.tuples(
    st.sets(st.sampled_from("abcdef"), max_size=4),
    st.sets(st.sampled_from("abcdef"), max_size=2),
    st.none() | st.integers(0, 6),
)


@dataclass
class World:
    """A changelog, what its last complete flush said, and what a compaction may touch: nothing after that."""

    log: list[tuple[int, bytes, bytes | None]] = field(default_factory=list)
    complete: State = field(default_factory=dict)
    flushes: int = 0
    applied: int = -1
    settled: int = 0
    end: int = 0
    values: Iterator[int] = field(default_factory=lambda: count(1))

    def recover(self, piece: int = 3) -> Part:
        part: Part = Partition(0, StateCodec(int, Ledger))
        for start in range(0, len(self.log), piece):
            part.load([Logged(*record) for record in self.log[start : start + piece]])
        part.passed(self.end)
        part.recovered()
        return part

    def flush(self, part: Part, put: set[str], deleted: set[str], dies_after: int | None) -> bool:
        """Whether the writer is still alive."""
        for key in sorted(put):
            if not part.ahead(key, part.applied + 1):
                part.put(key, next(self.values))
        for key in sorted(deleted):
            if not part.ahead(key, part.applied + 1):
                part.delete(key)
        part.advance(part.applied + 1)
        part.meta.flushes += 1
        taken = part.take_state()
        assert taken is not None
        written = [*taken[0], (META_KEY, taken[1])]
        alive = dies_after is None or dies_after >= len(written)
        for key, value in written if alive else written[:dies_after]:
            self.log.append((self.end, key, value))
            self.end += 1
        if alive:
            self.complete, self.flushes, self.applied = state_of(part), part.meta.flushes, part.applied
            self.settled = self.end
        return alive

    def compact(self, share: float) -> None:
        until = int(self.settled * share)
        newest = {key: position for position, key, _ in self.log if position < until}
        self.log = [r for r in self.log if r[0] >= until or newest[r[1]] == r[0]]


def state_of(part: Part) -> State:
    names = part.keys()
    return {name: value for name in names if (value := part.get(name)) is not None}


@settings(max_examples=200, deadline=None)
@given(st.lists(FLUSH, max_size=30))
def test_the_recovered_state_is_that_of_the_last_complete_flush(
    plan: list[tuple[set[str], set[str], int | None]],
) -> None:
    world = World()
    part = world.recover()
    for put, deleted, dies_after in plan:
        if not world.flush(part, put, deleted, dies_after):
            part = world.recover()
            assert state_of(part) == world.complete
            assert (part.meta.flushes, part.applied) == (world.flushes, world.applied)
            assert list(part.key_offsets) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(FLUSH, st.floats(0, 1)), max_size=30))
def test_a_compaction_that_spares_what_is_new_leaves_only_keys_ahead_that_were_never_complete(
    plan: list[tuple[tuple[set[str], set[str], int | None], float]],
) -> None:
    world = World()
    part = world.recover()
    for (put, deleted, dies_after), share in plan:
        if world.flush(part, put, deleted, dies_after):
            continue
        world.compact(share)
        part = world.recover()
        ahead = dict(part.key_offsets)
        assert not ahead.keys() & world.complete.keys()
        assert {k: v for k, v in state_of(part).items() if k not in ahead} == world.complete
        assert (part.meta.flushes, part.applied) == (world.flushes, world.applied)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(FLUSH, st.floats(0, 1)), max_size=30), st.integers(2, 50))
def test_it_does_not_matter_in_which_pieces_the_log_is_read(
    plan: list[tuple[tuple[set[str], set[str], int | None], float]], piece: int
) -> None:
    world = World()
    part = world.recover()
    for (put, deleted, dies_after), share in plan:
        if not world.flush(part, put, deleted, dies_after):
            part = world.recover()
        world.compact(share)
    whole, single = world.recover(piece), world.recover(1)
    assert state_of(whole) == state_of(single)
    assert dict(whole.key_offsets) == dict(single.key_offsets)
    assert (whole.meta, whole.applied, whole.sizes) == (single.meta, single.applied, single.sizes)
