"""One ticket: its facts in the order they happened, and the status and clocks they amount to.

Facts are kept sorted by (time, event id), so a ticket reads the same whatever order they came in. Rules:

- Opening: the earliest `ticket_opened`; later ones only set priority and kind anew. Without one it waits.
- Impossible: a fact older than the opening contradicts it. The ticket counts, its status holds, it has no
  clocks.
- First response: the first public reply of a person, from the instant since which the customer waited for
  it. That is the opening; for a ticket an agent opened the customer's next public reply, as nobody waits
  before; after a bot the hand-off, the bot's last public reply before the person's; and the reopening of a
  ticket that was solved without a person. Private notes never count.
- Resolution: `solved` of an open ticket; solving a solved one again (closing it) moves nothing.
- Reopening: `reopened` of a solved ticket; reopening an open one is none.
- First contact: at the end of the review that follows the first solution, a person had replied publicly just once,
  and the customer had neither written since the solution nor come back.
- Broken limits: a solved ticket waits for nobody, so its response is overdue no more than its resolution. An open one
  is overdue as soon as its limit has passed, answered or not. A bot's reply begins a new wait and undoes no broken
  limit of the one before, and neither does a reopening.
- Removed (merged, spam, deleted): the ticket is not there, from that instant on and for good.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from schemas.events import Priority, TicketKind
from streams.metrics.support_terms import Clock, Terms

What = Literal[
    "opened",
    "opened_by_agent",
    "agent",
    "bot",
    "customer",
    "note",
    "solved",
    "reopened",
    "escalated",
    "changed",
    "removed",
]
# time in epoch ms, event id, what happened, priority and kind where the fact sets them
Fact = tuple[int, str, What, Priority | None, TicketKind | None]


class Reading(Struct, frozen=True, array_like=True):
    """What a ticket's facts amount to. Clocks are milliseconds, >= 0, None until they stop; calendar time if not said.

    Attributes:
        opened_at, opened_by: when the ticket was opened, epoch ms, and the id of the event that did.
        impossible: the history contradicts itself; all clocks are None.
        reopened_at, escalated_at: instants of every reopening and escalation, epoch ms.
        first_resolution_ms: opened to first solved.
        full_resolution_ms: opened to last solved, None while the ticket is open.
        first_response_business_ms: working time of the first response; None also where no working hours are known.
        breached_at: first instant behind which a limit of the newest priority is broken, epoch ms.
        review_ends_at: when it is known whether the first solution lasted, epoch ms.
        first_contact: it did, and took one reply; to be believed from `review_ends_at` on.
    """

    opened_at: int
    opened_by: str
    impossible: bool
    open: bool
    priority: Priority | None
    kind: TicketKind | None
    reopened_at: tuple[int, ...]
    escalated_at: tuple[int, ...]
    first_response_ms: int | None = None
    first_resolution_ms: int | None = None
    full_resolution_ms: int | None = None
    first_response_business_ms: int | None = None
    breached_at: int | None = None
    review_ends_at: int | None = None
    first_contact: bool = False


class _Wait(NamedTuple):
    """How long a customer waits for a person, epoch ms.

    Attributes:
        since: None while nobody waits.
        answered_at: when a person replied.
        clocks: every wait there was, and when it was over: by a reply, or because the ticket was solved.
    """

    since: int | None
    answered_at: int | None
    clocks: tuple[Clock, ...]


def read_ticket(facts: Sequence[Fact], terms: Terms) -> Reading | None:
    """Folds a ticket's facts, sorted by time and event id.

    Returns:
        None for a ticket whose opening is not known yet, and for a removed one.

    Example:
        >>> from streams.metrics.support_policy import SupportPolicy
        >>> facts = [(0, "e1", "opened", "high", None), (60_000, "e2", "agent", None, None)]
        >>> read_ticket(facts, Terms(SupportPolicy(), "UTC")).first_response_ms
        60000
    """
    happened = [fact[2] for fact in facts]
    opening = _opening(facts)
    if opening is None or "removed" in happened:
        return None
    solved_at, reopened_at = _status(facts)
    priority, kind = _labels(facts)
    reading = Reading(
        opened_at=opening[0],
        opened_by=opening[1],
        impossible=facts[0][0] < opening[0],
        open=len(solved_at) == len(reopened_at),
        priority=priority,
        kind=kind,
        reopened_at=reopened_at,
        escalated_at=tuple([fact[0] for fact in facts if fact[2] == "escalated"]) if "escalated" in happened else (),
    )
    return reading if reading.impossible else _timed(reading, facts, opening, solved_at, terms)


def _opening(facts: Sequence[Fact]) -> Fact | None:
    """The earliest of a ticket's openings."""
    for fact in facts:
        if fact[2] in ("opened", "opened_by_agent"):
            return fact
    return None


def _timed(reading: Reading, facts: Sequence[Fact], opening: Fact, solved_at: Sequence[int], terms: Terms) -> Reading:
    """A reading with its clocks; no fact may be older than the opening."""
    opened_at, first_solved_at = opening[0], solved_at[0] if solved_at else None
    wait = _wait(facts, opening)
    response: int | None = None
    business: int | None = None
    if wait.since is not None and wait.answered_at is not None:
        response = wait.answered_at - wait.since
        business = terms.business_ms(wait.since, wait.answered_at)
    review_ends_at = None if first_solved_at is None else terms.review_ends_at(first_solved_at)
    return replace(
        reading,
        first_response_ms=response,
        first_resolution_ms=None if first_solved_at is None else first_solved_at - opened_at,
        full_resolution_ms=None if reading.open else solved_at[-1] - opened_at,
        first_response_business_ms=business,
        breached_at=terms.breached_at(reading.priority, wait.clocks, (opened_at, first_solved_at)),
        review_ends_at=review_ends_at,
        first_contact=_first_contact(facts, reading.reopened_at, first_solved_at, review_ends_at),
    )


def _status(facts: Sequence[Fact]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Instants at which the ticket went from open to solved, and from solved to open."""
    solved: list[int] = []
    reopened: list[int] = []
    for fact in facts:
        if fact[2] == "solved" and len(solved) == len(reopened):
            solved.append(fact[0])
        elif fact[2] == "reopened" and len(solved) > len(reopened):
            reopened.append(fact[0])
    return tuple(solved), tuple(reopened)


def _labels(facts: Sequence[Fact]) -> tuple[Priority | None, TicketKind | None]:
    """The newest priority and the newest kind anybody set."""
    priority: Priority | None = None
    kind: TicketKind | None = None
    for fact in facts:
        if fact[3] is not None:
            priority = fact[3]
        if fact[4] is not None:
            kind = fact[4]
    return priority, kind


def _wait(facts: Sequence[Fact], opening: Fact) -> _Wait:
    """Until when the customer waited for a person, or waits still; no fact may be older than the opening."""
    since = opening[0] if opening[2] == "opened" else None
    solved_at: int | None = None  # while it is solved
    clocks: list[Clock] = []
    for at, _, what, _, _ in facts:
        if what == "solved":
            solved_at = at if solved_at is None else solved_at
        again = what == "reopened" and solved_at is not None
        if since is not None and (again or what in ("bot", "agent")):
            clocks.append((since, at if solved_at is None else max(solved_at, since)))
            if what == "agent":
                return _Wait(since, at, tuple(clocks))
            since = at
        elif since is None and what == "customer":
            since = at
        if again:
            solved_at = None
    if since is not None:
        clocks.append((since, None if solved_at is None else max(solved_at, since)))
    return _Wait(since, None, tuple(clocks))


def _first_contact(
    facts: Sequence[Fact], reopened_at: Sequence[int], solved_at: int | None, ends_at: int | None
) -> bool:
    """Whether a person's single public reply had settled the ticket, as far as a review until `ends_at` shows."""
    if solved_at is None or ends_at is None or (reopened_at and reopened_at[0] < ends_at):
        return False
    replies = 0
    for at, _, what, _, _ in facts:
        if at >= ends_at:
            break
        if what == "customer" and at > solved_at:
            return False
        replies += what == "agent"
    return replies == 1
