"""The archive works on runs of rows: what comes out is what each row by itself would give."""

import asyncio
from functools import partial
from hashlib import blake2b
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sink_samples import NOW, PREFIX, WITH_ROW, Rec

from schemas import registry
from schemas.codec import EventDecoder, MessageDecoder, SchemaError, encode
from schemas.envelope import CLOCK_CUSTOMER, Event, Heartbeat
from schemas.events import InvoiceIssued, SurveyAnswered, TicketOpened, TicketReplied
from schemas.usage_events import FeatureUsed, MilestoneReached
from streams.metrics.days import DAY_MS, Days
from streams.sinks.delivery import token
from streams.sinks.lane import BlockPolicy, Lane, Ticket, Waiting
from streams.sinks.record import Entry
from streams.sinks.rows import Row, RowMapper
from streams.sinks.tables import EVENTS

CLOUD = (("content-type", b"application/cloudevents+json"),)
TIMES = st.integers(NOW - 3 * DAY_MS, NOW) | st.sampled_from(("2024-10-04T01:30:00+02:00",))
USERS = st.none() | st.sampled_from(("u1", "u\\2"))
MADE: dict[registry.Topic, list[st.SearchStrategy[Event]]] = {
    registry.USAGE: [
        st.builds(FeatureUsed, event_id=st.just("e1"), customer_id=st.just("c1"), occurred_at=TIMES, user_id=USERS),
        st.builds(
            MilestoneReached,
            event_id=st.just("e2"),
            customer_id=st.just("c1"),
            occurred_at=TIMES,
            milestone=st.just("m"),
        ),
    ],
    registry.TICKETS: [
        st.builds(
            TicketOpened,
            event_id=st.just("e3"),
            customer_id=st.just("c1"),
            occurred_at=TIMES,
            ticket_id=st.just("t"),
            requester_id=USERS,
        ),
        st.builds(
            TicketReplied,
            event_id=st.just("e4"),
            customer_id=st.just("c1"),
            occurred_at=TIMES,
            ticket_id=st.just("t"),
            author=st.just("bot"),
        ),
    ],
    registry.BILLING: [
        st.builds(
            InvoiceIssued,
            event_id=st.just("e5"),
            customer_id=st.just("c1"),
            occurred_at=TIMES,
            invoice_id=st.just("i"),
            amount_minor=st.integers(0, 9),
            currency=st.just("EUR"),
            due_at=TIMES,
        )
    ],
    registry.SURVEYS: [
        st.builds(
            SurveyAnswered,
            event_id=st.just("e6"),
            customer_id=st.just("c1"),
            occurred_at=TIMES,
            response_id=st.just("r"),
            survey=st.just("nps"),
            score=st.just(9.0),
            respondent_id=USERS,
        )
    ],
}
BEAT = Heartbeat(event_id="b", customer_id=CLOCK_CUSTOMER, occurred_at=NOW)


@st.composite
def _runs(draw: st.DrawFn) -> tuple[registry.Topic, list[Rec]]:
    topic = draw(st.sampled_from(sorted(MADE, key=lambda one: one.name)))
    events = st.one_of(MADE[topic])
    records = []
    for offset in draw(st.lists(st.integers(0, 2**40), max_size=8)):
        value: bytes | None = encode(draw(events))
        headers: tuple[tuple[str, bytes], ...] = ()
        match draw(st.sampled_from(("", "", "", "", "", "", "poison", "beat", "headers", "cloud"))):
            case "poison":
                value = draw(st.sampled_from((None, b"{", b"{}")))
            case "beat":
                value = encode(BEAT)
            case "headers":
                headers = (("trace", b"1"),)
            case "cloud":
                value = b'{"type":"feature_used","id":"e7","subject":"c1","time":"2024-10-04T00:00:00Z","data":{}}'
                headers = CLOUD
            case _:
                pass
        partition = draw(st.integers(0, 3))
        records.append(Rec(PREFIX + topic.name, value, partition=partition, offset=offset, headers=headers))
    return topic, records


@given(_runs(), st.sampled_from(("UTC", "America/Sao_Paulo")))
def test_events_column_by_column_are_the_rows_of_the_table(run: tuple[registry.Topic, list[Rec]], zone: str) -> None:
    topic, records = run
    days, decode = Days(zone), EventDecoder[Any](topic.message)
    expected = []
    for record in records:
        try:
            event = decode(record.key, record.value, record.headers, NOW)
        except SchemaError:
            continue
        if not isinstance(event, Heartbeat):
            entry = Entry(record, event, topic.name, PREFIX, days)
            expected.append(Row(EVENTS, EVENTS.row(entry), record))
    mapped = RowMapper(PREFIX, days).rows(records, NOW)
    assert mapped.rows == expected
    assert all(type(row) is Row for row in mapped.rows)
    assert (mapped.unreadable, mapped.without_row) == ([], len(records) - len(expected))


@pytest.mark.parametrize("record", [one for one in WITH_ROW if not one.headers], ids=lambda one: f"{one.offset}")
def test_a_row_is_what_its_columns_read_one_by_one(record: Rec) -> None:
    topic = next(one for one in registry.TOPICS if PREFIX + one.name == record.topic)
    ((table, values, _),) = RowMapper(PREFIX, Days()).rows([record], NOW).rows
    message = MessageDecoder[Any](topic.message)(record.value)
    entry = Entry(record, message, topic.name, PREFIX, Days())
    assert values == tuple(column.read(entry) for column in table.columns)


def _rows(sizes: list[int]) -> list[Row]:
    return [Row(EVENTS, (), Rec("t", bytes(size), offset=place)) for place, size in enumerate(sizes)]


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), max_size=6),
    st.integers(1, 7),
    st.integers(1, 40),
)
def test_blocks_are_those_that_rows_one_by_one_make(batches: list[list[int]], most: int, size: int) -> None:
    done: list[int] = []
    lane = Lane(BlockPolicy(rows=most, bytes=size, age_seconds=3600.0))
    for number, sizes in enumerate(batches):
        ticket = Ticket(len(sizes), partial(done.append, number))
        half = len(sizes) // 2
        for part in filter(None, (_rows(sizes)[:half], _rows(sizes)[half:])):
            lane.add(Waiting(part, ticket))
    left = [(number, one) for number, sizes in enumerate(batches) for one in sizes]
    assert lane.hurry() == len(left)
    while left:
        block = asyncio.run(lane.block())
        expected = [left.pop(0)]
        while left and len(expected) < most and sum(one + 1 for _, one in [*expected, left[0]]) <= size:
            expected.append(left.pop(0))
        found = [row for waiting in block for row in waiting.rows]
        assert [len(row.record.value or b"") for row in found] == [one for _, one in expected]
        lane.settle(block)
        open_ones = {number for number, _ in left}
        assert done == [number for number in range(len(batches)) if number not in open_ones][: len(done)]
        assert len(done) == (min(open_ones) if left else len(batches))
    assert lane.settled == lane.added


@given(
    st.lists(
        st.builds(
            Rec,
            topic=st.sampled_from(("a", "b")),
            value=st.none() | st.binary(max_size=5),
            partition=st.integers(0, 1),
            offset=st.integers(0, 99),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_block_is_named_as_row_by_row(records: list[Rec]) -> None:
    spans: dict[tuple[str, int], tuple[int, int, int]] = {}
    for record in records:
        source = (record.topic, record.partition)
        first, last, digest = spans.get(source, (record.offset, record.offset, 0))
        digest = crc32(record.value or b"", digest)
        spans[source] = (min(first, record.offset), max(last, record.offset), digest)
    content = repr((len(records), EVENTS.fingerprint, sorted(spans.items())))
    named = f"events:{blake2b(content.encode(), digest_size=16).hexdigest()}"
    assert token([Row(EVENTS, (), record) for record in records]) == named
