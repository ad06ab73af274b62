import pytest

from streams.metrics.days import DAY_MS
from streams.metrics.derived import license_utilization, tickets_per_active_user, time_to_activate_days


@pytest.mark.parametrize(
    "users, seats, ratio",
    [(5, 10, 0.5), (12, 10, 1.2), (0, 10, 0.0), (None, 10, None), (5, None, None), (5, 0, None)],
)
def test_license_utilization_is_undefined_without_users_or_seats(
    users: int | None, seats: int | None, ratio: float | None
) -> None:
    assert license_utilization(users, seats) == ratio


@pytest.mark.parametrize(
    "tickets, users, ratio",
    [(3, 12, 0.25), (0, 12, 0.0), (5, 2, 2.5), (3, 0, None), (3, None, None), (None, 12, None)],
)
def test_tickets_per_active_user_are_undefined_without_users_or_tickets(
    tickets: int | None, users: int | None, ratio: float | None
) -> None:
    assert tickets_per_active_user(tickets, users) == ratio


@pytest.mark.parametrize(
    "started, activated, days",
    [(0, 3 * DAY_MS, 3.0), (5, 5, 0.0), (None, 5, None), (5, None, None), (6, 5, None)],
)
def test_time_to_activate_is_undefined_while_a_side_is_missing_or_they_contradict(
    started: int | None, activated: int | None, days: float | None
) -> None:
    assert time_to_activate_days(started, activated) == days
