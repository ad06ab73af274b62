"""A generated stream of a product's day: what the pipeline entry folds. Pure; the same numbers give the same events.

Each customer gets a profile and a subscription; then of every hundred events about 87 are usage, 7 the life of a
ticket (opened, answered twice, solved), 3 invoices and their payment, 3 surveys (one in three with a reason in words;
half the answers are of promoters, three in ten of passives, a fifth of detractors, an NPS of 30).
Events are spread evenly over the days and at random over customers; every day ends with heartbeats.
"""

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

from schemas import events as ev
from schemas.envelope import Event
from schemas.registry import ACCOUNTS, BILLING, SURVEYS, TICKETS, USAGE, Topic
from streams.intake.importer import Produced
from streams.intake.ordering import Record, heartbeats, in_event_time
from streams.metrics.days import Days

DAY_MS = 86_400_000
BEGIN_DAY = 20_758  # 1 November 2026
_SOURCE = "generated"
_FEATURES, _USERS = 20, 5
_SHARES = (("usage", 87), ("ticket", 7), ("invoice", 3), ("survey", 3))
_ANSWERS = (1, 1, 2, 3, 4, 4, 5, 12, 18, 28, 22)  # of a hundred, from 0 to 10
_REASONS = ("Works well for the whole team.", "Too slow since the last release.", "Muito bom, recomendo.")


def product_stream(events: int, customers: int, days: int, partitions: int) -> list[Record]:
    """The records as they are sent: in order of time over all topics, heartbeats at the start of each day and at the
    end.

    Args:
        events: besides one profile and one subscription per customer.
        customers: about equally busy.
        days: they are spread over.
        partitions: of every input topic.
    """
    ordered = in_event_time(_Stream(customers).produced(events, days), partitions)
    records: list[Record] = []
    next_day = BEGIN_DAY
    for record in ordered:
        while record.timestamp_ms >= next_day * DAY_MS:
            records += heartbeats(next_day, partitions, Days(), _SOURCE)
            next_day += 1
        records.append(record)
    return [*records, *heartbeats(next_day, partitions, Days(), _SOURCE)]


class _Stream:
    """Draws one event after the other."""

    def __init__(self, customers: int) -> None:
        self._customers = customers
        self._chance = Random(20_261_122)
        self._ids = count()
        self._tickets: dict[int, list[Event]] = {}
        self._unpaid: dict[int, str] = {}

    def produced(self, events: int, days: int) -> Iterator[Produced]:
        begin = BEGIN_DAY * DAY_MS
        for customer in range(self._customers):
            yield self._event(ACCOUNTS, ev.AccountSet, customer, begin, name=f"Customer {customer}", seats=_USERS)
            yield self._event(
                BILLING,
                ev.SubscriptionSet,
                customer,
                begin,
                subscription_id=f"s{customer}",
                amount_minor=1_000 + customer,
                currency="USD",
                quantity=_USERS,
            )
        kinds, shares = [kind for kind, _ in _SHARES], [share for _, share in _SHARES]
        step_ms = days * DAY_MS / max(1, events)
        draw = {"usage": self._usage, "ticket": self._ticket, "invoice": self._invoice, "survey": self._survey}
        for number, kind in enumerate(self._chance.choices(kinds, shares, k=events)):
            yield draw[kind](int(self._chance.random() * self._customers), begin + int(number * step_ms))

    def _usage(self, customer: int, at: int) -> Produced:
        user, feature = int(self._chance.random() * _USERS), int(self._chance.random() * _FEATURES)
        return self._event(USAGE, ev.FeatureUsed, customer, at, user_id=f"u{user}", feature=f"f{feature}")

    def _ticket(self, customer: int, at: int) -> Produced:
        life = self._tickets.setdefault(customer, [])
        if not life or isinstance(life[-1], ev.TicketSolved):
            life.clear()
            made = self._event(TICKETS, ev.TicketOpened, customer, at, ticket_id=f"t{next(self._ids)}", priority="high")
        else:
            ticket_id = life[0].ticket_id  # type: ignore[attr-defined]
            if len(life) < 3:
                author = ("agent", "customer")[len(life) - 1]
                made = self._event(TICKETS, ev.TicketReplied, customer, at, ticket_id=ticket_id, author=author)
            else:
                made = self._event(TICKETS, ev.TicketSolved, customer, at, ticket_id=ticket_id)
        life.append(made.event)
        return made

    def _invoice(self, customer: int, at: int) -> Produced:
        if unpaid := self._unpaid.pop(customer, None):
            return self._event(BILLING, ev.InvoiceSettled, customer, at, invoice_id=unpaid)
        invoice_id = self._unpaid[customer] = f"i{next(self._ids)}"
        return self._event(
            BILLING,
            ev.InvoiceIssued,
            customer,
            at,
            invoice_id=invoice_id,
            amount_minor=5_000,
            currency="USD",
            due_at=at + 30 * DAY_MS,
        )

    def _survey(self, customer: int, at: int) -> Produced:
        reason = self._chance.choice(_REASONS) if self._chance.random() < 1 / 3 else None
        return self._event(
            SURVEYS,
            ev.SurveyAnswered,
            customer,
            at,
            response_id=f"r{next(self._ids)}",
            survey="nps",
            score=float(self._chance.choices(range(11), _ANSWERS)[0]),
            respondent_id=f"u{int(self._chance.random() * _USERS)}",
            reason=reason,
        )

    def _event(self, topic: Topic, kind: type[Event], customer: int, at: int, **fields: Any) -> Produced:
        event = kind(
            event_id=f"e{next(self._ids)}",
            customer_id=f"c{customer}",
            occurred_at=at,
            source=_SOURCE,
            **fields,
        )
        return Produced(topic.name, event)
