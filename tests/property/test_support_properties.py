from collections import Counter
from datetime import UTC, datetime, timedelta
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
from streams.metrics.calendar_policy import CalendarPolicy, WeekHours
from streams.metrics.days import DAY_MS, HOUR_MS
from streams.metrics.support import SupportFold
from streams.metrics.support_policy import Limits, SlaPolicy, SupportPolicy

SLA = SlaPolicy(
    urgent=Limits(response_minutes=60, resolution_minutes=1200),
    high=Limits(resolution_minutes=300.5),
    no_priority=Limits(response_minutes=540),
)
FOLD = SupportFold(SupportPolicy(urgent_priorities=("urgent", "high"), sla=SLA), DAYS)
# Other terms: no working hours, another review, limits that run through the night.
OTHER = SupportFold(
    SupportPolicy(
        calendar=CalendarPolicy(hours=WeekHours(**dict.fromkeys(WeekHours.__struct_fields__, ()))),
        fcr_review_days=1,
        sla=SlaPolicy(time="calendar", low=Limits(response_minutes=60)),
    ),
    DAYS,
)
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


@st.composite
def dense(draw):
    """One ticket within a week, from its opening on, many facts at one instant; ids say nothing of the order."""
    reply = st.tuples(
        st.just(TicketReplied), st.fixed_dictionaries({"author": st.sampled_from(["agent", "bot", "customer"])})
    )
    other = st.sampled_from([TicketSolved, TicketReopened]).map(lambda cls: (cls, {}))
    kinds = draw(st.lists(st.one_of(reply, other), min_size=1, max_size=9))
    opening = {"opened_by": draw(st.sampled_from(["customer", "customer", "agent"])), "priority": draw(PRIORITIES)}
    ids = draw(st.permutations(range(len(kinds) + 1)))
    hours = draw(st.lists(st.integers(0, 28), min_size=len(kinds), max_size=len(kinds)))
    start = (FIRST_DAY + draw(st.integers(0, 6))) * DAY_MS
    return [
        cls(event_id=f"e{name}", customer_id="c", ticket_id="a", occurred_at=start + 6 * hour * HOUR_MS, **fields)
        for name, hour, (cls, fields) in zip(ids, [0, *hours], [(TicketOpened, opening), *kinds], strict=True)
    ]


SOON = st.lists(
    st.tuples(st.integers(0, 16), st.sampled_from([1, 6, 7, 12, 24, 24])).map(
        lambda at: (FIRST_DAY + at[0], (FIRST_DAY + at[0]) * DAY_MS + at[1] * HOUR_MS)
    ),
    min_size=4,
    max_size=8,
)
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
        self._replay(events)
        self.response = self.business = self.resolution = self.full = None
        if self.impossible:
            return
        self._wait(events)
        if self.solved:
            self.resolution = self.solved[0].occurred_at - self.opened
            if self.status == "solved":
                self.full = self.solved[-1].occurred_at - self.opened

    def _replay(self, events):
        self.status, self.priority, self.kind = "open", None, None
        self.solved, self.reopened, self.statuses = [], [], []
        self.escalated = [e.occurred_at for e in events if isinstance(e, TicketEscalated)]
        for e in events:
            match e:
                case TicketOpened() | TicketChanged():
                    self.priority = e.priority or self.priority
                    self.kind = e.kind or self.kind
                case TicketSolved() if self.status == "open":
                    self.status = "solved"
                    self.solved.append(e)
                case TicketReopened() if self.status == "solved":
                    self.status = "open"
                    self.reopened.append(e)
            self.statuses.append(self.status)

    def _wait(self, events):
        """From the newest of: opening or first question, a bot's reply, a reopening; to the person's first reply."""
        public = [(i, e.author) for i, e in enumerate(events) if isinstance(e, TicketReplied) and e.public]
        asked = [i for i, author in public if author == "customer"]
        self.since, self.waits = None, []
        begins = -1 if self.opening.opened_by == "customer" else (asked[0] if asked else None)
        if begins is None:
            return
        answer = next((i for i, author in public if author == "agent" and i > begins), len(events))
        bots = [i for i, author in public if author == "bot"]
        again = [i for i, e in enumerate(events) if e in self.reopened]
        starts = [begins, *sorted(i for i in [*bots, *again] if begins < i < answer)]
        for begins, following in zip(starts, [*starts[1:], answer], strict=True):
            self.since = self.opened if begins == -1 else events[begins].occurred_at
            over = [i for i in range(max(begins, 0), len(events)) if self.statuses[i] == "solved" or i == following]
            self.waits.append((self.since, max(events[over[0]].occurred_at, self.since) if over else None))
        if answer < len(events):
            self.response = events[answer].occurred_at - self.since
            self.business = _worked(self.since, events[answer].occurred_at)

    def breaks(self, as_of):
        """Whether a limit of the priority is exceeded by what was waited, in working time."""
        if self.impossible:
            return False
        limits = getattr(SLA, self.priority or "no_priority")
        solved = self.solved[0].occurred_at if self.solved else None
        clocks = [(since, over, limits.response_minutes) for since, over in self.waits]
        clocks.append((self.opened, solved, limits.resolution_minutes))
        return any(
            limit is not None and _worked(since, as_of if end is None else end) > limit * 60_000
            for since, end, limit in clocks
        )

    def contact(self, events, as_of):
        """None before the review of the first solution is over; then whether one reply was enough."""
        if self.impossible or not self.solved:
            return None
        solved = self.solved[0].occurred_at
        ends, count = datetime.fromtimestamp(solved / 1000, UTC).replace(hour=0, minute=0), 0
        while count < 3:
            ends += timedelta(days=1)
            count += ends.weekday() < 5
        ends = int((ends + timedelta(days=1)).timestamp() * 1000)
        if ends > as_of:
            return None
        replies = [e for e in events if isinstance(e, TicketReplied) and e.public and e.occurred_at < ends]
        return (
            [e.author for e in replies].count("agent") == 1
            and not any(e.author == "customer" and e.occurred_at > solved for e in replies)
            and not any(e.occurred_at < ends for e in self.reopened)
        )


def _worked(start, end):
    """Milliseconds of Monday to Friday, 9 to 18 UTC, day by day."""
    total, day = 0, start // DAY_MS * DAY_MS
    while day < end:
        if datetime.fromtimestamp(day / 1000, UTC).weekday() < 5:
            total += max(0, min(end, day + 18 * HOUR_MS) - max(start, day + 9 * HOUR_MS))
        day += DAY_MS
    return total


def _oracle(events, day, as_of):
    known = sorted([e for e in events if e.occurred_at < as_of], key=lambda e: (e.occurred_at, e.event_id))
    facts = {name: [e for e in known if e.ticket_id == name] for name in {e.ticket_id for e in known}}
    contacts = {name: _Plain(facts[name]) for name in facts}
    tickets = list(contacts.values())
    tickets = [t for t in tickets if t.counts]
    week, month, quarter = (DAYS.start(day - n + 1) for n in (7, 28, 90))
    is_open = [t for t in tickets if t.status == "open"]
    in_month = [t for t in tickets if t.opened >= month]
    reviews = [
        t.contact(facts[name], as_of)
        for name, t in contacts.items()
        if t.counts and t.solved and t.solved[0].occurred_at >= quarter
    ]
    reviews = [settled for settled in reviews if settled is not None]

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
        reopenings_28d=sum(e.occurred_at >= month for t in tickets for e in t.reopened),
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
        tickets_opened_28d_by_kind=dict(Counter(t.kind or "unknown" for t in in_month)),
        tickets_opened_28d_by_priority=dict(Counter(t.priority or "unknown" for t in in_month)),
        tickets_open_by_priority=dict(Counter(t.priority or "unknown" for t in is_open)),
        first_response_business_minutes_28d=middle(month, "business", 60_000),
        first_response_business_minutes_90d=middle(quarter, "business", 60_000),
        full_resolution_hours_28d=middle(month, "full", 3_600_000),
        full_resolution_hours_90d=middle(quarter, "full", 3_600_000),
        fcr_solved_90d=len(reviews),
        fcr_first_contact_90d=sum(reviews),
        fcr_rate_90d=sum(reviews) / len(reviews) if reviews else None,
        sla_breaches_28d=sum(t.breaks(as_of) for t in in_month),
    )


@given(EVENTS, MOMENTS)
def test_support_values_equal_a_plain_replay_of_every_ticket(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        assert FOLD.values(state, day, as_of) == _oracle(events, day, as_of)


@settings(max_examples=400)
@given(dense(), SOON)
def test_support_values_of_a_busy_ticket_equal_a_plain_replay(events, moments):
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
            values.first_response_business_minutes_90d,
            values.full_resolution_hours_90d,
        ]
        assert all(clock is None or clock >= 0 for clock in clocks)


@given(EVENTS, MOMENTS)
def test_figures_of_tickets_agree_with_each_other(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        values = FOLD.values(state, day, as_of)
        assert sum(values.tickets_opened_28d_by_kind.values()) == values.tickets_opened_28d
        assert sum(values.tickets_opened_28d_by_priority.values()) == values.tickets_opened_28d
        assert sum(values.tickets_open_by_priority.values()) == values.tickets_open
        assert 0 <= values.fcr_first_contact_90d <= values.fcr_solved_90d
        assert values.sla_breaches_28d is not None
        assert 0 <= values.sla_breaches_28d <= values.tickets_opened_28d


@given(EVENTS, MOMENTS, st.integers(0, 18))
def test_other_terms_hold_at_once_for_tickets_read_by_the_ones_before(events, moments, cut):
    state, expected = folded(OTHER, events[:cut]), folded(FOLD, events[:cut])
    for day, as_of in moments:
        assert FOLD.values(state, day, as_of) == FOLD.values(expected, day, as_of)
    for event in events[cut:]:
        FOLD.apply(state, event, event.occurred_at)
        FOLD.apply(expected, event, event.occurred_at)
    for fold_state in (state, expected):
        FOLD.forget(fold_state, FIRST_DAY)
    assert state == expected
