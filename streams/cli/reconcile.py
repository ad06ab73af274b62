"""`zelo reconcile`: figures counted again from the raw events, by SQL that shares nothing with the folds."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from rich.table import Table

from streams.app import profile_of
from streams.catalogue.registry import catalogue
from streams.cli.answers import shown
from streams.config import Settings, load_settings
from streams.errors import ConfigurationError
from streams.metrics.activation import (
    ActiveDays,
    AllOf,
    AnyCriterion,
    AnyOf,
    DistinctFeatures,
    FeatureUse,
    Leaf,
    Milestone,
    UsersDid,
)
from streams.metrics.days import DAY_MS
from streams.reconcile.comparing import Difference
from streams.reconcile.policy import Policy
from streams.reconcile.reconciler import FIRST_DAY, LAST_DAY, Behind, Outcome, Reconciler, Scope
from streams.reconcile.recounts import RECOUNTS, Recount
from streams.sinks.clickhouse import connect, translated

_SOME_DAY = 100_000
_DAY = ["%Y-%m-%d"]


def command(
    domain: Annotated[list[str] | None, typer.Option(help="only this one; may be said several times")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_DAY, help="first day compared")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_DAY, help="last day compared")] = None,
    customer: Annotated[str | None, typer.Option(help="only this one")] = None,
    limit: Annotated[int, typer.Option(min=0, help="differences of a domain to list; 0: all")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Recount figures from the raw events by SQL, and compare; exit 1 where they differ."""
    settings = load_settings()
    recounts = _chosen(domain or [])
    scope = Scope(
        since=FIRST_DAY if since is None else since.date(),
        until=LAST_DAY if until is None else until.date(),
        customer_id=customer,
    )
    if scope.since > scope.until:
        raise ConfigurationError(f"--since {scope.since} lies after --until {scope.until}")
    outcomes = _run(settings, recounts, scope, limit)
    if as_json:
        content = [_plain(one) for one in outcomes]
        print(orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
    else:
        _print(Console(width=160), outcomes)
    if any(one.differing for one in outcomes):
        raise typer.Exit(1)


def policy_of(settings: Settings) -> Policy:
    """What SQL must know of the settings and their profile."""
    profile = profile_of(settings)
    available, revenue, feedback = profile.engagement.features_available, profile.revenue, profile.feedback
    leaves, programs = spelled_out(
        (profile.activation.criterion, *(step.criterion for step in profile.onboarding.steps))
    )
    return Policy(
        zone=settings.timezone,
        lateness_ms=round(settings.lateness_seconds * 1000),
        horizon_ms=settings.horizon_days * DAY_MS,
        features=available if isinstance(available, tuple) else None,
        features_available=len(set(available)) if isinstance(available, tuple) else available,
        leaves=leaves,
        programs=programs,
        onboarding_days=profile.onboarding.limit_days,
        list_prices=revenue.discounts == "gross",
        metered_counts=revenue.metered == "included",
        churn_date=revenue.churn_date,
        refunds_count=revenue.refunds == "negative",
        time_moves_nothing=(revenue.past_due_days, revenue.allowed_gap_days) == (0, 0),
        urgent=profile.support.urgent_priorities,
        csat_from=feedback.csat_positive_from,
        smiley_from=feedback.smiley_positive_from,
        thumbs_from=feedback.thumbs_positive_from,
        ces_from=feedback.ces_top_from,
    )


def spelled_out(
    criteria: Sequence[AnyCriterion],
) -> tuple[tuple[tuple[str, int, str, int], ...], tuple[tuple[tuple[str, int], ...], ...]]:
    """Criteria as `Policy` has them: leaves and programs."""
    leaves: list[tuple[str, int, str, int]] = []

    def program(criterion: AnyCriterion) -> Iterator[tuple[str, int]]:
        if isinstance(criterion, AllOf | AnyOf):
            for inner in criterion.of:
                yield from program(inner)
            yield "all" if isinstance(criterion, AllOf) else "any", len(criterion.of)
        else:
            leaves.append(_leaf(criterion))
            yield "leaf", len(leaves)

    programs = tuple([tuple(program(criterion)) for criterion in criteria])
    return tuple(leaves), programs


def _leaf(criterion: Leaf) -> tuple[str, int, str, int]:
    match criterion:
        case FeatureUse():
            return "feature_used", 1, criterion.feature, 0
        case Milestone():
            return "milestone", 1, criterion.milestone, 0
        case UsersDid():
            within = 0 if criterion.within_days is None else criterion.within_days * DAY_MS
            rule = "users_did" if criterion.feature is None else "users_did_it"
            return rule, criterion.n, criterion.feature or "", within
        case DistinctFeatures():
            return "distinct_features", criterion.n, "", 0
        case ActiveDays():
            return "active_days", criterion.n, "", 0


def behind(domain: str) -> dict[str, Behind]:
    """Which events are behind the figures of a domain, by the catalogue."""
    found: dict[str, Behind] = {}
    for metric in catalogue().of(domain):
        first, last = metric.days(_SOME_DAY)
        back = None if first is None else _SOME_DAY - first
        found[metric.column or metric.id] = Behind(back, _SOME_DAY - last, metric.events)
    return found


def _chosen(domains: Sequence[str]) -> list[Recount]:
    known = [one.domain for one in RECOUNTS]
    for domain in domains:
        if domain not in known:
            raise ConfigurationError(f"there is no recount of {domain!r}; there is {', '.join(known)}")
    return [one for one in RECOUNTS if not domains or one.domain in domains]


def _run(settings: Settings, recounts: Sequence[Recount], scope: Scope, limit: int) -> list[Outcome]:
    try:
        with connect(settings) as client:
            reconciler = Reconciler(client, policy_of(settings), limit)
            reconciler.check()
            outcomes = [reconciler.run(one, scope, _behind(one)) for one in recounts]
    except ClickHouseError as error:
        raise translated(error) from error
    if scope.customer_id is not None and not any(one.rows or one.differing for one in outcomes):
        raise ConfigurationError(f"nothing is known of a customer {scope.customer_id!r} on these days")
    return outcomes


def _behind(recount: Recount) -> Mapping[str, Behind]:
    return {} if recount.types else behind(recount.domain)


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "domain": outcome.recount.domain,
        "table": outcome.recount.table,
        "rows": outcome.rows,
        "values": outcome.values,
        "differences": outcome.differing.total(),
        "differing": dict(outcome.differing),
        "shown": [_plain_difference(one) for one in outcome.shown],
        "recounted": outcome.recounted,
        "not_recounted": outcome.not_recounted,
        "late": outcome.late,
        "late_untold": outcome.late_untold,
        "skipped": outcome.skipped,
    }


def _plain_difference(one: Difference) -> dict[str, Any]:
    return {
        "customer_id": one.customer_id,
        "day": one.day,
        "key": [str(part) for part in one.key[2:]],
        "figure": one.figure,
        "published": one.published,
        "recounted": one.recounted,
        "revision": one.revision,
        "event_id": one.event_id,
        "event_in_archive": one.in_archive,
        "events": one.events,
    }


def _print(console: Console, outcomes: Sequence[Outcome]) -> None:
    table = Table("domain", "rows", "figures", "differ", "late", box=None)
    for one in outcomes:
        counts = (one.rows, one.values, one.differing.total(), one.late)
        table.add_row(one.recount.domain, *(f"{count:,}" for count in counts))
    console.print(table)
    for one in outcomes:
        for difference in one.shown:
            _print_difference(console, difference)
        left = one.differing.total() - len(one.shown)
        if left:
            said = ", ".join(f"{name} {count}" for name, count in one.differing.most_common())
            _say(console, f"{one.recount.table}: {left:,} more differences, {said} in all; --limit 0 lists them")
    for one in outcomes:
        _print_left_out(console, one)


def _print_difference(console: Console, one: Difference) -> None:
    key = " ".join(str(part) for part in one.key)
    revision = "" if one.revision is None else f" (revision {one.revision})"
    _say(console, f"{one.table} {key} {one.figure}: published {one.published}{revision}, recounted {one.recounted}")
    _say(console, f"  events behind it: {', '.join(one.events) or 'none'}")
    if not one.in_archive:
        _say(console, f"  the row names {one.event_id} as its newest event; events has none of that id")


def _print_left_out(console: Console, one: Outcome) -> None:
    if one.late_untold and one.differing:
        _say(
            console,
            f"{one.recount.topic}: {one.late_untold} more records were counted late than the archive can tell: they "
            "came again, or heartbeats had moved the time; differences may be theirs",
        )
    why = f" ({one.skipped})" if one.skipped else ""
    if one.not_recounted:
        _say(console, f"not recounted, {one.recount.domain}{why}: {', '.join(one.not_recounted)}")


def _say(console: Console, text: str) -> None:
    console.print(shown(text), highlight=False, soft_wrap=True)
