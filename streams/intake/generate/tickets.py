"""The tickets of a customer, each a life of its own; who has trouble or fades asks more, and waits longer."""

from typing import get_args

from schemas.events import (
    Priority,
    SurveyAnswered,
    TicketChanged,
    TicketEscalated,
    TicketKind,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from streams.intake.generate.customers import Customer
from streams.intake.generate.diary import Diary
from streams.intake.generate.draws import Draw
from streams.metrics.days import DAY_MS, HOUR_MS, MINUTE_MS

_PER_DAY = 0.015
_PRIORITIES: tuple[Priority, ...] = get_args(Priority)
_KINDS: tuple[TicketKind, ...] = get_args(TicketKind)
_REMOVALS = {"merged": "ticket_merged", "spam": "ticket_spam", "deleted": "ticket_deleted"}


def tell_tickets(diary: Diary, customer: Customer, asked: bool, draw: Draw) -> None:
    """All tickets of a customer, with their ratings if it is `asked` for such."""
    at, end, number = customer.joined_at, customer.leaves_at or diary.end, 0
    while True:
        pressure = 1 + 3 * customer.trouble
        at += int(2 * draw.share() * DAY_MS / (_PER_DAY * pressure))
        if at >= end:
            break
        number += 1
        ticket = f"{customer.number}-t{number}"
        if draw.chance(0.1):
            earlier = f"{customer.number}-t{number - 1}" if number > 1 else None
            _tell_removed(diary, ticket, earlier, at, draw)
            continue
        solved_at = _tell_ticket(diary, customer, ticket, at, draw)
        if asked and solved_at is not None and draw.chance(0.3):
            _tell_rating(diary, customer, ticket, solved_at, draw)
    if customer.number % 11 == 4:
        ghost = f"{customer.number}-ghost"
        diary.tell(TicketReplied, customer.joined_at, "ticket_never_opened", ticket_id=ghost, author="agent")


def _tell_ticket(diary: Diary, customer: Customer, ticket: str, at: int, draw: Draw) -> int | None:
    """A ticket's life; gives the instant it was solved for good."""
    priority, kind = draw.pick(_PRIORITIES), draw.pick(_KINDS)
    user = f"u{draw.between(1, customer.users)}"
    if draw.chance(0.12):
        diary.tell(TicketOpened, at, "ticket_opened_by_agent", ticket_id=ticket, opened_by="agent", kind=kind)
    else:
        diary.tell(TicketOpened, at, ticket_id=ticket, priority=priority, kind=kind, requester_id=user)
    if draw.chance(0.04):
        diary.tell(TicketReopened, at - HOUR_MS, "ticket_reopened_before_opened", ticket_id=ticket)
    at = _tell_answers(diary, ticket, at, customer.trouble, draw)
    if draw.chance(0.9 - 0.3 * customer.trouble):
        return _tell_end(diary, customer, ticket, at, draw)
    return None


def _tell_removed(diary: Diary, ticket: str, earlier: str | None, at: int, draw: Draw) -> None:
    """A ticket that should not have been: spam, deleted, or about what an earlier one is about."""
    diary.tell(TicketOpened, at, ticket_id=ticket, priority="low")
    reason = draw.pick(tuple(_REMOVALS))
    into = earlier if reason == "merged" else None
    at += draw.between(1, 300) * MINUTE_MS
    diary.tell(TicketRemoved, at, _REMOVALS[reason], ticket_id=ticket, reason=reason, merged_into=into)


def _tell_answers(diary: Diary, ticket: str, at: int, trouble: float, draw: Draw) -> int:
    """Everything said on a ticket before it is solved; gives the instant of the last word."""
    bot = draw.chance(0.25)
    if bot:
        at += MINUTE_MS
        diary.tell(TicketReplied, at, "bot_reply", ticket_id=ticket, author="bot")
    if draw.chance(0.3):
        note = at + 2 * MINUTE_MS
        diary.tell(TicketReplied, note, "private_note", ticket_id=ticket, author="agent", public=False)
    if bot and draw.chance(0.3):
        return at  # nobody else was needed
    at += int(draw.between(5, 600) * MINUTE_MS * (1 + 2 * trouble))
    diary.tell(TicketReplied, at, "bot_handoff" if bot else None, ticket_id=ticket, author="agent")
    if draw.chance(0.2):
        diary.tell(TicketChanged, at + MINUTE_MS, "ticket_changed", ticket_id=ticket, priority=draw.pick(_PRIORITIES))
    if draw.chance(0.05 + 0.15 * trouble):
        diary.tell(TicketEscalated, at + 2 * MINUTE_MS, "ticket_escalated", ticket_id=ticket)
    for author in ("customer", "agent") * draw.between(0, 2):
        at += draw.between(10, 900) * MINUTE_MS
        diary.tell(TicketReplied, at, ticket_id=ticket, author=author)
    return at


def _tell_end(diary: Diary, customer: Customer, ticket: str, at: int, draw: Draw) -> int:
    at += draw.between(1, 240) * MINUTE_MS
    diary.tell(TicketSolved, at, ticket_id=ticket)
    if draw.chance(0.1 + 0.2 * customer.trouble):
        at += draw.between(1, 96) * HOUR_MS
        diary.tell(TicketReopened, at, "ticket_reopened", ticket_id=ticket)
        at += draw.between(1, 48) * HOUR_MS
        diary.tell(TicketSolved, at, ticket_id=ticket)
    return at


def _tell_rating(diary: Diary, customer: Customer, ticket: str, at: int, draw: Draw) -> None:
    score = max(1, min(5, round(5 - 4 * customer.trouble * draw.share())))
    diary.tell(
        SurveyAnswered,
        at + draw.between(5, 600) * MINUTE_MS,
        response_id=f"{ticket}-csat",
        survey="csat",
        score=float(score),
        scale_min=1.0,
        scale_max=5.0,
        ticket_id=ticket,
        channel="email",
    )
