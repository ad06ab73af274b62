"""A model laid out for scoring gives what the model gives, bit for bit."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from streams.churn.features import BY_NAME
from streams.churn.model import ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.churn.terms import Terms

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
    found, expected = Terms(model).contributions(features), model.contributions(features)
    assert [(name, part.hex()) for name, part in found.items()] == [(name, p.hex()) for name, p in expected.items()]


def test_a_model_that_goes_on_learning_leaves_its_terms_as_they_were() -> None:
    model = ChurnModel.prior(POLICY)
    terms, before = Terms(model), model.contributions({"nps": -20.0})
    model.learn_leaving({"nps": -20.0})
    assert terms.contributions({"nps": -20.0}) == before != model.contributions({"nps": -20.0})
