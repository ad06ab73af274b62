"""`zelo churn status`: the churn model as it stands, and how far to trust it."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streams.churn.explain import unexpected
from streams.churn.features import BY_NAME
from streams.churn.reasons.words import family_name, feature_name
from streams.cli.answers import print_json, shown
from streams.cli.churn_archive import Standing, churn_archive
from streams.cli.churn_explain import quality_words
from streams.cli.explaining import Row
from streams.config import load_settings
from streams.metrics.days import to_date

_CHANGES_SHOWN = 10
_EPOCH = to_date(0)


def command(
    weeks: Annotated[int, typer.Option(min=1, max=1000, help="how many weeks of quality to show")] = 12,
    top: Annotated[int, typer.Option(min=0, max=100, help="how many features to show, heaviest first")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show the churn model: quality over time, calibration, heaviest features, drift, challengers, changes."""
    with churn_archive(load_settings()) as archive:
        standing = archive.standing(weeks)
    if as_json:
        print_json({**asdict(standing), "features": features(standing.model)})
        return
    print_standing(Console(), standing, top)


def features(model: Row) -> list[Row]:
    """The model's features with their weights, heaviest first, and what the expert expects of them."""
    parameters = model["parameters"]
    weights = dict(zip((row[0] for row in parameters["constants"]), parameters["weights"][1:], strict=True))
    against = set(unexpected(weights))
    return [
        {
            "feature": name,
            "family": BY_NAME[name].family if name in BY_NAME else None,
            "weight": weight,
            "expected": BY_NAME[name].weight if name in BY_NAME else None,
            "against_expectation": name in against,
        }
        for name, weight in sorted(weights.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    ]


def print_standing(console: Console, standing: Standing, top: int) -> None:
    """All of it for people."""
    model = standing.model
    through = model["trained_through"]
    learned = f"trained through {through}" if through >= _EPOCH else "nothing learned yet"
    console.print(
        f"\n[bold]{shown(model['model'])} v{model['model_version']}[/bold], {learned}, "
        f"speaks of {model['horizon_days']} days",
        highlight=False,
    )
    for line in quality_words(model, "quality_"):
        console.print(line, highlight=False)
    console.print(f"{standing.waiting:,} snapshots wait for their outcome", highlight=False)
    _print_figures(console, model)
    _print_weeks(console, standing.weeks)
    _print_reliability(console, standing.reliability)
    _print_calibration(console, model)
    _print_features(console, features(model), top)
    _print_drift(console, model)
    _print_contest(console, model)
    _print_changes(console, model["changes"])
    if model["counts"]:
        counts = ", ".join(f"{shown(name)} {count:,}" for name, count in model["counts"].items())
        console.print(f"\nexamples: {counts}", highlight=False)


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right")
    return table


def _print_figures(console: Console, model: Row) -> None:
    names = (
        ("average precision (PR AUC)", "quality_pr_auc"),
        ("Brier score", "quality_brier"),
        ("calibration error (ECE)", "quality_ece"),
        ("churned in the riskiest tenth", "quality_top_decile_recall"),
    )
    known = [(said, model[name]) for said, name in names if model[name] is not None]
    if known:
        table = _table("Since the start", "", "")
        for said, value in known:
            table.add_row(said, f"{value:.4f}")
        console.print(table)


def _print_weeks(console: Console, weeks: list[Row]) -> None:
    if not weeks:
        console.print("\nno week of snapshots is mature yet")
        return
    columns = ("snapshots of", "labelled", "left", "AUC", "log loss", "constant", "predicted", "observed")
    table = _table("Quality by week, mature labels", *columns)
    for week in reversed(weeks):
        table.add_row(
            str(week["day"]),
            f"{week['labelled']:,}",
            f"{week['customers_churned']:,}",
            _figure(week["roc_auc"], ".3f"),
            _figure(week["log_loss"], ".4f"),
            _figure(week["log_loss_base_rate"], ".4f"),
            _figure(week["mean_predicted"], ".2%"),
            _figure(week["mean_observed"], ".2%"),
        )
    console.print(table)


def _print_reliability(console: Console, bins: list[Row]) -> None:
    if not bins:
        return
    table = _table("Reliability, bins of equal size", "probability", "snapshots", "predicted", "observed")
    for one in bins:
        given = f"{one['lowest']:.1%} to {one['highest']:.1%}"
        table.add_row(given, f"{one['snapshots']:,}", f"{one['predicted']:.2%}", f"{one['observed']:.2%}")
    console.print(table)


def _print_calibration(console: Console, model: Row) -> None:
    state = "on" if model["calibration_on"] else "dormant"
    since = f" since {model['calibration_since_day']}" if model["calibration_since_day"] else ""
    console.print(
        f"\n[bold]Calibration[/bold] {state}{since}: slope {model['calibration_slope']:.3f}, intercept "
        f"{model['calibration_intercept']:+.3f}; raw predicted / observed of the newest "
        f"{model['calibration_labels']:,} labels {_figure(model['calibration_ratio'], '.2f')}",
        highlight=False,
    )


def _print_features(console: Console, known: list[Row], top: int) -> None:
    table = _table(f"Heaviest {top} of {len(known)} features", "feature", "family", "weight", "expert", "", left=2)
    for one in known[:top]:
        table.add_row(
            feature_name(one["feature"], "en"),
            family_name(one["family"] or "", "en"),
            f"{one['weight']:+.3f}",
            _figure(one["expected"], "+.2f"),
            "against expectation" if one["against_expectation"] else "",
        )
    console.print(table)
    against = [one["feature"] for one in known if one["against_expectation"]]
    if against:
        console.print(f"learned against the expert's expectation: {', '.join(against)}", highlight=False)


def _print_drift(console: Console, model: Row) -> None:
    muted = model["drift_muted_until_day"]
    over = muted is not None and muted <= model["trained_through"]
    watch = "not begun" if muted is None else f"watching since {muted}" if over else f"muted until {muted}"
    console.print(f"\n[bold]Drift[/bold] {model['drift_count']:,} alarms; {watch}", highlight=False)
    for alarm in model["drift_alarms"]:
        console.print(
            f"  {to_date(alarm['day'])}  {alarm['direction'].replace('_', ' ')} than predicted: "
            f"{alarm['before']:+.2%} before, {alarm['after']:+.2%} in the {alarm['labels']:,} newest labels",
            highlight=False,
        )


def _print_contest(console: Console, model: Row) -> None:
    since = f" since {model['champion_since_day']}" if model["champion_since_day"] else ""
    console.print(
        f"\n[bold]Champion[/bold] {shown(model['champion'])} ({shown(model['champion_kind'])}){since}", highlight=False
    )
    if not model["challengers"]:
        return
    columns = ("challenger", "kind", "since", "labels", "log loss", "champion's", "weeks better")
    table = _table("Challengers, on the same labels", *columns, left=3)
    for one in model["challengers"]:
        table.add_row(
            shown(one["name"]),
            one["kind"],
            str(to_date(one["since_day"])),
            f"{one['labelled']:,}",
            _figure(one["log_loss"], ".4f"),
            _figure(one["champion_log_loss"], ".4f"),
            str(one["weeks_better"]),
        )
    console.print(table)


def _print_changes(console: Console, changes: list[Row]) -> None:
    if not changes:
        return
    console.print("\n[bold]Changes[/bold]")
    for one in changes[-_CHANGES_SHOWN:]:
        figures = ", ".join(f"{shown(name)} {value:.4g}" for name, value in one["figures"].items())
        before, after = shown(one["before"]), shown(one["after"])
        # The one kind that changes nothing: a booster never serves.
        said = f"{after} than {before}" if one["kind"] == "booster_better" else f"{before} to {after}"
        console.print(
            f"  {to_date(one['day'])}  {one['kind'].replace('_', ' ')}: {said}{figures and f' ({figures})'}",
            highlight=False,
        )


def _figure(value: float | None, style: str) -> str:
    return "–" if value is None else format(value, style)
