"""A model laid out for scoring gives what the model gives, bit for bit."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from streams.churn.features import BY_NAME
from streams.churn.model import ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.churn.terms import GONE, Terms, family_of

POLICY = ChurnPolicy()
NUMBERS = st.floats() | st.integers() | st.none() | st.text(max_size=3) | st.booleans() | st.decimals()
NAMES = st.sampled_from([*BY_NAME, "of_old"])
# Of those a model may have been published with, and of clips also beyond: what bounds them there is bounded here.
SCALES = st.floats(1e-307, 1e308)
CLIPS = st.floats(1e-300, 1.7e308)


@given(
    st.lists(st.dictionaries(NAMES, NUMBERS), max_size=3),
    st.dictionaries(NAMES, NUMBERS),
    st.sampled_from([(1.0, 0.0), (0.7, -0.3)]),
    st.dictionaries(st.sampled_from(sorted(BY_NAME)), SCALES),
    CLIPS | st.none(),
)
def test_contributions_are_those_of_the_model_bit_for_bit(
    learned: list[dict[str, Any]],
    features: dict[str, Any],
    stretch: tuple[float, float],
    scales: dict[str, float],
    clip: float | None,
) -> None:
    model = ChurnModel.prior(POLICY)
    for example in learned:
        model.learn_leaving(example)
    told = model.parameters()
    constants = [(name, kind, typical, scales.get(name, scale)) for name, kind, typical, scale in told.constants]
    foreign = structs.replace(told, constants=constants, clip=told.clip if clip is None else clip)
    model = ChurnModel.published(foreign, POLICY).stretched(*stretch)
    terms, expected = Terms(model), model.contributions(features)
    families = terms.contributions(features)
    found = [(name, part.hex()) for parts in families.values() for name, part in parts.items()]
    assert sorted(found) == sorted((name, part.hex()) for name, part in expected.items())
    assert all(family_of(name) == family for family, parts in families.items() for name in parts)
    assert all(families.values())
    assert terms.probability_of(families).hex() == model.probability(features).hex()
    assert terms.by_family(terms.scaled(features)) == {
        family: math.fsum(parts.values()) for family, parts in families.items() if family != GONE
    }


def test_whole_numbers_count_as_the_model_counts_them_and_what_is_no_number_as_absent() -> None:
    model = ChurnModel.prior(POLICY)
    features: dict[str, Any] = {"nps": -20, "tickets_open": 3, "csat": "high", "ces": None, "mrr": math.inf}
    found = Terms(model).contributions(features)
    assert {name: part for parts in found.values() for name, part in parts.items()} == model.contributions(features)
    assert {name for parts in found.values() for name in parts} == {"nps", "tickets_open"}


def test_a_model_that_goes_on_learning_leaves_its_terms_as_they_were() -> None:
    model = ChurnModel.prior(POLICY)
    terms, before = Terms(model), model.contributions({"nps": -20.0})
    model.learn_leaving({"nps": -20.0})
    assert terms.contributions({"nps": -20.0})["feedback"] == before != model.contributions({"nps": -20.0})


def test_a_feature_that_is_gone_counts_and_belongs_to_no_family() -> None:
    told = ChurnModel.prior(POLICY).parameters()
    constants = [("of_old" if name == "nps" else name, *rest) for name, *rest in told.constants]
    model = ChurnModel.published(structs.replace(told, constants=constants), POLICY)
    terms, features = Terms(model), {"of_old": -20.0, "csat": 0.55}
    found = terms.contributions(features)
    assert found == {"feedback": {"csat": pytest.approx(0.2)}, GONE: {"of_old": 0.25}}
    assert terms.probability_of(found) == model.probability(features)
    assert terms.by_family(terms.scaled(features)) == {"feedback": found["feedback"]["csat"]}
    assert [family_of(name) for name in ("of_old", "csat")] == [GONE, "feedback"]
