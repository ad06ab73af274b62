"""One customer with a long history of billing: what one more event costs, by how many came before.

    python -m bench.billing_history                     # 1,000, 5,000 and 20,000 events, about a minute
    python -m bench.billing_history --events 1000 2000  # other lengths

A history is told in the order of time, an hour between two events, in turns that repeat: a pause and its end; an
announced end and its withdrawal; invoices that are paid late or not at all; new subscriptions. The product's own fold
and machine take it in, with values published every 100 events and days closed, by no broker. What is printed is CPU
time: of the whole history per event, and of each of the last 100 events alone, values left out.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

from schemas.envelope import Event
from schemas.events import (
    CancellationScheduled,
    CancellationWithdrawn,
    InvoiceIssued,
    InvoiceSettled,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionSet,
)
from streams.metrics.days import DAY_MS, HOUR_MS, Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.partition import MemoryPartition
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy

FIRST_DAY = 20_000
PUBLISHED_EVERY = LAST = 100
Turn = Callable[[int, dict[str, Any]], Event]


def start(head: dict[str, Any], subscription: str = "s", amount: int = 500) -> Event:
    return SubscriptionSet(**head, subscription_id=subscription, amount_minor=amount, currency="EUR")


def pauses(number: int, head: dict[str, Any]) -> Event:
    if number == 0:
        return start(head)
    return (SubscriptionPaused if number % 2 else SubscriptionResumed)(**head, subscription_id="s")


def announced_ends(number: int, head: dict[str, Any]) -> Event:
    if number == 0:
        return start(head)
    if number % 2 == 0:
        return CancellationWithdrawn(**head, subscription_id="s")
    return CancellationScheduled(**head, subscription_id="s", ends_at=head["occurred_at"] + 30 * DAY_MS)


def invoices(number: int, head: dict[str, Any]) -> Event:
    """Ten subscriptions; of their invoices half are paid in time, and most of the others late."""
    if number < 10:
        return start(head, f"s{number}")
    invoice, rest = divmod(number, 2)
    if rest:
        late = invoice - 24 * (1 + invoice % 40)  # paid after 2 to 80 days
        return InvoiceSettled(**head, invoice_id=f"i{max(5, late)}")
    due, of = head["occurred_at"] + 14 * DAY_MS, f"s{invoice % 10}"
    return InvoiceIssued(
        **head, invoice_id=f"i{invoice}", amount_minor=500, currency="EUR", due_at=due, subscription_id=of
    )


def subscriptions(number: int, head: dict[str, Any]) -> Event:
    """Four new ones, then one of those that run is paused."""
    if number % 5 == 4:
        return SubscriptionPaused(**head, subscription_id=f"s{number // 2 // 5 * 5}")
    return start(head, f"s{number}", 500 + number)


def subscriptions_billed(number: int, head: dict[str, Any]) -> Event:
    """New ones, each billed for once: one in ten does not pay."""
    subscription, turn = divmod(number, 3)
    if turn == 0 or (turn == 2 and subscription % 10 == 0):
        return start(head, f"s{subscription}", 500 + turn)
    if turn == 2:
        return InvoiceSettled(**head, invoice_id=f"i{subscription}")
    due, of = head["occurred_at"] + 14 * DAY_MS, f"s{subscription}"
    return InvoiceIssued(
        **head, invoice_id=f"i{subscription}", amount_minor=500, currency="EUR", due_at=due, subscription_id=of
    )


HISTORIES: dict[str, tuple[Turn, RevenuePolicy]] = {
    "pauses": (pauses, RevenuePolicy()),
    "pauses, gaps allowed": (pauses, RevenuePolicy(allowed_gap_days=10)),
    "announced ends": (announced_ends, RevenuePolicy(churn_date="cancellation_request")),
    "invoices past due": (invoices, RevenuePolicy(past_due_days=30)),
    "many subscriptions": (subscriptions, RevenuePolicy()),
    "many subscriptions past due": (subscriptions_billed, RevenuePolicy(past_due_days=30)),
}


def history(turn: Turn, events: int) -> Iterator[Event]:
    for number in range(events):
        at = FIRST_DAY * DAY_MS + number * HOUR_MS
        yield turn(number, {"event_id": f"e{number}", "customer_id": "c", "occurred_at": at})


def measure(turn: Turn, policy: RevenuePolicy, events: int) -> dict[str, float]:
    """Microseconds per event, of all with their values, and of the last ones without."""
    machine = DomainMachine(RevenueFold(policy, Days()), Days(), TimePolicy(lateness_ms=0), "billing.v1", "metrics.v1")
    part: MemoryPartition[Any, Ledger] = MemoryPartition(0, Ledger(), machine.render, lambda _: None)
    told = list(history(turn, events))
    begun, last = process_time(), 0.0
    for offset, event in enumerate(told):
        # The first event of a day closes those before it, with values of all of them.
        before = process_time() if events - offset <= LAST and offset % 24 else None
        while machine.step(part, offset, event) is not None:
            pass
        last += 0.0 if before is None else process_time() - before
        if offset % PUBLISHED_EVERY == 0:
            part.flush()
    spent, counted = process_time() - begun, sum(offset % 24 > 0 for offset in range(max(0, events - LAST), events))
    return {"each_us": round(spent / events * 1e6, 1), "last_us": round(last / counted * 1e6, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000, 5_000, 20_000], help="lengths of histories")
    parser.add_argument("--only", choices=HISTORIES, nargs="+", default=list(HISTORIES), help="which histories")
    arguments = parser.parse_args()
    for name in arguments.only:
        for events in arguments.events:
            print(json.dumps({"history": name, "events": events, **measure(*HISTORIES[name], events)}), flush=True)


if __name__ == "__main__":
    main()
