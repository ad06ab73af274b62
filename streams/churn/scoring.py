"""A published model at work: probability, band and reasons of a customer, and how far to trust them.

Starts with the expert prior, so there is a score before there is a model; takes up newer models idempotently.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from msgspec import Struct
from numpy import float64
from numpy.typing import NDArray

from schemas.metrics import CustomerValues
from schemas.models import Calibration, ModelSnapshot, Quality
from schemas.scores import Reason
from streams.churn import readings
from streams.churn.calibration import LARGEST_INTERCEPT, LARGEST_SLOPE
from streams.churn.changes import Before, Change, Weights, changed, seen, weights_by_day
from streams.churn.explain import Say, explain, unexpected, unsaid
from streams.churn.features import RENEWAL, if_renewal_due
from streams.churn.horizons import at_horizon, windows
from streams.churn.model import MODEL_NAME, ChurnModel
from streams.churn.parameters import ForeignModelError
from streams.churn.policy import LONGEST_HORIZON, MOST_HORIZONS, Band, ChurnPolicy
from streams.churn.terms import Contributions, Terms

_NOTHING = CustomerValues()


class Risk(Struct, frozen=True, kw_only=True):
    """What the model says of a customer; `schemas.scores.ChurnScore` tells the fields.

    Attributes:
        conflicts: features behind a reason whose learned weight points against the expert's expectation.
        baseline: log-odds of the typical customer; with `families`, what each family of features adds, they sum to
            the log-odds of the probability before it is kept off 0 and 1.
        horizons: probabilities by days, for other windows too; they rise with the days.
        calibrated: Platt scaling is part of the probability.
    """

    probability: float
    band: Band
    raising: list[Reason]
    protecting: list[Reason]
    no_data: list[str]
    conflicts: list[str]
    baseline: float
    families: dict[str, float]
    horizons: dict[str, float] = {}
    calibrated: bool = False


class Question(NamedTuple):
    """Whose risk is asked for: features, the values they were read from, and what puts its reasons into words."""

    features: Mapping[str, float]
    values: CustomerValues = _NOTHING
    say: Say = unsaid


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
        serving: the model's terms, another object with every model taken up.
        champion: which model serves; calibrated: whether Platt scaling is on; horizons: days told besides.

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
        self.champion = "rls"
        self.calibrated = False
        self.horizons = policy.horizons
        self._tested: dict[int, Weights] = {}
        self._use(ChurnModel.prior(policy))
        if snapshot is not None:
            self.load(snapshot)

    def load(self, snapshot: ModelSnapshot) -> bool:
        """Takes up a published model; False when it is not newer than the present one.

        Raises:
            ForeignModelError: another model's, or not a sound model, calibration or horizon; the present model stays.
        """
        if snapshot.model != MODEL_NAME:
            raise ForeignModelError(f"expected a model {MODEL_NAME}, got {snapshot.model!r}")
        if snapshot.model_version <= self.model_version:
            return False
        horizons, further = (snapshot.horizon_days, *snapshot.horizons), len(snapshot.horizons)
        if further > MOST_HORIZONS or not all(1 <= days <= LONGEST_HORIZON for days in horizons):
            raise ForeignModelError(f"expected up to {MOST_HORIZONS} horizons of 1 to {LONGEST_HORIZON} days")
        self._use(_as_served(ChurnModel.from_parameters(snapshot.parameters, self.policy), snapshot.calibration))
        self.model_version = snapshot.model_version
        self.trained_through = snapshot.trained_through
        self.horizon_days = snapshot.horizon_days
        self.is_prior = snapshot.is_prior
        self.quality = snapshot.quality
        self.champion = snapshot.champion
        self.calibrated = snapshot.calibration.on
        self.horizons = tuple(snapshot.horizons)
        self._tested = weights_by_day(snapshot.tested)
        return True

    def score(self, features: Mapping[str, float], values: CustomerValues = _NOTHING, say: Say = unsaid) -> Risk:
        """Probability and reasons.

        Args:
            features: as `features.features` gives them.
            values: the metric values they were read from, for the numbers in the reasons.
            say: puts a reason into words, by its code and numbers.
        """
        return self.score_all((Question(features, values, say),))[0]

    def score_all(self, asked: Sequence[Question]) -> list[Risk]:
        """Probability and reasons of many, one step after the other for all of them: two thirds of the time."""
        terms, policy, weights = self.serving, self.policy, self._weights
        contributions = [terms.contributions(one.features) for one in asked]
        probabilities = [terms.probability_of(parts) for parts in contributions]
        told = [
            explain(parts, weights, one.features, policy, one.values, one.say)
            for one, parts in zip(asked, contributions, strict=True)
        ]
        horizons = [
            self._further(probability, parts, one.values)
            for one, parts, probability in zip(asked, contributions, probabilities, strict=True)
        ]
        return [
            Risk(
                probability=probability,
                band=policy.band(probability),
                raising=why.raising,
                protecting=why.protecting,
                no_data=why.no_data,
                conflicts=why.conflicts,
                baseline=terms.intercept,
                families=why.families,
                horizons=further,
                calibrated=self.calibrated,
            )
            for probability, why, further in zip(probabilities, told, horizons, strict=True)
        ]

    def risk_by_horizon(self, features: Mapping[str, float], values: CustomerValues) -> dict[str, float]:
        """The probabilities by days alone, that of the learned window among them."""
        contributions = self.serving.contributions(features)
        probability = self.serving.probability_of(contributions)
        return {str(self.horizon_days): probability} | self._further(probability, contributions, values)

    def _further(self, probability: float, contributions: Contributions, values: CustomerValues) -> dict[str, float]:
        """Probabilities by horizon: in later windows a renewal is due or not as the calendar has it."""
        window, other = self.horizon_days, None
        now = bool(readings.renewal_due(values))
        chances = [probability]
        for number in range(1, windows(window, max(self.horizons, default=window))):
            due = readings.renewal_due_after(values, number * window)
            if due is None or due == now:
                chances.append(probability)
                continue
            if other is None:
                other = self._moved(contributions, values, due)
            chances.append(other)
        return {str(days): at_horizon(chances, window, days) for days in self.horizons}

    def _moved(self, contributions: Contributions, values: CustomerValues, due: bool) -> float:
        """The probability with the calendar moved on to where a renewal is due or not, as it is not now."""
        moved = self.serving.contributions(if_renewal_due(values)) if due else {}
        parts = [part for one in contributions.values() for name, part in one.items() if name not in RENEWAL]
        return self._model.probability_of(chain(parts, *[one.values() for one in moved.values()]))

    def before(self, day: int, then: Mapping[str, float]) -> Before | None:
        """A snapshot as models see it while `serving` is the same; None when it is not known any more what served.

        Args:
            day: of the snapshot.
            then: its features.
        """
        weights = self._tested.get(day)
        if weights is None and self.has_tested(day):
            return None
        return seen(self.serving, then, weights)

    def has_tested(self, day: int) -> bool:
        """Whether the snapshots of a day were tested before the model in force was published."""
        return day in self._tested or (self.trained_through is not None and day <= self.trained_through)

    def changed(self, families: Mapping[str, float], before: Before) -> Change:
        """What changed since a snapshot; `families` are of the risk now."""
        return changed(self.policy, families, before)

    def unexpected(self) -> list[str]:
        """Features whose learned weight points against the expert's expectation."""
        return unexpected(self._weights)

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability alone, several times faster than `score`."""
        return self._model.probability(features)

    def score_many(self, rows: Sequence[Mapping[str, float]]) -> NDArray[float64]:
        """The probabilities of many customers, equal to `probability` to 1e-12."""
        return self._model.score_many(rows)

    def _use(self, model: ChurnModel) -> None:
        self._model = model
        self._weights = model.weights()
        self.serving = Terms(model)


def _as_served(model: ChurnModel, calibration: Calibration) -> ChurnModel:
    """The model with the calibration folded in, which keeps it linear and its reasons exact."""
    if not calibration.on:
        return model
    slope, intercept = calibration.slope, calibration.intercept
    if not (0.0 < slope <= LARGEST_SLOPE and abs(intercept) <= LARGEST_INTERCEPT):  # NaN is neither
        raise ForeignModelError(f"expected a sound calibration, got slope {slope!r} and intercept {intercept!r}")
    return model.stretched(slope, intercept)
