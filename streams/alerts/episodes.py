"""Episodes: one story from the first alarm to its end, so that a state that lasts is told once.

An episode opens when its rule fires, unless the last one ended within the cooldown; the same cause never speaks twice;
another cause in an open episode updates it; it resolves when the rule says that it is over.
"""

from typing import Literal

from msgspec import Struct

from streams.alerts.rules import Rule, Trigger
from streams.metrics.days import DAY_MS

Step = Literal["opened", "updated", "resolved"]
_CAUSES_KEPT = 20


class Episode(Struct):
    """A rule's newest episode for one customer.

    Attributes:
        opened_at, resolved_at: epoch ms; open while `resolved_at` is None.
        steps: how many alerts it has sent.
        causes: what has been spoken of, newest last; kept over episodes.
        held_back: triggers silenced by the cooldown.
    """

    opened_at: int
    resolved_at: int | None = None
    steps: int = 0
    causes: list[str] = []
    held_back: int = 0

    @property
    def open(self) -> bool:
        """True until it is resolved."""
        return self.resolved_at is None


def advance(
    episode: Episode | None, rule: Rule, trigger: Trigger | None, over: bool, at: int
) -> tuple[Episode | None, Step | None]:
    """The episode after a score at instant `at`, and the step to tell, if any."""
    if episode is not None and episode.open and over:
        if at < episode.opened_at:  # a score of the past knows nothing of this episode
            return episode, None
        episode.resolved_at = at
        episode.steps += 1
        if rule.recurs:
            episode.causes = []
        return episode, "resolved"
    if trigger is None or (episode is not None and trigger.cause in episode.causes):
        return episode, None
    if episode is None:
        return Episode(at, None, 1, [trigger.cause]), "opened"
    return _again(episode, rule, trigger, at)


def _again(episode: Episode, rule: Rule, trigger: Trigger, at: int) -> tuple[Episode, Step | None]:
    if episode.resolved_at is not None and at - episode.resolved_at < rule.cooldown_days * DAY_MS:
        episode.held_back += 1
        return episode, None
    episode.causes = [*episode.causes, trigger.cause][-_CAUSES_KEPT:]
    if episode.open:
        episode.steps += 1
        return episode, "updated"
    return Episode(at, None, 1, episode.causes, episode.held_back), "opened"
