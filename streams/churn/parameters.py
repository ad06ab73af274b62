"""A model as plain JSON: all that a scorer or a restarted trainer needs, nothing of a library's internals.

Pickles do not load across versions of River and must never be loaded from strangers; this does, and is
checked on reading. Floats survive JSON and msgpack bit for bit.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from streams.churn.rls import LARGEST_WEIGHT, Prior, RLSLogit
from streams.churn.scale import Constant, Constants, Scale
from streams.errors import PoisonError

SCHEMA: Literal["zelo.churn.rls/1"] = "zelo.churn.rls/1"
_MOST_FEATURES = 1000


class ForeignModelError(PoisonError):
    """A snapshot that is not a sound model of this schema."""


class Parameters(Struct, frozen=True, kw_only=True):
    """State of a model.

    Attributes:
        river: version of River it was learned with; told, not required: nothing here depends on it.
        constants: per feature its name, transform, typical value and scale, in the order of the weights.
        clip: bound of scaled features.
        weights: intercept, then one per feature, log-odds per spread.
        covariance: upper triangle of the weights' covariance, by rows, intercept first.
        forgetting, variance, variance_cap: as in `RLSLogit`.
        learned, refused: examples taken in, and turned away because they would have broken the numbers.
    """

    schema: Literal["zelo.churn.rls/1"] = SCHEMA
    river: str
    constants: list[Constant]
    clip: float
    weights: list[float]
    covariance: list[float]
    forgetting: float
    variance: float
    variance_cap: float
    learned: int
    refused: int


def read(raw: Mapping[str, object]) -> Parameters:
    """Parameters from the JSON object of a snapshot.

    Raises:
        ForeignModelError: another schema, missing parts, sizes that do not fit, numbers that are not sound.
    """
    try:
        parameters = msgspec.convert(raw, Parameters)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ForeignModelError(f"expected churn model parameters of {SCHEMA}: {error}") from error
    problem = _problem(parameters)
    if problem:
        raise ForeignModelError(f"expected sound churn model parameters, got {problem}")
    return parameters


def builtins(parameters: Parameters) -> dict[str, object]:
    """The plain JSON object of parameters; `read` gives them back bit for bit."""
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(parameters))
    return plain


def restored(parameters: Parameters) -> tuple[Scale, RLSLogit]:
    """The estimators in the state of the parameters."""
    constants: Constants = tuple(parameters.constants)
    prior: Prior = tuple((name, 0.0) for name, *_ in constants)
    classifier = RLSLogit(
        prior=prior,
        intercept=parameters.weights[0],
        forgetting=parameters.forgetting,
        variance=parameters.variance,
        variance_cap=parameters.variance_cap,
    )
    classifier.weights = list(parameters.weights)
    classifier.covariance = _square(parameters.covariance, len(parameters.weights))
    classifier.learned, classifier.refused = parameters.learned, parameters.refused
    return Scale(constants, parameters.clip), classifier


def captured(scale: Scale, classifier: RLSLogit, river: str) -> Parameters:
    """The parameters of estimators."""
    return Parameters(
        river=river,
        constants=list(scale.constants or ()),
        clip=scale.clip,
        weights=list(classifier.weights),
        covariance=_triangle(classifier.covariance),
        forgetting=classifier.forgetting,
        variance=classifier.variance,
        variance_cap=classifier.variance_cap,
        learned=classifier.learned,
        refused=classifier.refused,
    )


def taken_up(parameters: Parameters, scale: Scale, classifier: RLSLogit) -> None:
    """Carries what was learned over to estimators of another feature list or policy, in place.

    Features whose constants are the same keep weight and covariances; changed and new ones stay at the prior.
    """
    kept = {row[0]: (position, row) for position, row in enumerate(parameters.constants, start=1)}
    pairs = [(0, 0)] + [
        (position, kept[row[0]][0])
        for position, row in enumerate(scale.constants or (), start=1)
        if row[0] in kept and kept[row[0]][1] == row
    ]
    here, there = [a for a, _ in pairs], [b for _, b in pairs]
    for a, b in pairs:
        classifier.weights[a] = parameters.weights[b]
    learned = _square(parameters.covariance, len(parameters.weights))
    classifier.covariance[np.ix_(here, here)] = learned[np.ix_(there, there)]
    classifier.learned, classifier.refused = parameters.learned, parameters.refused


def _triangle(covariance: NDArray[np.float64]) -> list[float]:
    upper: list[float] = covariance[np.triu_indices(len(covariance))].tolist()
    return upper


def _square(upper: Sequence[float], size: int) -> NDArray[np.float64]:
    covariance = np.zeros((size, size))
    rows, columns = np.triu_indices(size)
    covariance[rows, columns] = upper
    covariance[columns, rows] = upper
    return covariance


def _problem(p: Parameters) -> str | None:
    """What makes parameters unusable, None when nothing does."""
    size = len(p.constants) + 1
    names = {name for name, *_ in p.constants}
    if len(names) != len(p.constants) or size > _MOST_FEATURES:
        return f"{len(p.constants)} features, {len(names)} of them distinct, at most {_MOST_FEATURES} wanted"
    if len(p.weights) != size or len(p.covariance) != size * (size + 1) // 2:
        return f"{len(p.weights)} weights and {len(p.covariance)} covariances for {len(names)} features"
    numbers = (*p.weights, *p.covariance, *(v for _, _, *pair in p.constants for v in pair))
    if not all(map(math.isfinite, numbers)):
        return "numbers that are not finite"
    if not max(map(abs, p.weights)) < LARGEST_WEIGHT:
        return f"a weight of {LARGEST_WEIGHT:g} or more"
    variances = _square(p.covariance, size).diagonal().tolist()
    positive = (*variances, *(spread for *_, spread in p.constants), p.clip, p.variance, p.variance_cap)
    if not min(positive) > 0.0 or not max(positive) < math.inf or not 0.0 < p.forgetting <= 1.0:
        return "a variance, scale, clip or forgetting out of range"
    return None
