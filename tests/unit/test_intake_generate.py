"""A generated company is repeatable, readable by the product, marked, and holds the hard cases it reports."""

import time
from collections import Counter
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.envelope import LATEST_MS, Event, epoch_ms
from schemas.events import (
    SubscriptionEnded,
    SurveyAnswered,
    SurveyInvited,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
)
from schemas.usage_events import FeatureUsed
from streams.errors import ConfigurationError
from streams.intake.gate import Gate
from streams.intake.generate.cases import CASES
from streams.intake.generate.company import Generated, Request, generate
from streams.intake.generate.customers import ODD_IDS
from streams.intake.generate.months import months_later
from streams.intake.generate.use import FEATURES
from streams.intake.jsonl import TOPIC_OF_TYPE, JsonLines
from streams.intake.ordering import prepare
from streams.metrics.days import DAY_MS, HOUR_MS, Days, from_date

DEFAULT = Request()


class Head(msgspec.Struct):
    type: str
    customer_id: str


@cache
def made() -> Generated:
    return generate(DEFAULT)


def decoded(lines: list[bytes]) -> list[Event]:
    """The events as the product's decoders read them."""
    gate, head = Gate(), msgspec.json.Decoder(Head).decode
    found = []
    for line in lines:
        one = head(line)
        found.append(gate.decode(TOPIC_OF_TYPE[one.type], one.customer_id.encode(), line))
    return found


@cache
def events() -> tuple[Event, ...]:
    return tuple(decoded(made().lines))


@cache
def once() -> tuple[Event, ...]:
    """Of every event the first that arrived."""
    first: dict[str, Event] = {}
    for event in events():
        first.setdefault(event.event_id, event)
    return tuple(first.values())


def test_the_same_request_gives_the_same_bytes_and_another_seed_others() -> None:
    small = Request(customers=20, days=40, seed=5)
    assert generate(small) == generate(small)
    assert generate(small).lines != generate(Request(customers=20, days=40, seed=6)).lines


def test_a_file_sent_as_it_arrived_keeps_its_order_and_counts_its_heartbeats(tmp_path: Path) -> None:
    lines = generate(Request(customers=12, days=60, seed=2)).lines
    file = tmp_path / "company.jsonl"
    file.write_bytes(b"\n".join(lines))
    prepared = prepare(JsonLines(), file, 3, Days("Europe/Madrid"), as_arrived=True)
    sent = list(prepared)
    assert len(sent) == len(prepared)
    assert [record.value for record in sent if record.key != b"_clock"] == [encode(event) for event in decoded(lines)]
    beats = [record for record in sent if record.key == b"_clock"]
    assert [beat.timestamp_ms for beat in beats] == sorted(beat.timestamp_ms for beat in beats)
    times = [record.timestamp_ms for record in prepared.events]
    assert times != sorted(times)


@pytest.mark.parametrize(
    "first, months, later",
    [("2024-01-31", 1, "2024-02-28"), ("2023-12-05", 1, "2024-01-05"), ("2024-02-29", 12, "2025-02-28")],
)
def test_months_are_those_of_the_calendar(first: str, months: int, later: str) -> None:
    at, then = (from_date(date.fromisoformat(day)) * DAY_MS + 12_345_678 for day in (first, later))
    assert months_later(at, months) == then
    assert months_later(at, 0) == at


def test_a_customer_lives_the_same_life_beside_more_others() -> None:
    few, many = (generate(Request(customers=count, days=30)).lines for count in (5, 9))
    first = b'"customer_id":"customer-00003"'
    assert [line for line in few if first in line] == [line for line in many if first in line]


def test_default_sizes_hold_every_case_and_the_report_names_all() -> None:
    planted = made().planted
    assert list(planted) == list(CASES)
    assert [case for case, count in planted.items() if count == 0] == []


def test_every_event_is_marked_as_generated() -> None:
    assert {event.source for event in events()} == {"generated"}


def test_repeated_ids_are_the_planted_duplicates() -> None:
    assert made().planted["duplicate"] + made().planted["duplicate_other_bytes"] == len(events()) - len(once())
    assert made().planted["duplicate"] == len(events()) - len(set(made().lines))


def test_lines_that_come_after_a_newer_one_are_among_the_planted() -> None:
    newest, behind = 0, 0
    arrived = {event.event_id: event for event in reversed(events())}
    for event in events():
        if arrived.pop(event.event_id, None) is not None:
            at = epoch_ms(event.occurred_at)
            behind += at < newest
            newest = max(newest, at)
    delayed = sum(made().planted[case] for case in ("late_within_horizon", "late_beyond_horizon", "out_of_order"))
    assert 0.9 * delayed < behind <= delayed


def test_cases_are_found_in_the_events_as_often_as_reported() -> None:
    planted, told = made().planted, once()
    replies = [event for event in told if isinstance(event, TicketReplied)]
    removed = Counter(event.reason for event in told if isinstance(event, TicketRemoved))
    assert {f"ticket_{reason}": count for reason, count in removed.items()} == {
        case: planted[case] for case in ("ticket_merged", "ticket_spam", "ticket_deleted")
    }
    opened = {event.ticket_id: event for event in told if isinstance(event, TicketOpened)}
    reopened = [event for event in told if isinstance(event, TicketReopened)]
    uses = [event for event in told if isinstance(event, FeatureUsed)]
    invitations = [event.invitation_id for event in told if isinstance(event, SurveyInvited)]
    ended = {event.subscription_id for event in told if isinstance(event, SubscriptionEnded)}
    found = {
        "bot_reply": sum(reply.author == "bot" for reply in replies),
        "private_note": sum(not reply.public for reply in replies),
        "ticket_never_opened": sum(reply.ticket_id not in opened for reply in replies),
        "ticket_opened_by_agent": sum(event.opened_by == "agent" for event in opened.values()),
        "ticket_reopened_before_opened": sum(
            epoch_ms(event.occurred_at) < epoch_ms(opened[event.ticket_id].occurred_at) for event in reopened
        ),
        "unmapped_feature": sum(use.feature not in FEATURES for use in uses),
        "use_without_user": sum(use.user_id is None for use in uses),
        "survey_reminder": len(invitations) - len(set(invitations)),
        "odd_id": len({event.customer_id for event in told} & set(ODD_IDS)),
        "subscription_never_set": sum(name.endswith("-unknown") for name in ended),
    }
    assert found == {case: planted[case] for case in found}


def test_answers_change_in_later_events_of_the_same_response() -> None:
    answers = [event for event in once() if isinstance(event, SurveyAnswered)]
    updates = len(answers) - len({answer.response_id for answer in answers})
    planted = made().planted
    # An update whose first event lay outside of the time cannot be: they follow it.
    assert updates == planted["answer_with_later_reason"] + planted["answer_score_changed"]


def test_customers_without_a_domain_have_no_event_of_it() -> None:
    topics: dict[str, set[str]] = {}
    for event in once():
        topic = TOPIC_OF_TYPE[str(event.__struct_config__.tag)]
        topics.setdefault(topic, set()).add(event.customer_id)
    planted = made().planted
    # Tickets and surveys are also missing where nothing happened to be asked.
    assert len(topics["accounts.v1"]) == DEFAULT.customers - planted["no_account"]
    assert len(topics["billing.v1"]) == DEFAULT.customers - planted["no_billing"]
    assert len(topics["usage.v1"]) <= DEFAULT.customers - planted["no_usage"]
    assert len(topics["tickets.v1"]) <= DEFAULT.customers - planted["no_tickets"]
    assert len(topics["surveys.v1"]) <= DEFAULT.customers - planted["no_surveys"]


def test_use_follows_the_week_and_the_day_and_fades_before_a_customer_leaves() -> None:
    uses = [event for event in once() if isinstance(event, FeatureUsed) and event.user_id is not None]
    weekdays = Counter((epoch_ms(event.occurred_at) // DAY_MS + 3) % 7 for event in uses)
    assert max(weekdays[5], weekdays[6]) < 0.5 * min(weekdays[day] for day in range(5))
    madrid = [epoch_ms(event.occurred_at) // HOUR_MS % 24 for event in uses]
    assert sum(hour in range(1, 6) for hour in madrid) < 0.15 * len(uses)

    last_use = {event.customer_id: epoch_ms(event.occurred_at) for event in sorted(uses, key=lambda e: e.occurred_at)}
    left = {
        event.customer_id: epoch_ms(event.occurred_at)
        for event in once()
        if isinstance(event, SubscriptionEnded)
        and event.subscription_id.endswith("-main")
        and last_use.get(event.customer_id, LATEST_MS) < epoch_ms(event.occurred_at)
    }
    assert len(left) > 10
    before = Counter(
        (left[event.customer_id] - epoch_ms(event.occurred_at)) // (28 * DAY_MS)
        for event in uses
        if event.customer_id in left
    )
    assert before[0] < before[1]


def test_days_of_a_change_of_the_clocks_are_used_at_both_ends() -> None:
    days, request = Days("Europe/Madrid"), Request(customers=3, days=3, start=date(2024, 10, 26))
    long_day = (date(2024, 10, 27) - date(1970, 1, 1)).days
    assert days.start(long_day + 1) - days.start(long_day) == 25 * HOUR_MS
    found = generate(request)
    last_hour = days.start(long_day + 1) - HOUR_MS // 2
    assert found.planted["dst_day"] > 0
    assert any(epoch_ms(event.occurred_at) == last_hour for event in decoded(found.lines))


@settings(max_examples=40, deadline=None)
@given(
    customers=st.integers(1, 40),
    days=st.integers(1, 40),
    seed=st.integers(0, 10**6),
    start=st.dates(date(2000, 1, 3), date(2099, 1, 1)),
    zone=st.sampled_from(("UTC", "America/Sao_Paulo", "America/New_York", "Asia/Kolkata", "Pacific/Apia")),
)
def test_any_size_gives_events_the_product_reads(customers: int, days: int, seed: int, start: date, zone: str) -> None:
    found = generate(Request(customers=customers, days=days, seed=seed, start=start, timezone=zone))
    assert all(epoch_ms(event.occurred_at) < LATEST_MS for event in decoded(found.lines))
    assert set(found.planted) == set(CASES)


def test_a_thousand_customers_of_ninety_days_take_seconds() -> None:
    started = time.process_time()
    lines = generate(Request(customers=1000, days=90, seed=3)).lines
    assert len(lines) > 50_000
    assert time.process_time() - started < 15


@pytest.mark.parametrize(
    "request_, words",
    [
        (Request(customers=0), "at least 1 customer"),
        (Request(days=0), "at least 1 customer"),
        (Request(timezone="Mars/Olympus"), "IANA time zone"),
        (Request(timezone="../etc/passwd"), "IANA time zone"),
        (Request(start=date(1999, 1, 1)), "between 2000 and 2100"),
        (Request(start=date(2100, 1, 1) - timedelta(days=10), days=30), "between 2000 and 2100"),
        (Request(days=10**12), "between 2000 and 2100"),
    ],
)
def test_what_cannot_be_made_is_said_in_words(request_: Request, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        generate(request_)
