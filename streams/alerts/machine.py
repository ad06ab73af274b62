"""The alerts machine: health scores in, steps of episodes out.

Daily scores always count; a live score counts only while it is fresh, so that a replay of the past raises the same
alerts every time and does not depend on which live scores were published on the way.
"""

from msgspec import Struct

from schemas.alerts import Alert
from schemas.codec import encode
from schemas.scores import HealthScore
from streams.alerts.episodes import Episode, Step, advance
from streams.alerts.messages import compose
from streams.alerts.rules import RULES, Facts, Rule
from streams.alerts.texts import Locale
from streams.metrics.days import DAY_MS
from streams.metrics.partition import Partition

_FRESH_MS = DAY_MS


class Watched(Struct):
    """What the alerts table holds of a customer: the newest episode of each rule."""

    episodes: dict[str, Episode] = {}


class Watch(Struct):
    """Partition-level state: nothing but what the engine needs to commit."""

    seen: int = 0


class AlertMachine:
    """Steps over one partition of the health scores.

    Args:
        topic: where alerts go, to the same partition number.
        locale: language when a customer has none.
    """

    def __init__(self, topic: str, locale: Locale) -> None:
        self._topic = topic
        self._locale: Locale = locale

    def step(self, part: Partition[Watched, Watch], offset: int, score: HealthScore, now_ms: int) -> None:
        """Takes the score at `offset` in; `now_ms` is only asked whether a live score is fresh."""
        part.offset = offset
        part.meta.seen += 1
        if score.kind == "live" and score.as_of < now_ms - _FRESH_MS:
            return
        if part.ahead(score.customer_id, offset):
            return
        watched = part.get(score.customer_id) or Watched()
        changed = False
        for rule in RULES:
            changed |= self._watch(part, watched, rule, score)
        if changed:
            part.put(score.customer_id, watched)

    def render(self, part: Partition[Watched, Watch], key: str) -> None:
        """Nothing here is conflated."""

    def _watch(self, part: Partition[Watched, Watch], watched: Watched, rule: Rule, score: HealthScore) -> bool:
        before = watched.episodes.get(rule.rule)
        held_back = before.held_back if before else 0
        trigger = rule.fires(score)
        episode, step = advance(before, rule, trigger, rule.over(score), score.as_of)
        if episode is None:
            return False
        watched.episodes[rule.rule] = episode
        if step is not None:
            facts: Facts = trigger.facts if trigger else {"score": score.score}
            self._tell(part, rule, episode, step, score, facts)
        return step is not None or episode.held_back != held_back

    def _tell(
        self,
        part: Partition[Watched, Watch],
        rule: Rule,
        episode: Episode,
        step: Step,
        score: HealthScore,
        facts: Facts,
    ) -> None:
        locale: Locale = score.locale if score.locale in ("pt", "es", "en") else self._locale  # type: ignore[assignment]
        message = compose(rule, step, score, facts, locale)
        episode_id = f"{rule.rule}:{score.customer_id}:{episode.opened_at}"
        event_id = facts.get("event_id")
        alert = Alert(
            alert_id=f"{episode_id}:{episode.steps}",
            episode_id=episode_id,
            customer_id=score.customer_id,
            rule=rule.rule,
            severity=rule.severity,
            status=step,
            opened_at=episode.opened_at,
            at=score.as_of,
            trigger_event_id=str(event_id) if event_id else score.trigger_event_id,
            facts=facts,
            next_step=rule.next_step,
            locale=locale,
            text=message.text,
            blocks=message.blocks,
            version=part.offset,
        )
        part.emit(self._topic, score.customer_id.encode(), encode(alert), timestamp_ms=score.as_of)
