"""River's learners as they come off the shelf, and what each of them has to show."""

from collections.abc import Callable
from typing import Any

from river import base as river
from river import compose, forest, linear_model, naive_bayes, optim, preprocessing

from streams.churn.features import CONSTANTS
from streams.churn.scale import Scale

Make = Callable[[], Any]
_CLIP = 4.0
_INTERCEPT = -3.5  # log-odds of three in a hundred: all of them start at a plausible rate


class FreshScaler(river.Transformer):
    """River's StandardScaler brought up to date when it is asked, not a month later with the label; cut at 4.

    Example:
        >>> scaler = FreshScaler()
        >>> scaler.transform_one({"a": 1.0}), scaler.transform_one({"a": 3.0})
        ({'a': 0.0}, {'a': 1.0})
    """

    def __init__(self) -> None:
        self._scaler: Any = preprocessing.StandardScaler()

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learns nothing: the moments were taken in when the features came."""

    def transform_one(self, x: dict[Any, Any]) -> dict[Any, Any]:
        """The features in standard deviations, with their own values taken in first."""
        self._scaler.learn_one(x)
        return {name: min(max(z, -_CLIP), _CLIP) for name, z in self._scaler.transform_one(x).items()}


def _untyped(module: Any) -> Any:
    return module


def _logistic(optimizer: Any) -> Any:
    return linear_model.LogisticRegression(optimizer, intercept_init=_INTERCEPT)


def online(forests: bool) -> dict[str, Make]:
    """The learners by name; forests are a hundred times as dear, so they are asked for."""
    found: dict[str, Make] = {
        "StandardScaler | LogisticRegression (stock)": lambda: compose.Pipeline(
            preprocessing.StandardScaler(), linear_model.LogisticRegression()
        ),
        "fresh scaler | LogisticRegression AdaGrad(.05)": lambda: compose.Pipeline(
            FreshScaler(), _logistic(optim.AdaGrad(0.05))
        ),
        "fixed constants | LogisticRegression AdaGrad(.05)": lambda: compose.Pipeline(
            Scale(CONSTANTS, _CLIP), _logistic(optim.AdaGrad(0.05))
        ),
        "fixed constants | GaussianNB": lambda: compose.Pipeline(
            Scale(CONSTANTS, _CLIP), _untyped(naive_bayes).GaussianNB()
        ),
    }
    if forests:
        found["ARF, 10 trees"] = lambda: forest.ARFClassifier(n_models=10, seed=1)
    return found
