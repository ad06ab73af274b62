"""A small gradient booster (LightGBM, the extra `boost`): fitted a round at a time, and kept as text.

The recipe is that of the opponent in `zelo churn evaluate` (backtest/churn/baselines.py): 60 trees of 6 leaves, one
thread, fixed seeds, so that the same labels give the same trees. LightGBM is loaded when it is first needed.
"""

from collections.abc import Generator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from zlib import crc32

from msgspec import Struct

from streams.churn.booster_labels import Columns, KeptLabels, joined, matrix

ROUNDS = 60
_LEAST_LEAF, _LEAF_SHARE = 200, 20
# Rows asked of the trees in one call: as columns they take 0.8 kB each, those of all customers would fill the memory.
_AT_ONCE = 1_000
_RECIPE: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 6,
    "lambda_l2": 5.0,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.8,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbosity": -1,
    # Where to cut a feature is read off so many rows: reading all takes twice as long.
    "bin_construct_sample_cnt": 10_000,
}


class Trees(Struct, array_like=True, frozen=True, tag="trees"):
    """A booster as it was fitted.

    Attributes:
        names: of the features, by column.
        text: LightGBM's own form, plain text.
        library: version of LightGBM that wrote it.
        checksum: CRC-32 of the text.
    """

    names: list[str]
    text: str
    library: str = ""
    checksum: int = 0


def installed() -> bool:
    """Whether the extra is installed; `load` tells whether it works."""
    return find_spec("lightgbm") is not None


def load() -> str | None:
    """Loads LightGBM, which takes a third of a second; what is wrong with it, None when it works."""
    try:
        _library()
    except Exception as error:  # noqa: BLE001 - what it is built on may not fit, in any way; the stream goes on without
        return str(error) or type(error).__name__
    return None


def fit(names: Sequence[str], days: Sequence[KeptLabels]) -> Generator[None, None, Trees]:
    """Trees of the labels kept, in pieces of work of some 5 ms; one of them, which sorts the columns, takes up to 150.

    Args:
        names: features to look at.
        days: labels, with some that left and some that stayed among them.

    Raises:
        ValueError: LightGBM cannot learn from these.
    """
    library, columns = _library(), joined(names, days)
    yield
    try:
        return (yield from _grown(library, names, columns))
    except library.basic.LightGBMError as error:
        raise ValueError(f"expected labels to learn from, got {len(columns.churned)} rows: {error}") from error


def _grown(library: Any, names: Sequence[str], columns: Columns) -> Generator[None, None, Trees]:
    leaf = min(_LEAST_LEAF, max(1, len(columns.churned) // _LEAF_SHARE))
    recipe = {**_RECIPE, "min_data_in_leaf": leaf}
    data = library.Dataset(columns.values, columns.churned, weight=columns.weights, params=recipe).construct()
    yield
    model = library.Booster(recipe, data)
    yield
    for _ in range(ROUNDS):
        model.update()
        yield
    text: str = model.model_to_string()
    return Trees(list(names), text, library.__version__, _checksum(text))


class Predictor:
    """Fitted trees, ready to be asked.

    Args:
        trees: as they were kept.

    Raises:
        ValueError: the text is not as the LightGBM of this process wrote it. It never gets to see such a text:
            it ends the process over some that are damaged.
    """

    def __init__(self, trees: Trees) -> None:
        library = _library()
        if trees.library != library.__version__ or trees.checksum != _checksum(trees.text):
            told = f"LightGBM {library.__version__}, got {trees.library!r}"
            raise ValueError(f"expected trees as they left {told}: {trees.text[:40]!r}")
        self.trees = trees
        self._model = library.Booster(model_str=trees.text)

    def probabilities(self, rows: Sequence[Mapping[str, float]]) -> list[float]:
        """Of each row of features in natural units, whatever stands beside it."""
        found: list[float] = []
        for at in range(0, len(rows), _AT_ONCE):
            run = matrix(self.trees.names, rows[at : at + _AT_ONCE])
            found += self._model.predict(run, num_threads=1).tolist()
        return found


def _checksum(text: str) -> int:
    return crc32(text.encode())


def _library() -> Any:
    return import_module("lightgbm")
