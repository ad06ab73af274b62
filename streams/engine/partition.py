"""State of one partition of a table: what a pure machine sees of the engine.

Values are kept as the bytes of the changelog, which take a tenth of the memory of objects; recovery costs no decoding
then. What is touched is decoded (states.py), and so many states are kept decoded: those written last, and none that is
merely read when there is no room, so that a day close, which reads all, displaces none. Where most would be displaced
before they are met again, only a few are kept: that takes less memory, and what is used stays in the caches.

In front of every value stand the source offset up to which it is right and its writer (staging.PREFIX); the record
under the key `META_KEY` says the same of the whole partition and completes the flush. No method awaits anything.

A flush may leave keys marked for publication: then its meta record says so, and who recovers from it marks all keys.
What is `ahead` in the log of a torn flush is marked as soon as the replay, which passes it over, is as far.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from secrets import randbits
from typing import Any, Generic, TypeVar

from streams.engine.outbox import Output
from streams.engine.staging import PREFIX, Logged, Staging
from streams.engine.states import StateCodec

S = TypeVar("S")
M = TypeVar("M")

#: 0xff occurs in no UTF-8 text, so no key of the application can be this one.
META_KEY = b"\xffmeta"
#: So many times as many keys as can be kept decoded.
_CROWDED = 4
#: Who gets more than this before it puts the first of them holds them itself: its `put` counts, whatever made room.
_LEAST_DECODED = 16
_NOTHING_READ = (None, None)
#: In front of the payload of a meta record whose flush left keys marked. No version is 255 (states.py), so who knows
#: no marks takes it for that of a newer release, and says so.
_MARKED = b"\xc1\xff"
#: In memory nobody asks how far a value is.
_NO_PREFIX = bytes(PREFIX.size)


Render = Callable[["Partition[Any, Any]", Sequence[str]], None]


class Partition(Generic[S, M]):
    """One partition: keys, meta, outputs.

    Args:
        number: of the partition.
        codec: of its values.
        render: see `publish`.
        decoded: states kept decoded, at least 16; a sixteenth of that with more than four times as many keys.

    Attributes:
        number: of the partition; outputs go to the same number unless told otherwise.
        meta: partition-level state; flushed last, so it commits the flush.
        offset: source offset being processed, set by the machine for each record.
        applied: everything up to this source offset is in the state.
        worked: a piece of work changed the state since the last save, be it in `meta` alone.
        live: recovered and owned; the changelog is never loaded over it.
    """

    def __init__(
        self, number: int, codec: StateCodec[S, M], render: Render | None = None, decoded: int = 10_000
    ) -> None:
        self.number = number
        self.meta: M = codec.new_meta()
        self.offset = -1
        self.applied = -1
        self.saved = -1
        self.worked = False
        self.live = False
        self.outputs: list[Output] = []
        self._codec = codec
        self._render = render
        self._most_decoded = max(_LEAST_DECODED, decoded)
        self._room = self._most_decoded
        self._stored: dict[str, bytes | None] = {}  # every key; older than what is decoded, None when it is new
        self._decoded: dict[str, S] = {}
        self._read: tuple[str | None, S | None] = _NOTHING_READ
        self._dirty: dict[str, S | None] = {}  # with the state, while it is the one that is decoded
        self._marked: dict[str, None] = {}
        self._saved_marked = False
        self._recovered: dict[str, int] = {}
        self._horizon = -1
        self._deleted: dict[str, None] = {}
        self._writer = randbits(32)
        self._staging = Staging()

    # what a machine uses

    def get(self, key: str) -> S | None:
        """The state of a key, None when there is none. Change it, then `put` it."""
        state = self._decoded.get(key)
        if state is None:
            if key == self._read[0]:
                return self._read[1]
            stored = self._stored.get(key)
            if stored is None:
                return None
            state = self._codec.state.decode(stored, PREFIX.size)
            if len(self._decoded) < self._room:
                self._decoded[key] = state
            else:
                self._read = key, state  # most are read twice before they are written
        return state

    def put(self, key: str, state: S) -> None:
        """Stores the state of a key and marks it to be saved with the next commit."""
        if self._dirty.get(key) is state and len(self._decoded) < self._room:
            return  # as most are under load; their order matters only to who must make room
        self._stored.setdefault(key)
        self._read = _NOTHING_READ
        self._decoded.pop(key, None)  # the last written is the last in order
        self._decoded[key] = state
        self._dirty[key] = state
        if len(self._decoded) > self._room:
            self._make_room()

    def delete(self, key: str) -> None:
        """Removes a key."""
        if key in self._stored:
            del self._stored[key]
            self._read = _NOTHING_READ
            self._decoded.pop(key, None)
            self._dirty[key] = None

    def keys(self) -> list[str]:
        """All keys, in sorted order: the same after a recovery as before."""
        return sorted(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def ahead(self, key: str, offset: int) -> bool:
        """Whether the recovered state of `key` already contains source `offset`; what was emitted then is out."""
        return offset <= self._horizon and offset <= self._recovered.get(key, -1)

    def emit(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Adds an output, published in this order before the covering commit."""
        number = self.number if partition is None else partition
        self.outputs.append(Output(topic, number, key, value, headers, timestamp_ms))

    def publish(self, key: str) -> None:
        """Marks `key` to be rendered once at the next publication, whatever it is by then, even deleted."""
        self._marked[key] = None

    def withdraw(self, key: str) -> None:
        """Takes a mark of `publish` back: what it would render has been emitted."""
        self._marked.pop(key, None)

    # what the engine uses

    def advance(self, offset: int) -> None:
        """Everything up to source `offset` is applied."""
        self.applied = max(self.applied, offset)
        if self.applied >= self._horizon >= 0:
            self._dirty |= dict.fromkeys(self._recovered)  # so that the next flush completes them
            self._marked |= dict.fromkeys(self._recovered)  # not before: the rest was not as far as they are
            self._horizon, self._recovered = -1, {}

    def load(self, records: Sequence[Logged]) -> None:
        """Takes records that follow one another in the changelog."""
        keys = [record.key for record in records]
        start = 0
        for _ in range(keys.count(META_KEY)):
            at = keys.index(META_KEY, start)
            self._staging.keys(records[start:at])
            meta = records[at]
            if meta.value is not None:
                self._staging.flushed(meta.offset, meta.value)
            start = at + 1
        self._staging.keys(records[start:] if start else records)

    def passed(self, end: int) -> None:
        """The changelog has been read up to `end`."""
        self._staging.passed(end)

    def recovered(self) -> None:
        """Recovery is over: the newest complete flush becomes the state, and this memory is the truth."""
        if self.live:
            return
        log, self._staging = self._staging, Staging()
        left = log.end()
        if log.meta is not None:
            self._saved_marked = log.meta.startswith(_MARKED)
            self.meta = self._codec.meta.decode(log.meta.removeprefix(_MARKED))
        self.applied = self.saved = self.offset = log.applied
        stored: dict[str, Any] = log.complete
        if b"" in log.versions:  # a key was deleted
            stored = {name: value for name, value in stored.items() if len(value) > PREFIX.size}
        stored.update((name, version.value) for name, version in left.ahead.items() if version.value is not None)
        if any(map(self._codec.state.is_newer, log.versions)):
            for value in stored.values():
                self._codec.state.check(value, PREFIX.size)
        self._stored = stored
        self._set_room()
        self._dirty = dict.fromkeys(left.torn)
        self._recovered = {name: version.offset for name, version in left.ahead.items()}
        self._horizon = max(self._recovered.values(), default=-1)
        if self._saved_marked:
            self._marked = dict.fromkeys(name for name in stored if name not in left.ahead)
        self.live = True
        self.advance(self.applied)

    @property
    def has_outputs(self) -> bool:
        """Whether something waits for publication."""
        return bool(self.outputs or self._marked)

    @property
    def marks(self) -> int:
        """Keys marked by `publish`."""
        return len(self._marked)

    @property
    def left_marks(self) -> bool:
        """Whether the last flush says that it left keys marked."""
        return self._saved_marked

    def render_marked(self, most: int | None = None) -> None:
        """Turns marks of `publish` into outputs, those set first at first; all of them unless told how many."""
        keys = list(islice(self._marked, most))
        for key in keys:
            del self._marked[key]
        if self._render is not None and keys:
            self._render(self, keys)

    def render_stateless(self) -> None:
        """Renders what is marked and has no state, so that a flush that leaves the other marks loses none."""
        keys = [key for key in self._marked if key not in self._stored]
        for key in keys:
            del self._marked[key]
        if self._render is not None and keys:
            self._render(self, keys)

    def take_outputs(self, marked: bool = True) -> list[Output]:
        """Hands over all outputs, with what is marked rendered unless told otherwise."""
        if self._marked and marked:
            self.render_marked()
        taken, self.outputs = self.outputs, []
        return taken

    def take_state(self) -> tuple[list[tuple[bytes, bytes | None]], bytes] | None:
        """What this commit saves: keys and tombstones, and the meta record that completes them; or None."""
        marked = bool(self._marked)
        if not self._dirty and self.applied == self.saved and not self.worked and marked == self._saved_marked:
            return None
        prefix = PREFIX.pack(self.applied, self._writer)
        records: list[tuple[bytes, bytes | None]] = [
            (key.encode(), None) for key in self._deleted if key not in self._stored and key not in self._dirty
        ]
        self._deleted = {}
        records += [(key.encode(), self._to_save(key, prefix)) for key in self._dirty]
        self._dirty = {}
        self.saved, self.worked, self._saved_marked = self.applied, False, marked
        return records, self._codec.meta.encode(self.meta, prefix + _MARKED if marked else prefix)

    def _to_save(self, key: str, prefix: bytes) -> bytes:
        state, value = self._decoded.get(key), self._stored.get(key)
        if state is not None:
            record = self._codec.state.encode(state, prefix)
        elif value is not None:  # it had to make room, or was torn
            record = b"".join((prefix, memoryview(value)[PREFIX.size :]))  # copies it once
        else:  # not a tombstone yet: a replay must still know how far this key was
            self._deleted[key] = None
            return prefix
        self._stored[key] = record
        return record

    def _make_room(self) -> None:
        """Encodes the states that were written first, an eighth of what may be kept and whatever is beyond it."""
        self._set_room()
        surplus = len(self._decoded) - self._room + max(1, self._room // 8)
        for key in list(islice(self._decoded, surplus)):
            state = self._decoded.pop(key)
            if key in self._dirty:
                self._dirty[key] = None
                self._stored[key] = self._codec.state.encode(state, _NO_PREFIX)

    def _set_room(self) -> None:
        crowded = len(self._stored) > _CROWDED * self._most_decoded
        self._room = max(_LEAST_DECODED, self._most_decoded // 16) if crowded else self._most_decoded

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Keys (of a standby copy, those its changelog has completed), those to be saved, those kept decoded."""
        return len(self._stored) + len(self._staging.complete), len(self._dirty), len(self._decoded)

    @property
    def key_offsets(self) -> Iterable[tuple[str, int]]:
        """Keys that are ahead of the partition, and the source offsets they contain."""
        return self._recovered.items()
