"""`zelo reconcile`: figures counted again from the raw events, by SQL that shares nothing with the folds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any

import orjson
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from rich.table import Table

from streams.catalogue.registry import catalogue
from streams.cli.answers import shown
from streams.cli.recount_policy import policy_of
from streams.config import Settings, load_settings
from streams.errors import ConfigurationError
from streams.reconcile.comparing import Difference
from streams.reconcile.reconciler import FIRST_DAY, LAST_DAY, Behind, Outcome, Reconciler, Scope
from streams.reconcile.recount import Recount
from streams.reconcile.recounts import LEFT_OUT, NO_FIGURES, RECOUNTS
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
    of_all = [one.domain for one in recounts if one.is_of_all]
    if customer is not None and domain and of_all:
        raise ConfigurationError(f"--domain {of_all[0]} is of all customers: leave it or --customer out")
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
        if not domain:
            _print_tables_left_out(Console(width=160))
    if any(one.differing for one in outcomes):
        raise typer.Exit(1)


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
            asked = [one for one in recounts if not one.is_of_all or scope.customer_id is None]
            outcomes = [reconciler.run(one, scope, _behind(one)) for one in asked]
    except ClickHouseError as error:
        raise translated(error) from error
    if scope != Scope() and not any(one.rows or one.differing for one in outcomes):
        of = "" if scope.customer_id is None else f" of a customer {scope.customer_id!r}"
        raise ConfigurationError(f"nothing is known{of} on these days")
    return outcomes


def _behind(recount: Recount) -> Mapping[str, Behind]:
    return {} if recount.types or not recount.topic else behind(recount.domain)


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
        "taken": outcome.taken,
        "late": outcome.late,
        "late_untold": outcome.late_untold,
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
            _print_difference(console, difference, one.recount.is_of_all)
        left = one.differing.total() - len(one.shown)
        if left:
            said = ", ".join(f"{name} {count}" for name, count in one.differing.most_common())
            _say(console, f"{one.recount.table}: {left:,} more differences, {said} in all; --limit 0 lists them")
    for one in outcomes:
        _print_left_out(console, one)


def _print_difference(console: Console, one: Difference, of_all: bool) -> None:
    key = " ".join(str(part) for part in one.key)
    revision = "" if one.revision is None else f" (revision {one.revision})"
    _say(console, f"{one.table} {key} {one.figure}: published {one.published}{revision}, recounted {one.recounted}")
    if not of_all:  # of many customers they are not looked for
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
    if one.taken:
        _say(
            console,
            f"{one.recount.table}: {one.taken:,} rows rest in part on figures that were restated since, of which the "
            "archive keeps the newest alone; what those decide was taken as published, the rest was recounted",
        )
    if one.not_recounted:
        _say(console, f"not recounted, {one.recount.domain}: {', '.join(one.not_recounted)}")


def _print_tables_left_out(console: Console) -> None:
    for why, tables in groupby(sorted(LEFT_OUT.items(), key=itemgetter(1)), key=itemgetter(1)):
        if why != NO_FIGURES:
            _say(console, f"not recounted, {', '.join(name for name, _ in tables)}: {why}")


def _say(console: Console, text: str) -> None:
    console.print(shown(text), highlight=False, soft_wrap=True)
