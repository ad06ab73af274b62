"""The world as a machine sees it: the state of one partition, and where its outputs go.

A machine is pure: it is handed a `Partition` and records in log order. `streams.engine` keeps partitions on Kafka,
`MemoryPartition` keeps them in memory, for the offline oracle and for tests. Both must give the same figures.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

S = TypeVar("S")
M = TypeVar("M")
Headers = Sequence[tuple[str, bytes]]


class Partition(Protocol[S, M]):
    """State of one partition of one table.

    Attributes:
        number: the partition number, the same in every customer topic.
        meta: partition-level state.
        offset: offset of the record being processed.
    """

    number: int
    meta: M
    offset: int

    def get(self, key: str) -> S | None:
        """The state under a key; mutate it only together with `put`."""
        ...

    def put(self, key: str, state: S) -> None:
        """Stores a state and marks it for the next flush."""
        ...

    def delete(self, key: str) -> None:
        """Forgets a key."""
        ...

    def keys(self) -> Iterable[str]:
        """All keys that hold a state."""
        ...

    def ahead(self, key: str, offset: int) -> bool:
        """True when the recovered state of `key` already contains the record at `offset`."""
        ...

    def emit(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Sends a record, in order, before the source offsets it covers are committed."""
        ...

    def publish(self, key: str) -> None:
        """Asks for `key` to be rendered and sent, once per flush interval however often asked."""
        ...

    def withdraw(self, key: str) -> None:
        """Takes back what `publish` asked for: all that would be rendered has been sent."""
        ...


class Emitted(NamedTuple):
    """A record a machine sent."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class MemoryPartition(Generic[S, M]):
    """A `Partition` in memory.

    Args:
        number: partition number.
        meta: initial partition-level state.
        render: called by `flush` with the keys asked for by `publish`.
        sink: takes what is emitted, at once.
    """

    def __init__(
        self,
        number: int,
        meta: M,
        render: Callable[[Partition[S, M], Sequence[str]], None],
        sink: Callable[[Emitted], None],
    ) -> None:
        self.number = number
        self.meta = meta
        self.offset = -1
        self.states: dict[str, S] = {}
        self._render = render
        self._sink = sink
        self._marked: dict[str, None] = {}

    def get(self, key: str) -> S | None:
        return self.states.get(key)

    def put(self, key: str, state: S) -> None:
        self.states[key] = state

    def delete(self, key: str) -> None:
        self.states.pop(key, None)

    def keys(self) -> Iterable[str]:
        return list(self.states)

    def ahead(self, key: str, offset: int) -> bool:
        return False

    def emit(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        self._sink(Emitted(topic, self.number if partition is None else partition, key, value, headers))

    def publish(self, key: str) -> None:
        self._marked[key] = None

    def withdraw(self, key: str) -> None:
        self._marked.pop(key, None)

    def flush(self) -> None:
        """Renders every key asked for since the last flush."""
        marked, self._marked = self._marked, {}
        if marked:
            self._render(self, list(marked))
