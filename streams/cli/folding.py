"""`zelo fold`: the same machines over files in memory, without Kafka or ClickHouse; what the live system must equal."""

import json
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal, TypeVar

import typer

from schemas import registry
from schemas.alerts import Alert
from schemas.metrics import FeedbackValues, MetricValues, Movement, Progress, RevenueValues
from streams.app import profile_of
from streams.cli.board import shown_nps
from streams.cli.demo import DEMO_SETTINGS
from streams.clock import SystemClock
from streams.config import Settings, load_settings
from streams.domains import time_policy
from streams.intake.importer import Importer
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import prepare
from streams.intake.ravenstack import Ravenstack
from streams.metrics.days import Days
from streams.metrics.nps import nps
from streams.offline import Input, Offline
from streams.sinks.slack import oldest_told

V = TypeVar("V", FeedbackValues, RevenueValues)
AS_ARRIVED = "keep the order of the lines, so that late events are late; default: by event time"


def command(
    path: Annotated[Path, typer.Argument(help="folder or file to read")],
    kind: Annotated[Literal["ravenstack", "jsonl"], typer.Option("--format", help="what it holds")] = "ravenstack",
    as_arrived: Annotated[bool, typer.Option("--as-arrived", help=AS_ARRIVED)] = False,
) -> None:
    """Fold files in memory and print one JSON object, with the keys and the figures of `zelo demo --json`."""
    importer: Importer = Ravenstack() if kind == "ravenstack" else JsonLines()
    settings, started = load_settings(**DEMO_SETTINGS), monotonic()
    found = figures(fold(settings, importer, path, as_arrived), oldest_told(settings, SystemClock())())
    typer.echo(json.dumps({**found, "seconds": round(monotonic() - started, 1)}))


def fold(settings: Settings, importer: Importer, path: Path, as_arrived: bool = False) -> Offline:
    """Everything that comes out of the files of an importer, fed by event time or `as_arrived`."""
    days = Days(settings.timezone)
    prepared = prepare(importer, path, settings.partitions, days, as_arrived=as_arrived)
    profile, now = profile_of(settings), SystemClock().now_ms()
    offline = Offline(profile, settings.partitions, time_policy(settings), days, now)
    offline.feed(Input(*record[:4]) for record in prepared)
    offline.flush()
    return offline


def figures(offline: Offline, oldest_told_ms: int) -> dict[str, Any]:
    """What `zelo demo --json` says, but for the rows of ClickHouse and the seconds.

    Args:
        offline: what came out.
        oldest_told_ms: time of the oldest alert that people are told of, epoch ms.
    """
    health = {score.customer_id: score for score in offline.messages(registry.HEALTH)}
    models = offline.messages(registry.MODELS)
    metrics = offline.messages(registry.METRICS)
    days = [m for m in metrics if isinstance(m, MetricValues) and m.kind == "day"]
    alerts = offline.messages(registry.ALERTS)
    quality = models[-1].quality if models else None
    return {
        "events": _accounting([m for m in metrics if isinstance(m, Progress)]),
        "customers": len(health),
        "bands": dict(sorted(Counter(score.band for score in health.values()).items())),
        "nps": _nps(_on_the_last_day(days, FeedbackValues)),
        "mrr_minor": sum(values.mrr_minor for values in _on_the_last_day(days, RevenueValues)),
        "movements": _movements([m for m in metrics if isinstance(m, Movement)]),
        "churn": {name: getattr(quality, name, None) for name in ("observations", "labelled", "roc_auc", "log_loss")},
        "alerts": _opened(alerts),
        "slack_messages": len({a.episode_id for a in alerts if a.status != "resolved" and a.at >= oldest_told_ms}),
    }


def _opened(alerts: list[Alert]) -> dict[str, int]:
    """Episodes opened, by rule; an alert that was sent twice is one."""
    rules = {alert.alert_id: alert.rule for alert in alerts if alert.status == "opened"}
    return dict(sorted(Counter(rules.values()).items()))


def _accounting(progress: list[Progress]) -> dict[str, int]:
    newest = {(p.topic, p.partition): p for p in progress}.values()
    return {name: sum(getattr(p, name) for p in newest) for name in ("read", "applied", "duplicate", "late", "dead")}


def _on_the_last_day(values: list[MetricValues], domain: type[V]) -> list[V]:
    """The values of all customers at the last closed day of a domain, of each the newest."""
    found = [(m.day, m.customer_id, m.values) for m in values if isinstance(m.values, domain)]
    last = max((day for day, _, _ in found), default=0)
    return list({customer: of for day, customer, of in found if day == last}.values())


def _nps(feedback: list[FeedbackValues]) -> float | None:
    """NPS of all customers, in points."""
    counts = ((f.promoters_90d, f.passives_90d, f.detractors_90d) for f in feedback)
    promoters, passives, detractors = map(sum, zip((0, 0, 0), *counts, strict=True))
    return shown_nps(nps(promoters, passives, detractors))


def _movements(steps: list[Movement]) -> dict[str, int]:
    standing: dict[tuple[str, str, int], Movement] = {}
    for step in steps:
        standing[step.customer_id, step.currency, step.effective_at] = step
    amounts: Counter[str] = Counter()
    for step in standing.values():
        if not step.removed:
            amounts[step.movement] += step.amount_minor
    return dict(sorted(amounts.items()))
