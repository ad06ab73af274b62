"""What one score, one label, one explanation of the churn model cost, and how large a snapshot is."""

from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import NamedTuple, TypeVar

from schemas.codec import encode
from schemas.models import ModelSnapshot
from streams.backtest.churn.sample import Sample
from streams.churn import parameters
from streams.churn.explain import Numbers, explain
from streams.churn.labels import Pending
from streams.churn.learner import Learner, Learning
from streams.churn.model import ChurnModel
from streams.churn.places import pack
from streams.churn.policy import ChurnPolicy
from streams.churn.reasons.words import reason_text
from streams.churn.terms import Terms

T = TypeVar("T")
_ROUNDS = 7
_ROWS = 2_000


class Costs(NamedTuple):
    """CPU microseconds for one customer, best of seven rounds over many; `snapshot_bytes` of JSON.

    `learn_us` is what the trainer does with a new snapshot: the champion and its standing challenger learn it.
    `reasons_us` is of the reasons alone, `words_us` of the same with their English texts, of numbers met before.
    """

    score_us: float
    learn_us: float
    reasons_us: float
    words_us: float
    snapshot_bytes: int


def costs(sample: Sample, snapshot: ModelSnapshot, policy: ChurnPolicy) -> Costs:
    """The costs of a model as it is after a history."""
    rows = _rows(sample)
    model = ChurnModel.from_parameters(snapshot.parameters, policy)
    terms = Terms(model)
    contributions = [terms.contributions(row) for row in rows]
    weights = model.weights()
    pairs = list(zip(rows, contributions, strict=True))
    learner, taken = _learner(snapshot, rows, policy)
    return Costs(
        score_us=_best(rows, model.probability),
        learn_us=_best([taken], learner.learn_staying) / len(taken),
        reasons_us=_best(pairs, lambda pair: explain(pair[1], weights, pair[0], policy)),
        words_us=_best(pairs, lambda pair: explain(pair[1], weights, pair[0], policy, say=_in_english)),
        snapshot_bytes=len(encode(snapshot)),
    )


def _in_english(code: str, numbers: Numbers) -> str:
    return reason_text(code, numbers, "en", "USD")


def _learner(
    snapshot: ModelSnapshot, rows: list[Mapping[str, float]], policy: ChurnPolicy
) -> tuple[Learner, list[Pending]]:
    """The champion and its standing challenger as the trainer runs them, and snapshots of a day."""
    learner = Learner(policy, Learning(), parameters.read(snapshot.parameters))
    learner.open(0)
    return learner, [learner.test(0, pack(row), 0) for row in rows]


def _rows(sample: Sample) -> list[Mapping[str, float]]:
    return [
        {name: float(value) for name, value in zip(sample.names, values, strict=True) if value == value}
        for values in sample.features[-_ROWS:]
    ]


def _best(items: Sequence[T], do: Callable[[T], object]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        started = process_time()
        for item in items:
            do(item)
        best = min(best, process_time() - started)
    return 1e6 * best / len(items)
