"""What the recounts must know of a profile and the settings, as parameters of SQL."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from streams.reconcile.scores import Scores


@dataclass(frozen=True, kw_only=True)
class Engagement:
    """What the engagement score is made of: weights of its parts, what counts as full, limits of its bands."""

    recency_weight: float
    frequency_weight: float
    breadth_weight: float
    depth_weight: float
    trend_weight: float
    recency_half_life_days: float
    active_days_full: float
    features_full: float
    uses_full_per_user: float
    uses_full_per_day: float
    min_tenure_days: int
    good_from: float
    excellent_from: float

    def parameters(self) -> dict[str, Any]:
        """The same under the names the SQL files use."""
        return {**self.__dict__}


@dataclass(frozen=True, kw_only=True)
class Support:
    """When the company works, and what it promised about tickets.

    Attributes:
        zone: time zone of its working calendar.
        hours: weekday (1 is Monday), and minutes of the day from which and to which it works.
        is_day_off: whether a date is a holiday.
        limits: minutes, by `response` or `resolution`, a space and the priority, which is empty where nobody set one.
        limits_work: they are working time.
        review_days: working days that a solution must last.
    """

    zone: str
    hours: tuple[tuple[int, int, int], ...]
    is_day_off: Callable[[date], bool]
    limits: tuple[tuple[str, float], ...]
    limits_work: bool
    review_days: int

    def parameters(self, first: date, last: date) -> dict[str, Any]:
        """The same under the names the SQL files use, with the holidays from one day to another, both included."""
        days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
        return {
            "calendar_zone": self.zone,
            "hours": list(self.hours),
            "works": int(bool(self.hours)),
            "days_off": [day for day in days if self.is_day_off(day)],
            "limits": list(self.limits),
            "limits_work": int(self.limits_work),
            "review_days": self.review_days,
        }


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Numbers and names that figures depend on.

    Attributes:
        zone: time zone of the company's days.
        lateness_ms, horizon_ms: what makes an event too late to count.
        features: the features a profile lists; None where it lists none.
        features_available: how many there are; None where the profile does not say.
        leaves: what the criteria of activation and onboarding ask for: rule, how many, of which name, within how many
            ms of the first use (0: whenever).
        programs: those criteria, activation first, then the steps: leaves by their place from 1 on, and `all` or `any`
            of so many before it.
        onboarding_days: calendar days of the onboarding window.
        list_prices: MRR is gross of discounts.
        metered_counts: metered subscriptions are MRR.
        churn_date: when MRR ends, in the words of the profile.
        refunds_count: refunds lessen revenue to date.
        past_due_days: MRR ends so long after an invoice was due; 0: it does not.
        allowed_gap_days: a pause in paying of at most so long is none; 0: every one is.
        gross_margin: share of revenue that is left; None where the profile does not say.
        churn_target: of a month; likewise.
        urgent: priorities of tickets that are urgent.
        csat_from, smiley_from, thumbs_from, ces_from: where on its scale, 0 to 1, a rating is positive.
        follow_up_ms: so long a detractor may wait for a call.
        session_gap_seconds: so long without an event ends a session; 0: sessions are not counted.
        engagement, support, scores: what those figures depend on.
    """

    zone: str
    lateness_ms: int
    horizon_ms: int
    features: tuple[str, ...] | None
    features_available: int | None
    leaves: tuple[tuple[str, int, str, int], ...]
    programs: tuple[tuple[tuple[str, int], ...], ...]
    onboarding_days: int
    list_prices: bool
    metered_counts: bool
    churn_date: str
    refunds_count: bool
    past_due_days: int
    allowed_gap_days: int
    gross_margin: float | None
    churn_target: float | None
    urgent: tuple[str, ...]
    csat_from: float
    smiley_from: float
    thumbs_from: float
    ces_from: float
    follow_up_ms: int
    session_gap_seconds: int
    engagement: Engagement
    support: Support
    scores: Scores

    def parameters(self) -> dict[str, Any]:
        """The same under the names the SQL files use, but for those of support."""
        return {
            **self.engagement.parameters(),
            **self.scores.parameters(),
            "zone": self.zone,
            "lateness_ms": self.lateness_ms,
            "horizon_ms": self.horizon_ms,
            "listed": int(self.features is not None),
            "features": list(self.features or ()),
            "available": self.features_available or 0,
            "leaves": list(self.leaves),
            "programs": [list(program) for program in self.programs],
            "steps": len(self.programs) - 1,
            "onboarding_days": self.onboarding_days,
            "list_prices": int(self.list_prices),
            "metered": int(self.metered_counts),
            "churn_date": self.churn_date,
            "refunds_count": int(self.refunds_count),
            "past_due_days": self.past_due_days,
            "allowed_gap_days": self.allowed_gap_days,
            "gross_margin": self.gross_margin or 0.0,
            "churn_target": self.churn_target or 0.0,
            "urgent": list(self.urgent),
            "csat_from": self.csat_from,
            "smiley_from": self.smiley_from,
            "thumbs_from": self.thumbs_from,
            "ces_from": self.ces_from,
            "follow_up_ms": self.follow_up_ms,
            "session_gap_seconds": self.session_gap_seconds,
        }
