"""The alerts machine: health scores in, steps of episodes out.

Daily scores always count; a live score counts only while it is fresh, so a replay of the past raises the
same alerts every time and does not depend on which live scores were published on the way.

Invariants, for the scores of a customer in the order of the log:
 A1 scores repeated after a crash of the scorer change nothing: a day counts once, a live score not when a
    later one was seen or a newer day than it is compared with, and the last one taken again tells nothing more;
 A2 a daily score that comes after live ones of a later instant may open an episode, not renew or end one;
 A3 alerts are a function of the scores taken in, ids too: an alert sent twice is the same alert.

A customer without a state never alarmed, so nothing it repeats is news either: the table holds only those
that did, and those whose band became unknown.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from schemas.alerts import Alert
from schemas.codec import encode
from schemas.scores import HealthScore
from streams.alerts.episodes import Episode, Sight, Step, advance
from streams.alerts.messages import compose
from streams.alerts.own import OwnRules
from streams.alerts.own_state import Known, Own
from streams.alerts.policy import AlertPolicy
from streams.alerts.rules import Before, Facts, Rule, Trigger, rules_of
from streams.alerts.telling import Telling
from streams.alerts.texts import Locale, locale_of
from streams.metrics.days import DAY_MS
from streams.metrics.partition import Partition

_FRESH_MS = DAY_MS
_KEPT_DAYS = 30  # longer than an answer is news


class Watched(Struct):
    """What the alerts table holds of a customer.

    Attributes:
        episodes: the newest one of each cause, by rule and cause.
        day: last day taken in.
        live: instant and version of the last live score taken in.
        as_of: newest instant taken in, epoch ms.
        previous: what the next scores have to call their previous day.
        known: the last known band, while that of the last day is unknown.
        own: what the profile's own rules need (own.py); None while it is nothing.
    """

    episodes: dict[str, Episode] = {}
    day: int = -1
    live: tuple[int, int] = (-1, -1)
    as_of: int = -1
    previous: Before | None = None
    known: Before | None = None
    own: Own | None = None


class Watch(Struct):
    """Partition-level state: how many scores were read, and since when which rules of the profile's own."""

    seen: int = 0
    rules: dict[str, Known] = {}


class AlertMachine:
    """Steps over one partition of the health scores.

    Args:
        topic: where alerts go, to the same partition number.
        locale: language when a customer has none.
        policy: which rules are told, of whom.
    """

    def __init__(self, topic: str, locale: Locale, policy: AlertPolicy) -> None:
        self._topic = topic
        self._locale: Locale = locale
        self._rules = rules_of(policy)
        self._own = OwnRules(policy.rule)
        self._kept_ms = max(_KEPT_DAYS, *(1 + (rule.cooldown_days or 0) for rule in self._rules)) * DAY_MS

    def step(self, part: Partition[Watched, Watch], offset: int, score: HealthScore, now_ms: int) -> None:
        """Takes the score at `offset` in; `now_ms` is only asked whether a live score is fresh."""
        part.offset = offset
        part.meta.seen += 1
        if score.kind == "live" and score.as_of < now_ms - _FRESH_MS:
            return
        if part.ahead(score.customer_id, offset):
            return
        held = part.get(score.customer_id)
        watched = held or Watched()
        looked, new = self._look(part, watched, score), _is_new(watched, score)
        if new:
            for rule in self._rules:
                self._watch(part, watched, rule, score)
            _note(watched, score, self._kept_ms)
        kept = held is not None or watched.episodes or watched.known is not None or watched.own is not None
        if kept and (looked or new):
            part.put(score.customer_id, watched)

    def render(self, part: Partition[Watched, Watch], keys: Sequence[str]) -> None:
        """Nothing here is conflated."""

    def _look(self, part: Partition[Watched, Watch], watched: Watched, score: HealthScore) -> bool:
        """Has the profile's own rules look at a daily score; whether it was new to them."""
        if score.kind != "day":
            return False
        self._own.meet(part.meta.rules, score.day)
        own = watched.own
        if own is None:
            if not self._own:
                return False
            own = Own()
        if score.day <= own.day:
            return False
        for telling in self._own.take(part.meta.rules, own, score):
            self._tell(part, "", telling)
        # Once there, it stays: it knows which days were taken in.
        watched.own = own if own.rules or own.trails else watched.own
        return True

    def _watch(self, part: Partition[Watched, Watch], watched: Watched, rule: Rule, score: HealthScore) -> None:
        triggers = {trigger.cause: trigger for trigger in rule.fires(score, _before(watched, score))}
        for cause in _causes(watched, rule, triggers):
            step = self._advance(part, watched, rule, cause, triggers.get(cause), score)
            if step == "opened":
                # It may be over by the same score, when the same person has answered better since. Both are told at
                # once: left to the next score, the end would come with a repetition of this one too (A1).
                self._advance(part, watched, rule, cause, triggers.get(cause), score)

    def _advance(
        self,
        part: Partition[Watched, Watch],
        watched: Watched,
        rule: Rule,
        cause: str,
        trigger: Trigger | None,
        score: HealthScore,
    ) -> Step | None:
        key, past = _key(rule, cause), score.as_of < watched.as_of
        episode = watched.episodes.get(key)
        ending = None if past or episode is None else rule.ends(score, episode.told)
        muted = trigger is not None and not rule.tells(score, trigger.facts)
        sight = Sight(score.as_of, trigger, ending, past, muted)
        episode, step = advance(episode, rule, sight)
        if episode is not None:
            watched.episodes[key] = episode
            if step is not None and not episode.silent:
                self._tell(part, cause, Telling(rule, step, score, _facts(episode, sight, score), episode))
        return step

    def _tell(self, part: Partition[Watched, Watch], cause: str, telling: Telling) -> None:
        rule, step, score, facts, episode = telling
        locale = locale_of(score.locale, self._locale)
        message = compose(telling, locale)
        event_id = facts.get("event_id")
        episode_id = f"{rule.rule}:{score.customer_id}:{episode.opened_at}" + (f":{cause}" if cause else "")
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


def _key(rule: Rule, cause: str) -> str:
    return f"{rule.rule}:{cause}"


def _causes(watched: Watched, rule: Rule, triggers: Iterable[str]) -> list[str]:
    """Causes of a rule with an episode, and those that the score speaks of."""
    prefix = _key(rule, "")
    known = [key.removeprefix(prefix) for key in watched.episodes if key.startswith(prefix)]
    return list(dict.fromkeys([*known, *triggers]))


def _is_new(watched: Watched, score: HealthScore) -> bool:
    """Whether a score is not one of those repeated after a crash (A1)."""
    if score.kind == "day":
        if watched.day < 0:  # it began with a live score: a day scored before that one knows only older input
            return score.version >= watched.live[1]
        return score.day > watched.day
    mark = (score.as_of, score.version)
    # A live score is compared with the newest day before it in the log: one that is not was sent before that day, and
    # need not have been seen then (a day began the state, or it was conflated). After the close of a day one is scored
    # again, with another comparison; with the same it says the same, for its version stands for its values.
    if watched.day >= 0 or mark == watched.live:
        return mark >= watched.live and Before(score.previous_band, score.previous_score) == watched.previous
    return mark > watched.live


def _before(watched: Watched, score: HealthScore) -> Before:
    """The last known band before a score; a few days without data do not make a fall invisible."""
    if score.previous_band == "unknown" and watched.known is not None:
        return watched.known
    return Before(score.previous_band, score.previous_score)


def _note(watched: Watched, score: HealthScore, kept_ms: int) -> None:
    """Keeps what the next score is compared with, forgets what has been over for so long."""
    if score.kind == "day":
        before = _before(watched, score)
        watched.known = before if score.band == "unknown" and before.band in ("yellow", "green") else None
        watched.day, watched.previous = score.day, Before(score.band, score.score)
    else:
        watched.live = (score.as_of, score.version)
        watched.previous = watched.previous or Before(score.previous_band, score.previous_score)
    watched.as_of = max(watched.as_of, score.as_of)
    forgotten = watched.as_of - kept_ms
    watched.episodes = {
        key: e for key, e in watched.episodes.items() if e.resolved_at is None or e.resolved_at >= forgotten
    }


def _facts(episode: Episode, sight: Sight, score: HealthScore) -> Facts:
    """What a step tells: at the end also how it ended, and what was last told."""
    if episode.open or sight.ending is None:
        return episode.told
    now = None if score.score is None else round(score.score, 1)
    return episode.told | {"score_told": episode.told.get("score"), "score": now, "ended": sight.ending}
