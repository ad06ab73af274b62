"""The archive works on runs of rows: what comes out is what each row by itself would give."""

import asyncio
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sink_samples import (
    NOW,
    PREFIX,
    WITH_ROW,
    WITHOUT_ROW,
    Rec,
    health,
    movement,
    profile,
    rows,
    runs,
    used,
    values,
)

from schemas import registry
from schemas.codec import EventDecoder, MessageDecoder, SchemaError, encode
from schemas.envelope import CLOCK_CUSTOMER, Event, Heartbeat
from schemas.events import InvoiceIssued, SurveyAnswered, TicketOpened, TicketReplied
from schemas.metrics import UsageValues
from schemas.usage_events import FeatureUsed, MilestoneReached
from streams.metrics.days import DAY_MS, Days
from streams.sinks.delivery import token
from streams.sinks.lane import BlockPolicy, Lane, Ticket, Waiting
from streams.sinks.record import Entry, dead_letter
from streams.sinks.rows import JUDGED, RowMapper
from streams.sinks.run import Row, Run, by_column, joined
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
            expected.append(Row(EVENTS, tuple(column.read(entry) for column in EVENTS.columns), record))
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


SAMPLES = [
    *WITH_ROW,
    *WITHOUT_ROW,
    health("day", newest=True),
    health("live", lift=None, answer=None, factors=[]),
    movement("new", 1, 0, removed=True),
    profile("x"),
    values(UsageValues(adoption=0.5), revision=2),
    *(Rec(PREFIX + topic.name, broken) for topic in (registry.METRICS, registry.HEALTH) for broken in (b"{", b"{}")),
]
OURS = [one for one in SAMPLES if one.topic.removeprefix(PREFIX) not in JUDGED]


def _read_one_by_one(record: Rec) -> dict[str, tuple[object, ...]] | None:
    """A record's rows by table, read by the columns themselves; None when it cannot be read."""
    try:
        tables = {row.table.name: row.table for row in rows(record)}
        topic = next(one for one in registry.TOPICS if PREFIX + one.name == record.topic)
        if topic.message is None or record.value is None:
            message = dead_letter(record) if topic.message is None else None
        else:
            message = MessageDecoder[Any](topic.message)(record.value)
    except SchemaError:
        return None
    entry = Entry(record, message, topic.name, PREFIX, Days())
    return {name: tuple(column.read(entry) for column in table.columns) for name, table in tables.items()}


@given(st.lists(st.sampled_from(OURS), max_size=12))
def test_rows_of_all_messages_are_those_of_each(samples: list[Rec]) -> None:
    records = [replace(one, offset=place) for place, one in enumerate(samples)]
    mapped = RowMapper(PREFIX, Days()).rows(records, NOW)
    expected: dict[tuple[str, int], tuple[object, ...]] = {}
    unreadable: list[Rec] = []
    without_row = 0
    for record in records:
        read = _read_one_by_one(record)
        if read is None:
            unreadable.append(record)
            continue
        without_row += not read
        expected |= {(name, record.offset): found for name, found in read.items()}
    assert {(row.table.name, row.record.offset): row.values for row in mapped.rows} == expected
    assert len(mapped.rows) == len(expected)
    assert [found.record for found in mapped.unreadable] == unreadable
    assert mapped.without_row == without_row
    for run in mapped.runs:
        assert [len(column) for column in run.columns] == [len(run)] * len(run.table.columns)
        assert [record.offset for record in run.records] == sorted(record.offset for record in run.records)


@given(st.integers(0, 7), st.integers(0, 7), st.integers(-9, 9))
def test_a_run_is_a_sequence_of_its_rows(start: int, stop: int, place: int) -> None:
    made = rows(*(used(f"e{number}", offset=number) for number in range(6)))
    (run,) = runs(made)
    assert (list(run), list(run.values)) == (made, [row.values for row in made])
    assert list(run[start:stop]) == made[start:stop]
    assert run.values[start:stop] == [row.values for row in made[start:stop]]
    if -6 <= place < 6:
        assert (run[place], run.values[place]) == (made[place], made[place].values)
    assert list(joined([run[:start], run[start:]])) == made
    assert [*zip(*by_column(run.values[:]), strict=True)] == [*zip(*by_column(run.values), strict=True)]


def _run(sizes: list[int]) -> Run:
    return Run(EVENTS, (), [Rec("t", bytes(size), offset=place) for place, size in enumerate(sizes)])


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
        for part in filter(None, (_run(sizes)[:half], _run(sizes)[half:])):
            lane.add(Waiting(part, ticket))
    left = [(number, one) for number, sizes in enumerate(batches) for one in sizes]
    assert lane.hurry() == len(left)
    while left:
        block = asyncio.run(lane.block())
        expected = [left.pop(0)]
        while left and len(expected) < most and sum(one + 1 for _, one in [*expected, left[0]]) <= size:
            expected.append(left.pop(0))
        found = [record for waiting in block for record in waiting.run.records]
        assert [len(record.value or b"") for record in found] == [one for _, one in expected]
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
    assert token(Run(EVENTS, (), records)) == named
