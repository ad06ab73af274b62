"""What a row of support tickets says as events, and which rules were needed.

closed_at minus resolution_time_hours is midnight in every row: the source opens all tickets at 00:00 UTC.
"""

from collections.abc import Iterator

from schemas import registry
from schemas.events import SurveyAnswered, TicketEscalated, TicketOpened, TicketReplied, TicketSolved
from streams.intake.importer import Produced, RuleHit
from streams.intake.ravenstack.book import Book, Entry, Fact
from streams.intake.ravenstack.rows import Ticket
from streams.intake.ravenstack.rules import SOURCE
from streams.metrics.days import DAY_MS, HOUR_MS, MINUTE_MS


def ticket_facts(entry: Entry[Ticket], book: Book) -> Iterator[Fact]:
    """The life of a ticket, and the answer to its satisfaction survey."""
    ticket, name = entry.value, entry.name
    opened_at = ticket.submitted_day * DAY_MS
    replied_at = None if ticket.reply_minutes is None else opened_at + ticket.reply_minutes * MINUTE_MS
    yield _opened(ticket, name, opened_at)
    if replied_at is not None:
        yield _replied(ticket, name, replied_at)
    if ticket.is_escalated:
        at = opened_at if replied_at is None else replied_at
        yield _escalated(ticket, name, at if ticket.closed_at is None else min(at, ticket.closed_at))
    if ticket.closed_at is not None:
        yield _solved(ticket, name, ticket.closed_at)
    if ticket.score is not None:
        yield _rated(ticket, name, ticket.score, ticket.closed_at or replied_at or opened_at)
    yield from _rules(entry, book, opened_at, replied_at)


def _opened(ticket: Ticket, name: str, at: int) -> Produced:
    event = TicketOpened(
        event_id=f"{name}:opened",
        customer_id=ticket.account_id,
        occurred_at=at,
        source=SOURCE,
        ticket_id=ticket.ticket_id,
        priority=ticket.priority,
    )
    return Produced(registry.TICKETS.name, event)


def _replied(ticket: Ticket, name: str, at: int) -> Produced:
    event = TicketReplied(
        event_id=f"{name}:replied",
        customer_id=ticket.account_id,
        occurred_at=at,
        source=SOURCE,
        ticket_id=ticket.ticket_id,
        author="agent",
    )
    return Produced(registry.TICKETS.name, event)


def _escalated(ticket: Ticket, name: str, at: int) -> Produced:
    event = TicketEscalated(
        event_id=f"{name}:escalated",
        customer_id=ticket.account_id,
        occurred_at=at,
        source=SOURCE,
        ticket_id=ticket.ticket_id,
    )
    return Produced(registry.TICKETS.name, event)


def _solved(ticket: Ticket, name: str, at: int) -> Produced:
    event = TicketSolved(
        event_id=f"{name}:solved",
        customer_id=ticket.account_id,
        occurred_at=at,
        source=SOURCE,
        ticket_id=ticket.ticket_id,
    )
    return Produced(registry.TICKETS.name, event)


def _rated(ticket: Ticket, name: str, score: int, at: int) -> Produced:
    event = SurveyAnswered(
        event_id=f"{name}:rated",
        customer_id=ticket.account_id,
        occurred_at=at,
        source=SOURCE,
        response_id=name,
        survey="csat",
        score=float(score),
        scale_min=1.0,
        scale_max=5.0,
        ticket_id=ticket.ticket_id,
    )
    return Produced(registry.SURVEYS.name, event)


def _rules(entry: Entry[Ticket], book: Book, opened_at: int, replied_at: int | None) -> Iterator[RuleHit]:
    ticket, row = entry.value, entry.row
    closed_at = ticket.closed_at
    found = {
        "customer_without_account": ticket.account_id not in book.accounts,
        "ticket_before_signup": book.signed_up_after(ticket.account_id, ticket.submitted_day),
        "ticket_closed_before_opened": closed_at is not None and closed_at < opened_at,
        "ticket_reply_after_close": _is_later(replied_at, closed_at),
        "ticket_hours_contradict_close": _hours_contradict(ticket, opened_at),
        "ticket_without_close": closed_at is None,
        "ticket_without_reply": replied_at is None,
        "ticket_without_score": ticket.score is None,
        "ticket_score_without_close": ticket.score is not None and closed_at is None,
        "ticket_escalated_at_no_time": ticket.is_escalated,
    }
    yield from (row.hit(rule) for rule, applies in found.items() if applies)


def _is_later(at: int | None, other: int | None) -> bool:
    return at is not None and other is not None and at > other


def _hours_contradict(ticket: Ticket, opened_at: int) -> bool:
    if ticket.closed_at is None or ticket.resolution_hours is None:
        return False
    return ticket.closed_at - opened_at != ticket.resolution_hours * HOUR_MS
