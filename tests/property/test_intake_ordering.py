"""The records of an import: sorted, complete, co-partitioned, and their heartbeats keep their promise."""

from collections import Counter, defaultdict

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import EventDecoder
from schemas.envelope import LATEST_MS, Event, Heartbeat, epoch_ms
from schemas.events import AccountSet, SpendRecorded
from schemas.registry import INPUT_TOPICS
from schemas.usage_events import FeatureUsed
from streams.intake.importer import ImportReport, Produced
from streams.intake.ordering import Placement, PreparedImport, Record, in_event_time
from streams.metrics.days import DAY_MS, Days

START = 19_700 * DAY_MS
DECODERS: dict[str, EventDecoder[Event]] = {topic.name: EventDecoder(topic.message) for topic in INPUT_TOPICS}
EMPTY = ImportReport(rows={}, events={}, bad_rows={}, first_bad_rows=(), rules={})


def event_of(topic: str, number: int, customer: str, at: int) -> Produced:
    envelope = {"event_id": f"e{number}", "customer_id": customer, "occurred_at": at}
    match topic:
        case "usage.v1":
            return Produced(topic, FeatureUsed(**envelope))  # type: ignore[arg-type]
        case "accounts.v1":
            return Produced(topic, AccountSet(name="n", **envelope))  # type: ignore[arg-type]
        case _:
            return Produced(topic, SpendRecorded(amount_minor=1, currency="EUR", **envelope))  # type: ignore[arg-type]


@st.composite
def produced(draw: st.DrawFn) -> list[Produced]:
    parts = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["usage.v1", "accounts.v1", "spend.v1"]),
                st.sampled_from(["a", "b", "c", "Ünïcode", "A-2e4581"]),
                # Starts of days and their neighbours are where heartbeats could go wrong.
                st.integers(0, 12 * DAY_MS)
                | st.builds(lambda d, o: d * DAY_MS + o, st.integers(1, 9), st.integers(-1, 1)),
            ),
            max_size=40,
        )
    )
    return [event_of(topic, n, customer, START + offset) for n, (topic, customer, offset) in enumerate(parts)]


zones = st.sampled_from(["UTC", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Auckland"])


def sequence(events: list[Produced], partitions: int, zone: str, close: bool = True) -> PreparedImport:
    return PreparedImport("test", EMPTY, in_event_time(events, partitions), partitions, Days(zone), close)


def decode(record: Record) -> Event:
    return DECODERS[record.topic](record.key, record.value, (), LATEST_MS)


@given(produced(), st.integers(1, 5), zones)
def test_time_never_goes_back_and_no_heartbeat_is_broken(events: list[Produced], partitions: int, zone: str) -> None:
    newest = 0
    promised: dict[tuple[str, int], int] = defaultdict(int)
    for record in sequence(events, partitions, zone):
        assert record.timestamp_ms >= newest
        newest = record.timestamp_ms
        event = decode(record)
        assert epoch_ms(event.occurred_at) == record.timestamp_ms
        assert record.timestamp_ms >= promised[record.topic, record.partition]
        if isinstance(event, Heartbeat):
            promised[record.topic, record.partition] = record.timestamp_ms


@given(produced(), st.integers(1, 5), zones, st.booleans())
def test_each_partition_of_each_topic_gets_each_day_once(
    events: list[Produced], partitions: int, zone: str, close: bool
) -> None:
    days = Days(zone)
    beats: dict[tuple[str, int], list[int]] = defaultdict(list)
    ids = Counter()
    for record in sequence(events, partitions, zone, close):
        event = decode(record)
        if isinstance(event, Heartbeat):
            assert days.start(days.of(record.timestamp_ms)) == record.timestamp_ms
            beats[record.topic, record.partition].append(days.of(record.timestamp_ms))
            ids[event.event_id] += 1
    assert not ids or max(ids.values()) == 1
    if not events:
        assert beats == {}
        return
    of = [days.of(epoch_ms(item.event.occurred_at)) for item in events]
    expected = list(range(min(of), max(of) + 1 + close))
    places = {(topic.name, partition) for topic in INPUT_TOPICS for partition in range(partitions)}
    assert beats == dict.fromkeys(places, expected)


@given(produced(), st.integers(1, 5), zones, st.booleans())
def test_nothing_is_lost_and_the_length_is_known(
    events: list[Produced], partitions: int, zone: str, close: bool
) -> None:
    prepared = sequence(events, partitions, zone, close)
    records = list(prepared)
    assert records == list(prepared)
    assert len(records) == len(prepared)
    sent = [decode(record) for record in records]
    kept = Counter(event.event_id for event in sent if not isinstance(event, Heartbeat))
    assert kept == Counter(item.event.event_id for item in events)


@given(produced(), st.integers(1, 5))
def test_a_customer_has_one_partition_over_all_topics_and_it_is_kafkas(events: list[Produced], partitions: int) -> None:
    everywhere = list(range(partitions))
    for record in in_event_time(events, partitions):
        assert record.key == decode(record).customer_id.encode()
        assert record.partition == DefaultPartitioner()(record.key, everywhere, everywhere)


@given(st.permutations(range(12)))
def test_the_order_of_reading_does_not_matter_between_different_instants(order: list[int]) -> None:
    events = [event_of("usage.v1", n, "a", START + n) for n in range(12)]
    assert in_event_time([events[n] for n in order], 3) == in_event_time(events, 3)


def test_the_partition_is_the_one_of_the_java_client() -> None:
    # From Kafka's own UtilsTest: murmur2("21") is -973932308, murmur2("foobar") is -790332482.
    place = Placement(1 << 20)
    assert place(b"21") == (-973932308 & 0x7FFFFFFF) % (1 << 20)
    assert place(b"foobar") == (-790332482 & 0x7FFFFFFF) % (1 << 20)
