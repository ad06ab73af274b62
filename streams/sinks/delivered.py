"""What has been delivered: where the message of each open episode stands, and which alerts were dealt with.

With it an update finds its message and an alert that comes twice is told once.
"""

from typing import Literal

from msgspec import Struct

from schemas.alerts import Alert
from streams.sinks.slack import Posted

#: Alerts are repeated soon after they were sent, if at all.
_ALERTS_KEPT = 20

Verdict = Literal["tell", "known", "too_old", "unheard"]


class Deliveries(Struct):
    """Partition-level state: how many alerts people were told of."""

    told: int = 0


class Delivered(Struct, frozen=True):
    """What the notify table holds of a customer.

    Attributes:
        posted: by open episode people heard of; None where no message stands (the log, a refusal).
        alerts: ids dealt with, newest last.
    """

    posted: dict[str, Posted | None] = {}
    alerts: list[str] = []

    def verdict(self, alert: Alert, oldest: int) -> Verdict:
        """Whether people are to hear of an alert.

        Args:
            alert: as it came.
            oldest: what happened before is no news (epoch ms); a message that stands is renewed anyway.
        """
        if alert.alert_id in self.alerts:
            return "known"
        if alert.status == "resolved":
            return "tell" if alert.episode_id in self.posted else "unheard"
        stands = self.posted.get(alert.episode_id) is not None
        return "tell" if stands or alert.at >= oldest else "too_old"

    def after(self, alert: Alert, posted: Posted | None) -> "Delivered":
        """The state once an alert was told, or refused for ever."""
        messages = {episode: at for episode, at in self.posted.items() if episode != alert.episode_id}
        if alert.status != "resolved":
            messages[alert.episode_id] = posted
        return Delivered(messages, [*self.alerts, alert.alert_id][-_ALERTS_KEPT:])
