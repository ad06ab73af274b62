"""A model as plain JSON: all that a scorer or a restarted trainer needs, nothing of a library's internals.

Pickles do not load across versions of River and must never be loaded from strangers; this does, and is
checked on reading. Floats survive JSON and msgpack bit for bit.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from streams.churn.adagrad import AdaGradLogit
from streams.churn.arrears import INTERCEPT
from streams.churn.linear import LARGEST_VALUE, LARGEST_WEIGHT, Prior, are_sound
from streams.churn.rls import RLSLogit
from streams.churn.scale import Constant, Constants, Scale
from streams.errors import PoisonError

SCHEMA = "zelo.churn.rls/1"
ADAGRAD_SCHEMA = "zelo.churn.adagrad/1"
_MOST_FEATURES = 1000
Classifier = RLSLogit | AdaGradLogit


class ForeignModelError(PoisonError):
    """A snapshot that is not a sound model of this schema."""


class Parameters(Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """State of a model of recursive least squares.

    Attributes:
        river: version of River it was learned with; told, not required: nothing here depends on it.
        constants: per feature its name, transform, typical value and scale, in the order of the weights.
        clip: bound of scaled features.
        weights: intercept, then one per feature, log-odds per spread.
        covariance: upper triangle of the weights' covariance, by rows, intercept first.
        forgetting, variance, variance_cap, least_kept: as in `RLSLogit`.
        learned, refused: examples taken in, and turned away because they would have broken the numbers.
    """

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
    least_kept: float = 0.0


class AdaGradParameters(Struct, frozen=True, kw_only=True, tag_field="schema", tag=ADAGRAD_SCHEMA):
    """State of a model of gradient steps; `squares` and `rate` as in `AdaGradLogit`, else as in `Parameters`."""

    river: str
    constants: list[Constant]
    clip: float
    weights: list[float]
    squares: list[float]
    rate: float
    learned: int
    refused: int


AnyParameters = Parameters | AdaGradParameters


def read(raw: Mapping[str, object]) -> AnyParameters:
    """Parameters from the JSON object of a snapshot.

    Raises:
        ForeignModelError: another schema, missing parts, sizes that do not fit, numbers that are not sound.
    """
    try:
        parameters: AnyParameters = msgspec.convert(raw, AnyParameters)
    except (msgspec.ValidationError, RecursionError) as error:
        schemas = f"{SCHEMA} or {ADAGRAD_SCHEMA}"
        raise ForeignModelError(f"expected churn model parameters of {schemas}: {error}") from error
    problem = _problem(parameters)
    if problem:
        raise ForeignModelError(f"expected sound churn model parameters, got {problem}")
    return parameters


def builtins(parameters: AnyParameters) -> dict[str, object]:
    """The plain JSON object of parameters; `read` gives them back bit for bit."""
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(parameters))
    return plain


def restored(parameters: AnyParameters) -> tuple[Scale, Classifier]:
    """The estimators in the state of the parameters."""
    constants: Constants = tuple(parameters.constants)
    prior: Prior = tuple((name, 0.0) for name, *_ in constants)
    classifier: Classifier
    if isinstance(parameters, Parameters):
        classifier = RLSLogit(
            prior=prior,
            intercept=parameters.weights[0],
            forgetting=parameters.forgetting,
            variance=parameters.variance,
            variance_cap=parameters.variance_cap,
            least_kept=parameters.least_kept,
        )
        classifier.covariance = _square(parameters.covariance, len(parameters.weights))
    else:
        classifier = AdaGradLogit(prior=prior, intercept=parameters.weights[0], rate=parameters.rate)
        classifier.squares = list(parameters.squares)
    classifier.weights = list(parameters.weights)
    classifier.learned, classifier.refused = parameters.learned, parameters.refused
    return Scale(constants, parameters.clip), classifier


def captured(scale: Scale, classifier: Classifier, river: str) -> AnyParameters:
    """The parameters of estimators."""
    constants, weights = list(scale.constants or ()), list(classifier.weights)
    learned, refused = classifier.learned, classifier.refused
    if isinstance(classifier, RLSLogit):
        return Parameters(
            river=river,
            constants=constants,
            clip=scale.clip,
            weights=weights,
            covariance=_triangle(classifier.covariance),
            forgetting=classifier.forgetting,
            variance=classifier.variance,
            variance_cap=classifier.variance_cap,
            learned=learned,
            refused=refused,
            least_kept=classifier.least_kept,
        )
    return AdaGradParameters(
        river=river,
        constants=constants,
        clip=scale.clip,
        weights=weights,
        squares=list(classifier.squares),
        rate=classifier.rate,
        learned=learned,
        refused=refused,
    )


def carried(parameters: AnyParameters, constants: Constants) -> dict[str, tuple[int, int]]:
    """What goes over to a model of these constants: positions here and there by feature, or `INTERCEPT`.

    Left out are features whose constants are others, for their weights are in other units, and weights out of bounds
    (an earlier release had none), for with them every example would be refused.
    """
    known = {row: position for position, row in enumerate(parameters.constants, start=1)}
    places = {row[0]: (position, known[row]) for position, row in enumerate(constants, start=1) if row in known}
    places = {INTERCEPT: (0, 0), **places}
    return {name: place for name, place in places.items() if are_sound([parameters.weights[place[1]]])}


def taken_up(parameters: AnyParameters, scale: Scale, classifier: Classifier) -> None:
    """Carries what was learned over to estimators of another feature list or policy, in place.

    Weights that are `carried` keep their certainty; all others stay at the prior. Estimators of the other kind take the
    weights alone.
    """
    pairs = list(carried(parameters, scale.constants or ()).values())
    here, there = [a for a, _ in pairs], [b for _, b in pairs]
    for a, b in pairs:
        classifier.weights[a] = parameters.weights[b]
    if isinstance(classifier, RLSLogit) and isinstance(parameters, Parameters):
        learned = _square(parameters.covariance, len(parameters.weights))
        classifier.covariance[np.ix_(here, here)] = learned[np.ix_(there, there)]
    if isinstance(classifier, AdaGradLogit) and isinstance(parameters, AdaGradParameters):
        for a, b in pairs:
            classifier.squares[a] = parameters.squares[b]
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


def _problem(p: AnyParameters) -> str | None:
    """What makes parameters unusable, None when nothing does."""
    size = len(p.constants) + 1
    names = {name for name, *_ in p.constants}
    spread = p.covariance if isinstance(p, Parameters) else p.squares
    wanted = size * (size + 1) // 2 if isinstance(p, Parameters) else size
    if len(names) != len(p.constants) or size > _MOST_FEATURES:
        return f"{len(p.constants)} features, {len(names)} of them distinct, at most {_MOST_FEATURES} wanted"
    if len(p.weights) != size or len(spread) != wanted:
        return f"{len(p.weights)} weights with {len(spread)} numbers of their certainty for {len(names)} features"
    numbers = (*p.weights, *spread, *(v for _, _, *pair in p.constants for v in pair))
    if not all(map(math.isfinite, numbers)):
        return "numbers that are not finite"
    if not are_sound(p.weights):
        return f"a weight of {LARGEST_WEIGHT:g} or more"
    # Scaling multiplies by the inverse: an infinite one makes a NaN of 0.
    scalable = all(scale > 0.0 and 1.0 / scale < math.inf for *_, scale in p.constants)
    if not scalable or not 0.0 < p.clip <= LARGEST_VALUE:
        return "a scale or clip out of range"
    return _problem_of_rls(p, size) if isinstance(p, Parameters) else _problem_of_adagrad(p)


def _problem_of_rls(p: Parameters, size: int) -> str | None:
    variances = (*_square(p.covariance, size).diagonal().tolist(), p.variance, p.variance_cap)
    remembering = 0.0 < p.forgetting <= 1.0 and 0.0 <= p.least_kept <= 1.0
    if all(0.0 < variance < math.inf for variance in variances) and remembering:
        return None
    return "a variance or forgetting out of range"


def _problem_of_adagrad(p: AdaGradParameters) -> str | None:
    return None if min(p.squares) >= 0.0 and 0.0 < p.rate < math.inf else "a sum of squares or rate out of range"
