"""`zelo backtest`: stored history under two profiles, in memory; nothing is published or stored."""

from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console

from streams.app import profile_of
from streams.backtest.foresight import Span, Windows
from streams.backtest.replay import Replay
from streams.backtest.report import Report, compare, scored_days
from streams.cli import backtested
from streams.cli.demo import PLAIN_WIDTH
from streams.cli.folding import AS_ARRIVED
from streams.cli.history import History, from_archive, from_files
from streams.clock import SystemClock
from streams.config import Settings, load_settings
from streams.domains import time_policy
from streams.errors import ConfigurationError
from streams.intake.importer import Importer
from streams.intake.jsonl import JsonLines
from streams.intake.ravenstack import Ravenstack
from streams.metrics.days import Days, from_date, to_date
from streams.metrics.profile import Profile, load_profile


def command(  # noqa: PLR0913 - the options of a command
    profile: Annotated[str, typer.Argument(help="the changed profile: a TOML file or a built-in name")],
    against: Annotated[str | None, typer.Option(help="the present profile; default: the one of the settings")] = None,
    events: Annotated[Path | None, typer.Option(help="file or folder of events; default: those in ClickHouse")] = None,
    kind: Annotated[Literal["jsonl", "ravenstack"], typer.Option("--format", help="what --events holds")] = "jsonl",
    as_arrived: Annotated[bool, typer.Option("--as-arrived", help=AS_ARRIVED)] = False,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first day judged")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day judged")] = None,
    lookback_days: Annotated[int, typer.Option(min=1, max=3650, help="a warning so long before a churn counts")] = 90,
    horizon_days: Annotated[int, typer.Option(min=1, max=3650, help="a churn so long after a warning counts")] = 90,
    charts: Annotated[Path | None, typer.Option(help="folder for charts, SVG")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead of tables")] = False,
) -> None:
    """Replay stored history under a changed profile: bands, alerts, lead time before churn, precision."""
    settings, started = load_settings(), monotonic()
    present, changed = _profiles(settings, profile, against)
    first, last = (None if day is None else from_date(day.date()) for day in (since, until))
    if first is not None and last is not None and first > last:
        raise ConfigurationError(f"expected --since up to --until, got {to_date(first)} and {to_date(last)}")
    importer: Importer = Ravenstack() if kind == "ravenstack" else JsonLines()
    history = from_archive(settings) if events is None else from_files(settings, importer, events, as_arrived)
    windows = Windows(lookback_days=lookback_days, horizon_days=horizon_days)
    report = backtest(settings, (present, changed), history, (first, last), windows)
    if charts is not None:
        _draw(report, charts)
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        console = Console()
        if not console.is_terminal:
            console.width = PLAIN_WIDTH
        backtested.print_report(console, report, monotonic() - started)


def backtest(
    settings: Settings,
    profiles: tuple[Profile, Profile],
    history: History,
    bounds: tuple[int | None, int | None],
    windows: Windows,
) -> Report:
    """A history under the present and the changed profile.

    Args:
        settings: time zone, lateness, horizon.
        profiles: the present and the changed one.
        history: what to replay, from its beginning.
        bounds: first and last day to judge; None for the first and last with scores.
        windows: how far a warning and a churn may lie apart.

    Raises:
        ConfigurationError: no day of the history, or none within the bounds, has a score.
    """
    now_ms, days = SystemClock().now_ms(), Days(settings.timezone)
    replay = Replay(profiles, history.partitions, time_policy(settings), days, now_ms, until=bounds[1])
    replay.feed(history.records)
    present, changed = replay.tracks
    found = scored_days((present, changed))
    if found is None:
        raise ConfigurationError("expected at least one whole day of events, got none: no customer has a daily score")
    first, last = found
    span = Span(max(first, _or(bounds[0], first)), min(last, _or(bounds[1], last)), last)
    if span.since > span.until:
        raise ConfigurationError(
            f"expected days from {to_date(first)} to {to_date(last)}: there are scores of no others"
        )
    names = (_label(profiles[0]), _label(profiles[1]))
    return compare(names, (present, changed), span, windows)


def _or(bound: int | None, otherwise: int) -> int:
    return otherwise if bound is None else bound


def _profiles(settings: Settings, name: str, against: str | None) -> tuple[Profile, Profile]:
    present = profile_of(settings) if against is None else load_profile(against)
    changed = load_profile(name)
    alike: dict[str, Any] = {"name": present.name, "version": present.version}
    if msgspec.structs.replace(changed, **alike) == present:
        raise ConfigurationError(
            f"expected a profile that decides something otherwise than {_label(present)}, "
            f"got the same policies in {_label(changed)}: nothing would differ"
        )
    return present, changed


def _label(profile: Profile) -> str:
    return f"{profile.name}@{profile.version}"


def _draw(report: Report, folder: Path) -> None:
    from streams.cli.charted import charts  # noqa: PLC0415 - drawing is only loaded when asked for

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in charts(report).items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--charts: expected a folder to write to at {folder}: {error.strerror}") from error
