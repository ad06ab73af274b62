import pytest

from schemas.envelope import Heartbeat
from schemas.events import (
    TicketChanged,
    TicketEscalated,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from streams.metrics.days import DAY_MS, HOUR_MS, Days
from streams.metrics.support import SupportFold
from streams.metrics.support_policy import SupportPolicy

DAYS = Days()
DAY = 19_800
FOLD = SupportFold(SupportPolicy(), DAYS)


class Desk:
    """A customer's tickets; times are in hours from the start of DAY, ids in the order of the calls."""

    def __init__(self, fold=FOLD):
        self.fold, self.state, self.count = fold, fold.new(), 0

    def add(self, cls, ticket, hours, **fields):
        self.count += 1
        at = DAY * DAY_MS + int(hours * HOUR_MS)
        event = cls(event_id=f"e{self.count}", customer_id="c", occurred_at=at, ticket_id=ticket, **fields)
        self.fold.apply(self.state, event, at)
        return self

    def values(self, day=DAY, as_of=None):
        return self.fold.values(self.state, day, DAYS.start(day + 1) if as_of is None else as_of)


def test_nothing_is_known_of_a_customer_without_tickets():
    values = Desk().values()
    assert (values.tickets_total, values.tickets_open, values.first_response_minutes_90d) == (0, 0, None)
    assert (values.oldest_open_hours, values.last_ticket_at, values.first_ticket_resolution_hours) == (None,) * 3


def test_heartbeats_change_nothing():
    state = FOLD.new()
    FOLD.apply(state, Heartbeat(event_id="h", customer_id="_clock", occurred_at=0), 0)
    assert state == FOLD.new()
    assert FOLD.movements("c", state) == []


def test_labels_follow_the_newest_fact_that_sets_them():
    desk = Desk().add(TicketOpened, "T", 1, priority="urgent", kind="incident")
    assert (desk.values().tickets_open_urgent, desk.values().questions_28d) == (1, 0)
    desk.add(TicketChanged, "T", 2, kind="question")
    assert (desk.values().tickets_open_urgent, desk.values().questions_28d) == (1, 1)
    desk.add(TicketChanged, "T", 3, priority="low")
    assert (desk.values().tickets_open_urgent, desk.values().questions_28d) == (0, 1)


def test_policy_says_what_is_urgent():
    desk = Desk(SupportFold(SupportPolicy(urgent_priorities=("high", "urgent")), DAYS))
    desk.add(TicketOpened, "a", 1, priority="high").add(TicketOpened, "b", 1, priority="medium")
    assert desk.values().tickets_open_urgent == 1


@pytest.mark.parametrize("age, week, month", [(0, 1, 1), (6, 1, 1), (7, 0, 1), (27, 0, 1), (28, 0, 0)])
def test_windows_are_whole_days_ending_with_the_day(age, week, month):
    desk = Desk().add(TicketOpened, "T", 0).add(TicketEscalated, "T", 0)
    desk.add(TicketSolved, "T", 0).add(TicketReopened, "T", 0)
    values = desk.values(DAY + age)
    assert (values.tickets_opened_7d, values.tickets_opened_28d) == (week, month)
    assert (values.escalations_28d, values.reopenings_28d) == (month, month)


@pytest.mark.parametrize("age, hours", [(89, 2.0), (90, None)])
def test_medians_of_ninety_days_end_there(age, hours):
    desk = Desk().add(TicketOpened, "T", 0).add(TicketSolved, "T", 2)
    assert desk.values(DAY + age).first_resolution_hours_90d == hours
    assert desk.values(DAY + age).first_ticket_resolution_hours == 2.0


def test_medians_are_the_middle_or_the_mean_of_the_middle_two():
    desk = Desk()
    for hours, ticket in ((1, "a"), (9, "b"), (2, "c")):
        desk.add(TicketOpened, ticket, 0).add(TicketSolved, ticket, hours)
        desk.add(TicketReplied, ticket, hours, author="agent")
    assert desk.values().first_resolution_hours_28d == 2.0
    desk.add(TicketOpened, "d", 0).add(TicketSolved, "d", 5)
    assert desk.values().first_resolution_hours_28d == 3.5
    assert desk.values().first_response_minutes_28d == 120.0


def test_an_instant_within_the_day_sees_nothing_later():
    desk = Desk().add(TicketOpened, "T", 1).add(TicketSolved, "T", 5)
    noonish = DAY * DAY_MS + 5 * HOUR_MS
    assert (desk.values(as_of=noonish).tickets_open, desk.values(as_of=noonish + 1).tickets_open) == (1, 0)
    assert desk.values(as_of=noonish).oldest_open_hours == 4.0


def test_of_two_first_tickets_the_lower_event_id_is_the_first():
    desk = Desk().add(TicketOpened, "z", 0).add(TicketOpened, "a", 0)
    desk.add(TicketSolved, "z", 3).add(TicketSolved, "a", 1)
    assert desk.values().first_ticket_resolution_hours == 3.0


def test_an_impossible_open_ticket_has_no_age():
    desk = Desk().add(TicketOpened, "T", 2).add(TicketReplied, "T", 1, author="customer")
    values = desk.values()
    assert (values.tickets_open, values.tickets_impossible, values.oldest_open_hours) == (1, 1, None)


class TestForgetting:
    def far(self, desk):
        desk.fold.forget(desk.state, DAY + 200)
        return desk.values(DAY + 200)

    def test_totals_stay_when_tickets_go(self):
        desk = Desk().add(TicketOpened, "b", 5).add(TicketSolved, "b", 6)
        desk.add(TicketOpened, "a", 1).add(TicketSolved, "a", 4)
        desk.add(TicketOpened, "c", 8).add(TicketSolved, "c", 7)
        before = desk.values(DAY + 200)
        assert self.far(desk) == before
        assert desk.state.tickets == {}
        assert (before.tickets_total, before.tickets_impossible) == (3, 1)
        assert (before.first_ticket_resolution_hours, before.last_ticket_at) == (
            3.0,
            DAY * DAY_MS + 8 * HOUR_MS,
        )

    def test_open_tickets_stay(self):
        desk = Desk().add(TicketOpened, "T", 1)
        assert self.far(desk).tickets_open == 1

    def test_a_forgotten_ticket_may_be_newer_than_one_still_open(self):
        desk = Desk().add(TicketOpened, "T", 1).add(TicketOpened, "U", 5).add(TicketSolved, "U", 6)
        assert self.far(desk).last_ticket_at == DAY * DAY_MS + 5 * HOUR_MS
        assert list(desk.state.tickets) == ["T"]

    def test_removed_and_waiting_tickets_go_without_trace(self):
        desk = Desk().add(TicketOpened, "T", 1).add(TicketRemoved, "T", 2, reason="spam")
        desk.add(TicketSolved, "never opened", 3)
        assert self.far(desk) == Desk().values(DAY + 200)
        assert desk.state.tickets == {}

    def test_a_review_that_ends_within_ninety_days_of_the_solution_is_not_forgotten_before(self):
        desk = Desk().add(TicketOpened, "T", 1).add(TicketReplied, "T", 1, author="agent").add(TicketSolved, "T", 23)
        desk.fold.forget(desk.state, DAY + 89)
        assert desk.values(DAY + 89).fcr_rate_90d == 1.0

    def test_recent_ones_stay(self):
        desk = Desk().add(TicketOpened, "T", 1).add(TicketSolved, "T", 2)
        desk.fold.forget(desk.state, DAY + 90)
        assert list(desk.state.tickets) == ["T"]


class TestOtherTerms:
    """State that was folded under another profile, or by a release that knew no terms."""

    def old(self):
        desk = Desk().add(TicketOpened, "T", 10).add(TicketReplied, "T", 11, author="agent")
        desk.state.terms = 0
        desk.state.tickets["T"].reading = None
        return desk

    def test_their_readings_are_not_believed(self):
        desk = self.old()
        assert desk.values().first_response_business_minutes_28d == 60.0
        assert desk.state.tickets["T"].reading is None  # asking changes nothing

    def test_the_next_event_has_every_ticket_read_again(self):
        desk = self.old().add(TicketOpened, "U", 12)
        assert desk.state.terms == FOLD.new().terms
        assert desk.state.tickets["T"].reading.first_response_business_ms == HOUR_MS

    def test_so_does_forgetting(self):
        desk = self.old()
        desk.fold.forget(desk.state, DAY)
        assert desk.state.tickets["T"].reading.first_response_business_ms == HOUR_MS
