"""State of one partition of a table: what a pure machine sees of the engine.

Values stay the bytes of the changelog until they are touched, so recovery costs no decoding. In front of
every value stand the source offset up to which it is right and its writer (staging.PREFIX); the record under
the key `META_KEY` says the same of the whole partition and completes the flush. No method awaits anything.
"""

from collections.abc import Callable, Iterable, Sequence
from secrets import randbits
from typing import Any, Generic, TypeVar, cast

import msgspec

from streams.engine.outbox import Output
from streams.engine.staging import PREFIX, Staging
from streams.errors import ConfigurationError

S = TypeVar("S")
T = TypeVar("T")
M = TypeVar("M")

#: 0xff occurs in no UTF-8 text, so no key of the application can be this one.
META_KEY = b"\xffmeta"


class StateCodec(Generic[S, M]):
    """How the values and the meta record of a table become bytes."""

    def __init__(self, state_type: type[S], meta_type: type[M]) -> None:
        self.new_meta = meta_type
        self.encode = msgspec.msgpack.Encoder().encode
        self._state = msgspec.msgpack.Decoder(state_type)
        self._meta = msgspec.msgpack.Decoder(meta_type)

    def state(self, packed: memoryview) -> S:
        """The state in a changelog value."""
        return self._decode(self._state, packed)

    def meta(self, packed: bytes) -> M:
        """The meta record in a changelog value, without its prefix."""
        return self._decode(self._meta, packed)

    @staticmethod
    def _decode(decoder: msgspec.msgpack.Decoder[T], packed: bytes | memoryview) -> T:
        try:
            return decoder.decode(packed)
        except msgspec.MsgspecError as exc:
            raise ConfigurationError(
                f"a changelog value is no {decoder.type}: {exc}. It was written by another release; "
                "raise the engine's version to fold the topics anew."
            ) from exc


Render = Callable[["Partition[Any, Any]", str], None]


class Partition(Generic[S, M]):
    """One partition: keys, meta, outputs.

    Attributes:
        number: of the partition; outputs go to the same number unless told otherwise.
        meta: partition-level state; flushed last, so it commits the flush.
        offset: source offset being processed, set by the machine for each record.
        applied: everything up to this source offset is in the state.
        live: recovered and owned; the changelog is never loaded over it.
    """

    def __init__(self, number: int, codec: StateCodec[S, M], render: Render | None = None) -> None:
        self.number = number
        self.meta: M = codec.new_meta()
        self.offset = -1
        self.applied = -1
        self.saved = -1
        self.live = False
        self.outputs: list[Output] = []
        self._codec = codec
        self._render = render
        self._values: dict[str, S | bytes] = {}
        self._dirty: dict[str, None] = {}
        self._marked: dict[str, None] = {}
        self._recovered: dict[str, int] = {}
        self._horizon = -1
        self._deleted: dict[str, None] = {}
        self._writer = randbits(32)
        self._staging = Staging()

    # what a machine uses

    def get(self, key: str) -> S | None:
        """The state of a key, None when there is none. Change it, then `put` it."""
        value = self._values.get(key)
        if type(value) is bytes:
            value = self._values[key] = self._codec.state(memoryview(value)[PREFIX.size :])
        return cast("S | None", value)

    def put(self, key: str, state: S) -> None:
        """Stores the state of a key and marks it to be saved with the next commit."""
        self._values[key] = state
        self._dirty[key] = None

    def delete(self, key: str) -> None:
        """Removes a key."""
        if self._values.pop(key, None) is not None:
            self._dirty[key] = None

    def keys(self) -> list[str]:
        """All keys, in sorted order: the same after a recovery as before."""
        return sorted(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def ahead(self, key: str, offset: int) -> bool:
        """Whether the recovered state of `key` already contains source `offset` and its outputs are out."""
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

    # what the engine uses

    def advance(self, offset: int) -> None:
        """Everything up to source `offset` is applied."""
        self.applied = max(self.applied, offset)
        if self.applied >= self._horizon >= 0:
            self._dirty |= dict.fromkeys(self._recovered)  # so that the next flush completes them
            self._horizon, self._recovered = -1, {}

    def load(self, position: int, key: bytes, value: bytes | None) -> None:
        """Takes the changelog record at log offset `position`."""
        if key != META_KEY:
            self._staging.key(position, key.decode(), value)
        elif value is not None:
            self._staging.flushed(position, value)

    def passed(self, end: int) -> None:
        """The changelog has been read up to `end`."""
        self._staging.passed(end)

    def recovered(self) -> None:
        """Recovery is over: the newest complete flush becomes the state, and this memory is the truth."""
        if self.live:
            return
        log, self._staging = self._staging, Staging()
        left = log.end()
        self.live = True
        if log.meta is not None:
            self.meta = self._codec.meta(log.meta)
        self.applied = self.saved = log.applied
        for name, version in (log.complete | left.ahead).items():
            if version.value is not None:
                self._values[name] = version.value
        self._dirty = dict.fromkeys(left.torn)
        self._recovered = {name: version.offset for name, version in left.ahead.items()}
        self._horizon = max(self._recovered.values(), default=-1)
        self.advance(self.applied)

    @property
    def has_outputs(self) -> bool:
        """Whether something waits for publication."""
        return bool(self.outputs or self._marked)

    def render_marked(self) -> None:
        """Turns the marks of `publish` into outputs."""
        marked, self._marked = self._marked, {}
        if self._render is not None:
            for key in marked:
                self._render(self, key)

    def take_outputs(self) -> list[Output]:
        """Renders what is marked and hands over all outputs."""
        if self._marked:
            self.render_marked()
        taken, self.outputs = self.outputs, []
        return taken

    def take_state(self) -> tuple[list[tuple[bytes, bytes | None]], bytes] | None:
        """What this commit saves: keys and tombstones, and the meta record that completes them; or None."""
        if not self._dirty and self.applied == self.saved:
            return None
        prefix, encode = PREFIX.pack(self.applied, self._writer), self._codec.encode
        records: list[tuple[bytes, bytes | None]] = [
            (key.encode(), None) for key in self._deleted if key not in self._values and key not in self._dirty
        ]
        self._deleted = {}
        for key in self._dirty:
            value = self._values.get(key)
            if value is None:
                # not a tombstone yet: a replay must still know how far this key was
                records.append((key.encode(), prefix))
                self._deleted[key] = None
            elif type(value) is bytes:
                records.append((key.encode(), prefix + value[PREFIX.size :]))
            else:
                records.append((key.encode(), prefix + encode(value)))
        self._dirty = {}
        self.saved = self.applied
        return records, prefix + encode(self.meta)

    @property
    def key_offsets(self) -> Iterable[tuple[str, int]]:
        """Keys that are ahead of the partition, and the source offsets they contain."""
        return self._recovered.items()
