"""Ticket clocks worked out by hand, one documented edge case each (METRICS.md section 3)."""

import pytest

from schemas.events import (
    TicketChanged,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from streams.metrics.calendar_policy import CalendarPolicy, WeekHours
from streams.metrics.days import DAY_MS, MINUTE_MS, Days
from streams.metrics.support import SupportFold
from streams.metrics.support_policy import Limits, SlaPolicy, SupportPolicy

DAYS = Days()
DAY = 19_800
NINE = DAY * DAY_MS + 9 * 60 * MINUTE_MS  # 09:00
FOLD = SupportFold(SupportPolicy(), DAYS)
DAY_MINUTES = 24 * 60


def opened(minutes, by="customer"):
    return TicketOpened, minutes, {"opened_by": by}


def reply(minutes, author, public=True):
    return TicketReplied, minutes, {"author": author, "public": public}


def solved(minutes):
    return TicketSolved, minutes, {}


def reopened(minutes):
    return TicketReopened, minutes, {}


def values(*facts, day=DAY, fold=FOLD):
    state = fold.new()
    for number, (cls, minutes, fields) in enumerate(facts):
        at = NINE + minutes * MINUTE_MS
        event = cls(event_id=f"e{number}", customer_id="c", occurred_at=at, ticket_id="T", **fields)
        fold.apply(state, event, at)
    return fold.values(state, day, DAYS.start(day + 1))


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
        pytest.param(
            [opened(0), reply(1, "bot"), solved(2), reopened(700), reply(730, "agent")],
            30,
            id="solved by a bot, reopened hours later: from the reopening",
        ),
        pytest.param(
            [opened(0), reply(1, "bot"), solved(2), reopened(700), reply(701, "bot"), reply(730, "agent")],
            29,
            id="reopened, then handed over again",
        ),
        pytest.param([opened(0), reply(1, "bot"), reopened(5), reply(30, "agent")], 29, id="not solved: no reopening"),
        pytest.param([opened(0), reply(30, "agent"), solved(40), reopened(900)], 30, id="answered before: it stays"),
        pytest.param([opened(0), solved(20), reply(30, "agent")], 30, id="answered after the solution"),
        pytest.param(
            [opened(0, "agent"), solved(10), reopened(60), reply(90, "agent")], None, id="agent-opened: nobody asked"
        ),
        pytest.param(
            [opened(0, "agent"), reply(5, "customer"), solved(10), reopened(60), reply(90, "agent")],
            30,
            id="agent-opened, reopened unanswered",
        ),
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


@pytest.mark.parametrize(
    "facts, hours",
    [
        pytest.param([opened(0)], None, id="open"),
        pytest.param([opened(0), solved(120)], 2.0, id="solved"),
        pytest.param([opened(0), solved(120), reopened(180)], None, id="reopened: not solved in full"),
        pytest.param([opened(0), solved(120), reopened(180), solved(300)], 5.0, id="solved again"),
        pytest.param([opened(0), solved(120), solved(300)], 2.0, id="closing is no solution"),
        pytest.param([opened(0), reopened(60), solved(-60)], None, id="impossible"),
    ],
)
def test_full_resolution_hours(facts, hours):
    found = values(*facts)
    assert (found.full_resolution_hours_28d, found.full_resolution_hours_90d) == (hours, hours)


# DAY is Monday 2024-03-18; Monday to Friday, 9 to 18, and what is opened at 09:00 is opened as work begins.
@pytest.mark.parametrize(
    "facts, minutes, calendar_minutes",
    [
        pytest.param([opened(0), reply(30, "agent")], 30, 30, id="in working hours they are the same"),
        pytest.param([opened(8 * 60), reply(DAY_MINUTES + 15, "agent")], 75, 975, id="over a night: 60 + 15"),
        pytest.param(
            [opened(4 * DAY_MINUTES + 8 * 60), reply(7 * DAY_MINUTES + 15, "agent")], 75, 3855, id="over a weekend"
        ),
        pytest.param([opened(-120), reply(-60, "agent")], 0, 60, id="answered before work: no wait at all"),
        pytest.param(
            [opened(0), reply(9 * 60 + 1, "bot"), reply(DAY_MINUTES + 10, "agent")], 10, 909, id="from the hand-off"
        ),
        pytest.param([opened(0), reply(-10, "agent")], None, None, id="impossible"),
    ],
)
def test_first_response_in_working_time(facts, minutes, calendar_minutes):
    found = values(*facts, day=DAY + 7)
    assert found.first_response_business_minutes_28d == minutes
    assert found.first_response_business_minutes_90d == minutes
    assert found.first_response_minutes_28d == calendar_minutes


def test_without_working_hours_there_is_no_working_time():
    nowhere = WeekHours(**dict.fromkeys(WeekHours.__struct_fields__, ()))
    fold = SupportFold(SupportPolicy(calendar=CalendarPolicy(hours=nowhere)), DAYS)
    found = values(opened(0), reply(30, "agent"), solved(40), day=DAY + 3, fold=fold)
    assert (found.first_response_business_minutes_28d, found.first_response_minutes_28d) == (None, 30)
    assert (found.fcr_solved_90d, found.fcr_rate_90d) == (1, 1.0)  # three calendar days: Tuesday to Thursday


def test_a_response_over_a_brazilian_holiday_and_the_weekend_after_it():
    """Thursday 2024-11-14 17:30 in São Paulo to Monday 09:15; Friday 15 is the Republic: 30 + 15 minutes."""
    days = Days("America/Sao_Paulo")
    fold = SupportFold(SupportPolicy(calendar=CalendarPolicy(country="BR")), days)
    state = fold.new()
    asked, told = 1_731_616_200_000, 1_731_932_100_000
    for name, cls, at, fields in (("a", TicketOpened, asked, {}), ("b", TicketReplied, told, {"author": "agent"})):
        fold.apply(state, cls(event_id=name, customer_id="c", occurred_at=at, ticket_id="T", **fields), at)
    day = days.of(told)
    found = fold.values(state, day, days.start(day + 1))
    assert found.first_response_business_minutes_28d == 45
    assert found.first_response_minutes_28d == 5265  # 3 days 15 hours 45 minutes


ANSWERED = [opened(0), reply(30, "agent"), solved(60)]  # on Monday: its review ends with Thursday


@pytest.mark.parametrize(
    "facts, day, solved_tickets, first_contact",
    [
        pytest.param(ANSWERED, 2, 0, 0, id="under review on Wednesday"),
        pytest.param(ANSWERED, 3, 1, 1, id="reviewed at the end of Thursday"),
        pytest.param(ANSWERED, 89, 1, 1, id="the last day of ninety"),
        pytest.param(ANSWERED, 90, 0, 0, id="and the day after"),
        pytest.param([opened(0), solved(60)], 3, 1, 0, id="solved in silence"),
        pytest.param([opened(0), reply(1, "bot"), solved(60)], 3, 1, 0, id="a bot's answer is no contact"),
        pytest.param([opened(0), reply(10, "agent", public=False), *ANSWERED[1:]], 3, 1, 1, id="notes do not count"),
        pytest.param([opened(0), reply(10, "agent"), *ANSWERED[1:]], 3, 1, 0, id="two replies"),
        pytest.param([opened(0), reply(10, "customer"), *ANSWERED[1:]], 3, 1, 1, id="asked again before the solution"),
        pytest.param([*ANSWERED, reply(90, "customer")], 3, 1, 0, id="came back"),
        pytest.param([*ANSWERED, reply(60, "customer")], 3, 1, 1, id="at the instant of the solution: not after it"),
        pytest.param([*ANSWERED, reply(4 * DAY_MINUTES, "customer")], 4, 1, 1, id="came back after the review"),
        pytest.param([*ANSWERED, reopened(90)], 3, 1, 0, id="reopened"),
        pytest.param([*ANSWERED, reopened(4 * DAY_MINUTES)], 4, 1, 1, id="reopened after the review"),
        pytest.param([*ANSWERED, reopened(90), solved(120)], 3, 1, 0, id="solved again: judged by the first solution"),
        pytest.param([*ANSWERED, reply(90, "agent")], 3, 1, 0, id="a second reply after the solution"),
        pytest.param([opened(0), reply(30, "agent")], 9, 0, 0, id="never solved"),
        pytest.param([*ANSWERED, reply(-5, "bot")], 9, 0, 0, id="impossible"),
        pytest.param([*ANSWERED, (TicketRemoved, 90, {"reason": "merged"})], 9, 0, 0, id="merged"),
    ],
)
def test_first_contact_resolution(facts, day, solved_tickets, first_contact):
    for order in (facts, facts[::-1]):
        found = values(*order, day=DAY + day)
        assert (found.fcr_solved_90d, found.fcr_first_contact_90d) == (solved_tickets, first_contact)
        assert found.fcr_rate_90d == (first_contact if solved_tickets else None)


def test_the_review_of_a_friday_ends_with_wednesday():
    friday = [(cls, minutes + 4 * DAY_MINUTES, fields) for cls, minutes, fields in ANSWERED]
    assert [values(*friday, day=DAY + day).fcr_solved_90d for day in (4, 6, 8, 9)] == [0, 0, 0, 1]


PROMISED = SlaPolicy(
    urgent=Limits(response_minutes=60, resolution_minutes=600),
    no_priority=Limits(response_minutes=120),
)
SLA = SupportFold(SupportPolicy(sla=PROMISED), DAYS)
URGENT = (TicketOpened, 0, {"priority": "urgent"})
LATER = (TicketChanged, 300, {"priority": "urgent"})


@pytest.mark.parametrize(
    "facts, day, breaches",
    [
        pytest.param([URGENT, reply(60, "agent"), solved(600)], 1, 0, id="just in time: 540 on Monday, 9 of 60 left"),
        pytest.param([URGENT, reply(61, "agent"), solved(70)], 0, 1, id="answered too late"),
        pytest.param([URGENT, reply(30, "agent")], 0, 0, id="answered, open at the end of Monday after 540 minutes"),
        pytest.param([URGENT, reply(30, "agent")], 1, 1, id="open longer than 600 minutes of work"),
        pytest.param([URGENT, reply(30, "agent"), solved(DAY_MINUTES + 60)], 1, 0, id="540 + 60 is the limit"),
        pytest.param([URGENT, reply(30, "agent"), solved(DAY_MINUTES + 61)], 1, 1, id="a minute over it"),
        pytest.param([URGENT], 0, 1, id="nobody has answered, and the limit has passed"),
        pytest.param(
            [(TicketOpened, 8 * 60 + 30, {"priority": "urgent"})], 0, 0, id="30 of 60 minutes by Monday night"
        ),
        pytest.param([(TicketOpened, 8 * 60 + 30, {"priority": "urgent"})], 1, 1, id="the rest is gone on Tuesday"),
        pytest.param([(TicketOpened, 5 * DAY_MINUTES, {"priority": "urgent"})], 6, 0, id="a weekend breaks nothing"),
        pytest.param([URGENT, reply(1, "bot"), solved(20)], 9, 0, id="solved in time without a person"),
        pytest.param([URGENT, reply(1, "bot"), solved(20), reopened(30)], 0, 1, id="reopened, and waits again"),
        pytest.param(
            [URGENT, reply(1, "bot"), solved(20), reopened(480), reply(540, "agent")], 0, 0, id="60 after the reopening"
        ),
        pytest.param([URGENT, reply(61, "bot"), reply(62, "agent"), solved(70)], 0, 1, id="a bot undoes no breach"),
        pytest.param([URGENT, reply(60, "bot"), reply(120, "agent"), solved(130)], 0, 0, id="a bot's reply in time"),
        pytest.param(
            [URGENT, solved(61), reopened(70), reply(80, "agent"), solved(90)], 0, 1, id="nor does a reopening"
        ),
        pytest.param([URGENT, solved(20), reply(400, "bot")], 9, 0, id="a solved ticket waits for nobody"),
        pytest.param([URGENT, solved(20), reply(400, "agent")], 9, 0, id="nor for an answer after the solution"),
        pytest.param([opened(0), reply(121, "agent")], 0, 1, id="no priority has a limit, too"),
        pytest.param([opened(0), reply(100, "agent"), LATER], 0, 1, id="the newest priority judges what went before"),
        pytest.param([(TicketOpened, 0, {"priority": "low"})], 27, 0, id="no limit, no breach"),
        pytest.param([(*opened(0, "agent")[:2], {"opened_by": "agent"})], 9, 0, id="agent-opened: nobody waits"),
        pytest.param([URGENT, reply(-10, "customer")], 0, 0, id="impossible"),
        pytest.param([URGENT], 27, 1, id="counted with the tickets opened in the window"),
        pytest.param([URGENT], 28, 0, id="and no longer"),
    ],
)
def test_broken_limits(facts, day, breaches):
    for order in (facts, facts[::-1]):
        assert values(*order, day=DAY + day, fold=SLA).sla_breaches_28d == breaches


def test_a_limit_is_broken_the_instant_after_it():
    state = SLA.new()
    opening = TicketOpened(event_id="e", customer_id="c", occurred_at=NINE, ticket_id="T", priority="urgent")
    SLA.apply(state, opening, NINE)
    due = NINE + 60 * MINUTE_MS
    assert [SLA.values(state, DAY, at).sla_breaches_28d for at in (due, due + 1)] == [0, 1]


def test_limits_may_run_through_the_night():
    policy = SlaPolicy(time="calendar", urgent=Limits(response_minutes=60))
    late = [(TicketOpened, 8 * 60 + 30, {"priority": "urgent"}), reply(DAY_MINUTES, "agent")]
    assert values(*late, day=DAY + 1, fold=SupportFold(SupportPolicy(sla=policy), DAYS)).sla_breaches_28d == 1
    assert values(*late, day=DAY + 1, fold=SLA).sla_breaches_28d == 0


def test_without_limits_nothing_can_be_said_of_breaches():
    assert values(URGENT, day=DAY + 9).sla_breaches_28d is None
    assert values(day=DAY, fold=SLA).sla_breaches_28d == 0


def test_tickets_by_kind_and_priority():
    state = FOLD.new()
    for name, kind, priority in (("a", "question", "low"), ("b", "question", None), ("c", None, "urgent")):
        event = TicketOpened(
            event_id=name, customer_id="c", occurred_at=NINE, ticket_id=name, kind=kind, priority=priority
        )
        FOLD.apply(state, event, NINE)
    FOLD.apply(state, TicketSolved(event_id="d", customer_id="c", occurred_at=NINE, ticket_id="a"), NINE)
    found = FOLD.values(state, DAY, DAYS.start(DAY + 1))
    assert found.tickets_opened_28d_by_kind == {"question": 2, "unknown": 1}
    assert found.tickets_opened_28d_by_priority == {"low": 1, "unknown": 1, "urgent": 1}
    assert found.tickets_open_by_priority == {"unknown": 1, "urgent": 1}
    later = FOLD.values(state, DAY + 28, DAYS.start(DAY + 29))
    assert (later.tickets_opened_28d_by_kind, later.tickets_open_by_priority) == ({}, {"unknown": 1, "urgent": 1})


def test_an_event_that_comes_late_corrects_the_clocks():
    late = [opened(0), reply(300, "agent"), solved(400), reply(20, "agent")]
    assert values(*late[:3], fold=SLA).sla_breaches_28d == 1
    found = values(*late, fold=SLA)
    assert (found.sla_breaches_28d, found.first_response_minutes_28d) == (0, 20)
    assert found.first_response_business_minutes_28d == 20
