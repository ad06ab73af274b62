from statistics import median

from fold_laws import (
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    assert_any_order,
    assert_forgetting_changes_nothing,
    assert_past_only,
    folded,
    histories,
    instants,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    TicketChanged,
    TicketEscalated,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from schemas.metrics import SupportValues
from streams.metrics.support import SupportFold, SupportPolicy

FOLD = SupportFold(SupportPolicy(urgent_priorities=("urgent", "high")), DAYS)
TICKETS = st.sampled_from(["a", "b", "c", "d"])
PRIORITIES = st.sampled_from([None, "low", "high", "urgent"])
KINDS = st.sampled_from([None, "question", "incident"])


def _events():
    def of(cls, **fields):
        return st.fixed_dictionaries({"ticket_id": TICKETS, **fields}).map(lambda drawn: (cls, drawn))

    opened = of(TicketOpened, priority=PRIORITIES, kind=KINDS, opened_by=st.sampled_from(["customer", "agent"]))
    replied = of(
        TicketReplied,
        author=st.sampled_from(["agent", "bot", "customer"]),
        public=st.sampled_from([True, True, False]),
    )
    changed = of(TicketChanged, priority=PRIORITIES, kind=KINDS)
    removed = of(TicketRemoved, reason=st.just("spam"))
    solved, reopened, escalated = of(TicketSolved), of(TicketReopened), of(TicketEscalated)
    rare = st.one_of(escalated, changed, solved, removed)
    return histories(st.one_of(opened, opened, replied, replied, replied, solved, reopened, rare))


EVENTS = _events()
MOMENTS = st.lists(instants(), min_size=1, max_size=4)


class _Plain:
    """A ticket replayed event by event with plain variables: the oracle."""

    def __init__(self, events):
        events = sorted(events, key=lambda e: (e.occurred_at, e.event_id))
        self.opening = next((e for e in events if isinstance(e, TicketOpened)), None)
        self.counts = self.opening is not None and not any(isinstance(e, TicketRemoved) for e in events)
        if not self.counts:
            return
        self.opened = self.opening.occurred_at
        self.impossible = any(e.occurred_at < self.opened for e in events)
        self.status, self.priority, self.kind = "open", None, None
        self.solved, self.reopened = [], []
        self.escalated = [e.occurred_at for e in events if isinstance(e, TicketEscalated)]
        for e in events:
            match e:
                case TicketOpened() | TicketChanged():
                    self.priority = e.priority or self.priority
                    self.kind = e.kind or self.kind
                case TicketSolved() if self.status == "open":
                    self.status = "solved"
                    self.solved.append(e.occurred_at)
                case TicketReopened() if self.status == "solved":
                    self.status = "open"
                    self.reopened.append(e.occurred_at)
        self.response = None if self.impossible else self._response(events)
        self.resolution = self.solved[0] - self.opened if self.solved and not self.impossible else None

    def _response(self, events):
        replies = [e for e in events if isinstance(e, TicketReplied) and e.public]
        start = self.opened
        if self.opening.opened_by == "agent":
            asked = [i for i, e in enumerate(replies) if e.author == "customer"]
            if not asked:
                return None
            start = replies[asked[0]].occurred_at
            replies = replies[asked[0] + 1 :]
        human = [i for i, e in enumerate(replies) if e.author == "agent"]
        if not human:
            return None
        bots = [e.occurred_at for e in replies[: human[0]] if e.author == "bot"]
        return replies[human[0]].occurred_at - (bots[-1] if bots else start)


def _oracle(events, day, as_of):
    known = [e for e in events if e.occurred_at < as_of]
    tickets = [_Plain([e for e in known if e.ticket_id == name]) for name in {e.ticket_id for e in known}]
    tickets = [t for t in tickets if t.counts]
    week, month, quarter = (DAYS.start(day - n + 1) for n in (7, 28, 90))
    is_open = [t for t in tickets if t.status == "open"]

    def middle(since, name, unit):
        clocks = [getattr(t, name) for t in tickets if t.opened >= since and getattr(t, name) is not None]
        return median(clocks) / unit if clocks else None

    first = min(tickets, key=lambda t: (t.opened, t.opening.event_id), default=None)
    waiting = [t.opened for t in is_open if not t.impossible]
    return SupportValues(
        tickets_total=len(tickets),
        tickets_open=len(is_open),
        tickets_open_urgent=sum(t.priority in ("urgent", "high") for t in is_open),
        tickets_opened_7d=sum(t.opened >= week for t in tickets),
        tickets_opened_28d=sum(t.opened >= month for t in tickets),
        questions_28d=sum(t.opened >= month and t.kind == "question" for t in tickets),
        escalations_28d=sum(at >= month for t in tickets for at in t.escalated),
        reopenings_28d=sum(at >= month for t in tickets for at in t.reopened),
        tickets_impossible=sum(t.impossible for t in tickets),
        first_response_minutes_28d=middle(month, "response", 60_000),
        first_response_minutes_90d=middle(quarter, "response", 60_000),
        first_resolution_hours_28d=middle(month, "resolution", 3_600_000),
        first_resolution_hours_90d=middle(quarter, "resolution", 3_600_000),
        first_ticket_resolution_hours=(
            None if first is None or first.resolution is None else first.resolution / 3_600_000
        ),
        oldest_open_hours=(as_of - min(waiting)) / 3_600_000 if waiting else None,
        last_ticket_at=max((t.opened for t in tickets), default=None),
    )


@given(EVENTS, MOMENTS)
def test_support_values_equal_a_plain_replay_of_every_ticket(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        assert FOLD.values(state, day, as_of) == _oracle(events, day, as_of)


@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))), MOMENTS)
def test_support_is_the_same_in_any_order(orders, moments):
    assert_any_order(FOLD, *orders, moments)


@given(EVENTS, MOMENTS)
def test_support_values_speak_of_the_past_only(events, moments):
    assert_past_only(FOLD, events, moments)


@settings(max_examples=200)
@given(EVENTS, st.integers(FIRST_DAY + 90, LAST_DAY - 30), st.lists(instants(), min_size=2, max_size=6))
def test_forgetting_tickets_changes_no_later_day(events, before, moments):
    moments = [*moments, (before, DAYS.start(before) + 1), (before, DAYS.start(before + 1))]
    assert_forgetting_changes_nothing(
        FOLD, events, before, moments, lambda state: state.tickets, lambda event: event.ticket_id
    )


@given(EVENTS, MOMENTS)
def test_no_clock_is_ever_negative(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        values = FOLD.values(state, day, as_of)
        clocks = [
            values.first_response_minutes_90d,
            values.first_resolution_hours_90d,
            values.first_ticket_resolution_hours,
            values.oldest_open_hours,
        ]
        assert all(clock is None or clock >= 0 for clock in clocks)
