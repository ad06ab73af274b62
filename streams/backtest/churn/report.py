"""An evaluation as data: figures of the model and its opponents on the same snapshots, with intervals, and curves.

Two parts of the history are told apart: the first 120 days, in which the model has little but its prior, and what
follows, which is what the model is judged by. The opponents cannot speak in the first weeks, so comparing there would
flatter the model.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from msgspec import Struct

from streams.backtest.churn.baselines import CONSTANT, opponents, refit, scaled
from streams.backtest.churn.figures import Against, Figure, Figures, Part
from streams.backtest.churn.intervals import DRAWS, Draws, Interval
from streams.backtest.churn.longer import CONSTANT_HAZARD, Longer
from streams.backtest.churn.measures import Measured, Ranked
from streams.backtest.churn.sample import Floats, Sample
from streams.backtest.churn.targets import MODEL, Target, targets
from streams.churn.scale import Constants
from streams.errors import ConfigurationError
from streams.metrics.days import to_date

START_DAYS = 120
_PERIOD_DAYS = 56
_LIFT_STEPS = 20


class ReliabilityBin(Struct, frozen=True):
    """Snapshots of neighbouring probabilities: how many, the mean said, the share that churned."""

    snapshots: int
    predicted: float
    observed: float


class Period(Struct, frozen=True):
    """ROC AUC of snapshots of some weeks by model, None where it is not defined."""

    since: date
    roc_auc: dict[str, float | None]


class LiftPoint(Struct, frozen=True):
    """Share of the snapshots, riskiest first, and by model the share of the churners among them."""

    share: float
    found: dict[str, float]


class Evaluation(Struct, frozen=True):
    """All of it.

    Attributes:
        events: taken in; bad_lines: left out.
        horizon_days: of the probability.
        model: name and version as it ended.
        judged: snapshots after the first 120 days; None when there are none with both outcomes.
        start: snapshots of the first 120 days, likewise.
        whole: all snapshots.
        without: opponents left out, as their package is not installed.
        draws: of the bootstrap.
        targets: what is promised, and whether it holds here.
        horizons: by days, how good the probabilities of longer windows are, after the first 120 days, beside those of
            a constant hazard; without those of which nothing can be said.
        reliability, periods, lift: curves; of what is judged, else of the whole.
    """

    events: int
    bad_lines: int
    horizon_days: int
    model: str
    whole: Part
    judged: Part | None
    start: Part | None
    without: list[str]
    draws: int
    targets: list[Target]
    horizons: dict[str, Part]
    reliability: dict[str, list[ReliabilityBin]]
    periods: list[Period]
    lift: list[LiftPoint]


def evaluate(
    sample: Sample,
    constants: Constants,
    base_rate: float,
    without: Sequence[str],
    heading: tuple[int, int, str],
    longer: Mapping[int, Longer] | None = None,
    draws: int = DRAWS,
) -> Evaluation:
    """Measures the model and its opponents.

    Args:
        sample: mature labels.
        constants: how features are scaled.
        base_rate: what opponents say before their first fit.
        without: opponents that cannot be had.
        heading: events, bad lines, name of the model.
        longer: snapshots of the longer windows, by days.
        draws: of the bootstrap.

    Raises:
        ConfigurationError: no mature label, or not both outcomes among them.
    """
    _require_labels(sample)
    features = scaled(sample, constants)
    says = {MODEL: sample.probability}
    says |= {name: refit(sample, features, fit, base_rate) for name, fit in opponents().items()}
    early = sample.day < sample.day[0] + START_DAYS
    judged, start = _part(sample, says, ~early, draws), _part(sample, says, early, draws)
    whole = _part(sample, says, np.ones(len(sample), dtype=np.bool_), draws)
    assert whole is not None  # both outcomes were seen
    shown = ~early if judged is not None else np.ones(len(sample), dtype=np.bool_)
    drawn = {name: Ranked(p[shown], sample.churned[shown]) for name, p in says.items()}
    return Evaluation(
        events=heading[0],
        bad_lines=heading[1],
        horizon_days=sample.horizon_days,
        model=heading[2],
        whole=whole,
        judged=judged,
        start=start,
        without=list(without),
        draws=draws,
        targets=targets(judged, start),
        horizons=_horizons(longer or {}, draws),
        reliability={name: [ReliabilityBin(*b) for b in ranked.reliability()] for name, ranked in drawn.items()},
        periods=_periods(sample, says),
        lift=_lift({name: ranked for name, ranked in drawn.items() if name != CONSTANT}),
    )


def _horizons(longer: Mapping[int, Longer], draws: int) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for days, one in longer.items():
        if len(one.day):
            says = {MODEL: one.probability, CONSTANT_HAZARD: one.constant_hazard}
            part = _part(one, says, one.day >= one.day[0] + START_DAYS, draws)
            if part is not None:
                found[str(days)] = part
    return found


def _require_labels(sample: Sample) -> None:
    if not len(sample):
        raise ConfigurationError(
            f"expected snapshots whose {sample.horizon_days} days have passed, found none: a snapshot needs a Sunday, "
            "a paying customer and that many days of events behind it"
        )
    if not sample.churned.any():
        raise ConfigurationError(
            f"expected customers that leave, found none among {len(sample):,} snapshots: nothing can be measured"
        )
    if sample.churned.all():
        raise ConfigurationError(f"expected customers that stay, found none among {len(sample):,} snapshots")


def _part(
    sample: Sample | Longer, says: Mapping[str, Floats], rows: np.typing.NDArray[np.bool_], draws: int
) -> Part | None:
    churned = sample.churned[rows]
    if not churned.any() or churned.all():
        return None
    customer, day = sample.customer[rows], sample.day[rows]
    drawn = Draws(customer, churned, {name: p[rows] for name, p in says.items()}, draws)
    return Part(
        since=to_date(int(day[0])),
        until=to_date(int(day[-1])),
        snapshots=len(day),
        positives=int(churned.sum()),
        customers=len(np.unique(customer)),
        customers_churned=len(np.unique(customer[churned])),
        models={name: _figures(drawn, name) for name in says},
        against={name: _against(drawn, name) for name in says if name != MODEL},
    )


def _figures(drawn: Draws, name: str) -> Figures:
    whole: Measured = drawn.whole[name]
    return Figures(
        **{field: _figure(getattr(whole, field), drawn.interval(name, field)) for field in Figures.__struct_fields__}
    )


def _against(drawn: Draws, other: str) -> Against:
    mine, theirs = drawn.whole[MODEL], drawn.whole[other]
    return Against(
        roc_auc=_figure(mine.roc_auc - theirs.roc_auc, drawn.difference(MODEL, other, "roc_auc")),
        log_loss=_figure(mine.log_loss / theirs.log_loss - 1.0, drawn.excess(MODEL, other, "log_loss")),
    )


def _figure(value: float, interval: Interval) -> Figure:
    return Figure(*(number if math.isfinite(number) else None for number in (value, interval.low, interval.high)))


def _periods(sample: Sample, says: Mapping[str, Floats]) -> list[Period]:
    """ROC AUC of the snapshots of every eight weeks, by the day of the snapshot."""
    first, last = int(sample.day[0]), int(sample.day[-1])
    found: list[Period] = []
    for start in range(first, last + 1, _PERIOD_DAYS):
        rows = (sample.day >= start) & (sample.day < start + _PERIOD_DAYS)
        churned = sample.churned[rows]
        aucs: dict[str, float | None] = {}
        for name, probability in says.items():
            if name != CONSTANT:
                defined = bool(churned.any()) and not churned.all()
                measured = Ranked(probability[rows], churned).measure(np.ones(len(churned))) if defined else None
                aucs[name] = None if measured is None else measured.roc_auc
        found.append(Period(to_date(start), aucs))
    return found


def _lift(ranked: Mapping[str, Ranked]) -> list[LiftPoint]:
    shares = [step / _LIFT_STEPS for step in range(_LIFT_STEPS + 1)]
    return [LiftPoint(share, {name: one.found(share) for name, one in ranked.items()}) for share in shares]
