"""Episodes of the churn model, told as alerts under the key `_model`; the trainer asks at the end of each day it takes.

Ids and contents are a function of the day and of what the model had become, so a replay tells the same again.
"""

from typing import Any, NamedTuple

from schemas.alerts import MODEL_CUSTOMER, Alert
from schemas.codec import encode
from streams.alerts.amounts import NONE, lasted, number, precise
from streams.alerts.episodes import Episode, Sight, Step, advance
from streams.alerts.messages import Layout, Message, written
from streams.alerts.model_rules import MODEL_RULES, ModelRule, Seen
from streams.alerts.model_texts import MODEL_TEXTS
from streams.alerts.policy import ModelAlertPolicy
from streams.alerts.rules import Facts, Trigger
from streams.alerts.telling import Words
from streams.alerts.texts import Locale, text
from streams.metrics.days import DAY_MS, to_date
from streams.metrics.partition import Partition


class ModelAlerts:
    """Tells people of the model.

    Args:
        topic: where alerts go.
        locale: of the messages; a model has no language of its own.
        policy: whether it is told at all.
    """

    def __init__(self, topic: str, locale: Locale, policy: ModelAlertPolicy) -> None:
        self._topic = topic
        self._locale: Locale = locale
        self._policy = policy

    def tell(self, part: Partition[Any, Any], episodes: dict[str, Episode], seen: Seen) -> None:
        """Takes the model of a day in.

        Args:
            part: where alerts are sent from.
            episodes: the newest of each rule, kept up to date.
            seen: the model.
        """
        at = (seen.day + 1) * DAY_MS
        for rule in MODEL_RULES:
            facts, episode = rule.fires(seen), episodes.get(rule.rule)
            held = None if episode is None or not episode.open else episode.waiting
            if facts is not None and held is not None:
                facts = rule.joined(held, facts)
            ending = None if facts is not None or episode is None else rule.ends(seen, held or episode.told)
            trigger = None if facts is None else Trigger("", True, facts)
            sight = Sight(at, trigger, ending, muted=not self._policy.enabled)
            episode, step = advance(episode, rule, sight)
            if episode is not None:
                episodes[rule.rule] = episode
                told = _facts(episode, ending)
                _hold_back(episode, sight)
                if step is not None and not episode.silent:
                    self._send(part, _Telling(rule, step, seen, told, episode, at))

    def _send(self, part: Partition[Any, Any], telling: "_Telling") -> None:
        rule, step, _, facts, episode, at = telling
        message = _composed(telling, self._locale)
        episode_id = f"{rule.rule}:{MODEL_CUSTOMER}:{episode.opened_at}"
        alert = Alert(
            alert_id=f"{episode_id}:{episode.steps}",
            episode_id=episode_id,
            customer_id=MODEL_CUSTOMER,
            rule=rule.rule,
            severity=rule.severity,
            status=step,
            opened_at=episode.opened_at,
            at=at,
            trigger_event_id=None,
            facts=facts,
            next_step=rule.next_step,
            locale=self._locale,
            text=message.text,
            blocks=message.blocks,
            version=part.offset,
        )
        part.emit(self._topic, MODEL_CUSTOMER.encode(), encode(alert), timestamp_ms=at)


class _Telling(NamedTuple):
    rule: ModelRule
    step: Step
    seen: Seen
    facts: Facts
    episode: Episode
    at: int


def _facts(episode: Episode, ending: str | None) -> Facts:
    return episode.told if ending is None else {**(episode.waiting or episode.told), "ended": ending}


def _hold_back(episode: Episode, sight: Sight) -> None:
    """Keeps what an open episode was not told of a day: until it is, or for how the episode ends."""
    if sight.trigger is None:
        episode.waiting = None if sight.ending is not None else episode.waiting
        return
    if episode.silent and sight.muted:
        episode.told = sight.trigger.facts  # nobody ever wants to hear of it
    episode.waiting = None if episode.told is sight.trigger.facts else sight.trigger.facts


def _composed(telling: _Telling, locale: Locale) -> Message:
    rule, step, seen, facts, _, _ = telling
    values, todo = _values(telling, locale), ""
    if step == "resolved":
        code = body = f"{rule.rule}.{facts['ended']}"
        body += ".body"
    else:
        code, body = f"{rule.rule}.{step}", f"{rule.rule}.body"
        todo = f"{text('next', locale)}: {_text(rule.next_step, locale)}"
    table = [(_text("model", locale), seen.champion), (_text("model_sample", locale), number(seen.churned, locale))]
    title = _text(code, locale, **values)
    words = Words(title, _text(body, locale, **values), todo)
    return written(words, Layout(table, [f"{rule.rule} · {MODEL_CUSTOMER}"]), step, rule.severity)


def _values(telling: _Telling, locale: Locale) -> dict[str, object]:
    facts = telling.facts
    is_drift, direction = telling.rule.rule == "model_drift", facts.get("direction")
    values: dict[str, object] = {name: precise(value, locale) for name, value in facts.items()}
    for name in ("labels", "labelled", "count", "days", "days_before"):
        values[name] = number(facts.get(name), locale)
    for name in ("before", "after"):
        values[name] = _points(facts.get(name), locale) if is_drift else _state(facts.get(name), locale)
    values["direction"] = NONE if direction is None else _text(str(direction), locale)
    values.setdefault("ratio", NONE)
    values["lasted"] = lasted(telling.at - telling.episode.opened_at, locale)
    return values


def _points(share: object, locale: Locale) -> str:
    # Plus 0: what rounds to nothing has no sign.
    return number(round(share * 100.0, 1) + 0.0, locale) if isinstance(share, int | float) else NONE


def _state(named: object, locale: Locale) -> str:
    """A model's name for people; what was gone back to is called "NAME of day DAY" or "prior" in its record."""
    name, of_day, day = str(named).partition(" of day ")
    if name == "prior":
        return _text("model_prior", locale)
    return _text("model_of_day", locale, name=name, day=to_date(int(day)).isoformat()) if of_day else name


def _text(code: str, locale: Locale, **values: object) -> str:
    return MODEL_TEXTS[code][locale].format_map(values)
