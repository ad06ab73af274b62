"""Test-then-train with labels that come when they are mature: the full window, both classes at its end."""

from collections.abc import Iterator
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from streams.backtest.churn.sample import Floats, Sample

_FLOOR = 1e-4
_UNKNOWN = 0.03


class Tested(NamedTuple):
    """Probabilities of every snapshot, and CPU microseconds a prediction and a label took on average."""

    probability: Floats
    predict_us: float
    learn_us: float


def steps(sample: Sample) -> Iterator[tuple[bool, int]]:
    """(learns, row) in the order in which they happen; on a day labels are learned before snapshots are scored."""
    rows = np.arange(len(sample))
    day = np.concatenate([sample.day + sample.horizon_days, sample.day])
    scores = np.repeat([False, True], len(sample))
    for at in np.lexsort((np.tile(rows, 2), scores, day)):
        yield not scores[at], int(at) % len(sample)


def tested(model: Any, sample: Sample) -> Tested:
    """A River classifier over a sample."""
    known = ~np.isnan(sample.features)
    features = [
        {sample.names[column]: float(sample.features[row, column]) for column in np.flatnonzero(known[row])}
        for row in range(len(sample))
    ]
    labels = [bool(churned) for churned in sample.churned]
    probability = np.full(len(sample), _UNKNOWN)
    spent = {True: 0.0, False: 0.0}
    times = {True: 0, False: 0}
    for learns, row in steps(sample):
        started = process_time()
        if learns:
            model.learn_one(features[row], labels[row])
        else:
            said = model.predict_proba_one(features[row]).get(True, _UNKNOWN)
            probability[row] = said if said == said else _UNKNOWN  # NaN says nothing
        spent[learns] += process_time() - started
        times[learns] += 1
    per_us = {learns: 1e6 * spent[learns] / max(1, times[learns]) for learns in spent}
    return Tested(np.clip(probability, _FLOOR, 1.0 - _FLOOR), per_us[False], per_us[True])


def some_customers(sample: Sample, rows: int) -> Sample:
    """About so many rows, all of a customer or none; every k-th customer."""
    if len(sample) <= rows:
        return sample
    every = -(-len(sample) // rows)
    kept = sample.customer % every == 0
    return Sample(
        day=sample.day[kept],
        customer=sample.customer[kept],
        features=sample.features[kept],
        probability=sample.probability[kept],
        churned=sample.churned[kept],
        names=sample.names,
        horizon_days=sample.horizon_days,
    )
