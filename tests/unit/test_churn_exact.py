"""The elementary functions: as good as libm, the same bits on every machine."""

import hashlib
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.churn import exact
from streams.churn.features import FEATURES
from streams.churn.model import ChurnModel
from streams.churn.policy import ChurnPolicy


@given(st.floats(-700, 700))
def test_exp_is_within_units_of_the_last_place_of_math(x: float) -> None:
    assert exact.exp(x) == pytest.approx(math.exp(x), rel=1e-15)


@given(st.floats(1e-300, 1e300))
def test_log_is_within_units_of_the_last_place_of_math(x: float) -> None:
    assert exact.log(x) == pytest.approx(math.log(x), rel=1e-15, abs=1e-16)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_signed_log_is_odd_and_matches_math(x: float) -> None:
    assert exact.signed_log(x) == -exact.signed_log(-x)
    assert exact.signed_log(x) == pytest.approx(math.copysign(math.log1p(abs(x)), x), rel=1e-12, abs=1e-15)


@given(st.floats(allow_nan=False))
def test_logistic_stays_strictly_inside_zero_and_one(x: float) -> None:
    assert 0.0 < exact.logistic(x) < 1.0


@given(st.floats(0.001, 0.999))
def test_logit_undoes_logistic(p: float) -> None:
    assert exact.logistic(exact.logit(p)) == pytest.approx(p, rel=1e-13)


# Written down once: a machine that gives others would learn other weights from the same log.
GOLDEN_EXP = "0x1.9511fc6871044p-6"
GOLDEN_LOG = "0x1.2d79559791e31p+3"
GOLDEN_LOGISTIC = "0x1.36b7112534847p-4"
GOLDEN_WEIGHTS = "eb83da9eb6ae7f698ca1aad4f6c95c12b7cdfd277b37a874e4446b0c26bdccfc"


def test_bits_are_those_of_every_machine() -> None:
    assert exact.exp(-3.7).hex() == GOLDEN_EXP
    assert exact.log(12345.678).hex() == GOLDEN_LOG
    assert exact.logistic(-2.5).hex() == GOLDEN_LOGISTIC


def learned_from_a_fixed_log() -> str:
    """Digest of weights and covariance after 400 examples made of integers only."""
    model = ChurnModel.prior(ChurnPolicy())
    for i in range(400):
        row = {f.name: float((i * 7919 + j * 104_729) % 97) / 3.0 for j, f in enumerate(FEATURES) if (i + j) % 4}
        model.fade(i % 3)
        model.learn_staying(row, model.probability(row))
        if i % 5 == 0:
            model.learn_leaving(row)
    parameters = model.parameters()
    return hashlib.sha256(msgspec.json.encode((parameters.weights, parameters.covariance))).hexdigest()


def test_weights_learned_from_a_fixed_log_are_those_of_every_machine() -> None:
    assert learned_from_a_fixed_log() == GOLDEN_WEIGHTS
