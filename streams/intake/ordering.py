"""The exact sequence of records an import sends: event-time order over all topics, partitions, heartbeats.

Theory. Time is in the log: a partition's watermark follows its records, and aligned figures wait for the
slowest topic. So all topics advance together (one order over all of them), and at the start of each day every
partition of every input topic gets a heartbeat, also those with nothing to say; the last one closes the last
day. Invariants:

- per topic-partition, timestamps never fall, and no event is older than a heartbeat before it;
- each topic-partition gets one heartbeat per day from the first event's day to the day after the last
  event's;
- events of the same instant: accounts, then billing, usage, tickets, surveys, spend; within a topic as they
  were read.

Events that were written down as they arrived (`zelo generate`) may be sent in that order instead: then late ones
are late, and of the invariants only the number of heartbeats holds.

An import is sorted in memory: about 600 bytes are kept per event, twice that while sorting (measured).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aiokafka.partitioner import DefaultPartitioner

from schemas import registry
from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER, EARLIEST_MS, LATEST_MS, Heartbeat, epoch_ms
from streams.intake.importer import Importer, ImportReport, Produced, collect
from streams.metrics.days import Days

_ORDER = (
    registry.ACCOUNTS,
    registry.BILLING,
    registry.USAGE,
    registry.TICKETS,
    registry.SURVEYS,
    registry.SPEND,
)
_RANK = {topic.name: rank for rank, topic in enumerate(_ORDER)}
_CLOCK_KEY = CLOCK_CUSTOMER.encode()


class Record(NamedTuple):
    """A Kafka record before it is sent; the topic without prefix."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    timestamp_ms: int


class Placement:
    """The partition of each key: Kafka's default partitioner (murmur2), computed once per key.

    Args:
        partitions: how many there are, at least 1; the same for all input topics.
    """

    def __init__(self, partitions: int) -> None:
        self._all = list(range(partitions))
        self._choose = DefaultPartitioner()
        self._known: dict[bytes, int] = {}

    def __call__(self, key: bytes) -> int:
        """The partition of `key`."""
        partition = self._known.get(key)
        if partition is None:
            partition = self._known[key] = self._choose(key, self._all, self._all)
        return partition


def in_event_time(produced: Iterable[Produced], partitions: int) -> list[Record]:
    """The events as records, ordered by time over all topics; ties by topic, then as given."""
    records = as_given(produced, partitions)
    records.sort(key=lambda record: (record.timestamp_ms, _RANK[record.topic]))
    return records


def as_given(produced: Iterable[Produced], partitions: int) -> list[Record]:
    """The events as records, in the order they come."""
    place = Placement(partitions)
    return [_record(item, place) for item in produced]


def _record(item: Produced, place: Placement) -> Record:
    key = item.event.customer_id.encode()
    return Record(item.topic, place(key), key, encode(item.event), epoch_ms(item.event.occurred_at))


def heartbeats(day: int, partitions: int, days: Days, source: str) -> Iterator[Record]:
    """The heartbeats of the start of a day, for every partition of every input topic."""
    at = min(max(days.start(day), EARLIEST_MS), LATEST_MS)
    for topic in _ORDER:
        for partition in range(partitions):
            event = Heartbeat(
                event_id=f"heartbeat:{topic.name}:{partition}:{day}",
                customer_id=CLOCK_CUSTOMER,
                occurred_at=at,
                source=source,
            )
            yield Record(topic.name, partition, _CLOCK_KEY, encode(event), at)


@dataclass(frozen=True)
class PreparedImport:
    """An import ready to be sent, or folded without Kafka; iterating gives its records, every time the same.

    Attributes:
        source: the importer's name.
        report: what was found in the files.
        events: the events' records in order, without heartbeats.
        partitions: of every input topic.
        days: the company's calendar.
        close_last_day: ends with heartbeats of the day after the last event. Not for imports into a live
            system whose
            own events of that day are still to come: they would be late.
    """

    source: str
    report: ImportReport
    events: list[Record]
    partitions: int
    days: Days
    close_last_day: bool = True

    def __len__(self) -> int:
        """Records, heartbeats included."""
        if not self.events:
            return 0
        first = self.days.of(self.events[0].timestamp_ms)
        last = self.days.of(max(record.timestamp_ms for record in self.events))
        beats = last - first + 1 + self.close_last_day
        return len(self.events) + beats * len(_ORDER) * self.partitions

    def __iter__(self) -> Iterator[Record]:
        """The records in the order they are sent."""
        if not self.events:
            return
        day = self.days.of(self.events[0].timestamp_ms)
        yield from self._beats(day)
        next_start = self.days.start(day + 1)
        for record in self.events:
            while record.timestamp_ms >= next_start:
                day += 1
                yield from self._beats(day)
                next_start = self.days.start(day + 1)
            yield record
        if self.close_last_day:
            yield from self._beats(day + 1)

    def _beats(self, day: int) -> Iterator[Record]:
        return heartbeats(day, self.partitions, self.days, self.source)


def prepare(
    importer: Importer,
    path: Path,
    partitions: int,
    days: Days | None = None,
    close_last_day: bool = True,
    as_arrived: bool = False,
) -> PreparedImport:
    """Reads, orders and places all events of an importer; `as_arrived` leaves them in the order they were read.

    Raises:
        ConfigurationError: a file or a column is missing.
    """
    produced, report = collect(importer, path)
    events = (as_given if as_arrived else in_event_time)(produced, partitions)
    return PreparedImport(importer.name, report, events, partitions, days or Days(), close_last_day)
