"""Educational resources of a customer (METRICS.md `resource_views`, `resource_helpful`).

Many views of one resource are friction with the product rather than use of it, so these facts move no other figure.
Figures per resource are a view in ClickHouse (`v_resources`). A rating counts on the day it was given; who rates again
has given two.
"""

from typing import Any, NamedTuple

from msgspec import Struct

from streams.metrics.engagement import WINDOW_DAYS


class ResourceFigures(NamedTuple):
    """Views, distinct resources viewed, ratings, share of helpful ones; None while undefined."""

    views: int | None = None
    viewed: int | None = None
    ratings: int | None = None
    helpful: float | None = None


class Resources(Struct, array_like=True):
    """What is known of a customer's educational resources.

    Attributes:
        first_at: first view or rating, epoch ms.
        views: by resource and day, how often it was looked at.
        ratings: by day, ratings and helpful ones.
    """

    first_at: int
    views: dict[str, dict[int, int]] = {}
    ratings: dict[int, tuple[int, int]] = {}

    def viewed(self, resource: str, day: int) -> None:
        """Takes a view in."""
        days = self.views.setdefault(resource, {})
        days[day] = days.get(day, 0) + 1

    def rated(self, helpful: bool, day: int) -> None:
        """Takes a rating in."""
        ratings, good = self.ratings.get(day, (0, 0))
        self.ratings[day] = ratings + 1, good + helpful

    def figures(self, day: int, as_of: int) -> ResourceFigures:
        """Of the 28 days that end with `day`; undefined before the first fact, the share without ratings."""
        if self.first_at >= as_of:
            return ResourceFigures()
        window = range(day - WINDOW_DAYS + 1, day + 1)
        views = [sum(n for on, n in days.items() if on in window) for days in self.views.values()]
        rated = [counts for on, counts in self.ratings.items() if on in window]
        ratings = sum(n for n, _ in rated)
        helpful = sum(good for _, good in rated)
        return ResourceFigures(sum(views), sum(n > 0 for n in views), ratings, helpful / ratings if ratings else None)

    def forget(self, before: int) -> None:
        """Drops days before `before`."""
        for resource, days in list(self.views.items()):
            _drop(days, before)
            if not days:
                del self.views[resource]
        _drop(self.ratings, before)


def _drop(days: dict[int, Any], before: int) -> None:
    for day in [day for day in days if day < before]:
        del days[day]
