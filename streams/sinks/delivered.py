"""What has been delivered: messages by episode, so that an update finds its message and nothing is posted twice."""

from msgspec import Struct

from schemas.alerts import Alert
from streams.sinks.slack import Posted

_EPISODES_KEPT = 10


class Deliveries(Struct):
    """Partition-level state: how many alerts were taken."""

    taken: int = 0


class Delivered(Struct):
    """What the notify table holds of a customer.

    Attributes:
        posted: message by open episode.
        alerts: ids delivered, newest last.
    """

    posted: dict[str, Posted] = {}
    alerts: list[str] = []

    def after(self, alert: Alert, posted: Posted | None) -> "Delivered":
        """The state once an alert has been dealt with."""
        messages = {episode: at for episode, at in self.posted.items() if episode != alert.episode_id}
        if posted is not None and alert.status != "resolved":
            messages[alert.episode_id] = posted
        return Delivered(messages, [*self.alerts, alert.alert_id][-_EPISODES_KEPT:])


def wanted(held: Delivered, alert: Alert, oldest: int) -> bool:
    """Whether people should hear of an alert: new, not of the distant past, and an end only of what they heard of."""
    if alert.alert_id in held.alerts or alert.at < oldest:
        return False
    return alert.status != "resolved" or alert.episode_id in held.posted
