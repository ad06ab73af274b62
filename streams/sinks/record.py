"""A Kafka record with the message in it, as the columns of a table read it. Pure."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache, cached_property
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from msgspec import Struct
from msgspec.structs import astuple

from schemas.alerts import DeadLetter
from schemas.codec import encode
from streams.metrics.days import Days

# As streams/engine/guard.py writes them: the names of Kafka Connect's dead-letter reporter, and our own.
DEAD_LETTER_HEADERS = {
    "topic": "__connect.errors.topic",
    "partition": "__connect.errors.partition",
    "offset": "__connect.errors.offset",
    "stage": "__connect.errors.stage",
    "error": "__connect.errors.exception.class.name",
    "reason": "__connect.errors.exception.message",
    "retries": "zelo.retry.count",
}
_PERSONS = ("user_id", "respondent_id", "requester_id")


class Record(Protocol):
    """What is read of a Kafka record (aiokafka's ConsumerRecord has it all)."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Any: ...


class Entry(NamedTuple):
    """A record, its decoded message, and what the mapping must know of the company.

    Attributes:
        topic: name in the registry, without the prefix.
        prefix: of topic names, taken off the names inside messages.
    """

    record: Record
    message: Any
    topic: str
    prefix: str
    days: Days


class Entries:
    """Records of one topic with their messages, as whole columns are read of them; what they have is in `Entry`."""

    def __init__(self, records: Sequence[Record], messages: Sequence[Any], topic: str, prefix: str, days: Days) -> None:
        self._rest = (topic, prefix, days)
        self._at: dict[str, Sequence[Any]] = {"record": records, "message": messages}

    @cached_property
    def each(self) -> list[Entry]:
        """One by one."""
        pairs = zip(self._at["record"], self._at["message"], strict=True)
        return [Entry(record, message, *self._rest) for record, message in pairs]

    def at(self, path: str) -> Sequence[Any]:
        """What each entry has at a path; behind `[]`, what each struct in the lists of all entries has.

        All fields of structs of one type come at once: asked for one by one they take five times as long.
        """
        if path not in self._at:
            self._read(path)
        return self._at[path]

    def _read(self, path: str) -> None:
        if path.endswith("[]"):
            self._at[path] = [*chain.from_iterable(self.at(path[:-2]))]
            return
        parent, _, name = path.rpartition(".")
        owners = self.at(parent)
        kinds = set(map(type, owners))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is None or not issubclass(kind, Struct):
            self._at[path] = [*map(attrgetter(name), owners)]
            return
        fields = [f"{parent}.{field}" for field in kind.__struct_fields__]
        self._at.update(zip(fields, zip(*map(astuple, owners), strict=True), strict=True))

    def lists(self, path: str, flat: Sequence[object]) -> list[list[object]]:
        """What belongs to the lists at a path, given for all of them in a row, one list for each entry again."""
        ends = [*accumulate(map(len, self.at(path)))]
        one = [*flat]
        return [one[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def person(message: Any) -> str | None:
    """The user an input event is about, under whichever name its type has for one."""
    kind: type = type(message)
    for name in person_fields(kind):
        found: str | None = getattr(message, name)
        if found is not None:
            return found
    return None


@cache
def person_fields(kind: type) -> tuple[str, ...]:
    """The fields of a type of message that name a user."""
    return tuple(name for name in _PERSONS if name in kind.__struct_fields__)  # type: ignore[attr-defined]


def payload(record: Record, message: Any) -> bytes:
    """The event as one flat JSON object: the bytes as they came; what came as a CloudEvent is flattened."""
    if not record.headers:
        return record.value or b""
    cloud_event = any(
        name.lower() == "ce_specversion" or (name.lower() == "content-type" and b"cloudevents" in content.lower())
        for name, content in record.headers
    )
    return encode(message) if cloud_event else record.value or b""


def headers(record: Record) -> list[tuple[bytes, bytes]]:
    """Header names and contents, as bytes."""
    return [(name.encode("utf-8", "backslashreplace"), content or b"") for name, content in record.headers]


def dead_letter(record: Record) -> DeadLetter:
    """What the headers of a dead letter say; a foreign one without them is named by its own position."""
    found = {name: content or b"" for name, content in record.headers}
    said = {field: found.get(name, b"").decode("utf-8", "replace") for field, name in DEAD_LETTER_HEADERS.items()}
    partition, offset = _natural(said["partition"], 2**31), _natural(said["offset"], 2**63)
    named = bool(said["topic"]) and partition is not None and offset is not None
    return DeadLetter(
        topic=said["topic"] if named else record.topic,
        partition=partition if named and partition is not None else record.partition,
        offset=offset if named and offset is not None else record.offset,
        stage=said["stage"],
        error=said["error"],
        reason=said["reason"],
        retries=_natural(said["retries"], 2**31) or 0,
    )


def _natural(text: str, limit: int) -> int | None:
    with suppress(ValueError):
        number = int(text)
        return number if 0 <= number < limit else None
    return None
