from hypothesis import given
from hypothesis import strategies as st

from streams.metrics import engagement
from streams.metrics.engagement import Components, EngagementPolicy, EngagementWeights, engagement_score

PARTS = ("recency", "frequency", "breadth", "depth", "trend")
share = st.floats(0, 1)
weight = st.floats(0, 100)
weights = st.builds(EngagementWeights, recency=st.floats(0.01, 100), frequency=weight, breadth=weight, depth=weight)
counts = st.integers(0, 1000)


@given(
    weights=weights,
    parts=st.builds(Components, share, share, share, share, share | st.none()),
    data=st.data(),
)
def test_the_score_never_falls_when_one_component_rises(
    weights: EngagementWeights, parts: Components, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(PARTS))
    value = getattr(parts, name)
    if value is None:
        return
    values = {part: getattr(parts, part) for part in PARTS}
    risen = Components(**{**values, name: data.draw(st.floats(value, 1))})
    # Adding the same terms, one of them larger, cannot round to less.
    assert 0 <= engagement_score(weights, parts) <= engagement_score(weights, risen) <= 100


@given(first=st.floats(0, 5000), later=st.floats(0, 5000))
def test_recency_only_falls_with_silence(first: float, later: float) -> None:
    policy = EngagementPolicy()
    near, far = sorted((first, later))
    assert 0 <= engagement.recency(policy, far) <= engagement.recency(policy, near) <= 1


@given(few=counts, more=counts, tenure=st.integers(1, 400), days=st.integers(0, 28), users=st.none() | counts)
def test_more_use_never_lowers_a_component(few: int, more: int, tenure: int, days: int, users: int | None) -> None:
    policy = EngagementPolicy()
    few, more = sorted((few, more))
    scale = engagement.tenure_scale(policy, tenure)
    for low, high in (
        (engagement.frequency(policy, few, scale), engagement.frequency(policy, more, scale)),
        (engagement.breadth(policy, few), engagement.breadth(policy, more)),
        (
            engagement.depth(policy, few, users, days, scale),
            engagement.depth(policy, more, users, days, scale),
        ),
    ):
        assert 0 <= low <= high <= 1


@given(few=st.integers(0, 14), more=st.integers(0, 14), before=st.integers(0, 14), later=st.integers(0, 14))
def test_trend_rises_with_recent_use_and_falls_with_earlier_use(few: int, more: int, before: int, later: int) -> None:
    few, more = sorted((few, more))
    before, later = sorted((before, later))
    assert (engagement.trend(few, before, 28) or 0) <= (engagement.trend(more, before, 28) or 0)
    assert (engagement.trend(more, later, 28) or 0) <= (engagement.trend(more, before, 28) or 0)
