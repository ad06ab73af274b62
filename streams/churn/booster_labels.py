"""Mature labels kept for a booster: those of a day packed into columns, no more than so many rows.

All who left are kept, up to half of the rows, and of who stayed a sample; what is left out is made up for by weight.
The sample is drawn by the customer's id and the day, so it is the same whatever the order and after a replay.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

#: Of a day's labels; 41 features take 250 kB then, a quarter of what a Kafka record may have.
MOST_ROWS = 1500
# Values are stored in single precision, which knows none beyond 3.4e38; nothing larger means more.
_LARGEST = 1e30
_STORED = np.dtype("<f4")

Matrix = NDArray[np.float32]


class Label(NamedTuple):
    """A mature label: the snapshot of a customer at the end of `day`."""

    customer_id: str
    day: int
    features: Mapping[str, float]
    churned: bool


class KeptLabels(Struct, array_like=True, frozen=True, tag="labels"):
    """Labels that matured on one day.

    Attributes:
        names: of the features, by column.
        values: natural units, row by row, four bytes each (little end first); NaN where not known.
        churned: a byte a row, 1 or 0.
        of_stayer, of_leaver: how many labels a row stands for.
    """

    names: list[str]
    values: bytes
    churned: bytes
    of_stayer: float
    of_leaver: float


class Columns(NamedTuple):
    """Labels of many days, one row each."""

    values: Matrix
    churned: NDArray[np.float32]
    weights: NDArray[np.float32]


def matrix(names: Sequence[str], rows: Sequence[Mapping[str, float]]) -> Matrix:
    """Features by column as they are stored, so that a booster sees the same when it learns and when it is asked."""
    values = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    cut: Matrix = np.clip(values.reshape(len(rows), len(names)), -_LARGEST, _LARGEST).astype(_STORED)
    return cut


def kept(names: Sequence[str], labels: Sequence[Label]) -> KeptLabels:
    """The labels of a day, of which there must be some, packed."""
    leavers, stayers = [of for of in labels if of.churned], [of for of in labels if not of.churned]
    some_left = _drawn(leavers, max(MOST_ROWS // 2, MOST_ROWS - len(stayers)))
    some_stayed = _drawn(stayers, MOST_ROWS - len(some_left))
    return KeptLabels(
        names=list(names),
        values=matrix(names, [of.features for of in (*some_left, *some_stayed)]).tobytes(),
        churned=bytes([1] * len(some_left) + [0] * len(some_stayed)),
        of_stayer=len(stayers) / max(1, len(some_stayed)),
        of_leaver=len(leavers) / max(1, len(some_left)),
    )


def joined(names: Sequence[str], days: Sequence[KeptLabels]) -> Columns:
    """The labels of days, of which there must be some, as columns of today's names; NaN where a day has no such."""
    return Columns(
        np.concatenate([_arranged(names, one) for one in days]),
        np.concatenate([_churned(one) for one in days]),
        np.concatenate([np.where(_churned(one), one.of_leaver, one.of_stayer) for one in days]).astype(np.float32),
    )


def _drawn(labels: list[Label], most: int) -> list[Label]:
    """So many of the labels at most, drawn by who and when, in a fixed order."""
    if len(labels) <= most:
        return labels
    return sorted(labels, key=lambda of: (crc32(f"{of.day}:{of.customer_id}".encode()), of.customer_id, of.day))[:most]


def _arranged(names: Sequence[str], one: KeptLabels) -> Matrix:
    stored = np.frombuffer(one.values, _STORED).reshape(len(one.churned), len(one.names))
    if one.names == list(names):
        return stored
    places = {name: place for place, name in enumerate(one.names)}
    arranged = np.full((len(stored), len(names)), np.nan, dtype=_STORED)
    for here, name in enumerate(names):
        if name in places:
            arranged[:, here] = stored[:, places[name]]
    return arranged


def _churned(one: KeptLabels) -> NDArray[np.float32]:
    return np.frombuffer(one.churned, np.uint8).astype(np.float32)
