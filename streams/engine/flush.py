"""What one commit saves, as records in the order in which they are written."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.engine.outbox import Output
from streams.engine.partition import META_KEY

_new: Any = tuple.__new__  # Output's own, in Python, takes three times as long


class Flush(NamedTuple):
    """State of one partition to be saved."""

    topic: str
    partition: int
    keys: list[Output]
    meta: Output

    @classmethod
    def of(cls, topic: str, number: int, keys: Iterable[tuple[bytes, bytes | None]], meta: bytes) -> "Flush":
        """What `Partition.take_state` gave, for a changelog."""
        records = [_new(Output, (topic, number, key, value, (), None)) for key, value in keys]
        return cls(topic, number, records, Output(topic, number, META_KEY, meta))

    def fits(self, batch_bytes: int) -> bool:
        """Whether keys and meta make one record batch, which is atomic."""
        return sum(record.size for record in self.keys) + self.meta.size < batch_bytes


@dataclass(slots=True)
class Snapshot:
    """Everything one commit must save, taken in one step."""

    outputs: list[Output] = field(default_factory=list)
    flushes: list[Flush] = field(default_factory=list)

    def steps(self, batch_bytes: int) -> list[list[Output]]:
        """What is sent, each list when the broker has the one before: outputs, keys, meta records."""
        large: list[Flush] = []
        small: list[Flush] = []
        for flush in self.flushes:
            (small if flush.fits(batch_bytes) else large).append(flush)
        whole = [record for flush in small for record in (*flush.keys, flush.meta)]
        return [
            self.outputs,
            [record for flush in large for record in flush.keys],
            whole + [flush.meta for flush in large],
        ]
