"""`zelo churn explain`: why a customer's churn risk is what it is, and what changed since the last snapshot."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from streams.alerts.texts import Locale
from streams.churn.exact import logistic, odds_ratio
from streams.churn.features import FAMILIES
from streams.churn.reasons.words import family_name, frame, no_data_text, reason_text
from streams.cli.answers import print_json, shown
from streams.cli.churn_archive import churn_archive
from streams.cli.explaining import Row
from streams.config import load_settings

_LEAST_CHANGE = 0.005  # log-odds: smaller ones would read as 0.00


def command(
    customer: Annotated[str, typer.Argument(help="customer_id of a paying customer")],
    lang: Annotated[Locale, typer.Option("--lang", "--locale", help="language of the reasons: en, pt or es")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Explain a customer's churn risk: its reasons, what changed in a week, and how far to trust it."""
    with churn_archive(load_settings()) as archive:
        score = in_language(archive.score(customer), lang)
    if as_json:
        print_json(score)
        return
    print_score(Console(), score, lang)


def in_language(score: Row, locale: Locale) -> Row:
    """The score with its reasons told in a language."""
    told = {
        side: [
            {**one, "text": reason_text(one["code"], one["values"], locale, score["currency"])} for one in score[side]
        ]
        for side in ("raising", "protecting")
    }
    return {**score, **told, "locale": locale}


def print_score(console: Console, score: Row, locale: Locale) -> None:
    """A score as people read it."""
    name = f" ({shown(score['name'])})" if score["name"] else ""
    console.print(
        f"\n[bold]{shown(score['customer_id'])}{name}: {score['probability']:.1%}[/bold] within "
        f"{score['horizon_days']} days, {score['band']}",
        highlight=False,
    )
    others = [f"{days} days {p:.1%}" for days, p in sorted(score["horizons"].items(), key=lambda pair: int(pair[0]))]
    if others:
        console.print(f"within {', '.join(others)}", highlight=False)
    console.print(f"as of {score['as_of']:%Y-%m-%d %H:%M:%S} UTC", highlight=False)
    _print_change(console, score, locale)
    for side in ("raising", "protecting"):
        if score[side]:
            console.print(f"\n[bold]{frame(side, locale)}[/bold]", highlight=False)
        for one in score[side]:
            console.print(f"  ×{one['odds_ratio']:.2f}  {shown(one['text'])}", highlight=False)
    if not score["raising"] and not score["protecting"]:
        console.print("\nnothing stands out", highlight=False)
    _print_families(console, score, locale)
    _print_trust(console, score)


def _print_change(console: Console, score: Row, locale: Locale) -> None:
    before = score["previous_probability"]
    if before is None:
        console.print("no snapshot of a week before to compare with", highlight=False)
        return
    moved = sorted(score["changes"].items(), key=lambda pair: -abs(pair[1]))
    parts = [f"{family_name(one, locale)} {by:+.2f}" for one, by in moved if abs(by) >= _LEAST_CHANGE]
    of_them = f" ({', '.join(parts)})" if parts else ""
    console.print(
        f"was {before:.1%} at the end of {score['previous_day']}; since then, in log-odds: "
        f"the customer {score['changed_by_customer']:+.2f}{of_them}, the model {score['changed_by_model']:+.2f}",
        highlight=False,
    )


def _print_families(console: Console, score: Row, locale: Locale) -> None:
    """What the log-odds are made of: they sum to those of the probability."""
    if score["baseline"] is None:
        return
    table = Table(title="\nMade of", title_justify="left", box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("log-odds", justify="right")
    table.add_column("", justify="left")
    table.add_row("typical customer", f"{score['baseline']:+.2f}", f"{logistic(score['baseline']):.1%}")
    for family in FAMILIES:
        added = score["contributions"].get(family)
        if added is None:
            table.add_row(no_data_text(family, locale), "–", "")
        else:
            table.add_row(family_name(family, locale), f"{added:+.2f}", f"×{odds_ratio(added):.2f}")
    console.print(table)


def _print_trust(console: Console, score: Row) -> None:
    calibrated = ", calibrated" if score["calibrated"] else ""
    console.print(
        f"\nmodel {shown(score['model'])} v{score['model_version']} ({shown(score['champion'])}{calibrated})",
        highlight=False,
    )
    for line in quality_words(score, "quality_"):
        console.print(line, highlight=False)


def quality_words(row: Row, prefix: str = "") -> list[str]:
    """How far to trust the probabilities, in sentences."""
    quality: dict[str, Any] = {name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)}
    churned = quality["customers_churned"]
    lines = [
        f"of {quality['observations']:,} weekly snapshots the outcome of {quality['labelled']:,} is known: "
        f"{quality['positives']:,} were followed by churn, of {churned:,} customers, which are the sample size"
    ]
    if row["is_prior"]:
        lines.append("still a prior: too few customers have left, the number rests on the expert's guess")
    if quality["roc_auc"] is not None:
        ratio = quality["mean_predicted"] / quality["mean_observed"]
        lines.append(
            f"tested before it learned each label: ROC AUC {quality['roc_auc']:.3f}, log loss "
            f"{quality['log_loss']:.4f} (a constant guess {quality['log_loss_constant']:.4f}), "
            f"predicted / observed {ratio:.2f}"
        )
    return lines
