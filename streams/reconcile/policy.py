"""What the recounts must know of a profile and the settings, as parameters of SQL."""

from dataclasses import dataclass
from typing import Any


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
        time_moves_nothing: MRR neither ends past due nor goes on through a gap.
        urgent: priorities of tickets that are urgent.
        csat_from, smiley_from, thumbs_from, ces_from: where on its scale, 0 to 1, a rating is positive.
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
    time_moves_nothing: bool
    urgent: tuple[str, ...]
    csat_from: float
    smiley_from: float
    thumbs_from: float
    ces_from: float

    def parameters(self) -> dict[str, Any]:
        """The same under the names the SQL files use."""
        return {
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
            "urgent": list(self.urgent),
            "csat_from": self.csat_from,
            "smiley_from": self.smiley_from,
            "thumbs_from": self.thumbs_from,
            "ces_from": self.ces_from,
        }
