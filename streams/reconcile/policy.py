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
        list_prices: MRR is gross of discounts.
        metered_counts: metered subscriptions are MRR.
        mrr_follows_service: MRR ends with the service alone: neither with a request, nor past due, nor may it pause.
        csat_from, smiley_from, thumbs_from, ces_from: where on its scale, 0 to 1, a rating is positive.
    """

    zone: str
    lateness_ms: int
    horizon_ms: int
    features: tuple[str, ...] | None
    features_available: int | None
    list_prices: bool
    metered_counts: bool
    mrr_follows_service: bool
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
            "list_prices": int(self.list_prices),
            "metered": int(self.metered_counts),
            "csat_from": self.csat_from,
            "smiley_from": self.smiley_from,
            "thumbs_from": self.thumbs_from,
            "ces_from": self.ces_from,
        }
