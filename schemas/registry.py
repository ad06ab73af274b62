"""THE list of topics: name, key, message type, retention. Code, AsyncAPI, DDL, `zelo topics` and docs read it."""

from typing import Any, Literal

from msgspec import Struct

from schemas import alerts, events, metrics, models, portfolio, scores

Cleanup = Literal["delete", "compact"]


class Topic(Struct, frozen=True, kw_only=True):
    """A Kafka topic of Zelo.

    Attributes:
        name: without the configurable prefix.
        key: what the record key is.
        message: the union of types its values decode to; None for raw bytes.
        partitions: None for the common number, 1 for topics that must have a single order.
        input: written by the outside.
    """

    name: str
    key: str
    message: Any
    summary: str
    cleanup: Cleanup = "delete"
    partitions: int | None = None
    input: bool = False


USAGE = Topic(
    name="usage.v1",
    key="customer_id",
    message=events.UsageEvent,
    input=True,
    summary="Product usage, milestones, onboarding e-mails and educational resources.",
)
TICKETS = Topic(
    name="tickets.v1",
    key="customer_id",
    message=events.TicketEvent,
    input=True,
    summary="Life of support tickets.",
)
BILLING = Topic(
    name="billing.v1",
    key="customer_id",
    message=events.BillingEvent,
    input=True,
    summary="Subscriptions, invoices, cancellations.",
)
SURVEYS = Topic(
    name="surveys.v1",
    key="customer_id",
    message=events.SurveyEvent,
    input=True,
    summary="NPS, CSAT and CES answers.",
)
ACCOUNTS = Topic(
    name="accounts.v1",
    key="customer_id",
    message=events.AccountEvent,
    input=True,
    cleanup="compact",
    summary="Profile of each customer.",
)
SPEND = Topic(
    name="spend.v1",
    key="customer_id",
    message=events.SpendEvent,
    input=True,
    summary="Acquisition spend and exchange rates.",
)
METRICS = Topic(
    name="metrics.v1",
    key="customer_id",
    message=metrics.MetricsMessage,
    summary="Metric values per customer and domain, of all customers and segments; movements, closed days, accounting.",
)
HEALTH = Topic(
    name="scores.health.v1",
    key="customer_id",
    message=scores.HealthScore,
    cleanup="compact",
    summary="Health score with factors, band and coverage.",
)
CHURN = Topic(
    name="scores.churn.v1",
    key="customer_id",
    message=scores.ChurnScore,
    cleanup="compact",
    summary="Churn probability with reasons and the model's honest quality.",
)
UPSELL = Topic(
    name="scores.upsell.v1",
    key="customer_id",
    message=scores.UpsellScore,
    cleanup="compact",
    summary="Upsell readiness of each day with its reasons, and figures that join two domains.",
)
OBSERVATIONS = Topic(
    name="observations.v1",
    key="customer_id",
    message=scores.Observation,
    partitions=1,
    summary="Churn training examples: features frozen at a day, outcome, label once known.",
)
PORTFOLIO = Topic(
    name="portfolio.v1",
    key="partition",
    message=portfolio.PortfolioMessage,
    partitions=1,
    summary="What the customers of each partition add up to by day, in all and by segment; figures are on metrics.v1.",
)
MODELS = Topic(
    name="models.v1",
    key="model",
    message=models.ModelSnapshot,
    cleanup="compact",
    partitions=1,
    summary="Published churn models.",
)
ALERTS = Topic(
    name="alerts.v1", key="customer_id", message=alerts.Alert, summary="Alerts opened, updated and resolved."
)
DEAD_LETTERS = Topic(
    name="dead-letters.v1",
    key="as it came",
    message=None,
    summary="Original bytes of what could not be read; the headers say whence and why.",
)

TOPICS: tuple[Topic, ...] = (
    USAGE,
    TICKETS,
    BILLING,
    SURVEYS,
    ACCOUNTS,
    SPEND,
    METRICS,
    HEALTH,
    CHURN,
    UPSELL,
    OBSERVATIONS,
    PORTFOLIO,
    MODELS,
    ALERTS,
    DEAD_LETTERS,
)
INPUT_TOPICS: tuple[Topic, ...] = tuple(topic for topic in TOPICS if topic.input)
