"""The command: `python -m bench.churn EVENTS.jsonl.gz`; `zelo import crm5 DIR --output` writes such a file.

With the extra `boost` the boosted challenger learns beside the model, as it does live; its figures come last.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.churn import models, prequential
from bench.churn.costs import costs
from streams.app import profile_of
from streams.backtest.churn import baselines
from streams.backtest.churn.measures import Ranked
from streams.backtest.churn.report import START_DAYS
from streams.backtest.churn.sample import Floats, Sample
from streams.churn import booster_fit
from streams.churn.features import CONSTANTS
from streams.cli.churn_evaluate import lived
from streams.config import load_settings
from streams.errors import ZeloError

_WIDTH = 132


def main() -> int:
    options = _options()
    said = Console(stderr=True)
    try:
        _measure(options.events, options.rows, options.forests, Console(width=_WIDTH), said)
    except ZeloError as error:
        said.print(f"[red]error:[/red] {error}")
        return 2
    return 0


def _measure(events: Path, rows: int, forests: bool, shown: Console, said: Console) -> None:
    settings = load_settings()
    profile = profile_of(settings)
    history = lived(settings, profile, events, booster_fit.installed())
    whole = history.collected.sample(history.rehearsal.model().trained_through)
    sample = prequential.some_customers(whole, rows) if rows else whole
    shown.print(
        f"{len(sample):,} of {len(whole):,} snapshots, {int(sample.churned.sum()):,} positive; judged after the first "
        f"{START_DAYS} days"
    )
    if len(sample) < len(whole):
        shown.print(
            "The model has learned from all customers, the others from these: --rows 0 compares like with like."
        )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for label in ("", "ROC AUC", "PR AUC", "log loss", "ECE", "predicted/observed", "predict us", "learn us"):
        table.add_column(label, justify="right" if label else "left")
    table.add_row("the model (RLSLogit, expert prior, FNW labels)", *_figures(sample, sample.probability), "", "")
    for name, make in models.online(forests).items():
        said.print(name)
        done = prequential.tested(make(), sample)
        table.add_row(name, *_figures(sample, done.probability), f"{done.predict_us:.0f}", f"{done.learn_us:.0f}")
    features = baselines.scaled(sample, CONSTANTS)
    for name, fit in baselines.opponents().items():
        said.print(name)
        probability = baselines.refit(sample, features, fit, profile.churn.base_rate)
        table.add_row(f"{name}, refit every {baselines.REFIT_DAYS} days", *_figures(sample, probability), "", "")
    shown.print(table)
    for challenger in history.rehearsal.model().challengers:
        if challenger.log_loss is not None and challenger.champion_log_loss is not None:
            shown.print(
                f"challenger {challenger.name}: log loss {challenger.log_loss:.4f} on {challenger.labelled:,} mature "
                f"labels since the last change, the champion's {challenger.champion_log_loss:.4f} on the same"
            )
    one = costs(whole, history.rehearsal.model(), profile.churn)
    shown.print(
        f"the model: score {one.score_us:.1f} us, learn {one.learn_us:.1f} us, reasons {one.reasons_us:.1f} us, "
        f"{one.words_us:.1f} us in words, a "
        f"customer (CPU, best of seven); snapshot {one.snapshot_bytes / 1000:.1f} kB"
    )


def _figures(sample: Sample, probability: Floats) -> list[str]:
    late = sample.day >= sample.day[0] + START_DAYS
    one = Ranked(probability[late], sample.churned[late]).measure(np.ones(int(late.sum())))
    return [f"{one.roc_auc:.4f}", f"{one.pr_auc:.4f}", f"{one.log_loss:.4f}", f"{one.ece:.4f}", f"{one.ratio:.2f}"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.churn", description=__doc__)
    parser.add_argument("events", type=Path, help="a file of events in envelope form")
    parser.add_argument(
        "--rows", type=int, default=36_000, help="snapshots, all of a customer or none; 0: all (default: 36000)"
    )
    parser.add_argument("--forests", action="store_true", help="an adaptive random forest too: minutes, not seconds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
