"""Ticket clocks worked out by hand, one documented edge case each (METRICS.md section 3)."""

import pytest

from schemas.events import TicketOpened, TicketRemoved, TicketReopened, TicketReplied, TicketSolved
from streams.metrics.days import DAY_MS, MINUTE_MS, Days
from streams.metrics.support import SupportFold, SupportPolicy

DAYS = Days()
DAY = 19_800
NINE = DAY * DAY_MS + 9 * 60 * MINUTE_MS  # 09:00
FOLD = SupportFold(SupportPolicy(), DAYS)


def opened(minutes, by="customer"):
    return TicketOpened, minutes, {"opened_by": by}


def reply(minutes, author, public=True):
    return TicketReplied, minutes, {"author": author, "public": public}


def solved(minutes):
    return TicketSolved, minutes, {}


def reopened(minutes):
    return TicketReopened, minutes, {}


def values(*facts, day=DAY):
    state = FOLD.new()
    for number, (cls, minutes, fields) in enumerate(facts):
        at = NINE + minutes * MINUTE_MS
        event = cls(event_id=f"e{number}", customer_id="c", occurred_at=at, ticket_id="T", **fields)
        FOLD.apply(state, event, at)
    return FOLD.values(state, day, DAYS.start(day + 1))


@pytest.mark.parametrize(
    "facts, minutes",
    [
        pytest.param([opened(0)], None, id="nobody has answered"),
        pytest.param([opened(0), reply(30, "agent")], 30, id="a person answers"),
        pytest.param([opened(0), reply(30, "agent"), reply(50, "agent")], 30, id="the first answer counts"),
        pytest.param([opened(0), reply(10, "agent", public=False), reply(30, "agent")], 30, id="a note is none"),
        pytest.param([opened(0), reply(5, "customer"), reply(30, "agent")], 30, id="asking again resets nothing"),
        pytest.param([opened(0), reply(1, "bot")], None, id="a bot is nobody"),
        pytest.param([opened(0), reply(1, "bot"), reply(30, "agent")], 29, id="from the hand-off"),
        pytest.param(
            [opened(0), reply(1, "bot"), reply(12, "customer"), reply(13, "bot"), reply(30, "agent")],
            17,
            id="the bot's last reply is the hand-off",
        ),
        pytest.param([opened(0), reply(30, "agent"), reply(40, "bot")], 30, id="a bot after the person is late"),
        pytest.param([opened(0), reply(1, "bot", public=False), reply(30, "agent")], 30, id="a bot's note is none"),
        pytest.param([opened(0, "agent"), reply(30, "agent")], None, id="agent-opened: nobody asked yet"),
        pytest.param(
            [opened(0, "agent"), reply(5, "bot"), reply(30, "agent")],
            None,
            id="agent-opened: bots ask nothing",
        ),
        pytest.param(
            [opened(0, "agent"), reply(5, "agent"), reply(60, "customer"), reply(90, "agent")],
            30,
            id="agent-opened: from the customer's next reply",
        ),
        pytest.param(
            [
                opened(0, "agent"),
                reply(5, "bot"),
                reply(60, "customer"),
                reply(61, "bot"),
                reply(90, "agent"),
            ],
            29,
            id="agent-opened with a hand-off",
        ),
        pytest.param([opened(0), reply(0, "agent")], 0, id="answered at once"),
        pytest.param([opened(0), reply(-10, "agent"), reply(30, "agent")], None, id="impossible: no clock"),
    ],
)
def test_first_response_minutes(facts, minutes):
    assert values(*facts).first_response_minutes_28d == minutes
    assert values(*reversed(facts)).first_response_minutes_28d == minutes


@pytest.mark.parametrize(
    "facts, hours, still_open, reopenings",
    [
        pytest.param([opened(0)], None, 1, 0, id="open"),
        pytest.param([opened(0), solved(120)], 2.0, 0, 0, id="solved"),
        pytest.param([opened(0), solved(120), solved(300)], 2.0, 0, 0, id="solved, then closed"),
        pytest.param([opened(0), solved(120), reopened(180)], 2.0, 1, 1, id="reopened"),
        pytest.param([opened(0), solved(120), reopened(180), solved(240)], 2.0, 0, 1, id="solved again"),
        pytest.param([opened(0), reopened(60), solved(120)], 2.0, 0, 0, id="reopened while open is none"),
        pytest.param([opened(0), opened(60), solved(120)], 2.0, 0, 0, id="opened twice: the first counts"),
        pytest.param([opened(0), solved(-60)], None, 0, 0, id="impossible: solved, no clock"),
    ],
)
def test_resolution_and_reopening(facts, hours, still_open, reopenings):
    found = values(*facts)
    assert found.first_resolution_hours_28d == hours
    assert found.first_ticket_resolution_hours == hours
    assert (found.tickets_open, found.reopenings_28d) == (still_open, reopenings)
    assert (found.tickets_total, found.tickets_opened_28d) == (1, 1)


def test_impossible_history_is_counted_as_such():
    found = values(opened(0), solved(-60))
    assert (found.tickets_impossible, found.tickets_total, found.tickets_open) == (1, 1, 0)


def test_removed_ticket_leaves_every_count():
    removed = (TicketRemoved, 30, {"reason": "merged"})
    assert values(opened(0), reply(10, "agent"), removed) == values()


def test_facts_wait_for_a_late_opening():
    assert values(reply(30, "agent"), solved(60)) == values()
    found = values(reply(30, "agent"), solved(60), opened(0))
    assert (found.tickets_total, found.first_response_minutes_28d, found.first_resolution_hours_28d) == (
        1,
        30,
        1,
    )


def test_a_ticket_that_stays_open_ages_with_the_clock():
    assert values(opened(0)).oldest_open_hours == 15.0
    assert values(opened(0), day=DAY + 100).oldest_open_hours == 15.0 + 2400
    assert values(opened(0), day=DAY + 100).tickets_opened_28d == 0
