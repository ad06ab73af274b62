"""Rules of a company's own: a figure of a customer by the end of each day, and for how many days it has held.

Theory of operation. A rule compares one figure, or how much it changed, with its limit. A run of days on which it holds
makes an episode once it is long enough; from there on episodes.py decides, as for the built-in rules. Days on which the
figure is not defined neither lengthen nor break a run, and end nothing.

Invariants, for the scores of a customer in the order of the log:
 O1 only daily scores count, each day once: alerts are a function of them, whatever live scores come between;
 O2 a rule that a partition has not seen before, or not with this meaning, tells nothing of what holds on its first
    day: a changed profile rings nobody.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, cast

from schemas.alerts import Severity
from schemas.scores import HealthScore
from streams.alerts.episodes import Episode, Sight, advance
from streams.alerts.own_policy import STAGE, Comparison, OwnRule
from streams.alerts.own_state import Known, Own, Stand, Trail
from streams.alerts.rules import Course, Facts, OwnEnding, Trigger
from streams.alerts.telling import Telling
from streams.metrics.days import DAY_MS

_KEPT_DAYS = 30  # what has been over for so long, and for longer than its cooldown, is forgotten
_PLACES = 9  # 0.7 - 0.4 is 0.3
_LEAST_BEFORE = 1e-6  # chosen; a share of less says nothing: decayed figures come as near to 0 as you like
_Value = bool | int | float | str | None


class OwnRules:
    """The rules of a profile.

    Args:
        rules: each with another name.
    """

    def __init__(self, rules: Iterable[OwnRule]) -> None:
        self._rules = {rule.name: (rule, _course(rule)) for rule in rules}
        self._prints = {name: rule.fingerprint for name, (rule, _) in self._rules.items()}
        self._backs: dict[str, int] = {}
        for rule, _ in self._rules.values():
            if rule.back:
                self._backs[rule.source] = max(rule.back, self._backs.get(rule.source, 0))

    def __bool__(self) -> bool:
        """Whether the profile has any."""
        return bool(self._rules)

    def meet(self, known: dict[str, Known], day: int) -> None:
        """Notes, for a partition that has come to `day`, the rules that are new to it, and forgets others."""
        for name in known.keys() - self._prints.keys():
            del known[name]
        for name, fingerprint in self._prints.items():
            if name not in known or known[name].fingerprint != fingerprint:
                known[name] = Known(fingerprint, day)

    def take(self, known: dict[str, Known], own: Own, score: HealthScore) -> list[Telling]:
        """What is to be told after a daily score later than `own.day`; `own` is changed in place."""
        own.day = score.day
        told = [*_removed(own, self._rules.keys(), score)]
        for rule, course in self._rules.values():
            told += _look(rule, course, known[rule.name].since, own, score)
        for source, back in self._backs.items():
            trail = own.trails.setdefault(source, Trail(score.day - 1, []))
            trail.add(score.day, _number(score.figures.get(source)), back)
        for source in own.trails.keys() - self._backs.keys():
            del own.trails[source]
        return told


def _course(rule: OwnRule) -> Course:
    return Course(
        rule=rule.name,
        severity=rule.severity,
        next_step="look_into_figure",
        cooldown_days=rule.cooldown_days,
        says_more=_never if rule.worse_by is None else _further(rule.when, rule.worse_by),
    )


def _never(_told: Facts, _now: Facts) -> bool:
    return False


def _further(when: Comparison, by: float) -> Callable[[Facts, Facts], bool]:
    sign = -1 if when in ("below", "at_most") else 1

    def says_more(told: Facts, now: Facts) -> bool:
        before, after = (_number(facts.get("change", facts["value"])) or 0.0 for facts in (told, now))
        return round(sign * (after - before), _PLACES) >= by

    return says_more


class _Reading(NamedTuple):
    """What a rule sees in a score.

    Attributes:
        value, before: the figure, and what it was where its change counts.
        measured: what is compared with the limit; None when it is not known.
        outside: why the rule is not about the customer; None when it is.
    """

    value: _Value
    before: float | None
    measured: _Value
    outside: OwnEnding | None

    def holds(self, rule: OwnRule) -> bool:
        """Whether the rule is about the customer and its limit is passed."""
        return self.outside is None and self.measured is not None and compares(rule.when, self.measured, rule.limit)

    def ending(self, rule: OwnRule) -> OwnEnding | None:
        """How it ends what is open; None when it does not."""
        if self.outside is not None or self.measured is None:
            return self.outside
        bound = rule.limit if rule.ends_at is None else rule.ends_at
        return None if compares(rule.when, self.measured, bound) else "recovered"


def _look(rule: OwnRule, course: Course, first: int, own: Own, score: HealthScore) -> Iterator[Telling]:
    """One rule: its run goes on or ends, and so may its episode."""
    stand = own.rules.get(rule.name) or Stand()
    reading = _read(rule, own, score)
    ending = None if stand.episode is None else _ending(rule, reading, stand.episode)
    _run(stand, rule, reading, first, score.day)
    trigger = None
    if reading.holds(rule) and stand.days >= rule.for_days:
        trigger = Trigger("", stand.days == rule.for_days, _facts(rule, score, reading, stand.days))
    begun_before = trigger is not None and trigger.news and stand.since <= first
    sight = Sight(score.as_of, trigger, ending, muted=begun_before or not rule.enabled)
    stand.episode, step = advance(stand.episode, course, sight)
    if stand.days or _remembered(stand.episode, course, score.as_of):
        own.rules[rule.name] = stand
    else:
        own.rules.pop(rule.name, None)
    if stand.episode is not None and step is not None and not stand.episode.silent:
        told = stand.episode.told
        now = told["value"] if ending == "removed" else reading.value
        facts = told if step != "resolved" else _ended(told, ending, now)
        yield Telling(course, step, score, facts, stand.episode)


def _ending(rule: OwnRule, reading: _Reading, episode: Episode) -> OwnEnding | None:
    """How an episode ends; one about another figure, from before the rule was changed, ends at once."""
    about = episode.told["metric"], episode.told.get("key")
    return reading.ending(rule) if about == (rule.figure.name, rule.key) else "removed"


def _run(stand: Stand, rule: OwnRule, reading: _Reading, first: int, day: int) -> None:
    """Counts a day; one on which nothing is known neither lengthens a run nor breaks it."""
    if stand.since < first:
        stand.days = 0  # counted by what the rule was before
    if reading.holds(rule):
        stand.since, stand.days = (stand.since, stand.days + 1) if stand.days else (day, 1)
    elif reading.outside is not None or reading.measured is not None:
        stand.days = 0


def _read(rule: OwnRule, own: Own, score: HealthScore) -> _Reading:
    value, before = score.figures.get(rule.source), None
    if rule.back and rule.source in own.trails:
        before = own.trails[rule.source].on(score.day - rule.back)
    unknown = bool(rule.stages) and STAGE not in score.figures
    return _Reading(value, before, None if unknown else measured(rule, value, before), _outside(rule, score))


def _outside(rule: OwnRule, score: HealthScore) -> OwnEnding | None:
    """Why the rule is not about the customer; None when it is."""
    if rule.paying and not score.paying:
        return "left"
    in_segment = not rule.segments or score.segment in rule.segments
    in_stage = not rule.stages or STAGE not in score.figures or score.figures[STAGE] in rule.stages
    return None if in_segment and in_stage and score.mrr_minor >= rule.min_mrr_minor else "moved"


def measured(rule: OwnRule, value: _Value, before: float | None) -> _Value:
    """What is compared with the limit: the figure, or how much it changed; None when it is not defined.

    Example:
        >>> rule = OwnRule(name="fell", metric="active_users_28d", when="falls_by_share", limit=0.3)
        >>> measured(rule, 26, before=40)
        0.35
    """
    if rule.measures == "limit":
        return value
    now = _number(value)
    if now is None or before is None or (rule.measures == "share" and before < _LEAST_BEFORE):
        return None
    change = now - before if rule.when.startswith("rises") else before - now
    return round(change / before if rule.measures == "share" else change, _PLACES)


def compares(when: Comparison, measured: _Value, bound: _Value) -> bool:
    """Whether a figure, or its change, lies beyond a bound.

    Example:
        >>> compares("above", 10, 10), compares("at_least", 10, 10), compares("is_not", "late", "current")
        (False, True, True)
    """
    if when in ("is", "is_not"):
        return (measured == bound) is (when == "is")
    left, right = cast("float", measured), cast("float", bound)
    if when in ("below", "at_most"):
        return left < right or (when == "at_most" and left == right)
    return left > right or (when != "above" and left == right)


def _facts(rule: OwnRule, score: HealthScore, reading: _Reading, days: int) -> Facts:
    """What the message is written from; yes and no as 1 and 0."""
    facts: Facts = {
        "metric": rule.figure.name,
        "when": rule.when,
        "limit": _plain(rule.limit),
        "value": _plain(reading.value),
        "days": days,
        "severity": rule.severity,
        "mrr_minor": score.mrr_minor,
        "currency": score.currency,
    }
    if rule.key is not None:
        facts["key"] = rule.key
    if rule.back:
        change = {"previous_value": reading.before, "change": _plain(reading.measured), "against_days": rule.back}
        return facts | change
    return facts


def _ended(told: Facts, ending: OwnEnding | None, value: _Value) -> Facts:
    return told | {"value_told": told.get("value"), "value": _plain(value), "ended": ending}


def _removed(own: Own, rules: Iterable[str], score: HealthScore) -> Iterator[Telling]:
    """Ends what was told by rules that the profile has no more."""
    for name in sorted(own.rules.keys() - set(rules)):
        episode = own.rules.pop(name).episode
        if episode is None or not episode.open or episode.silent:
            continue
        episode.resolved_at = score.as_of
        episode.steps += 1
        course = Course(
            rule=name,
            severity=cast("Severity", episode.told["severity"]),
            next_step="look_into_figure",
            cooldown_days=0,
            says_more=_never,
        )
        yield Telling(course, "resolved", score, _ended(episode.told, "removed", episode.told["value"]), episode)


def _remembered(episode: Episode | None, course: Course, as_of: int) -> bool:
    if episode is None or episode.resolved_at is None:
        return episode is not None
    return as_of - episode.resolved_at <= max(_KEPT_DAYS, course.cooldown_days or 0) * DAY_MS


def _number(value: _Value) -> float | None:
    """A figure as it is kept: a state that was stored and read again must not differ from one that was not."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _plain(value: _Value) -> int | float | str | None:
    return int(value) if isinstance(value, bool) else value
