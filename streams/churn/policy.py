"""Every number of the churn model that somebody chose, with its unit and where it comes from.

"Measured" means compared on four panels of events, test-then-train with mature labels. What was not measured
says so.
"""

from typing import Literal

from msgspec import Struct

from streams.errors import ConfigurationError

Band = Literal["low", "medium", "high"]
#: The longest window, days, and how many may be told besides `horizon_days`; scorers refuse models that have more.
LONGEST_HORIZON = 365
MOST_HORIZONS = 20


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
        forgetting: factor on the weight of the past per snapshot; measured: under 0.9998 it can diverge.
        least_kept: what the snapshots of a day (a week's) leave of it at least; measured: without it a large
            company's model forgets within weeks.
        variance: of each weight around its expert prior, squared log-odds per spread; measured.
        variance_cap: no weight gets less certain than this, however much is forgotten; measured.
        clip: bound of scaled features, spreads; measured: one value of 1e18 does no harm.
        probability_floor: probabilities stay in [floor, 1 - floor], the model is never certain; chosen.
        least_odds_ratio: reasons under this odds ratio, either way, are not shown; chosen.
        max_raising, max_protecting: how many reasons are shown; chosen.
        horizons: windows for which probabilities are told besides, days; chosen.
        learning_rate: first step of the AdaGrad challenger; measured: .05 the best of its kind.
        twin_forgetting: `forgetting` of the challenger that a drift alarm starts; measured: the least that
            does not diverge. twin_least_kept: its `least_kept`; chosen: twice as fast.
        calibration_labels: the newest mature labels calibration is judged by; measured.
        calibration_ratio: Platt scaling is switched on when mean predicted / observed there is at or beyond
            this, or its inverse; measured: models within are only made worse by it.
        calibration_back: and off again within this; chosen.
        drift_delta: ADWIN's confidence; measured: no false alarm in 3.3 simulated years of five companies.
        drift_muted_days: after the first mature label of what serves no alarm is raised for so long; measured.
        week_labels, week_positives: weeks of mature labels are judged together until they hold so many, and
            so many churned among them; chosen.
        promotion_margin: by which share a challenger's log loss must be lower; chosen.
        promotion_weeks: in so many judged weeks in a row; chosen.
        rollback_ratio: log loss over that of the constant guess from which on the champion goes; chosen.
        least_standard_errors: a difference of fewer standard errors is chance: nothing is promoted, rolled back
            or calibrated for it; measured: without it, weeks with few leavers throw a sound model away.
    """

    horizon_days: int = 30
    medium_at: float = 0.06
    high_at: float = 0.15
    base_rate: float = 0.03
    min_customers_churned: int = 30
    forgetting: float = 0.9999
    variance: float = 0.05
    variance_cap: float = 0.5
    clip: float = 4.0
    probability_floor: float = 0.001
    least_odds_ratio: float = 1.15
    max_raising: int = 3
    max_protecting: int = 1
    horizons: tuple[int, ...] = (30, 60, 90)
    learning_rate: float = 0.05
    twin_forgetting: float = 0.9998
    least_kept: float = 0.98
    twin_least_kept: float = 0.96
    calibration_labels: int = 1000
    calibration_ratio: float = 1.25
    calibration_back: float = 1.1
    drift_delta: float = 0.002
    drift_muted_days: int = 90
    week_labels: int = 100
    week_positives: int = 5
    promotion_margin: float = 0.01
    promotion_weeks: int = 4
    rollback_ratio: float = 1.2
    least_standard_errors: float = 3.0

    def __post_init__(self) -> None:
        """Refuses values the model cannot work with.

        Raises:
            ConfigurationError: says which setting, what it was, what it must be.
        """
        for name, holds, expected in (
            ("horizon_days", 1 <= self.horizon_days <= LONGEST_HORIZON, f"from 1 to {LONGEST_HORIZON}"),
            ("medium_at", 0 < self.medium_at < self.high_at, "above 0 and under high_at"),
            ("high_at", self.high_at < 1, "under 1"),
            ("probability_floor", 0 < self.probability_floor < 0.1, "above 0 and under 0.1"),
            ("base_rate", self.probability_floor <= self.base_rate <= 0.5, "from probability_floor to 0.5"),
            ("min_customers_churned", self.min_customers_churned >= 1, "at least 1"),
            ("forgetting", 0.99 <= self.forgetting <= 1, "from 0.99 to 1"),
            ("least_kept", 0 <= self.least_kept <= 1, "from 0 to 1"),
            ("twin_least_kept", 0 <= self.twin_least_kept <= 1, "from 0 to 1"),
            ("variance", 0 < self.variance <= self.variance_cap, "above 0 and at most variance_cap"),
            ("variance_cap", self.variance_cap <= 100, "at most 100"),
            ("clip", 0 < self.clip <= 100, "above 0 and at most 100"),
            ("least_odds_ratio", self.least_odds_ratio >= 1, "at least 1"),
            ("max_raising", self.max_raising >= 0, "at least 0"),
            ("max_protecting", self.max_protecting >= 0, "at least 0"),
            ("horizons", all(1 <= days <= LONGEST_HORIZON for days in self.horizons), f"from 1 to {LONGEST_HORIZON}"),
            ("horizons", len(self.horizons) <= MOST_HORIZONS, f"at most {MOST_HORIZONS}"),
            ("learning_rate", 0 < self.learning_rate <= 1, "above 0 and at most 1"),
            ("twin_forgetting", 0.99 <= self.twin_forgetting <= 1, "from 0.99 to 1"),
            ("calibration_labels", 100 <= self.calibration_labels <= 10**6, "from 100 to 1000000"),
            ("calibration_ratio", 1 < self.calibration_ratio <= 10, "above 1 and at most 10"),
            ("calibration_back", 1 < self.calibration_back <= self.calibration_ratio, "above 1, up to the ratio"),
            ("drift_delta", 0 < self.drift_delta < 1, "above 0 and under 1"),
            ("drift_muted_days", self.drift_muted_days >= 0, "at least 0"),
            ("week_labels", self.week_labels >= 1, "at least 1"),
            ("week_positives", self.week_positives >= 1, "at least 1"),
            ("promotion_margin", 0 <= self.promotion_margin < 1, "from 0 to under 1"),
            ("promotion_weeks", self.promotion_weeks >= 1, "at least 1"),
            ("least_standard_errors", self.least_standard_errors >= 0, "at least 0"),
            ("rollback_ratio", self.rollback_ratio > 1, "above 1"),
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
