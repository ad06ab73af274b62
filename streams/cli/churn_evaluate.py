"""`zelo churn evaluate`: how good the churn model is on a file of events, beside simple opponents."""

import gc
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from schemas.envelope import epoch_ms
from schemas.models import ModelSnapshot
from streams.app import profile_of
from streams.backtest.churn.baselines import missing
from streams.backtest.churn.longer import LongerWindows
from streams.backtest.churn.rehearsal import Happened, Rehearsal
from streams.backtest.churn.report import Evaluation, evaluate
from streams.backtest.churn.sample import Collected
from streams.churn.features import CONSTANTS
from streams.cli import churn_evaluated
from streams.cli.demo import PLAIN_WIDTH
from streams.clock import SystemClock
from streams.config import Settings, load_settings
from streams.domains import time_policy
from streams.errors import ConfigurationError
from streams.intake.importer import BadRow, Produced
from streams.intake.jsonl import JsonLines
from streams.metrics.days import Days
from streams.metrics.profile import Profile

_SHOWN = 5


class OutOfOrderError(Exception):
    """An event of an earlier day came after one of a later day."""


def command(
    events: Annotated[Path, typer.Argument(help="file of events in envelope form, .jsonl or .jsonl.gz, or a folder")],
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead of tables")] = False,
    output: Annotated[Path | None, typer.Option(help="folder for the figures (JSON) and the curves (SVG)")] = None,
) -> None:
    """Measure the churn model on events: test-then-train, mature labels, next to simple opponents."""
    settings, started = load_settings(), monotonic()
    _require_folder(output)
    evaluation, bad = measured(settings, profile_of(settings), events)
    if output is not None:
        _write(evaluation, output)
    if as_json:
        typer.echo(msgspec.json.encode(evaluation).decode())
        return
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    churn_evaluated.print_evaluation(console, evaluation, bad, monotonic() - started)


def measured(settings: Settings, profile: Profile, path: Path) -> tuple[Evaluation, list[BadRow]]:
    """The evaluation of a file, and its first bad lines.

    Raises:
        ConfigurationError: no such file, no event in it, too few labels to measure anything.
    """
    history = lived(settings, profile, path)
    model = history.rehearsal.model()
    heading = (history.rehearsal.events, history.bad_lines, f"{model.model} version {model.model_version}")
    sample = history.collected.sample(model.trained_through)
    longer = {days: history.longer.mature(days, model.trained_through) for days in history.longer.horizons}
    return evaluate(sample, CONSTANTS, profile.churn.base_rate, missing(), heading, longer), history.bad


def lived(settings: Settings, profile: Profile, path: Path, boosted: bool = False) -> "History":
    """A file of events, lived through in the order of time; one that is in order is never held in memory.

    Args:
        settings: of the company.
        profile: likewise.
        path: of the file, or of a folder of such.
        boosted: with the boosted challenger beside the models; labels are the same without it.

    Raises:
        ConfigurationError: no such file, or no event in it.
    """
    history = History(settings, profile, boosted)
    try:
        history.feed(_items(path))
    except OutOfOrderError:
        history = History(settings, profile, boosted)
        history.feed(_sorted(path))
    if not history.rehearsal.events:
        raise ConfigurationError(f"expected events in {path}, found none ({history.bad_lines:,} bad lines)")
    return history


class History:
    """A file of events as it is lived through, day by day.

    Attributes:
        rehearsal: what takes the events.
        collected: labels so far; longer: what was said of longer windows.
        bad: the first bad lines; bad_lines: how many.
    """

    def __init__(self, settings: Settings, profile: Profile, boosted: bool = False) -> None:
        self.collected = Collected([name for name, *_ in CONSTANTS], profile.churn.horizon_days)
        self._days = Days(settings.timezone)
        self.longer = LongerWindows(profile.churn, self._model)
        time = time_policy(settings)
        self.rehearsal = Rehearsal(profile, time, self._days, self.collected.add, self.longer.take, boosted)
        self.bad: list[BadRow] = []
        self.bad_lines = 0
        self._latest_ms = SystemClock().now_ms() + round(settings.max_future_seconds * 1000)

    def feed(self, items: Iterable[Produced | BadRow]) -> None:
        """Takes all in; time passes with the events, and one day beyond the last.

        Raises:
            OutOfOrderError: a day goes back.
        """
        gc.freeze()  # what is loaded by now stays; millions of small states are to be looked through often
        today: int | None = None
        for item in items:
            if isinstance(item, BadRow):
                self._note(item)
                continue
            at = epoch_ms(item.event.occurred_at)
            if at > self._latest_ms:
                self._note(BadRow(item.event.event_id, 0, "occurred_at", "expected the past, got a time to come"))
                continue
            day = self._days.of(at)
            if today is not None and day < today:
                raise OutOfOrderError
            for begun in range(day if today is None else today + 1, day + 1):
                self.rehearsal.beat(self._days.start(begun))
            today = day
            self.rehearsal.take(Happened(item.topic, item.event))
        if today is not None:
            self.rehearsal.beat(self._days.start(today + 1))

    def _model(self) -> ModelSnapshot:
        return self.rehearsal.model()

    def _note(self, bad: BadRow) -> None:
        self.bad_lines += 1
        if len(self.bad) < _SHOWN:
            self.bad.append(bad)


def _items(path: Path) -> Iterator[Produced | BadRow]:
    return (item for item in JsonLines().read(path) if isinstance(item, Produced | BadRow))


def _sorted(path: Path) -> Iterator[Produced | BadRow]:
    """All items by time, bad lines first; those of one instant as they came."""
    return iter(
        sorted(_items(path), key=lambda item: -1 if isinstance(item, BadRow) else epoch_ms(item.event.occurred_at))
    )


def _require_folder(folder: Path | None) -> None:
    """Says early that nothing can be written; an evaluation takes minutes."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--output: expected a folder to write to at {folder}: {error.strerror}") from error


def _write(evaluation: Evaluation, folder: Path) -> None:
    from streams.cli.churn_charts import charts  # noqa: PLC0415 - drawing is only loaded when asked for

    files = {"evaluation.json": msgspec.json.format(msgspec.json.encode(evaluation), indent=2).decode() + "\n"}
    try:
        for name, content in {**files, **charts(evaluation)}.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output: expected a folder to write to at {folder}: {error.strerror}") from error
