"""Opponents of the model: a constant, batch logistic regression, a small gradient booster.

Each is refit every 14 days on all snapshots whose labels are mature by then, and says its probabilities of the
snapshots of the next 14 days. They see the same features on the same scale as the model. Until ten positive labels are
mature they say the base rate. scikit-learn and LightGBM come with the extra `bench`; what is not installed is left out.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from streams.backtest.churn.sample import Booleans, Floats, Sample
from streams.churn.scale import Constants

REFIT_DAYS = 14
_LEAST_POSITIVES = 10
_CLIP = 4.0
_FLOOR = 1e-4
CONSTANT, LOGISTIC, BOOSTER = "constant", "batch logistic regression", "small LightGBM"
PACKAGES: Mapping[str, str] = {LOGISTIC: "sklearn", BOOSTER: "lightgbm"}


Fitted = Callable[[Floats], Floats]
"""What a fit gives: probabilities of rows of features."""
Fit = Callable[[Floats, Booleans], Fitted]


def missing() -> list[str]:
    """The opponents whose package is not installed."""
    return [name for name, package in PACKAGES.items() if find_spec(package) is None]


def opponents() -> dict[str, Fit]:
    """The opponents that can be had, by name."""
    fits: dict[str, Fit] = {LOGISTIC: logistic, BOOSTER: booster}
    return {CONSTANT: constant} | {name: fit for name, fit in fits.items() if name not in missing()}


def scaled(sample: Sample, constants: Constants) -> Floats:
    """The features with heavy tails tamed as the model does (signed log), not yet centred; NaN stays."""
    columns = sample.features.copy()
    kinds = {name: kind for name, kind, *_ in constants}
    for number, name in enumerate(sample.names):
        if kinds[name] == "log":
            values = columns[:, number]
            columns[:, number] = np.sign(values) * np.log1p(np.abs(values))
    return columns


def refit(sample: Sample, features: Floats, fit: Fit, base_rate: float) -> Floats:
    """Probabilities of every snapshot, each by the newest fit on labels that were mature before its day.

    Args:
        sample: by day.
        features: as the fit wants them, one row a snapshot.
        fit: of an opponent.
        base_rate: said until enough labels are mature.
    """
    probability = np.full(len(sample), base_rate)
    mature_on = sample.day + sample.horizon_days
    if not len(sample):
        return probability
    for start in range(int(sample.day[0]), int(sample.day[-1]) + 1, REFIT_DAYS):
        now = (sample.day >= start) & (sample.day < start + REFIT_DAYS)
        known = mature_on <= start
        labels = sample.churned[known]
        if now.any() and labels.sum() >= _LEAST_POSITIVES and not labels.all():
            probability[now] = fit(features[known], labels)(features[now])
    bounded: Floats = np.clip(probability, _FLOOR, 1.0 - _FLOOR)
    return bounded


def constant(_features: Floats, churned: Booleans) -> Fitted:
    """Says the share that churned so far."""
    rate = float(churned.mean())
    return lambda features: np.full(len(features), rate)


def logistic(features: Floats, churned: Booleans) -> Fitted:
    """L2-penalised logistic regression (scikit-learn's defaults) on standardised features cut at 4; gaps: the mean."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    known = ~np.isnan(features)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, features, 0.0).sum(axis=0) / counts
    spread = np.sqrt(np.where(known, (features - mean) ** 2, 0.0).sum(axis=0) / counts)
    spread = np.where(spread > 1e-9, spread, 1.0)

    def standard(rows: Floats) -> Floats:
        cut: Floats = np.clip((np.where(np.isnan(rows), mean, rows) - mean) / spread, -_CLIP, _CLIP)
        return cut

    model: Any = LogisticRegression(max_iter=300)
    model.fit(standard(features), churned)
    return lambda rows: _second(model.predict_proba(standard(rows)))


def booster(features: Floats, churned: Booleans) -> Fitted:
    """60 trees of 6 leaves; one thread and fixed seeds, so that it says the same again."""
    from lightgbm import LGBMClassifier  # noqa: PLC0415 - an extra

    model: Any = LGBMClassifier(
        n_estimators=60,
        learning_rate=0.05,
        num_leaves=6,
        min_child_samples=min(200, max(1, len(features) // 20)),
        reg_lambda=5.0,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.8,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        random_state=1,
        verbose=-1,
    )
    model.fit(features, churned)
    return lambda rows: _second(model.predict_proba(rows))


def _second(probabilities: Any) -> Floats:
    column: Floats = np.asarray(probabilities, dtype=np.float64)[:, 1]
    return column
