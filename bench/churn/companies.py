"""The command: `python -m bench.churn.companies`; what the churn model promises, held against companies of other kinds.

Made-up companies with a known law that never changes (`company`: who is unhappy leaves, and who pays much), each in
the product's pipeline and judged as `zelo churn evaluate` judges a file of events; beside it the oracle, who knows the
law. The profile is the default one: a base rate of 3 % is expected of all of them, also of those that are far from it.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.churn.company import Plan
from bench.churn.drift import Life, lived
from schemas.registry import SURVEYS, TICKETS, USAGE
from streams.backtest.churn.baselines import BOOSTER, LOGISTIC, missing
from streams.backtest.churn.figures import Figure
from streams.backtest.churn.intervals import DRAWS, Draws, Interval
from streams.backtest.churn.report import START_DAYS, Evaluation, evaluate
from streams.churn.features import CONSTANTS
from streams.cli.churn_evaluated import verdict
from streams.metrics.profile import load_profile

_MODEL, _ORACLE = "model", "oracle"
_STEADY = Plan(0, customers=500, new=5, weeks=104, drift_week=None, dear=1.0, level=-0.5)
_UNTOLD = frozenset({TICKETS.name, SURVEYS.name})
#: By name. The levels were chosen for the share that leaves in a month, and for nothing else.
KINDS: Mapping[str, Plan] = {
    "plain": _STEADY,
    "small": _STEADY._replace(customers=300, new=3),
    "few leave": _STEADY._replace(customers=600, new=2, level=-2.7),
    "many leave": _STEADY._replace(customers=350, new=9, level=0.4),
    "seasonal": _STEADY._replace(season=1.0),
    "no tickets, no surveys": _STEADY._replace(untold=_UNTOLD),
    "billing alone": _STEADY._replace(untold=_UNTOLD | {USAGE.name}),
    "yearly contracts": _STEADY._replace(customers=300, new=3, weeks=117, yearly=True),
}


class Oracle(NamedTuple):
    """What one who knows the law and each customer's state would say, after the first 120 days.

    Attributes:
        less: the model's ROC AUC less the oracle's; interval: of that.
        roc_auc, ece, ratio, top_decile: the oracle's own: what the law allows, and what chance alone makes of it here.
    """

    less: float
    interval: Interval
    roc_auc: float
    ece: float
    ratio: float
    top_decile: float


class Judged(NamedTuple):
    """A company's model, judged.

    Attributes:
        life: what it lived through.
        evaluation: as of a file of events.
        oracle: None without leavers and stayers after the first 120 days.
    """

    life: Life
    evaluation: Evaluation
    oracle: Oracle | None

    @property
    def monthly(self) -> float:
        """Share of the snapshots whose customer is lost within 30 days."""
        return float(self.life.sample.churned.mean())


def judged(plan: Plan, draws: int = DRAWS) -> Judged:
    """A company of a plan, lived through and judged.

    Raises:
        ConfigurationError: nobody left.
    """
    profile = load_profile("default")
    life = lived(plan, profile)
    heading = life.events, 0, f"seed {plan.seed}"
    evaluation = evaluate(life.sample, CONSTANTS, profile.churn.base_rate, missing(), heading, draws=draws)
    return Judged(life, evaluation, _oracle(life, draws))


def _oracle(life: Life, draws: int) -> Oracle | None:
    rows = life.sample.day >= life.sample.day[0] + START_DAYS
    churned = life.sample.churned[rows]
    if not churned.any() or churned.all():
        return None
    says = {_MODEL: life.sample.probability[rows], _ORACLE: np.clip(life.truth[rows], 1e-4, 1.0 - 1e-4)}
    drawn = Draws(life.sample.customer[rows], churned, says, draws)
    knows = drawn.whole[_ORACLE]
    less = drawn.whole[_MODEL].roc_auc - knows.roc_auc
    return Oracle(
        less, drawn.difference(_MODEL, _ORACLE, "roc_auc"), knows.roc_auc, knows.ece, knows.ratio, knows.top_decile
    )


def main() -> int:
    """Prints a table for each company."""
    options, shown = _options(), Console(width=120)
    for name in options.kinds or KINDS:
        for seed in range(options.seed, options.seed + options.companies):
            _print(shown, f"{name}, seed {seed}", judged(KINDS[name]._replace(seed=seed)))
    return 0


def _print(shown: Console, name: str, one: Judged) -> None:
    evaluation, sample = one.evaluation, one.life.sample
    lost = 0 if evaluation.judged is None else evaluation.judged.customers_churned
    shown.print(
        f"\n{name}: {one.life.events:,} events, {len(sample):,} snapshots, {one.monthly:.1%} lost within "
        f"{sample.horizon_days} days; after the first {START_DAYS} days {lost} customers lost"
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for label in ("", "measured", ""):
        table.add_column(label)
    models = {} if evaluation.judged is None else evaluation.judged.models
    if _MODEL in models:
        table.add_row("ROC AUC", words(models[_MODEL].roc_auc), "")
    if one.oracle is not None:
        low, high = one.oracle.interval
        table.add_row("ROC AUC less the oracle's", words(Figure(one.oracle.less, low, high)), "")
        own = f"{one.oracle.roc_auc:.4f}, {one.oracle.ece:.4f}, {one.oracle.ratio:.2f}, {one.oracle.top_decile:.4f}"
        table.add_row("ROC AUC, ECE, predicted / observed, tenth of the oracle", own, "")
    for opponent in (LOGISTIC, BOOSTER):
        if (figures := models.get(opponent)) is not None:
            table.add_row(f"predicted / observed, {opponent}", words(figures.ratio), "")
            table.add_row(f"churners in the riskiest tenth, {opponent}", words(figures.top_decile), "")
    for target in evaluation.targets:
        table.add_row(target.name, words(target.measured), verdict(target))
    shown.print(table)
    alarms = [f"{alarm.direction} on day {alarm.day - int(sample.day[0])}" for alarm in one.life.alarms]
    changes = [f"{change.kind} on day {change.day - int(sample.day[0])}" for change in one.life.changes]
    shown.print(f"drift alarms: {', '.join(alarms) or 'none'}; changes: {', '.join(changes) or 'none'}")


def words(figure: Figure) -> str:
    """A figure with its interval."""
    if figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} \\[{figure.low:.4f}, {figure.high:.4f}]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.churn.companies", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="which (default: all)")
    parser.add_argument("--seed", type=int, default=41, help="of the first company (default: 41)")
    parser.add_argument("--companies", type=int, default=1, help="of each kind, a seed each (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
