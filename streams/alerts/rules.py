"""The alert rules: what each sees in a health score, when that is over, how patient it is, whether it is told.

A rule looks at one score at a time and remembers nothing; what was told before is the episode's business
(episodes.py). What it sees does not depend on settings, but for how much worse is news: those say what is told.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.alerts import Severity
from schemas.metrics import NpsAnswer
from schemas.scores import Band, HealthScore
from streams.alerts.policy import AlertPolicy, DetractorPolicy, HealthRedPolicy
from streams.metrics.responses import ANSWER_IS_NEWS_MS

Facts = dict[str, str | int | float | None]
NextStep = Literal["call_customer", "call_respondent", "look_into_figure"]
Ending = Literal["recovered", "left", "answered_better", "expired"]
#: How an episode of a rule of one's own ends.
OwnEnding = Literal["recovered", "left", "moved", "removed"]

_FACTORS_NAMED = 2


class Before(NamedTuple):
    """The last known band and its score, before the score in question."""

    band: Band | None
    score: float | None


class Trigger(Struct, frozen=True):
    """Why a rule fires.

    Attributes:
        cause: what the episode is about, another cause is another episode; empty for one at a time.
        news: it begins with this score; False when it began before and goes on.
        facts: what the message is written from.
    """

    cause: str
    news: bool
    facts: Facts


class Course(Struct, frozen=True, kw_only=True):
    """How the episodes of a rule go on.

    Attributes:
        cooldown_days: after the end of an episode the same cause opens none for so long; None for ever.
        says_more: whether an open episode, told with the first facts, is to be told again with the second.
    """

    rule: str
    severity: Severity
    next_step: NextStep
    cooldown_days: int | None
    says_more: Callable[[Facts, Facts], bool]


class Rule(Course, frozen=True, kw_only=True):
    """A built-in rule.

    Attributes:
        fires: the triggers in a score, each of another cause.
        ends: how a score ends an open episode that was told with these facts; None when it does not.
        tells: whether the settings want to hear of it, seen in this score with these facts.
    """

    fires: Callable[[HealthScore, Before], list[Trigger]]
    ends: Callable[[HealthScore, Facts], Ending | None]
    tells: Callable[[HealthScore, Facts], bool]


# --- health fell to red -------------------------------------------------------------------------------------


def _red(score: HealthScore, before: Before) -> list[Trigger]:
    if score.band != "red" or not score.paying:
        return []
    losses = sorted((f for f in score.factors if f.value is not None), key=lambda f: (-f.missed, f.factor))
    facts: Facts = {
        "score": _rounded(score.score),
        "previous_score": _rounded(before.score),
        "mrr_minor": score.mrr_minor,
        "currency": score.currency,
    }
    for place, factor in enumerate(losses[:_FACTORS_NAMED], 1):
        facts[f"factor_{place}"] = factor.factor
        facts[f"missed_{place}"] = _rounded(factor.missed)
    return [Trigger("", before.band in ("yellow", "green"), facts)]


def _lower_by(points: float) -> Callable[[Facts, Facts], bool]:
    return lambda told, now: _number(now, "score") <= _number(told, "score") - points


def _no_longer_red(score: HealthScore, _: Facts) -> Ending | None:
    if not score.paying:
        return "left"
    return "recovered" if score.band in ("yellow", "green") else None


# --- detractor answered -------------------------------------------------------------------------------------


def _detractors(score: HealthScore, _: Before) -> list[Trigger]:
    """Every answer is a cause of its own: another one of the same day, worse or better, hides none."""
    return [
        Trigger(answer.response_id, True, _said(answer, score))
        for answer in score.answers
        if answer.nps_class == "detractor" and score.as_of - answer.answered_at <= ANSWER_IS_NEWS_MS
    ]


def _said(answer: NpsAnswer, score: HealthScore) -> Facts:
    return {
        "nps_score": answer.score,
        "reason": answer.reason,
        "respondent": answer.respondent_id,
        "response": answer.response_id,
        "answered_at": answer.answered_at,
        "event_id": answer.event_id,
        "generated": int(answer.generated),
        "mrr_minor": score.mrr_minor,
        "currency": score.currency,
    }


def _answer_changed(told: Facts, now: Facts) -> bool:
    return any(told[name] != now[name] for name in ("nps_score", "reason", "respondent"))


def _answered_better_or_long_ago(score: HealthScore, told: Facts) -> Ending | None:
    if any(answer.nps_class != "detractor" and _follows(answer, told) for answer in score.answers):
        return "answered_better"
    return "expired" if score.as_of - _number(told, "answered_at") > ANSWER_IS_NEWS_MS else None


def _follows(answer: NpsAnswer, told: Facts) -> bool:
    """Whether an answer is the one that was told, as it stands now, or a later one of the same person."""
    if answer.response_id == told["response"]:
        return True
    same_person = answer.respondent_id is not None and answer.respondent_id == told["respondent"]
    return same_person and answer.answered_at > _number(told, "answered_at")


def _number(facts: Facts, name: str) -> float:
    value = facts[name]
    return value if isinstance(value, int | float) else 0.0


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)


def _wanted(policy: HealthRedPolicy | DetractorPolicy, score: HealthScore) -> bool:
    in_segment = not policy.segments or score.segment in policy.segments
    return policy.enabled and in_segment and score.mrr_minor >= policy.min_mrr_minor


def rules_of(policy: AlertPolicy) -> tuple[Rule, ...]:
    """The rules with the settings of a profile."""
    red, detractor = policy.health_red, policy.detractor
    return (
        Rule(
            rule="health_red",
            severity=red.severity,
            next_step="call_customer",
            cooldown_days=red.cooldown_days,
            fires=_red,
            says_more=_lower_by(red.worse_points),
            ends=_no_longer_red,
            tells=lambda score, _: _wanted(red, score),
        ),
        Rule(
            rule="detractor",
            severity=detractor.severity,
            next_step="call_respondent",
            cooldown_days=None,
            fires=_detractors,
            says_more=_answer_changed,
            ends=_answered_better_or_long_ago,
            tells=lambda score, facts: _wanted(detractor, score) and _number(facts, "nps_score") <= detractor.max_score,
        ),
    )
