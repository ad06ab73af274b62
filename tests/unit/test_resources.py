"""Educational resources: views, and whether they helped; no use of the product."""

from schemas.usage_events import FeatureUsed, ResourceRated, ResourceViewed
from streams.metrics.days import DAY_MS, Days
from streams.metrics.usage import UsageFold, UsagePolicy
from streams.metrics.usage_state import UsageState

DAY = 19_800
FOLD = UsageFold(UsagePolicy(), Days())


def view(state: UsageState, day: int, resource: str, user: str | None = None) -> None:
    at = day * DAY_MS
    event = ResourceViewed(event_id="v", customer_id="c", occurred_at=at, resource=resource, user_id=user)
    FOLD.apply(state, event, at)


def rate(state: UsageState, day: int, resource: str, helpful: bool) -> None:
    at = day * DAY_MS
    FOLD.apply(
        state, ResourceRated(event_id="r", customer_id="c", occurred_at=at, resource=resource, helpful=helpful), at
    )


def figures(state: UsageState, day: int) -> tuple[int | None, int | None, int | None, float | None]:
    values = FOLD.values(state, day, (day + 1) * DAY_MS)
    return (
        values.resource_views_28d,
        values.resources_viewed_28d,
        values.resource_ratings_28d,
        values.resource_helpful_28d,
    )


def test_views_and_ratings_of_28_days() -> None:
    state = FOLD.new()
    assert figures(state, DAY) == (None, None, None, None)
    for day, resource in ((-28, "guide"), (-27, "guide"), (-27, "guide"), (0, "video"), (1, "late")):
        view(state, DAY + day, resource)
    assert figures(state, DAY) == (3, 2, 0, None)
    for day, helpful in ((-28, False), (-1, True), (-1, True), (0, False)):
        rate(state, DAY + day, "guide", helpful)
    assert figures(state, DAY) == (3, 2, 3, 2 / 3)
    assert figures(state, DAY + 90) == (0, 0, 0, None)


def test_a_rating_is_no_view() -> None:
    state = FOLD.new()
    rate(state, DAY, "guide", helpful=True)
    assert figures(state, DAY - 1) == (None, None, None, None)
    assert figures(state, DAY) == (0, 0, 1, 1.0)


def test_looking_for_help_is_no_use_of_the_product() -> None:
    state = FOLD.new()
    view(state, DAY, "guide", user="ana")
    values = FOLD.values(state, DAY, (DAY + 1) * DAY_MS)
    assert (values.events_28d, values.active_users_28d, values.first_used_at) == (0, None, None)
    use = FeatureUsed(event_id="u", customer_id="c", occurred_at=DAY * DAY_MS, user_id="bia")
    FOLD.apply(state, use, DAY * DAY_MS)
    view(state, DAY + 1, "guide", user="ana")
    values = FOLD.values(state, DAY + 1, (DAY + 2) * DAY_MS)
    assert (values.events_28d, values.active_users_28d, values.active_days_28d) == (1, 1, 1)


def test_forgetting_keeps_the_window_and_drops_resources_nobody_looked_at_since() -> None:
    state = FOLD.new()
    for day, resource in ((-28, "old"), (-27, "guide"), (-28, "guide")):
        view(state, DAY + day, resource)
        rate(state, DAY + day, resource, helpful=True)
    told = figures(state, DAY)
    FOLD.forget(state, DAY)
    assert state.resources is not None
    assert (state.resources.views, state.resources.ratings) == ({"guide": {DAY - 27: 1}}, {DAY - 27: (1, 1)})
    assert figures(state, DAY) == told == (1, 1, 1, 1.0)
    FOLD.forget(state, DAY + 100)
    assert figures(state, DAY + 100) == (0, 0, 0, None)
