"""A published model at work: probability, band and reasons of a customer, and how far to trust them.

Starts with the expert prior, so there is a score before there is a model; takes up newer models idempotently.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from numpy import float64
from numpy.typing import NDArray

from schemas.metrics import CustomerValues
from schemas.scores import ModelSnapshot, Quality, Reason
from streams.churn.explain import explain
from streams.churn.model import MODEL_NAME, ChurnModel
from streams.churn.policy import Band, ChurnPolicy

_NOTHING = CustomerValues()


class Risk(Struct, frozen=True, kw_only=True):
    """What the model says of a customer; `schemas.scores.ChurnScore` tells the fields.

    `conflicts` names features behind a reason whose learned weight points against the expert's expectation.
    """

    probability: float
    band: Band
    raising: list[Reason]
    protecting: list[Reason]
    no_data: list[str]
    conflicts: list[str]


class ChurnScorer:
    """Scores customers with the newest model it was given.

    Args:
        policy: bands, floors, how many reasons.
        snapshot: a published model; None starts at the expert prior.

    Attributes:
        model, model_version: what scores; version 0 is the prior.
        trained_through: last day learned, None for the prior.
        horizon_days: the window the probability speaks of.
        is_prior: too few labels seen to call it learned.
        quality: of the model, test-then-train.

    Example:
        >>> scorer = ChurnScorer(ChurnPolicy())
        >>> risk = scorer.score({"days_since_last_use": 45.0, "active_days_28d": 0.0})
        >>> risk.raising[0].code, scorer.is_prior
        ('usage_silent', True)
    """

    def __init__(self, policy: ChurnPolicy, snapshot: ModelSnapshot | None = None) -> None:
        self.policy = policy
        self.model = MODEL_NAME
        self.model_version = 0
        self.trained_through: int | None = None
        self.horizon_days = policy.horizon_days
        self.is_prior = True
        self.quality = Quality()
        self._use(ChurnModel.prior(policy))
        if snapshot is not None:
            self.load(snapshot)

    def load(self, snapshot: ModelSnapshot) -> bool:
        """Takes up a published model; False when it is another model's, or not newer than the present one.

        Raises:
            ForeignModelError: the parameters are not a sound model; the present one stays.
        """
        if snapshot.model != MODEL_NAME or snapshot.model_version <= self.model_version:
            return False
        self._use(ChurnModel.from_parameters(snapshot.parameters, self.policy))
        self.model_version = snapshot.model_version
        self.trained_through = snapshot.trained_through
        self.horizon_days = snapshot.horizon_days
        self.is_prior = snapshot.is_prior
        self.quality = snapshot.quality
        return True

    def score(self, features: Mapping[str, float], values: CustomerValues = _NOTHING) -> Risk:
        """Probability and reasons.

        Args:
            features: as `features.features` gives them.
            values: the metric values they were read from, for the numbers in the reasons.
        """
        contributions = self._model.contributions(features)
        probability = self._model.probability_of(contributions)
        told = explain(contributions, self._weights, features, self.policy, values)
        return Risk(
            probability=probability,
            band=self.policy.band(probability),
            raising=told.raising,
            protecting=told.protecting,
            no_data=told.no_data,
            conflicts=told.conflicts,
        )

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability alone, several times faster than `score`."""
        return self._model.probability(features)

    def score_many(self, rows: Sequence[Mapping[str, float]]) -> NDArray[float64]:
        """The probabilities of many customers, equal to `probability` to 1e-12."""
        return self._model.score_many(rows)

    def _use(self, model: ChurnModel) -> None:
        self._model = model
        self._weights = model.weights()
