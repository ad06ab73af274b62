"""The stream of the pipeline entry: valid events, in order, closed by heartbeats."""

from collections import Counter

from bench.product_stream import BEGIN_DAY, DAY_MS, product_stream
from schemas.codec import EventDecoder
from schemas.envelope import CLOCK_CUSTOMER, Event, Heartbeat
from schemas.events import SubscriptionSet, TicketOpened, TicketSolved
from schemas.registry import INPUT_TOPICS

DECODERS: dict[str, EventDecoder[Event]] = {topic.name: EventDecoder(topic.message) for topic in INPUT_TOPICS}
RECORDS = product_stream(3_000, 10, 3, 2)
EVENTS = [DECODERS[record.topic](record.key, record.value, (), (BEGIN_DAY + 4) * DAY_MS) for record in RECORDS]


def test_every_record_is_an_event_the_product_takes() -> None:
    business = [event for event in EVENTS if event.customer_id != CLOCK_CUSTOMER]
    assert len(business) == 3_000 + 2 * 10
    assert len({event.event_id for event in business}) == len(business)
    assert {event.customer_id for event in business} == {f"c{number}" for number in range(10)}


def test_records_are_in_order_of_time_and_every_day_ends_with_a_heartbeat_everywhere() -> None:
    times = [record.timestamp_ms for record in RECORDS]
    assert times == sorted(times)
    beats = Counter(event.occurred_at for event in EVENTS if isinstance(event, Heartbeat))
    assert beats == {(BEGIN_DAY + day) * DAY_MS: 2 * len(INPUT_TOPICS) for day in range(4)}


def test_all_domains_have_their_events_and_tickets_live_through() -> None:
    topics = Counter(record.topic for record in RECORDS if record.key != CLOCK_CUSTOMER.encode())
    assert topics["usage.v1"] > 2_400
    assert min(topics[name] for name in ("tickets.v1", "billing.v1", "surveys.v1", "accounts.v1")) >= 10
    assert sum(isinstance(event, SubscriptionSet) for event in EVENTS) == 10
    opened, solved = (
        {event.ticket_id for event in EVENTS if isinstance(event, kind)} for kind in (TicketOpened, TicketSolved)
    )
    assert solved
    assert solved < opened


def test_the_same_numbers_give_the_same_records() -> None:
    assert product_stream(500, 5, 2, 2) == product_stream(500, 5, 2, 2)
