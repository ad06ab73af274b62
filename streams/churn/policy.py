"""Every number of the churn model that somebody chose, with its unit and where it comes from.

"Measured" means compared on four panels of events, test-then-train with mature labels. What was not measured
says so.
"""

from typing import Literal

from msgspec import Struct

from streams.errors import ConfigurationError

Band = Literal["low", "medium", "high"]


class ChurnPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Constants of the churn model; a changed one takes effect from the next start.

    Attributes:
        horizon_days: the window the probability speaks of, days after the snapshot (METRICS.md section 8).
        medium_at, high_at: lower bounds (inclusive) of the bands, probability; chosen, not measured: about
            twice and five times the base rate.
        base_rate: share of customers expected to leave within the horizon while no label is known,
            probability; chosen: 3 %, low in the 2-8 % of the panels. Better: the company's own.
        min_customers_churned: distinct churned customers among the mature labels from which on the model is
            no longer called a prior; chosen, not measured: with fewer, its AUC is known to +-0.1 at best.
        forgetting: factor on the weight of the past per learned example; measured: under 0.9998 it can
        diverge. variance: of each weight around its expert prior, squared log-odds per spread; measured.
        variance_cap: no weight gets less certain than this, however much is forgotten; measured.
        clip: bound of scaled features, spreads; measured: one value of 1e18 does no harm.
        probability_floor: probabilities stay in [floor, 1 - floor], the model is never certain; chosen.
        least_odds_ratio: reasons under this odds ratio, either way, are not shown; chosen.
        max_raising, max_protecting: how many reasons are shown; chosen.
    """

    horizon_days: int = 30
    medium_at: float = 0.06
    high_at: float = 0.15
    base_rate: float = 0.03
    min_customers_churned: int = 30
    forgetting: float = 0.9999
    variance: float = 0.1
    variance_cap: float = 0.5
    clip: float = 4.0
    probability_floor: float = 0.001
    least_odds_ratio: float = 1.15
    max_raising: int = 3
    max_protecting: int = 1

    def __post_init__(self) -> None:
        """Refuses values the model cannot work with.

        Raises:
            ConfigurationError: says which setting, what it was, what it must be.
        """
        for name, holds, expected in (
            ("horizon_days", 1 <= self.horizon_days <= 365, "from 1 to 365"),
            ("medium_at", 0 < self.medium_at < self.high_at, "above 0 and under high_at"),
            ("high_at", self.high_at < 1, "under 1"),
            ("probability_floor", 0 < self.probability_floor < 0.1, "above 0 and under 0.1"),
            ("base_rate", self.probability_floor <= self.base_rate <= 0.5, "from probability_floor to 0.5"),
            ("min_customers_churned", self.min_customers_churned >= 1, "at least 1"),
            ("forgetting", 0.99 <= self.forgetting <= 1, "from 0.99 to 1"),
            ("variance", 0 < self.variance <= self.variance_cap, "above 0 and at most variance_cap"),
            ("variance_cap", self.variance_cap <= 100, "at most 100"),
            ("clip", 0 < self.clip <= 100, "above 0 and at most 100"),
            ("least_odds_ratio", self.least_odds_ratio >= 1, "at least 1"),
            ("max_raising", self.max_raising >= 0, "at least 0"),
            ("max_protecting", self.max_protecting >= 0, "at least 0"),
        ):
            if not holds:
                got = getattr(self, name)
                raise ConfigurationError(f"churn policy: {name} must be {expected}, got {got!r}")

    def band(self, probability: float) -> Band:
        """The band of a probability; lower bounds are inclusive."""
        if probability >= self.high_at:
            return "high"
        return "medium" if probability >= self.medium_at else "low"

    def bounded(self, probability: float) -> float:
        """The probability inside [floor, 1 - floor]."""
        return min(max(probability, self.probability_floor), 1.0 - self.probability_floor)
