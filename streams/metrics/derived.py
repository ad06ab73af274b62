"""Figures that join two domains and are therefore made where scores are: pure formulas, no state."""

from streams.metrics.days import DAY_MS


def license_utilization(active_users_28d: int | None, seats: int | None) -> float | None:
    """Active users of 28 days per seat bought (METRICS.md `license_utilization`).

    Args:
        active_users_28d: distinct users; None when events name none.
        seats: seats bought; None when unknown.

    Returns:
        A ratio >= 0, above 1 when more people use the product than were paid for (an upsell signal); None
        when either side is unknown or no seat was bought.

    Example:
        >>> license_utilization(active_users_28d=12, seats=10)
        1.2
    """
    return active_users_28d / seats if seats and active_users_28d is not None else None


def tickets_per_active_user(tickets_opened_28d: int | None, active_users_28d: int | None) -> float | None:
    """Tickets of 28 days per person who used the product in them (METRICS.md `tickets_per_active_user`).

    Args:
        tickets_opened_28d: tickets opened; None when nothing is known of the customer's tickets.
        active_users_28d: distinct users; None when events name none.

    Returns:
        A ratio >= 0; None when either side is unknown or nobody used the product.

    Example:
        >>> tickets_per_active_user(tickets_opened_28d=3, active_users_28d=12)
        0.25
    """
    return tickets_opened_28d / active_users_28d if active_users_28d and tickets_opened_28d is not None else None


def time_to_activate_days(started_at: int | None, activated_at: int | None) -> float | None:
    """Days from the start to activation (METRICS.md `time_to_activate`).

    Args:
        started_at: when the customer signed up, epoch ms; None when unknown.
        activated_at: when its activation criteria first held, epoch ms; None while they do not.

    Returns:
        Days >= 0; None while undefined, and when the facts contradict each other (activated before it
        started).

    Example:
        >>> time_to_activate_days(0, 129_600_000)
        1.5
    """
    if started_at is None or activated_at is None or activated_at < started_at:
        return None
    return (activated_at - started_at) / DAY_MS
