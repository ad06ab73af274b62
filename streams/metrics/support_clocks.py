"""One ticket: its facts in the order they happened, and the status and clocks they amount to.

Facts are kept sorted by (time, event id), so a ticket reads the same whatever order they came in. Rules:

- Opening: the earliest `ticket_opened`; later ones only set priority and kind anew. Without one it waits.
- Impossible: a fact older than the opening contradicts it. The ticket counts, its status holds, it has no
  clocks.
- First response: the first public reply of a person, from the instant since which the customer waited for
  it. That is the opening; for a ticket an agent opened the customer's next public reply, as nobody waits
  before; and after a bot the hand-off, the bot's last public reply before the person's. Private notes
  never count.
- Resolution: `solved` of an open ticket; solving a solved one again (closing it) moves nothing.
- Reopening: `reopened` of a solved ticket; reopening an open one is none.
- Removed (merged, spam, deleted): the ticket is not there, from that instant on and for good.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from schemas.events import Priority, TicketKind

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
    """What a ticket's facts amount to. Clocks are calendar milliseconds, >= 0, None until they stop.

    Attributes:
        opened_at, opened_by: when the ticket was opened, epoch ms, and the id of the event that did.
        impossible: the history contradicts itself; all clocks are None.
        reopened_at, escalated_at: instants of every reopening and escalation, epoch ms.
        first_resolution_ms: opened to first solved.
        full_resolution_ms: opened to last solved, None while the ticket is open.
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


def read_ticket(facts: Sequence[Fact]) -> Reading | None:
    """Folds a ticket's facts, sorted by time and event id.

    Returns:
        None for a ticket whose opening is not known yet, and for a removed one.

    Example:
        >>> facts = [(0, "e1", "opened", "high", None), (60_000, "e2", "agent", None, None)]
        >>> read_ticket(facts).first_response_ms
        60000
    """
    opening = next((fact for fact in facts if fact[2] in ("opened", "opened_by_agent")), None)
    if opening is None or any(fact[2] == "removed" for fact in facts):
        return None
    opened_at = opening[0]
    impossible = facts[0][0] < opened_at
    solved_at, reopened_at = _status(facts)
    is_open = len(solved_at) == len(reopened_at)
    priority, kind = _labels(facts)
    has_resolution = bool(solved_at) and not impossible
    return Reading(
        opened_at=opened_at,
        opened_by=opening[1],
        impossible=impossible,
        open=is_open,
        priority=priority,
        kind=kind,
        reopened_at=reopened_at,
        escalated_at=tuple([fact[0] for fact in facts if fact[2] == "escalated"]),
        first_response_ms=None if impossible else _first_response(facts, opening),
        first_resolution_ms=solved_at[0] - opened_at if has_resolution else None,
        full_resolution_ms=solved_at[-1] - opened_at if has_resolution and not is_open else None,
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


def _first_response(facts: Sequence[Fact], opening: Fact) -> int | None:
    """Milliseconds the customer waited for a person; no fact may be older than the opening."""
    waiting_since = opening[0] if opening[2] == "opened" else None
    for at, _, what, _, _ in facts:
        if waiting_since is None:
            waiting_since = at if what == "customer" else None
        elif what == "bot":
            waiting_since = at
        elif what == "agent":
            return at - waiting_since
    return None
