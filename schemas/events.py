"""The typed input events, a tagged union per topic.

Facts only: what happened, never what it means. A field that is absent is unknown, not zero. The types of the usage
topic are in schemas/usage_events.py.
"""

from typing import Annotated, Literal

from msgspec import Meta

from schemas.envelope import (
    Count,
    Currency,
    Event,
    Heartbeat,
    Id,
    Instant,
    Minor,
    Name,
    Quantity,
    Text,
)
from schemas.usage_events import EmailOpened, EmailSent, FeatureUsed, MilestoneReached, ResourceRated, ResourceViewed

Priority = Literal["low", "medium", "high", "urgent"]
TicketKind = Literal["question", "incident", "problem", "task"]
Interval = Literal["day", "week", "month", "year"]
SurveyKind = Literal["nps", "csat", "ces", "thumbs", "smiley"]
Polarity = Literal["higher_is_better", "lower_is_better"]
Channel = Literal["email", "sms", "whatsapp", "in_app", "web", "phone", "other"]

# --- tickets -----------------------------------------------------------------------------------------------------


class TicketOpened(Event, frozen=True, kw_only=True, tag="ticket_opened"):
    """A ticket came into being."""

    ticket_id: Id
    priority: Priority | None = None
    kind: TicketKind | None = None
    requester_id: Id | None = None
    opened_by: Literal["customer", "agent"] = "customer"


class TicketReplied(Event, frozen=True, kw_only=True, tag="ticket_replied"):
    """Somebody wrote on a ticket; only public replies of a person (author `agent`) stop the response clock."""

    ticket_id: Id
    author: Literal["agent", "bot", "customer"]
    public: bool = True


class TicketSolved(Event, frozen=True, kw_only=True, tag="ticket_solved"):
    """A ticket was solved or closed."""

    ticket_id: Id


class TicketReopened(Event, frozen=True, kw_only=True, tag="ticket_reopened"):
    """A solved ticket was opened again; if no person had answered it, the response clock starts anew."""

    ticket_id: Id


class TicketEscalated(Event, frozen=True, kw_only=True, tag="ticket_escalated"):
    """A ticket was handed to a higher level of support."""

    ticket_id: Id


class TicketChanged(Event, frozen=True, kw_only=True, tag="ticket_changed"):
    """Priority or kind of a ticket was set anew."""

    ticket_id: Id
    priority: Priority | None = None
    kind: TicketKind | None = None


class TicketRemoved(Event, frozen=True, kw_only=True, tag="ticket_removed"):
    """A ticket was merged into another, marked as spam or deleted: it leaves every count."""

    ticket_id: Id
    reason: Literal["merged", "spam", "deleted"]
    merged_into: Id | None = None


# --- billing -----------------------------------------------------------------------------------------------------


class SubscriptionSet(Event, frozen=True, kw_only=True, tag="subscription_set"):
    """The terms of a subscription from `occurred_at` on: its start, and every change of plan, price or seats.

    Attributes:
        amount_minor: recurring price of one unit per billing period, net of discounts.
        list_amount_minor: the same before discounts; absent when none is known.
        metered: the amount is what was used in a billing period, and no fixed price.
        quantity: units (seats) the price is multiplied by.
        interval, interval_count: the billing period, `month` x 3 = a quarter.
        trial: on trial; a trial counts no MRR.
        seats: seats bought, when they differ from `quantity` (a flat price for a number of seats). Without it a
            `quantity` of 1 names none.
        auto_renews: False when the contract ends by itself at `term_ends_at`.
    """

    subscription_id: Id
    amount_minor: Minor
    currency: Currency
    quantity: Quantity = 1
    interval: Interval = "month"
    interval_count: Annotated[int, Meta(ge=1, le=120)] = 1
    trial: bool = False
    plan: Name | None = None
    seats: Count | None = None
    auto_renews: bool | None = None
    term_ends_at: Instant | None = None
    list_amount_minor: Minor | None = None
    metered: bool = False


class SubscriptionEnded(Event, frozen=True, kw_only=True, tag="subscription_ended"):
    """Paid service of a subscription ended at `occurred_at`."""

    subscription_id: Id
    reason: Name | None = None
    voluntary: bool | None = None


class SubscriptionPaused(Event, frozen=True, kw_only=True, tag="subscription_paused"):
    """Service and payment of a running subscription rest from `occurred_at` on, until it is resumed or ends."""

    subscription_id: Id


class SubscriptionResumed(Event, frozen=True, kw_only=True, tag="subscription_resumed"):
    """A paused subscription goes on, on the terms that hold."""

    subscription_id: Id


class CancellationScheduled(Event, frozen=True, kw_only=True, tag="cancellation_scheduled"):
    """It was asked for that a subscription ends, at `ends_at` where that is known; service goes on until it ended."""

    subscription_id: Id
    ends_at: Instant | None = None
    reason: Name | None = None
    voluntary: bool | None = None


class CancellationWithdrawn(Event, frozen=True, kw_only=True, tag="cancellation_withdrawn"):
    """A scheduled cancellation of a subscription was taken back."""

    subscription_id: Id


class SubscriptionCancelled(Event, frozen=True, kw_only=True, tag="subscription_cancelled"):
    """The billing system cancelled a subscription; service that is paid goes on until `subscription_ended`."""

    subscription_id: Id
    ends_at: Instant | None = None
    reason: Name | None = None
    voluntary: bool | None = None


class CancellationReported(Event, frozen=True, kw_only=True, tag="cancellation_reported"):
    """The customer said it leaves. A statement, not the end of a subscription: MRR follows subscriptions alone."""

    reason: Name | None = None
    feedback: Text | None = None
    refund_minor: Minor = 0
    currency: Currency | None = None


class InvoiceIssued(Event, frozen=True, kw_only=True, tag="invoice_issued"):
    """An invoice was sent, to be paid by `due_at`; `subscription_id` where it bills one subscription."""

    invoice_id: Id
    amount_minor: Minor
    currency: Currency
    due_at: Instant
    subscription_id: Id | None = None


class InvoiceSettled(Event, frozen=True, kw_only=True, tag="invoice_settled"):
    """An invoice stopped being owed: paid, voided or written off."""

    invoice_id: Id
    how: Literal["paid", "voided", "uncollectible"] = "paid"


class PaymentRefunded(Event, frozen=True, kw_only=True, tag="payment_refunded"):
    """Money that was paid on an invoice was given back; several refunds of one invoice add up."""

    invoice_id: Id
    amount_minor: Minor
    currency: Currency


# --- surveys -----------------------------------------------------------------------------------------------------


class SurveyAnswered(Event, frozen=True, kw_only=True, tag="survey_answered"):
    """An answer, or a later update of it: the newest event of a `response_id` is the answer.

    Attributes:
        score: on the scale from `scale_min` to `scale_max`, which must be said; NPS is 0 to 10 always.
        polarity: must be said for CES, whose vendors disagree; the others are higher_is_better.
        reason: what the respondent wrote; may come in a later update.
        invitation_id: the invitation it answers; without it the respondent's newest one to this survey is taken.
    """

    response_id: Id
    survey: SurveyKind
    score: Annotated[float, Meta(ge=-1000, le=1000)]
    respondent_id: Id | None = None
    scale_min: float | None = None
    scale_max: float | None = None
    polarity: Polarity | None = None
    reason: Text | None = None
    channel: Channel | None = None
    ticket_id: Id | None = None
    invitation_id: Id | None = None


class SurveyInvited(Event, frozen=True, kw_only=True, tag="survey_invited"):
    """A survey was sent to a respondent; a reminder carries the same `invitation_id`."""

    survey: SurveyKind
    invitation_id: Id
    channel: Channel | None = None
    respondent_id: Id | None = None


class FollowUpClosed(Event, frozen=True, kw_only=True, tag="follow_up_closed"):
    """Somebody talked to the respondent of `response_id` about the answer."""

    response_id: Id


# --- accounts and spend ------------------------------------------------------------------------------------------


class AccountSet(Event, frozen=True, kw_only=True, tag="account_set"):
    """The whole profile of a customer from `occurred_at` on; the newest wins."""

    name: Name
    segment: Name | None = None
    industry: Name | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    owner: Name | None = None
    locale: Literal["pt", "es", "en"] | None = None
    plan: Name | None = None
    seats: Count | None = None
    signed_up_at: Instant | None = None


class SpendRecorded(Event, frozen=True, kw_only=True, tag="spend_recorded"):
    """Money spent on winning customers: `_company` for what wins many, a customer's id for what won that one."""

    amount_minor: Minor
    currency: Currency
    channel: Name | None = None


class ExchangeRateSet(Event, frozen=True, kw_only=True, tag="exchange_rate_set"):
    """What one unit of `currency` is worth in `to` from `occurred_at` on, until a newer rate of the pair."""

    currency: Currency
    to: Currency
    rate: Annotated[float, Meta(gt=0, le=10**9, description="units of `to` for one unit of `currency`")]


UsageEvent = FeatureUsed | MilestoneReached | EmailSent | EmailOpened | ResourceViewed | ResourceRated | Heartbeat
TicketEvent = (
    TicketOpened
    | TicketReplied
    | TicketSolved
    | TicketReopened
    | TicketEscalated
    | TicketChanged
    | TicketRemoved
    | Heartbeat
)
BillingEvent = (
    SubscriptionSet
    | SubscriptionEnded
    | SubscriptionPaused
    | SubscriptionResumed
    | CancellationScheduled
    | CancellationWithdrawn
    | SubscriptionCancelled
    | CancellationReported
    | InvoiceIssued
    | InvoiceSettled
    | PaymentRefunded
    | Heartbeat
)
SurveyEvent = SurveyAnswered | SurveyInvited | FollowUpClosed | Heartbeat
AccountEvent = AccountSet | Heartbeat
SpendEvent = SpendRecorded | ExchangeRateSet | Heartbeat
