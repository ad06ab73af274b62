"""`zelo fold`: the same machines over files in memory, without Kafka or ClickHouse; what the live system must equal."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from schemas import registry
from schemas.metrics import MetricValues, Movement, Progress, RevenueValues
from streams.cli.demo import DEMO_SETTINGS
from streams.clock import SystemClock
from streams.config import Settings, load_settings
from streams.domains import time_policy
from streams.intake.importer import Importer
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import prepare
from streams.intake.ravenstack import Ravenstack
from streams.metrics.days import Days
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline


def command(
    path: Annotated[Path, typer.Argument(help="folder or file to read")],
    kind: Annotated[Literal["ravenstack", "jsonl"], typer.Option("--format", help="what it holds")] = "ravenstack",
) -> None:
    """Fold files in memory and print one JSON object, with the keys and the figures of `zelo demo --json`."""
    importer: Importer = Ravenstack() if kind == "ravenstack" else JsonLines()
    typer.echo(json.dumps(figures(fold(load_settings(**DEMO_SETTINGS), importer, path))))


def fold(settings: Settings, importer: Importer, path: Path) -> Offline:
    """Everything that comes out of the files of an importer."""
    days = Days(settings.timezone)
    prepared = prepare(importer, path, settings.partitions, days)
    profile, now = load_profile(settings.profile), SystemClock().now_ms()
    offline = Offline(profile, settings.partitions, time_policy(settings), days, now)
    offline.feed(Input(*record[:4]) for record in prepared)
    offline.flush()
    return offline


def figures(offline: Offline) -> dict[str, Any]:
    """The figures of the board that need no ClickHouse."""
    health = {score.customer_id: score for score in offline.messages(registry.HEALTH)}
    models = offline.messages(registry.MODELS)
    metrics = offline.messages(registry.METRICS)
    opened = [alert.rule for alert in offline.messages(registry.ALERTS) if alert.status == "opened"]
    quality = models[-1].quality if models else None
    return {
        "events": _accounting([m for m in metrics if isinstance(m, Progress)]),
        "customers": len(health),
        "bands": dict(sorted(Counter(score.band for score in health.values()).items())),
        "mrr_minor": _mrr([m for m in metrics if isinstance(m, MetricValues) and m.kind == "day"]),
        "movements": _movements([m for m in metrics if isinstance(m, Movement)]),
        "churn": {name: getattr(quality, name, None) for name in ("observations", "labelled", "roc_auc", "log_loss")},
        "alerts": dict(sorted(Counter(opened).items())),
    }


def _accounting(progress: list[Progress]) -> dict[str, int]:
    newest = {(p.topic, p.partition): p for p in progress}.values()
    return {name: sum(getattr(p, name) for p in newest) for name in ("read", "applied", "duplicate", "late", "dead")}


def _mrr(values: list[MetricValues]) -> int:
    """MRR of all customers at the last closed day."""
    revenue = [(m.day, m.customer_id, m.values.mrr_minor) for m in values if isinstance(m.values, RevenueValues)]
    last = max((day for day, _, _ in revenue), default=0)
    return sum({customer: mrr for day, customer, mrr in revenue if day == last}.values())


def _movements(steps: list[Movement]) -> dict[str, int]:
    standing: dict[tuple[str, str, int], Movement] = {}
    for step in steps:
        standing[step.customer_id, step.currency, step.effective_at] = step
    amounts: Counter[str] = Counter()
    for step in standing.values():
        if not step.removed:
            amounts[step.movement] += step.amount_minor
    return dict(sorted(amounts.items()))
