"""Our drift window sees what River's sees, and can be saved; River's cannot."""

import pickle
import random
from typing import Any

import msgspec
import pytest
from river import drift

from streams.churn.adwin import Adwin, Cut

Rivers: Any = drift.ADWIN  # untyped


@pytest.mark.parametrize("seed", range(8))
def test_the_same_changes_at_the_same_values_as_rivers(seed: int) -> None:
    source, ours, rivers = random.Random(seed), Adwin(), Rivers(delta=0.002)
    found = 0
    for i in range(4_000):
        value = (source.random() < (0.03 if i < 2_000 else 0.03 + 0.02 * seed)) - 0.03
        cut = ours.update(value, delta=0.002)
        rivers.update(value)
        assert (cut is not None) == rivers.drift_detected
        if cut is None:
            assert ours.width == rivers.width
            assert ours.total == pytest.approx(rivers.total, abs=1e-9)
            assert ours.deviations == pytest.approx(rivers.variance, rel=1e-9)
        found += cut is not None
    assert found == (seed > 1)


def test_rivers_window_cannot_be_taken_through_json() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(Rivers()._helper)
    assert isinstance(pickle.dumps(Rivers()), bytes)  # a pickle is the only way, and none is ever loaded here


def test_a_window_restored_goes_on_bit_for_bit() -> None:
    source, kept = random.Random(3), Adwin()
    other = Adwin()
    for i in range(3_000):
        value = source.random() + (i > 2_000)
        other = msgspec.msgpack.decode(msgspec.msgpack.encode(other), type=Adwin)
        if i % 100 == 0:
            other = msgspec.json.decode(msgspec.json.encode(other), type=Adwin)
        assert kept.update(value, delta=0.002) == other.update(value, delta=0.002)
        assert kept == other


def test_a_window_of_a_million_values_is_small() -> None:
    window = Adwin()
    for i in range(200_000):
        assert window.update(float(i % 2), delta=0.002) is None
    assert window.width == 200_000
    assert len(msgspec.json.encode(window)) < 6_000
    assert window.mean == 0.5


def test_the_figures_of_a_change_are_those_of_its_two_parts() -> None:
    window = Adwin()
    cuts = [window.update(float(i >= 640), delta=0.002) for i in range(672)]
    assert cuts[-1] == Cut(before=0.0, after=1.0, width=32, older=640)
    assert (window.width, window.mean) == (0, None)


def test_values_that_repeat_each_other_count_for_fewer() -> None:
    alone, repeated = Adwin(), Adwin()
    values = [float(i >= 640 and i % 4 == 0) for i in range(800)]
    assert any(alone.update(value, delta=0.002) for value in values)
    assert not any(repeated.update(value, delta=0.002, repeats=10.0) for value in values)


def test_what_is_not_looked_for_is_found_later() -> None:
    window = Adwin()
    assert not any(window.update(float(i >= 640), delta=0.002, look=False) for i in range(1280))
    assert window.width == 1280
    cuts = [window.update(1.0, delta=0.002) for _ in range(32)]
    assert cuts[-1] == Cut(before=0.0, after=1.0, width=672, older=640)


def test_a_mean_is_off_zero_beyond_its_bound_at_the_values_at_which_is_looked() -> None:
    """64 equal values: no variance, evidence log(2 log(64) / 0.002) = 8.333, bound 8.333 * 2 / (3 * 60) = 0.0926; of 32
    it is 8.151 * 2 / (3 * 28) = 0.194.
    """
    for value, since in ((0.25, [31, 63]), (0.1, [63]), (-0.1, [63]), (0.09, [])):
        window, off = Adwin(), list[int]()
        for i in range(64):
            window.update(value, delta=0.002, look=False)
            off += [i] if window.is_off_zero(delta=0.002) else []
        assert off == since


def test_how_far_off_zero_chance_takes_a_mean_is_read_off_the_variance() -> None:
    """Variance 0.25, evidence 8.996: the bound is the root of 2 * 0.25 * 8.996 / 3196, and 0.0019: 0.0394."""
    window = Adwin()
    for i in range(3200):
        window.update(float(i % 2) - 0.45, delta=0.002, look=False)
    assert window.is_off_zero(delta=0.002)
    assert not window.is_off_zero(delta=0.002, repeats=2.0)  # 0.0549
