"""Who pays late is never ready, and nothing that speaks for readiness ever lowers it."""

from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.metrics import AccountValues, CustomerValues, RevenueValues, UsageValues
from streams.metrics.upsell import COMPONENTS, UpsellScorer
from streams.metrics.upsell_policy import UpsellPolicy, UpsellWeights

SHARES = st.floats(0, 1)
WEIGHTS = st.just(0.0) | st.floats(0.1, 1000)
COUNTS = st.integers(0, 300)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def policies(draw: st.DrawFn) -> UpsellPolicy:
    weights = {name: draw(WEIGHTS) for name in COMPONENTS}
    assume(max(weights.values()) > 0)
    seats_from, seats_full = sorted([draw(st.floats(0, 2)), draw(st.floats(0, 2))])
    assume(seats_from < seats_full)
    return UpsellPolicy(
        weights=UpsellWeights(**weights),
        adoption_full=draw(st.floats(0.01, 1)),
        features_full=draw(st.floats(1, 50)),
        tenure_full_days=draw(st.floats(1, 1000)),
        seats_from=seats_from,
        seats_full=seats_full,
        min_coverage=draw(SHARES),
    )


USAGES = st.builds(
    UsageValues,
    adoption=maybe(SHARES),
    features_used_28d=COUNTS,
    events_28d=COUNTS,
    engagement_score=maybe(st.floats(0, 100)),
    active_users_28d=maybe(COUNTS),
)
REVENUES = st.builds(
    RevenueValues,
    paying=st.booleans(),
    payment_state=st.sampled_from([None, "current", "late"]),
    seats=maybe(COUNTS),
    tenure_days=maybe(st.integers(0, 5000)),
)
VALUES = st.builds(
    CustomerValues,
    usage=maybe(USAGES),
    revenue=maybe(REVENUES),
    account=maybe(st.builds(AccountValues, name=st.just("a"), seats=maybe(COUNTS))),
)
SCORERS = policies().map(UpsellScorer)


@given(SCORERS, VALUES)
def test_a_late_payer_is_never_ready(scorer: UpsellScorer, values: CustomerValues) -> None:
    revenue = values.revenue or RevenueValues(paying=True)
    late = msgspec.structs.replace(values, revenue=msgspec.structs.replace(revenue, payment_state="late"))
    upsell = scorer.score(late)
    assert (upsell.ready, upsell.gate) == (0.0, "payment_late")
    assert all(one.earned == 0 for one in upsell.components)


@given(SCORERS, VALUES)
def test_points_sum_to_the_readiness_and_weights_to_all_of_it(scorer: UpsellScorer, values: CustomerValues) -> None:
    upsell = scorer.score(values)
    assert 0 <= upsell.coverage <= 1
    assert upsell.ready is None or 0 <= upsell.ready <= 100
    assert abs(sum(one.earned for one in upsell.components) - (upsell.ready or 0.0)) < 1e-9
    weights = sum(one.weight for one in upsell.components)
    assert abs(weights - (1 if upsell.coverage else 0)) < 1e-9
    for one in upsell.components:
        assert one.value is None or 0 <= one.value <= 100
        assert one.value is not None or (one.weight, one.earned) == (0, 0)


BETTER = {
    "features": ("usage", "adoption", SHARES),
    "features by number": ("usage", "features_used_28d", st.integers(1, 300)),
    "engagement": ("usage", "engagement_score", st.floats(0, 100)),
    "tenure": ("revenue", "tenure_days", st.integers(0, 5000)),
    "seats": ("usage", "active_users_28d", COUNTS),
}


@given(SCORERS, VALUES, st.sampled_from(sorted(BETTER)), st.data())
def test_more_of_any_component_never_lowers_readiness(
    scorer: UpsellScorer, values: CustomerValues, component: str, data: st.DataObject
) -> None:
    domain, field, drawn = BETTER[component]
    low, high = sorted([data.draw(drawn), data.draw(drawn)])
    whole = getattr(values, domain)
    assume(whole is not None)

    def ready(value: Any) -> float | None:
        changed = {domain: msgspec.structs.replace(whole, **{field: value})}
        return scorer.score(msgspec.structs.replace(values, **changed)).ready

    less, more = ready(low), ready(high)
    assert (less is None) == (more is None)
    # each component is rounded to a millionth of a point
    assert less is None or more is None or less <= more + 1e-6
