"""The guard: nothing that arrives in a message may stop a stream.

`decode` runs a typed decoder over a batch and catches whatever it raises; a message that can never work
becomes a `Poison`, which knows how to become a dead letter. Errors that speak of us and not of the
message (transient, configuration) go on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from streams.engine.outbox import Output
from streams.errors import ConfigurationError, TransientError

E = TypeVar("E")

#: Kafka Connect's names, so that its tools for dead letters read ours.
_PREFIX = "__connect.errors."
#: How often this message was replayed; set by the replay, carried along with the original headers.
RETRY_COUNT_HEADER = "zelo.retry.count"
#: Original size in bytes of a value that had to be cut.
TRUNCATED_HEADER = "zelo.value.truncated"
_MESSAGE_CHARACTERS = 1000
#: What a dead letter needs in a request besides value, key and original headers.
_RESERVE_BYTES = 16 * 1024


class Poison(NamedTuple):
    """A record that can never be processed, and why.

    Attributes:
        record: the `Record` (unpacking.py).
        stage: where it failed, e.g. `decode`.
        where: dotted name of the function that failed.
        error: what was raised.
    """

    record: Any
    stage: str
    where: str
    error: Exception

    @property
    def reason(self) -> str:
        """One line for people."""
        return _text(f"{type(self.error).__name__}: {self.error}")

    def dead_letter(self, topic: str, partition: int, max_bytes: int) -> Output:
        """The record as it came, with the reason in its headers.

        Args:
            topic: of the dead letters.
            partition: of that topic.
            max_bytes: largest request the producer sends; a value beyond it is cut, and the header
                `zelo.value.truncated` gives its original size.
        """
        record = self.record
        headers = [(name, value or b"") for name, value in record.headers if not _ours(name)]
        room = max_bytes - _RESERVE_BYTES - len(record.key or b"")
        room -= sum(len(name) + len(value) + 10 for name, value in headers)
        value = record.value
        if value is not None and len(value) > room:
            headers.append((TRUNCATED_HEADER, str(len(value)).encode()))
            value = value[: max(0, room)]
        headers += [(_PREFIX + name, _text(text).encode()) for name, text in self._reasons()]
        return Output(topic, partition, record.key, value, headers, record.timestamp)

    def _reasons(self) -> Iterator[tuple[str, str]]:
        record, kind = self.record, type(self.error)
        yield "topic", record.topic
        yield "partition", str(record.partition)
        yield "offset", str(record.offset)
        yield "stage", self.stage
        yield "class.name", self.where
        yield "exception.class.name", f"{kind.__module__}.{kind.__qualname__}"
        yield "exception.message", str(self.error)


def decode(
    records: Sequence[Any], decoder: Callable[[Any], E], stage: str = "decode"
) -> Iterable[tuple[Any, E | Poison]]:
    """Decodes each record, in order; pairs it with its event, or with a `Poison` in its place.

    Args:
        records: of a batch.
        decoder: from a `Record` to an event; raises for what it cannot read. It is asked again for every record of
            a batch in which it cannot read one.
        stage: named in the dead letter.

    Raises:
        TransientError, ConfigurationError: as raised by the decoder.
    """
    events = readable(records, lambda run: [decoder(record) for record in run])
    return judged(records, decoder, stage) if events is None else zip(records, events, strict=True)


def readable(records: Sequence[Any], many: Callable[[Sequence[Any]], list[E]]) -> list[E] | None:
    """The events of all records, as by far the most batches give them; None when one cannot be read.

    Args:
        records: of a batch.
        many: gives the events of all, and raises when the decoder would for one of them (then: `judged`).

    Raises:
        TransientError, ConfigurationError: as raised by `many`.
    """
    try:
        return many(records)
    except (TransientError, ConfigurationError):
        raise
    except Exception:  # noqa: BLE001 - looked for, one by one
        return None


def judged(
    records: Sequence[Any], decoder: Callable[[Any], E], stage: str = "decode"
) -> Iterator[tuple[Any, E | Poison]]:
    """What `decode` gives, one by one."""
    where = f"{decoder.__module__}.{getattr(decoder, '__qualname__', type(decoder).__qualname__)}"
    for record in records:
        try:
            event: E | Poison = decoder(record)
        except (TransientError, ConfigurationError):
            raise
        except Exception as exc:  # noqa: BLE001 - RecursionError and MemoryError come from hostile nesting, too
            event = Poison(record, stage, where, exc)
        yield record, event


def _ours(header: str) -> bool:
    return header.startswith(_PREFIX) or header == TRUNCATED_HEADER


def _text(value: str) -> str:
    """Printable in any tool: what UTF-8 cannot carry is escaped, long texts are cut."""
    return value[:_MESSAGE_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8")
