"""A record of every kind of message, as the archive meets them; shared by unit and integration tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from schemas import registry
from schemas.alerts import Alert
from schemas.codec import encode
from schemas.envelope import Heartbeat
from schemas.events import AccountSet, ExchangeRateSet, SpendRecorded, SurveyAnswered
from schemas.metrics import (
    AccountValues,
    DayClosed,
    FeedbackValues,
    MetricValues,
    Movement,
    NpsAnswer,
    Progress,
    RevenueValues,
    SpendValues,
    SupportValues,
    UsageValues,
)
from schemas.models import (
    Calibration,
    Drift,
    DriftAlarm,
    ModelFigures,
    ModelSnapshot,
    ModelValues,
    Quality,
    ReliabilityBin,
)
from schemas.portfolio import PortfolioFigures, PortfolioValues, SpendClosed, Tally, TallyChanged, TallyClosed
from schemas.registry import Topic
from schemas.scores import (
    ChurnScore,
    Factor,
    HealthScore,
    Labelled,
    Lift,
    ObservationsClosed,
    Outcome,
    Reason,
    Snapshot,
    UpsellComponent,
    UpsellScore,
)
from schemas.usage_events import FeatureUsed
from streams.metrics.days import DAY_MS, Days
from streams.sinks.record import DEAD_LETTER_HEADERS
from streams.sinks.rows import RowMapper
from streams.sinks.run import Row, Run

PREFIX = "zelo."
DAY = 20_000  # 2024-10-04
AT = DAY * DAY_MS + 43_200_000
NOW = AT + DAY_MS


@dataclass(frozen=True)
class Rec:
    """A Kafka record."""

    topic: str
    value: bytes | None
    key: bytes | None = b"c1"
    partition: int = 0
    offset: int = 0
    timestamp: int = AT
    headers: tuple[tuple[str, bytes], ...] = field(default=())


def record(topic: Topic, message: Any, **position: Any) -> Rec:
    return Rec(PREFIX + topic.name, encode(message), **position)


def mapper() -> RowMapper:
    return RowMapper(PREFIX, Days())


def rows(*records: Rec) -> list[Row]:
    return mapper().rows(records, NOW).rows


def runs(made: Sequence[Row]) -> list[Run]:
    """Rows as the writer takes them: those of one table that follow one another together."""
    groups = [list(group) for _, group in groupby(made, lambda row: row.table.name)]
    return [
        Run(group[0].table, [*zip(*[row.values for row in group], strict=True)], [row.record for row in group])
        for group in groups
    ]


def used(event_id: str, offset: int = 0, at: int = AT, customer: str = "c1", **more: Any) -> Rec:
    event = FeatureUsed(event_id=event_id, customer_id=customer, occurred_at=at, user_id="u1", feature="export", **more)
    return record(registry.USAGE, event, key=customer.encode(), offset=offset)


def values(of: Any, offset: int = 0, revision: int = 0, kind: Any = "day", day: int = DAY, customer: str = "c1") -> Rec:
    message = MetricValues(
        customer_id=customer,
        kind=kind,
        as_of=(day + 1) * DAY_MS,
        day=day,
        values=of,
        revision=revision,
        version=offset,
        event_id=None,
    )
    return record(registry.METRICS, message, offset=offset)


def movement(kind: Any, amount: int, before: int, at: int = AT, customer: str = "c1", **more: Any) -> Rec:
    message = Movement(
        customer_id=customer,
        effective_at=at,
        movement=kind,
        amount_minor=amount,
        mrr_before_minor=before,
        mrr_after_minor=before + amount,
        **{"currency": "USD", **more},
    )
    return record(registry.METRICS, message, offset=more.get("version", 0))


ANSWER = NpsAnswer(
    response_id="r1", event_id="e5", score=3, nps_class="detractor", answered_at=AT, reason="lenta – ação"
)


def health(kind: Any, offset: int = 0, customer: str = "c1", **more: Any) -> Rec:
    said: dict[str, Any] = {
        "score": 41.5,
        "band": "red",
        "previous_score": 55.0,
        "previous_band": "yellow",
        "coverage": 0.8,
        "factors": [
            Factor(
                factor="engagement",
                value=30.0,
                weight=0.7,
                earned=21.0,
                missed=49.0,
                evidence={"events_28d": 3},
            ),
            Factor(factor="support", value=None, weight=0.0, earned=0.0, missed=0.0, change=-1.5),
        ],
        "lift": Lift(factor="engagement", value_from=30.0, value_to=42.2, band="yellow"),
        "answer": ANSWER,
        "mrr_minor": 5_000,
        "currency": "USD",
        "paying": True,
        "profile": "default",
        **more,
    }
    score = HealthScore(customer_id=customer, kind=kind, as_of=AT, day=DAY, version=offset, **said)
    return record(registry.HEALTH, score, key=customer.encode(), offset=offset)


QUALITY = Quality(observations=10, labelled=4, positives=1, customers_churned=1, roc_auc=0.75)


def churn(offset: int = 0, **more: Any) -> Rec:
    said: dict[str, Any] = {"probability": 0.12, "model_version": 3, "name": "Acme", **more}
    score = ChurnScore(
        customer_id="c1",
        as_of=AT,
        horizon_days=30,
        band="medium",
        raising=[Reason(code="usage_falling", family="usage", contribution=0.4, odds_ratio=1.49, values={"n": 2})],
        protecting=[],
        no_data=["nps"],
        model="churn",
        is_prior=False,
        quality=QUALITY,
        **said,
    )
    return record(registry.CHURN, score, offset=offset)


def upsell(day: int = DAY, offset: int = 0, customer: str = "c1", **more: Any) -> Rec:
    said: dict[str, Any] = {
        "upsell_ready": 62.5,
        "gate": None,
        "coverage": 0.75,
        "components": [
            UpsellComponent(component="seats", value=62.5, weight=1.0, earned=62.5, evidence={"seats": 10}),
            UpsellComponent(component="tenure", value=None, weight=0.0, earned=0.0),
        ],
        "license_utilization": 0.75,
        "name": "Acme",
        "mrr_minor": 5_000,
        "currency": "USD",
        **more,
    }
    score = UpsellScore(
        customer_id=customer, as_of=(day + 1) * DAY_MS, day=day, profile="default@1", version=offset, **said
    )
    return record(registry.UPSELL, score, key=customer.encode(), offset=offset)


def snapshot(day: int = DAY, offset: int = 0, customer: str = "c1") -> Rec:
    message = Snapshot(customer_id=customer, day=day, features={"events_28d": 3.0}, version=offset)
    return record(registry.OBSERVATIONS, message, offset=offset)


def labelled(probability: float, churned: bool, day: int = DAY, offset: int = 9, customer: str = "c1") -> Rec:
    message = Labelled(
        customer_id=customer,
        day=day,
        features={"events_28d": 3.0},
        probability=probability,
        churned=churned,
        labelled_day=day + 30,
        model_version=2,
        version=offset,
    )
    return record(registry.OBSERVATIONS, message, offset=offset)


def alert(status: Any, offset: int, episode: str = "ep1", at: int = AT) -> Rec:
    message = Alert(
        alert_id=f"{episode}-{status}",
        episode_id=episode,
        customer_id="c1",
        rule="health_red",
        severity="critical",
        status=status,
        opened_at=AT,
        at=at,
        trigger_event_id=None,
        facts={"score": 41.5},
        next_step="call",
        locale="pt",
        text=f"Saúde em vermelho ({status})",
        blocks=[{"type": "divider"}],
        version=offset,
    )
    return record(registry.ALERTS, message, offset=offset)


def progress(partition: int = 0, offset: int = 10, **counts: Any) -> Rec:
    said: dict[str, Any] = {"read": 10, "applied": 6, "duplicate": 2, "late": 1, "dead": 1, **counts}
    message = Progress(
        topic=PREFIX + registry.USAGE.name,
        partition=partition,
        watermark=AT,
        closed_day=DAY - 1,
        version=offset,
        **said,
    )
    return record(registry.METRICS, message, offset=offset)


def dead_letter(value: bytes | None = b"\xff\x00 not json", own_offset: int = 0, **said: str) -> Rec:
    names = {
        "topic": PREFIX + registry.USAGE.name,
        "partition": "2",
        "offset": "17",
        "stage": "decode",
        "error": "SchemaError",
        "reason": "expected JSON",
        "retries": "0",
        **said,
    }
    headers = tuple((DEAD_LETTER_HEADERS[name], text.encode()) for name, text in names.items())
    foreign = ("x-raw", b"\xfe\xff")
    return Rec(PREFIX + registry.DEAD_LETTERS.name, value, b"\xc3", offset=own_offset, headers=(*headers, foreign))


def profile(name: str, offset: int = 0, kind: Any = "live") -> Rec:
    return values(AccountValues(name=name, country="BR", seats=5), offset=offset, kind=kind)


SURVEY = SurveyAnswered(
    event_id="s1",
    customer_id="c1",
    occurred_at=AT,
    response_id="r1",
    survey="nps",
    score=3.0,
    respondent_id="p1",
)
MODEL = ModelSnapshot(
    model="churn",
    model_version=0,
    trained_through=-1,
    horizon_days=30,
    is_prior=True,
    quality=Quality(),
    parameters={"weights": {"bias": 0.1}},
    river_version="0.26.1",
    champion="twin-19800",
    champion_kind="twin",
    champion_since_day=19_830,
    calibration=Calibration(on=True, since_day=19_900, slope=0.9, labels=1_000, ratio=1.3),
    reliability=[ReliabilityBin(n=20, predicted=0.03, observed=0.05)],
    drift=Drift(alarms=[DriftAlarm(day=19_800, direction="more_leave", before=0.0, after=0.02, labels=300)], count=1),
    horizons=[30, 60, 90],
    counts={"refused": 1},
)
SPEND = SpendRecorded(event_id="m1", customer_id="_company", occurred_at=AT, amount_minor=10, currency="USD")
RATE = ExchangeRateSet(event_id="x1", customer_id="_company", occurred_at=AT, currency="BRL", to="USD", rate=0.2)
ACCOUNT = AccountSet(event_id="a1", customer_id="c1", occurred_at=AT, name="Acme")


def portfolio(revision: int = 0, offset: int = 11) -> Rec:
    message = PortfolioFigures(
        portfolio="_segment:smb",
        segment="smb",
        as_of=(DAY + 1) * DAY_MS,
        day=DAY,
        values=PortfolioValues(customers=3, mrr_minor={"BRL": 5_000}, nrr_28d={"BRL": 0.9}, nps=-100.0),
        revision=revision,
        reason="restated" if revision else "closed",
        version=offset,
    )
    return record(registry.METRICS, message, key=b"_segment:smb", offset=offset)


def model_quality(offset: int = 13) -> Rec:
    """A week after drift was seen, with all that can be undefined defined."""
    values = ModelValues(
        labelled=600,
        positives=20,
        customers_churned=8,
        roc_auc=0.75,
        pr_auc=0.1,
        log_loss=0.11,
        log_loss_constant=0.14,
        brier=0.03,
        ece=0.005,
        mean_predicted=0.036,
        mean_observed=0.03,
        predicted_to_observed=1.2,
        top_decile_recall=0.35,
        week_labelled=100,
        week_positives=4,
        week_roc_auc=0.7,
        week_log_loss=0.12,
        week_log_loss_constant=0.15,
        week_mean_predicted=0.035,
        week_mean_observed=0.04,
        is_prior=True,
        model_version=3,
        champion="twin-19800",
        champion_since_day=19_830,
        calibrated=True,
        drift_alarms=1,
        drift_alarm_day=19_800,
        drift_direction="more_leave",
        changed_day=19_830,
    )
    message = ModelFigures(model="churn", as_of=(DAY + 1) * DAY_MS, day=DAY, values=values, version=offset)
    return record(registry.METRICS, message, key=message.portfolio.encode(), offset=offset)


WITH_ROW: tuple[Rec, ...] = (
    used("e1"),
    record(registry.SURVEYS, SURVEY, offset=1),
    record(registry.ACCOUNTS, ACCOUNT, offset=2),
    record(registry.SPEND, SPEND, key=b"_company", offset=3),
    record(registry.SPEND, RATE, key=b"_company", offset=4),
    values(UsageValues(events_28d=3, engagement_band="good", first_used_at=AT), offset=4),
    values(
        SupportValues(
            tickets_open=2,
            oldest_open_hours=1.5,
            tickets_open_by_priority={"unknown": 1, "urgent": 1},
            sla_breaches_28d=0,
        ),
        offset=5,
    ),
    values(RevenueValues(mrr_minor=5_000, currency="USD", mrr_other_minor={"BRL": 7}, paying=True), offset=6),
    values(FeedbackValues(nps=-100.0, detractors_90d=1, last_nps=ANSWER), offset=7),
    profile("Acme", offset=8, kind="day"),
    values(SpendValues(spend_1d_minor={"USD": 10}), offset=8, customer="_company"),
    profile("Acme", offset=9),
    movement("new", 5_000, 0, version=10),
    progress(),
    portfolio(),
    model_quality(),
    health("day"),
    health("live"),
    churn(),
    upsell(),
    snapshot(),
    record(registry.MODELS, MODEL, key=b"churn"),
    alert("opened", 0),
    dead_letter(),
)
WITHOUT_ROW: tuple[Rec, ...] = (
    record(registry.USAGE, Heartbeat(event_id="h", customer_id="_clock", occurred_at=AT), key=b"_clock"),
    record(registry.METRICS, DayClosed(domain="usage", day=DAY)),
    record(registry.OBSERVATIONS, ObservationsClosed(partition=0, day=DAY)),
    record(registry.OBSERVATIONS, Outcome(customer_id="c1", day=DAY)),
    record(registry.PORTFOLIO, Tally(partition=0, day=DAY, portfolio="_portfolio", sums={"customers": 1})),
    record(registry.PORTFOLIO, TallyClosed(partition=0, day=DAY)),
    record(registry.PORTFOLIO, SpendClosed(partition=0, day=DAY)),
    record(registry.PORTFOLIO, TallyChanged(partition=0, version=1, changes=[])),
    values(UsageValues(), kind="live"),
    Rec(PREFIX + registry.HEALTH.name, None),
)
