"""The command: `python -m bench.churn.drift`; a change of why customers leave, lived through by the product's pipeline.

Companies with a known law (`company`) go through the real path from events to labels, one after another. Told are

    false alarms   drift alarms before the change, and in what time
    delay          days from the first label whose window is wholly behind the change to the first alarm since it
    recovery       ROC AUC less the oracle's, who knows the law, by how many labels of after it the model had seen
    opponents      ROC AUC after the change less that of batch models refit every 14 days (`--opponents`)
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.churn.company import HORIZON_DAYS, Plan, company
from schemas.models import DriftAlarm, ModelChange
from schemas.scores import Labelled
from streams.backtest.churn import baselines
from streams.backtest.churn.intervals import Draws, Interval
from streams.backtest.churn.rehearsal import Happened, Rehearsal
from streams.backtest.churn.report import START_DAYS
from streams.backtest.churn.sample import Booleans, Collected, Floats, Integers, Sample
from streams.churn.features import CONSTANTS
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import Profile, load_profile

MODEL, ORACLE = "model", "oracle"
#: Labels of after the change that the model has seen: where the steps of the recovery begin.
STEPS = (0, 1_000, 2_500, 5_000, 10_000)
_RECOVERED, _BEHIND = 0.04, 0.020
_DELAY_DAYS = 14
_YEAR = 365.25


class Life(Struct, frozen=True):
    """What a company's model lived through.

    Attributes:
        plan: of the company.
        alarms: all drift alarms.
        watched_days: before the change, in which an alarm could have been raised.
        sample: mature labels; truth: of each, what the oracle says.
        events: of the company; changes: of what serves.
    """

    plan: Plan
    alarms: list[DriftAlarm]
    watched_days: int
    sample: Sample
    truth: Floats
    events: int = 0
    changes: list[ModelChange] = []

    @property
    def felt_day(self) -> int | None:
        """Day on which the first label matures whose window lies wholly behind the change."""
        return None if self.plan.drift_day is None else self.plan.drift_day + HORIZON_DAYS

    @property
    def false_alarms(self) -> int:
        """Alarms before the change."""
        return sum(self.plan.drift_day is None or alarm.day < self.plan.drift_day for alarm in self.alarms)

    @property
    def delay_days(self) -> int | None:
        """Days from then to the first alarm since the change, under 0 when it came earlier; None when none came."""
        drift, felt = self.plan.drift_day, self.felt_day
        if drift is None or felt is None:
            return None
        return min((alarm.day - felt for alarm in self.alarms if alarm.day >= drift), default=None)

    def labels_seen(self) -> Integers:
        """Of each snapshot, how many labels of after the change were mature when it was scored; -1: before it."""
        drift, days = self.plan.drift_day, self.sample.day
        if drift is None:
            return np.full(len(days), -1, dtype=np.int64)
        late = days[days >= drift]
        seen: Integers = np.searchsorted(late, days - self.sample.horizon_days, side="right")
        seen[days < drift] = -1
        return seen


def lived(plan: Plan, profile: Profile) -> Life:
    """A company's life, from events to labels."""
    made = company(plan)
    collected, keys = Collected([name for name, *_ in CONSTANTS], profile.churn.horizon_days), dict[str, int]()

    def keep(label: Labelled) -> None:
        keys.setdefault(label.customer_id, len(keys))  # numbered as the sample numbers them
        collected.add(label)

    rehearsal = Rehearsal(profile, TimePolicy(), Days(), keep)
    for at, happened in _with_beats(made.events):
        if happened is None:
            rehearsal.beat(at)
        else:
            rehearsal.take(happened)
    model = rehearsal.model()
    sample = collected.sample(model.trained_through)
    names = {number: key for key, number in keys.items()}
    truth = [made.truth[names[int(c)], int(day)] for c, day in zip(sample.customer, sample.day, strict=True)]
    until = model.trained_through if plan.drift_day is None else plan.drift_day
    begun = [int(sample.day[0]), *(one.day for one in model.changes if one.kind in ("promotion", "rollback"))]
    watched = watched_days(begun, sample, until, profile.churn.drift_muted_days)
    return Life(plan, model.drift.alarms, watched, sample, np.array(truth), len(made.events), model.changes)


def watched_days(begun: list[int], sample: Sample, until: int, muted_days: int) -> int:
    """Days before `until` on which an alarm could be raised: muted is from when a model begins to serve (`begun`, the
    first at the first snapshot) until so many days after its first mature label.
    """
    days = np.arange(begun[0], until)
    heard = np.ones(len(days), dtype=bool)
    for day in begun:
        own = sample.day[sample.day >= day]
        first = int(own[0]) + sample.horizon_days if len(own) else until
        heard &= (days < day) | (days >= first + muted_days)
    return int(heard.sum())


def _with_beats(events: Iterable[Happened]) -> Iterator[tuple[int, Happened | None]]:
    """Events with a beat at the beginning of each day, and one after the last."""
    day: int | None = None
    for happened in events:
        at = int(happened.event.occurred_at)
        for begun in range(at // DAY_MS if day is None else day + 1, at // DAY_MS + 1):
            yield begun * DAY_MS, None
        day = at // DAY_MS
        yield at, happened
    yield (0 if day is None else day + 1) * DAY_MS, None


class Step(NamedTuple):
    """Snapshots scored after so many labels (-1: before the change, but for the model's first months): the model's
    ROC AUC, the oracle's, and the first less the second.
    """

    seen: int
    snapshots: int
    churned: int
    model: float
    oracle: float
    less: Interval


def recovery(lives: list[Life]) -> list[Step]:
    """How near the oracle the model is, the more labels of after the change it has seen; all companies together."""
    seen = np.concatenate([_seen(life) for life in lives])
    steps: list[Step] = []
    for begins, ends in zip([-1, *STEPS], [*STEPS, np.inf], strict=True):
        rows = (seen >= begins) & (seen < ends)
        if rows.any():
            customer, churned, says = _together(lives, rows)
            draws = Draws(customer, churned, says)
            auc = [draws.whole[name].roc_auc for name in (MODEL, ORACLE)]
            less = draws.difference(MODEL, ORACLE, "roc_auc")
            steps.append(Step(begins, int(rows.sum()), int(churned.sum()), *auc, less))
    return steps


def _seen(life: Life) -> Integers:
    """Labels seen; -2 of the model's first months."""
    early = life.sample.day < life.sample.day[0] + START_DAYS
    return np.where(early & (life.labels_seen() < 0), -2, life.labels_seen())


def _together(lives: list[Life], rows: Booleans) -> tuple[Integers, Booleans, dict[str, Floats]]:
    """Customers (numbered apart by company), labels and what is said of these rows of all companies."""
    customer = np.concatenate([life.sample.customer + 1_000_000 * n for n, life in enumerate(lives)])[rows]
    churned = np.concatenate([life.sample.churned for life in lives])[rows]
    model = np.concatenate([life.sample.probability for life in lives])[rows]
    truth = np.concatenate([life.truth for life in lives])[rows]
    return customer, churned, {MODEL: model, ORACLE: np.clip(truth, 1e-4, 1.0 - 1e-4)}


def against(lives: list[Life], base_rate: float) -> dict[str, tuple[float, Interval]]:
    """ROC AUC after the change less that of each opponent, all companies together."""
    rows = np.concatenate([life.labels_seen() >= 0 for life in lives])
    customer, churned, says = _together(lives, rows)
    fits = {name: fit for name, fit in baselines.opponents().items() if name != baselines.CONSTANT}
    for name, fit in fits.items():
        said = [baselines.refit(of.sample, baselines.scaled(of.sample, CONSTANTS), fit, base_rate) for of in lives]
        says[name] = np.concatenate(said)[rows]
    draws = Draws(customer, churned, says)
    return {
        name: (draws.whole[MODEL].roc_auc - draws.whole[name].roc_auc, draws.difference(MODEL, name, "roc_auc"))
        for name in fits
    }


def main() -> int:
    options, shown, said = _options(), Console(width=132), Console(stderr=True)
    profile, lives = load_profile("default"), list[Life]()
    for seed in range(options.seed, options.seed + options.companies):
        plan = Plan(seed, options.customers, options.new, options.weeks, options.change, options.shift)
        life = lived(plan._replace(drift_week=None) if options.steady else plan, profile)
        lives.append(life)
        alarms = ", ".join(f"day {alarm.day} {alarm.direction}" for alarm in life.alarms) or "none"
        said.print(f"company {seed}: {len(life.sample):,} snapshots, alarms: {alarms} (felt from {life.felt_day})")
    _print(shown, lives)
    if options.opponents:
        for name, (less, interval) in against(lives, profile.churn.base_rate).items():
            shown.print(
                f"ROC AUC after the change less {name}'s: {less:+.3f} {_words(interval)}; target -{_BEHIND:.3f}"
            )
    return 0


def _print(shown: Console, lives: list[Life]) -> None:
    years = sum(life.watched_days for life in lives) / _YEAR
    false = sum(life.false_alarms for life in lives)
    shown.print(f"false alarms: {false} in {years:.1f} years of {len(lives)} companies; target: one a year at most")
    changed = [life for life in lives if life.felt_day is not None]
    if not changed:
        return
    delays = [life.delay_days for life in changed]
    seen = ", ".join("never" if delay is None else str(delay) for delay in delays)
    shown.print(f"days to the alarm: {seen}; target: {_DELAY_DAYS} at most")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for label in ("labels seen", "snapshots", "left", "model", "oracle", "less the oracle"):
        table.add_column(label, justify="right")
    for step in recovery(changed):
        less = f"{step.model - step.oracle:+.3f} {_words(step.less)}"
        table.add_row(
            "before" if step.seen < 0 else f"from {step.seen:,}",
            f"{step.snapshots:,}",
            str(step.churned),
            *_aucs(step),
            less,
        )
    shown.print(table)
    shown.print(f"target: from 5,000 labels on at most {_RECOVERED} less than the oracle")


def _aucs(step: Step) -> list[str]:
    return [f"{step.model:.3f}", f"{step.oracle:.3f}"]


def _words(interval: Interval) -> str:
    return f"[{interval.low:+.3f}, {interval.high:+.3f}]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.churn.drift", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first company (default: 1)")
    parser.add_argument("--companies", type=int, default=4, help="how many, a seed each (default: 4)")
    parser.add_argument(
        "--shift", type=float, default=0.3, help="log-odds by which more leave; 0: others, but as many (default: 0.3)"
    )
    made = Plan(0)
    for name, what in (
        ("customers", "at the start"),
        ("new", "customers a week"),
        ("weeks", "in all"),
        ("change", "week from which on the other law holds"),
    ):
        known = made.drift_week if name == "change" else getattr(made, name)
        parser.add_argument(f"--{name}", type=int, default=known, help=f"{what} (default: {known})")
    parser.add_argument("--steady", action="store_true", help="the law never changes: false alarms alone")
    parser.add_argument("--opponents", action="store_true", help="batch models too: minutes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
