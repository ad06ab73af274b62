"""Episodes: one story from the first alarm to its end, so that a state that lasts is told once.

An episode is about one cause of one rule. It opens with news, is told again when the rule has more to say,
and resolves when the rule says how it ended. News within the cooldown wait: the episode opens when the
cooldown is over, unless the matter is over by then, so nobody stays red in silence. Opened and resolved
alternate.

What the settings do not want to hear of makes episodes too, silent ones: when the settings change, what was there
before is no news. A silent episode is told, as opened, once its rule has more to say and the settings want to hear it.

A score of the past (the day's score comes after live ones of the night) knows less than what was seen: it may
open an episode, never renew or end one.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct, field

from streams.alerts.rules import Course, Facts, Trigger
from streams.metrics.days import DAY_MS

Step = Literal["opened", "updated", "resolved"]


class Patience(Protocol):
    """How a rule that is no `Course` goes about its episodes; the attributes are the same."""

    @property
    def cooldown_days(self) -> int | None: ...
    @property
    def says_more(self) -> Callable[[Facts, Facts], bool]: ...


class Sight(NamedTuple):
    """What a rule sees of one cause in a score.

    Attributes:
        at: instant of the score, epoch ms.
        trigger: None when the rule does not fire for this cause.
        ending: how the matter ended; None when it did not, or when the score is of the past.
        past: newer scores were seen.
        muted: the settings do not want to hear of it.
    """

    at: int
    trigger: Trigger | None
    ending: str | None = None
    past: bool = False
    muted: bool = False


class Episode(Struct):
    """The newest episode of a cause.

    Attributes:
        opened_at, resolved_at: epoch ms; open while `resolved_at` is None.
        steps: how many alerts it has sent.
        told: what the newest of them said.
        waiting: what news said that the cooldown, or a rule about the model that tells it later, holds back.
        silent: nothing of it was told.
    """

    opened_at: int
    resolved_at: int | None = None
    steps: int = 1
    told: Facts = field(default_factory=dict[str, str | int | float | None])
    waiting: Facts | None = None
    silent: bool = False

    @property
    def open(self) -> bool:
        """True until it is resolved."""
        return self.resolved_at is None


def advance(episode: Episode | None, rule: Course | Patience, sight: Sight) -> tuple[Episode | None, Step | None]:
    """The newest episode of a cause after a score, and the step it takes, if any; to be told unless it is silent.

    Args:
        episode: the newest one so far; changed in place while it goes on.
        rule: it is an episode of.
        sight: what the rule sees in the score.
    """
    if episode is None:
        return _begin(sight)
    if episode.resolved_at is None:
        return episode, None if sight.past else _go_on(episode, rule, sight)
    following = _again(episode, episode.resolved_at, rule, sight)
    return (episode, None) if following is None else (following, "opened")


def _begin(sight: Sight) -> tuple[Episode | None, Step | None]:
    if sight.trigger is None or not sight.trigger.news:
        return None, None
    return Episode(sight.at, told=sight.trigger.facts, silent=sight.muted), "opened"


def _go_on(episode: Episode, rule: Course | Patience, sight: Sight) -> Step | None:
    if sight.ending is not None:
        episode.resolved_at = sight.at
        episode.steps += 1
        return "resolved"
    if sight.trigger is None or not rule.says_more(episode.told, sight.trigger.facts):
        return None
    if sight.muted:
        if episode.silent:
            episode.told = sight.trigger.facts  # what was there before the settings change is no news
        return None
    episode.told = sight.trigger.facts
    if episode.silent:
        episode.silent = False
        return "opened"
    episode.steps += 1
    return "updated"


def _again(episode: Episode, resolved_at: int, rule: Course | Patience, sight: Sight) -> Episode | None:
    if sight.ending is not None:
        episode.waiting = None
    trigger, waiting = sight.trigger, episode.waiting
    if trigger is None or rule.cooldown_days is None or not (trigger.news or waiting is not None):
        return None
    if not episode.silent and sight.at - resolved_at < rule.cooldown_days * DAY_MS:
        episode.waiting = waiting or trigger.facts
        return None
    return Episode(sight.at, told=_since(trigger.facts, waiting), silent=sight.muted)


def _since(facts: Facts, waiting: Facts | None) -> Facts:
    """The facts of now, but what was before as it was when the waiting began."""
    before = {name: value for name, value in (waiting or {}).items() if name.startswith("previous_")}
    return facts | before
