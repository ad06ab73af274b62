"""The support fold: a customer's tickets and how long it waits (METRICS.md section 3).

State is the facts of every ticket together with what they amount to (`support_clocks`), read anew only
for an instant that lies before a ticket's newest fact. Counts speak of tickets whose opening is known and
that were not removed. Windows are calendar days of the company: the 28 days of day D are D-27 to D, cut
at `as_of`.

Forgetting: a ticket that is not open and has been silent for 90 days before the oldest day anybody may ask
for goes into running totals. A later fact about it finds no ticket and waits, like one before an opening.
"""

from bisect import insort
from operator import itemgetter

from msgspec import Struct, field

from schemas.envelope import Heartbeat
from schemas.events import (
    TicketChanged,
    TicketEscalated,
    TicketEvent,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from schemas.metrics import Domain, Movement, SupportValues
from streams.metrics.days import HOUR_MS, Days
from streams.metrics.support_clocks import Fact, Reading, What, read_ticket
from streams.metrics.support_figures import counts, medians
from streams.metrics.support_policy import SupportPolicy
from streams.metrics.support_terms import Terms

LONGEST_WINDOW_DAYS = 90
#: Chosen. A ticket of more facts is read when it is asked for: reading it whole with every fact takes their square.
MOST_READ_AT_ONCE = 100

_ORDER = itemgetter(0, 1)
_WHAT: dict[type, What] = {
    TicketSolved: "solved",
    TicketReopened: "reopened",
    TicketEscalated: "escalated",
    TicketRemoved: "removed",
}


class Ticket(Struct, array_like=True):
    """A ticket's facts, sorted by time and event id, and what all of them amount to; of many, once it was asked for."""

    facts: list[Fact] = []
    reading: Reading | None = None


class Gone(Struct, array_like=True):
    """Running totals of the tickets that were forgotten.

    Attributes:
        last_at: newest opening among them, epoch ms.
        first: time and event id of the oldest opening among them, and its ticket's first resolution in ms.
    """

    total: int = 0
    impossible: int = 0
    last_at: int | None = None
    first: tuple[int, str, int | None] | None = None


class SupportState(Struct, array_like=True):
    """Tickets by id, the totals of those forgotten, and the mark of the terms by which the tickets were read.

    A mark of other terms, or of none, is that of another profile or release: its readings are not to be believed.
    """

    tickets: dict[str, Ticket] = {}
    gone: Gone = field(default_factory=Gone)
    terms: int = 0


class SupportFold:
    """Folds ticket events into `SupportValues`.

    Args:
        policy: what counts as urgent, working hours, limits.
        days: calendar of the company.
    """

    domain: Domain = "support"
    state_type: type[SupportState] = SupportState
    daily: bool = True
    moves_money: bool = False

    def __init__(self, policy: SupportPolicy, days: Days) -> None:
        self._urgent = frozenset(policy.urgent_priorities)
        self._start = days.start
        self._terms = Terms(policy, days.zone)

    def new(self) -> SupportState:
        """State of a customer without tickets."""
        return SupportState(terms=self._terms.mark)

    def apply(self, state: SupportState, event: TicketEvent, at: int) -> None:
        """Adds a fact to its ticket; heartbeats say nothing about tickets."""
        if isinstance(event, Heartbeat):
            return
        self._read_again(state)
        ticket = state.tickets.get(event.ticket_id)
        if ticket is None:
            ticket = state.tickets[event.ticket_id] = Ticket()
        insort(ticket.facts, _fact(event, at), key=_ORDER)
        self._read(ticket)

    def values(self, state: SupportState, day: int, as_of: int) -> SupportValues:
        """Counts and medians of what was known before `as_of`."""
        tickets, gone = self._readings(state, as_of), state.gone
        if not tickets:
            return self._without_tickets(gone)
        week, month, quarter = self._start(day - 6), self._start(day - 27), self._start(day - 89)
        opened_90d = [t for t in tickets if t.opened_at >= quarter]
        opened_28d = [t for t in opened_90d if t.opened_at >= month]
        still_open = [t for t in tickets if t.open]
        contacts = [t.first_contact for t in tickets if _reviewed(t, quarter, as_of)]
        medians_90d = medians(opened_90d)
        medians_28d = medians_90d if len(opened_28d) == len(opened_90d) else medians(opened_28d)
        return SupportValues(
            tickets_total=gone.total + len(tickets),
            tickets_open=len(still_open),
            tickets_open_urgent=sum([t.priority in self._urgent for t in still_open]),
            tickets_opened_7d=sum([t.opened_at >= week for t in opened_28d]),
            tickets_opened_28d=len(opened_28d),
            questions_28d=sum([t.kind == "question" for t in opened_28d]),
            escalations_28d=sum([at >= month for t in tickets for at in t.escalated_at]),
            reopenings_28d=sum([at >= month for t in tickets for at in t.reopened_at]),
            tickets_impossible=gone.impossible + sum([t.impossible for t in tickets]),
            first_response_minutes_28d=medians_28d.response_minutes,
            first_response_minutes_90d=medians_90d.response_minutes,
            first_resolution_hours_28d=medians_28d.resolution_hours,
            first_resolution_hours_90d=medians_90d.resolution_hours,
            first_ticket_resolution_hours=_first_ticket_hours(gone, tickets),
            oldest_open_hours=_oldest_hours(still_open, as_of),
            last_ticket_at=_last_at(gone, tickets),
            tickets_opened_28d_by_kind=counts([t.kind for t in opened_28d]),
            tickets_opened_28d_by_priority=counts([t.priority for t in opened_28d]),
            tickets_open_by_priority=counts([t.priority for t in still_open]),
            first_response_business_minutes_28d=medians_28d.business_minutes,
            first_response_business_minutes_90d=medians_90d.business_minutes,
            full_resolution_hours_28d=medians_28d.full_hours,
            full_resolution_hours_90d=medians_90d.full_hours,
            fcr_solved_90d=len(contacts),
            fcr_first_contact_90d=sum(contacts),
            fcr_rate_90d=sum(contacts) / len(contacts) if contacts else None,
            sla_breaches_28d=_breaches(opened_28d, as_of) if self._terms.promises else None,
        )

    def _without_tickets(self, gone: Gone) -> SupportValues:
        """The values of most customers on most days."""
        return SupportValues(
            tickets_total=gone.total,
            tickets_impossible=gone.impossible,
            first_ticket_resolution_hours=_first_ticket_hours(gone, []),
            last_ticket_at=gone.last_at,
            sla_breaches_28d=0 if self._terms.promises else None,
        )

    def forget(self, state: SupportState, before: int) -> None:
        """Moves tickets no window of a day >= `before` reaches into the running totals; open ones stay."""
        self._read_again(state)
        cutoff = self._start(before - LONGEST_WINDOW_DAYS)
        for ticket_id, ticket in list(state.tickets.items()):
            if ticket.facts[-1][0] >= cutoff:
                continue
            reading = self._reading(ticket)
            if reading is None or not reading.open:
                del state.tickets[ticket_id]
                if reading is not None:
                    _add(state.gone, reading)

    def _readings(self, state: SupportState, as_of: int) -> list[Reading]:
        """The tickets that count, as they were known before `as_of`."""
        known: list[Reading] = []
        are_current = state.terms == self._terms.mark
        for ticket in state.tickets.values():
            if are_current and ticket.facts[-1][0] < as_of:
                reading = self._reading(ticket)
            else:
                reading = read_ticket([fact for fact in ticket.facts if fact[0] < as_of], self._terms)
            if reading is not None:
                known.append(reading)
        return known

    def _read_again(self, state: SupportState) -> None:
        """Reads the tickets by these terms, if they were read by others."""
        if state.terms == self._terms.mark:
            return
        state.terms = self._terms.mark
        for ticket in state.tickets.values():
            self._read(ticket)

    def _read(self, ticket: Ticket) -> None:
        """Notes what a ticket's facts amount to, unless they are many."""
        ticket.reading = None if len(ticket.facts) > MOST_READ_AT_ONCE else read_ticket(ticket.facts, self._terms)

    def _reading(self, ticket: Ticket) -> Reading | None:
        """What all facts of a ticket amount to, by these terms; of many facts it is noted until the next one."""
        if ticket.reading is None and len(ticket.facts) > MOST_READ_AT_ONCE:
            ticket.reading = read_ticket(ticket.facts, self._terms)
        return ticket.reading

    def movements(self, customer_id: str, state: SupportState, since: int = 0) -> list[Movement]:
        """Support moves no revenue."""
        return []


def _fact(event: TicketEvent, at: int) -> Fact:
    if isinstance(event, TicketOpened):
        what: What = "opened" if event.opened_by == "customer" else "opened_by_agent"
        return at, event.event_id, what, event.priority, event.kind
    if isinstance(event, TicketReplied):
        return at, event.event_id, event.author if event.public else "note", None, None
    if isinstance(event, TicketChanged):
        return at, event.event_id, "changed", event.priority, event.kind
    return at, event.event_id, _WHAT[type(event)], None, None


def _add(gone: Gone, reading: Reading) -> None:
    gone.total += 1
    gone.impossible += reading.impossible
    gone.last_at = max(gone.last_at or reading.opened_at, reading.opened_at)
    first = (reading.opened_at, reading.opened_by, reading.first_resolution_ms)
    if gone.first is None or first[:2] < gone.first[:2]:
        gone.first = first


def _last_at(gone: Gone, tickets: list[Reading]) -> int | None:
    """Newest opening; a forgotten ticket may be newer than one that is open still."""
    opened = [t.opened_at for t in tickets]
    return max(opened if gone.last_at is None else [gone.last_at, *opened], default=None)


def _first_ticket_hours(gone: Gone, tickets: list[Reading]) -> float | None:
    """Opened to first solved of the customer's first ticket ever."""
    first = gone.first
    for ticket in tickets:
        if first is None or (ticket.opened_at, ticket.opened_by) < first[:2]:
            first = ticket.opened_at, ticket.opened_by, ticket.first_resolution_ms
    return None if first is None or first[2] is None else first[2] / HOUR_MS


def _oldest_hours(still_open: list[Reading], as_of: int) -> float | None:
    opened = [ticket.opened_at for ticket in still_open if not ticket.impossible]
    return (as_of - min(opened)) / HOUR_MS if opened else None


def _reviewed(ticket: Reading, since: int, as_of: int) -> bool:
    """Solved first at or after an instant, and its review over."""
    solved_ms, ends_at = ticket.first_resolution_ms, ticket.review_ends_at
    return solved_ms is not None and ends_at is not None and ends_at <= as_of and ticket.opened_at + solved_ms >= since


def _breaches(tickets: list[Reading], as_of: int) -> int:
    return sum([t.breached_at is not None and t.breached_at < as_of for t in tickets])
