"""What the model promises of itself, held against what was measured."""

from collections.abc import Iterator, Mapping
from math import inf

from msgspec import Struct

from streams.backtest.churn.baselines import CONSTANT
from streams.backtest.churn.figures import Against, Figure, Part

MODEL = "model"


class Target(Struct, frozen=True):
    """A promise: `measured` must lie in [least, most], where None sets no bound.

    Attributes:
        met: whether it does; None where nothing was measured.
        beyond_chance: whether its whole interval says the same; None without an interval. With few customers lost it
            hardly ever does.
    """

    name: str
    least: float | None
    most: float | None
    measured: Figure
    met: bool | None
    beyond_chance: bool | None = None


def targets(judged: Part | None, start: Part | None) -> list[Target]:
    """All of them; those that need an opponent only where one was there.

    Args:
        judged: what follows the first months.
        start: the first months.
    """
    found: list[Target] = []
    if judged is not None:
        model = judged.models[MODEL]
        found += _against(judged.against)
        found.append(_target("ECE", None, 0.01, model.ece))
        found.append(_target("predicted / observed", 0.9, 1.15, model.ratio))
        found.append(_target("churners in the riskiest tenth", 0.30, None, model.top_decile))
    if start is not None:
        found.append(_target("predicted / observed, first 120 days", 0.7, 1.4, start.models[MODEL].ratio))
    return found


def _against(against: Mapping[str, Against]) -> Iterator[Target]:
    """Against the better opponent, for each figure the one that is better there."""
    learned = [one for name, one in against.items() if name != CONSTANT]
    if learned:
        ranked = min((one.roc_auc for one in learned), key=_value)
        sized = max((one.log_loss for one in learned), key=_value)
        yield _target("ROC AUC less the better opponent's", -0.010, None, ranked)
        yield _target("log loss over the better opponent's", None, 0.02, sized)


def _value(figure: Figure) -> float:
    return 0.0 if figure.value is None else figure.value


def _target(name: str, least: float | None, most: float | None, measured: Figure) -> Target:
    value, low, high = measured.value, measured.low, measured.high
    if value is None:
        return Target(name, least, most, measured, None)
    floor, ceiling = -inf if least is None else least, inf if most is None else most
    met = floor <= value <= ceiling
    if low is None or high is None:
        return Target(name, least, most, measured, met)
    sure = floor <= low <= high <= ceiling if met else high < floor or low > ceiling
    return Target(name, least, most, measured, met, sure)
