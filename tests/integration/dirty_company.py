"""A company whose every customer has all kinds of dirt, for topics whose figures are recounted.

Ids come again on purpose: subscriptions end before they begin and pause while they rest, tickets are solved before they
are opened, answers change. Events come out of order, twice, days late and behind the horizon.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from schemas import events as kinds
from schemas import registry
from schemas.codec import encode
from schemas.usage_events import (
    EmailOpened,
    EmailSent,
    FeatureUsed,
    MilestoneReached,
    ResourceRated,
    ResourceViewed,
)
from streams.intake.ordering import Record
from streams.metrics.days import DAY_MS, HOUR_MS

PARTITIONS = 2
ZONE = "America/Santiago"  # its clocks go forward at midnight, on 2024-09-08
HORIZON_DAYS = 20
START = int(datetime(2024, 6, 20, tzinfo=UTC).timestamp() * 1000)
SPAN_DAYS = 105  # what is silent for longer than the horizon and 90 days may be forgotten
CUSTOMERS = [f"c{number}" for number in range(14)]
Dirt = dict[str, Any]


def use(chance: Random, head: Dirt) -> Any:
    if chance.random() < 0.05:
        return MilestoneReached(milestone=chance.choice(("live", "won")), **head)
    if chance.random() < 0.15:
        return beside(chance, head)
    return FeatureUsed(
        user_id=chance.choice((None, "ana", "bia", "caio")),
        feature=chance.choice((None, "export", "share", "invite", "report", "admin")),
        quantity=chance.choice((1, 1, 5)),
        duration_seconds=chance.choice((None, 0.0005, 12.3456)),
        errors=chance.choice((0, 0, 2)),
        session_id=chance.choice((None, None, None, "1", "2")),
        **head,
    )


def beside(chance: Random, head: Dirt) -> Any:
    match chance.randrange(4):
        case 0:
            return EmailSent(email_id=f"m{chance.randrange(5)}", **head)
        case 1:
            return EmailOpened(email_id=f"m{chance.randrange(5)}", **head)
        case 2:
            return ResourceViewed(resource=f"r{chance.randrange(3)}", **head)
        case _:
            return ResourceRated(resource=f"r{chance.randrange(3)}", helpful=chance.random() < 0.5, **head)


def billing(chance: Random, head: Dirt) -> Any:
    of: Dirt = {"subscription_id": f"s{chance.randrange(3)}", **head}
    price: Dirt = {"amount_minor": chance.choice((0, 1_050, 99_999)), "currency": chance.choice(("USD", "USD", "BRL"))}
    match chance.randrange(14):
        case 0 | 1:
            return kinds.SubscriptionEnded(**of, **why(chance))
        case 2:
            return kinds.SubscriptionPaused(**of)
        case 3:
            return kinds.SubscriptionResumed(**of)
        case 4:
            return kinds.CancellationReported(reason=chance.choice((None, "price")), **head)
        case 5:
            return mark(chance, of)
        case 6 | 7 | 8 | 9:
            return invoice(chance, head, price)
        case _:
            return kinds.SubscriptionSet(
                quantity=chance.choice((1, 3)),
                interval=chance.choice(("day", "week", "month", "month", "year")),
                interval_count=chance.choice((1, 1, 3)),
                trial=chance.random() < 0.2,
                seats=chance.choice((None, 0, 7)),
                metered=chance.random() < 0.1,
                term_ends_at=chance.choice((None, None, head["occurred_at"] + chance.randrange(-1, 30) * DAY_MS)),
                plan=chance.choice((None, "basic", "pro")),
                auto_renews=chance.choice((None, True, False)),
                **of,
                **price,
            )


def why(chance: Random) -> Dirt:
    return {"reason": chance.choice((None, "price", "gone")), "voluntary": chance.choice((None, True, False))}


def mark(chance: Random, of: Dirt) -> Any:
    ends = {"ends_at": chance.choice((None, of["occurred_at"] + chance.randrange(-3, 20) * DAY_MS)), **why(chance)}
    match chance.randrange(3):
        case 0:
            return kinds.CancellationScheduled(**of, **ends)
        case 1:
            return kinds.SubscriptionCancelled(**of, **ends)
        case _:
            return kinds.CancellationWithdrawn(**of)


def invoice(chance: Random, head: Dirt, price: Dirt) -> Any:
    of: Dirt = {"invoice_id": f"i{chance.randrange(4)}", **head}
    match chance.randrange(4):
        case 0:
            return kinds.InvoiceSettled(how=chance.choice(("paid", "paid", "voided")), **of)
        case 1:
            return kinds.PaymentRefunded(**of, **price)
        case _:
            due = head["occurred_at"] + chance.randrange(-3, 12) * DAY_MS
            # As a number and as text.
            stated = due if chance.random() < 0.5 else datetime.fromtimestamp(due / 1000, UTC)
            whose = chance.choice((None, "s0", "s1", "s2"))
            return kinds.InvoiceIssued(due_at=stated, subscription_id=whose, **of, **price)


def ticket(chance: Random, head: Dirt) -> Any:
    kind: Any = chance.choice((None, "question", "incident"))
    priority: Any = chance.choice((None, "low", "urgent"))
    if chance.random() < 0.5:
        return usual(chance, {"ticket_id": f"d{head['occurred_at'] // (6 * DAY_MS)}", **head}, kind, priority)
    of = {"ticket_id": f"t{chance.randrange(12)}", **head}
    match chance.randrange(16):
        case 0 | 1 | 2 | 3:
            return kinds.TicketOpened(
                kind=kind, priority=priority, opened_by=chance.choice(("customer", "customer", "agent")), **of
            )
        case 4 | 5:
            return kinds.TicketSolved(**of)
        case 6 | 7:
            return kinds.TicketReopened(**of)
        case 8:
            return kinds.TicketEscalated(**of)
        case 9:
            return kinds.TicketChanged(kind=kind, priority=priority, **of)
        case 10 | 11 | 12 | 13 | 14:
            author: Any = chance.choice(("agent", "agent", "bot"))
            return kinds.TicketReplied(author=author, public=chance.random() < 0.8, **of)
        case _:
            return kinds.TicketRemoved(reason="spam", **of)


def usual(chance: Random, of: Dirt, kind: Any, priority: Any) -> Any:
    """Of a ticket of some days that mostly begins with its opening."""
    match chance.randrange(10):
        case 0 | 1 | 2 | 3 | 4:
            return kinds.TicketOpened(kind=kind, priority=priority, **of)
        case 5 | 6:
            return kinds.TicketSolved(**of)
        case 7 | 8:
            return kinds.TicketReplied(author="agent", **of)
        case _:
            return kinds.TicketReplied(author=chance.choice(("customer", "bot")), **of)


def survey(chance: Random, head: Dirt) -> Any:
    of: Dirt = {
        "response_id": f"r{chance.randrange(15)}",
        "respondent_id": chance.choice((None, "ana", "bia")),
        "invitation_id": chance.choice((None, None, f"v{chance.randrange(9)}")),
        "reason": chance.choice((None, None, " ", "slow", "dear")),
        "source": chance.choice(("unknown", "generated")),
        **head,
    }
    match chance.randrange(8):
        case 0:
            return kinds.FollowUpClosed(response_id=of["response_id"], **head)
        case 1:
            kind: Any = chance.choice(("nps", "nps", "ces"))
            invited: Dirt = {"invitation_id": f"v{chance.randrange(9)}", "respondent_id": of["respondent_id"], **head}
            return kinds.SurveyInvited(survey=kind, **invited)
        case 2:
            best: Any = chance.choice(("lower_is_better", "higher_is_better"))
            scale: Dirt = {"scale_min": 1.0, "scale_max": 7.0, "polarity": best}
            return kinds.SurveyAnswered(survey="ces", score=chance.randint(1, 7), **scale, **of)
        case 3:
            kind = chance.choice(("csat", "thumbs", "smiley"))
            return kinds.SurveyAnswered(survey=kind, score=chance.randint(1, 5), scale_min=1.0, scale_max=5.0, **of)
        case _:
            return kinds.SurveyAnswered(survey="nps", score=chance.randint(0, 10), **of)


def account(chance: Random, head: Dirt) -> Any:
    signed_up = head["occurred_at"] - chance.randrange(90) * DAY_MS
    return kinds.AccountSet(
        name=chance.choice(("Aurora", "Bonita \\ Cia", 'D"or')),
        segment=chance.choice((None, "small", "large")),
        country=chance.choice((None, "BR")),
        locale=chance.choice((None, "pt", "es")),
        seats=chance.choice((None, 0, 25)),
        signed_up_at=chance.choice((None, signed_up, datetime.fromtimestamp(signed_up / 1000, UTC))),
        **head,
    )


def spend(chance: Random, head: Dirt) -> Any:
    currency = chance.choice(("USD", "BRL"))
    return kinds.SpendRecorded(amount_minor=chance.choice((0, 1, 25_000)), currency=currency, **head)


def facts(seed: int) -> Iterator[tuple[int, Record]]:
    """Events with the time they come: some out of order, some restating, some behind the horizon, some twice."""
    chance = Random(seed)
    makers = (
        (registry.USAGE, use, 60),
        (registry.BILLING, billing, 30),
        (registry.TICKETS, ticket, 40),
        (registry.SURVEYS, survey, 30),
        (registry.ACCOUNTS, account, 14),
        (registry.SPEND, spend, 12),
    )
    for topic, make, count in makers:
        for place, customer in enumerate(CUSTOMERS):
            begins = chance.randrange(SPAN_DAYS)  # some come late in the year, and short is what they did
            for number in range(count):
                day = begins + int((SPAN_DAYS - begins) * chance.random())
                at = START + day * DAY_MS + chance.choice((0, 3 * HOUR_MS, 4 * HOUR_MS, chance.randrange(DAY_MS)))
                head = {"event_id": f"{topic.name}-{customer}-{number}", "customer_id": customer, "occurred_at": at}
                comes = at + chance.choice((0, 0, 0, 0, HOUR_MS, 3 * DAY_MS, 15 * DAY_MS, 30 * DAY_MS))
                value = encode(make(chance, head))
                # What came too late is counted each time it comes, and stands in the archive once.
                for again in range(1 + (chance.random() < 0.1 and comes < at + 30 * DAY_MS)):
                    record = Record(topic.name, place % PARTITIONS, customer.encode(), value, comes)
                    yield comes + again * HOUR_MS, record


@cache
def company(seed: int) -> tuple[Record, ...]:
    """Everything that came, in the order in which it came."""
    return tuple(record for _, record in sorted(facts(seed), key=lambda fact: fact[0]))
