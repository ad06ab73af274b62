"""The churn model: fixed scaling and `RLSLogit`, which River composes to a pipeline; it starts at the expert prior.

Learning follows fake-negative weighting (Ktena et al. 2019, arXiv 1907.06558): a snapshot counts as negative
at once, and once more as positive if the customer leaves, with importance weights that make the mean come
out right. So the model needs no month of waiting and is calibrated from its first days; "positives at once,
negatives after the window", the obvious code, over-predicts sixfold at the start (measured).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.__version__ import __version__ as river_version

from schemas.models import ModelKind
from streams.churn import parameters as state
from streams.churn.adagrad import AdaGradLogit
from streams.churn.arrears import INTERCEPT
from streams.churn.exact import logistic, logit
from streams.churn.features import CONSTANTS, PRIOR
from streams.churn.linear import are_sound
from streams.churn.parameters import AnyParameters, Classifier
from streams.churn.policy import ChurnPolicy
from streams.churn.rls import RLSLogit
from streams.churn.scale import Constants, Scale, number

MODEL_NAME = "churn-rls"
RIVER_VERSION: str = river_version


class ChurnModel:
    """Probability that a customer leaves within the horizon.

    Args:
        scale: the pipeline's first step.
        classifier: its second.
        policy: bounds of the probability.

    Example:
        >>> model = ChurnModel.prior(ChurnPolicy(base_rate=0.03))
        >>> round(model.probability({}), 3)
        0.03
    """

    def __init__(self, scale: Scale, classifier: Classifier, policy: ChurnPolicy) -> None:
        self.scale = scale
        self.classifier = classifier
        self.policy = policy

    @property
    def constants(self) -> Constants:
        """The features it knows, in the order of the weights."""
        return self.scale.constants or ()

    @classmethod
    def prior(cls, policy: ChurnPolicy, kind: ModelKind = "rls") -> "ChurnModel":
        """The expert's model: no label seen; the typical customer gets the base rate."""
        intercept = logit(policy.base_rate)
        if kind == "adagrad":
            return cls(Scale(CONSTANTS, policy.clip), AdaGradLogit(PRIOR, intercept, policy.learning_rate), policy)
        classifier = RLSLogit(
            prior=PRIOR,
            intercept=intercept,
            forgetting=policy.twin_forgetting if kind == "twin" else policy.forgetting,
            variance=policy.variance,
            variance_cap=policy.variance_cap,
            least_kept=policy.twin_least_kept if kind == "twin" else policy.least_kept,
        )
        return cls(Scale(CONSTANTS, policy.clip), classifier, policy)

    @classmethod
    def published(cls, parameters: AnyParameters, policy: ChurnPolicy) -> "ChurnModel":
        """The model exactly as its parameters tell, with the features it was learned on."""
        return cls(*state.restored(parameters), policy)

    @classmethod
    def resumed(cls, parameters: AnyParameters, policy: ChurnPolicy, kind: ModelKind = "rls") -> "ChurnModel":
        """The model to go on learning with: what was learned, under today's features and policy."""
        model = cls.prior(policy, kind)
        state.taken_up(parameters, model.scale, model.classifier)
        return model

    def stretched(self, slope: float, intercept: float) -> "ChurnModel":
        """The model whose log-odds are slope * ours + intercept, as linear as this one; to score, not to learn."""
        prior = tuple((name, slope * weight) for name, weight in self.weights().items())
        classifier = RLSLogit(prior=prior, intercept=slope * self.classifier.weights[0] + intercept)
        return ChurnModel(self.scale, classifier, self.policy)

    def probability(self, features: Mapping[str, Any]) -> float:
        """Probability in [floor, 1 - floor] for features in natural units, whatever their order."""
        return self.probability_of(self.contributions(features).values())

    def probability_of(self, contributions: Iterable[float]) -> float:
        """The probability that contributions amount to, whatever their order."""
        return self.policy.bounded(logistic(math.fsum(contributions) + self.classifier.weights[0]))

    def contributions(self, features: Mapping[str, Any]) -> dict[str, float]:
        """Log-odds each feature adds relative to the typical customer; exact and additive."""
        return self.classifier.contributions(self.scale.scaled(features))

    def weights(self) -> dict[str, float]:
        """Log-odds per spread by feature."""
        names = (name for name, *_ in self.constants)
        return dict(zip(names, self.classifier.weights[1:], strict=True))

    def all_weights(self) -> dict[str, float]:
        """The weights and, under `INTERCEPT`, the intercept."""
        return {INTERCEPT: self.classifier.weights[0], **self.weights()}

    def move(self, by: Mapping[str, float]) -> None:
        """Adds to weights by feature, and to the intercept under `INTERCEPT`; no step out of bounds is taken."""
        weights = self.all_weights()
        moved = {name: weight + by[name] for name, weight in weights.items() if name in by}
        within = {name: weight for name, weight in moved.items() if are_sound([weight])}
        self.classifier.weights = list((weights | within).values())

    def fade(self, snapshots: int) -> None:
        """Lets the past fade, before so many new snapshots of a day are learned.

        It fades by each of them, but by them all no further than to the share that the policy keeps; so a large
        company's model has a memory of as many weeks as a small one's.
        """
        if isinstance(self.classifier, RLSLogit):
            self.classifier.fade(snapshots)

    def learn_staying(self, features: Mapping[str, Any], probability: float) -> None:
        """A new snapshot, with the probability it was given: negative until the contrary is seen."""
        self.take_staying(self.values(features), probability)

    def learn_leaving(self, features: Mapping[str, Any]) -> None:
        """A snapshot whose customer left within the horizon; it was learned as staying before."""
        self.take_leaving(self.values(features))

    def values(self, features: Mapping[str, Any]) -> list[float]:
        """Features by position and scaled; the same for all models of today's features and policy."""
        return self.classifier.vector(self.scale.scaled(features))

    def take_staying(self, values: list[float], probability: float) -> None:
        """As `learn_staying`."""
        self.classifier.take(values, False, (1.0 - probability) * (1.0 + probability))

    def take_leaving(self, values: list[float]) -> None:
        """As `learn_leaving`."""
        now = logistic(math.fsum(map(mul, self.classifier.weights, values)))
        self.classifier.take(values, True, 1.0 + self.policy.bounded(now))

    def score_many(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Probabilities of many customers at once, equal to `probability` to 1e-12; to re-score in bulk."""
        if not rows:
            return np.empty(0)
        names = [name for name, *_ in self.constants]
        raw = np.array([[_number(row.get(name)) for name in names] for row in rows], dtype=np.float64)
        is_log = np.array([kind == "log" for _, kind, *_ in self.constants])
        typical = np.array([typical for *_, typical, _ in self.constants])
        spread = np.array([spread for *_, spread in self.constants])
        signed = np.where(is_log, _signed_log(raw), raw)
        with np.errstate(over="ignore"):
            z = (signed - np.where(is_log, _signed_log(typical), typical)) / spread
        z = np.clip(np.nan_to_num(z, nan=0.0), -self.scale.clip, self.scale.clip)
        logits = z @ np.array(self.classifier.weights[1:]) + self.classifier.weights[0]
        floor = self.policy.probability_floor
        probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))
        return np.clip(probabilities, floor, 1.0 - floor)

    def parameters(self) -> AnyParameters:
        """The model's state."""
        return state.captured(self.scale, self.classifier, RIVER_VERSION)

    def to_parameters(self) -> dict[str, object]:
        """The model's state as plain JSON; `from_parameters` gives it back bit for bit."""
        return state.builtins(self.parameters())

    @classmethod
    def from_parameters(cls, raw: Mapping[str, object], policy: ChurnPolicy) -> "ChurnModel":
        """The published model of a JSON object.

        Raises:
            ForeignModelError: not a sound model of our schema.
        """
        return cls.published(state.read(raw), policy)


def _number(raw: object) -> float:
    value = raw if type(raw) is float else number(raw)
    return np.nan if value is None or value - value != 0.0 else value


def _signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sign(values) * np.log1p(np.abs(values))
