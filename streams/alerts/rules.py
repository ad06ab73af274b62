"""The alert rules: what each watches in a health score, when it ends, how patient it is.

A rule sees one score at a time and answers with a trigger or with the end of one; what was said before is the
episode's business (episodes.py).
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from schemas.alerts import RuleId, Severity
from schemas.scores import HealthScore
from streams.metrics.days import DAY_MS

Facts = dict[str, str | int | float | None]
NextStep = Literal["call_customer", "call_respondent"]
_FACTORS_NAMED = 2
_ANSWER_IS_NEWS_MS = 14 * DAY_MS  # chosen: an older answer is no news when first seen


class Trigger(Struct, frozen=True):
    """Why a rule fires.

    Attributes:
        cause: what makes two firings the same, e.g. the id of the answer.
        facts: what the message is written from.
    """

    cause: str
    facts: Facts


class Rule(Struct, frozen=True, kw_only=True):
    """A rule.

    Attributes:
        cooldown_days: after the end of an episode the next does not begin for so long.
        recurs: whether the same cause may open another episode after the end of one.
        fires: the trigger in a score, None when there is none.
        over: whether a score ends an open episode.
    """

    rule: RuleId
    severity: Severity
    next_step: NextStep
    cooldown_days: int
    recurs: bool
    fires: Callable[[HealthScore], Trigger | None]
    over: Callable[[HealthScore], bool]


def _fell_to_red(score: HealthScore) -> Trigger | None:
    if score.band != "red" or score.previous_band not in ("yellow", "green") or not score.paying:
        return None
    losses = sorted((f for f in score.factors if f.value is not None), key=lambda f: (-f.missed, f.factor))
    facts: Facts = {
        "score": _rounded(score.score),
        "previous_score": _rounded(score.previous_score),
        "mrr_minor": score.mrr_minor,
        "currency": score.currency,
    }
    for place, factor in enumerate(losses[:_FACTORS_NAMED], 1):
        facts[f"factor_{place}"] = factor.factor
        facts[f"missed_{place}"] = _rounded(factor.missed)
    return Trigger("red", facts)


def _no_longer_red(score: HealthScore) -> bool:
    return score.band in ("yellow", "green") or not score.paying


def _detractor_answered(score: HealthScore) -> Trigger | None:
    answer = score.answer
    if answer is None or answer.nps_class != "detractor" or score.as_of - answer.answered_at > _ANSWER_IS_NEWS_MS:
        return None
    facts: Facts = {
        "nps_score": answer.score,
        "reason": answer.reason,
        "respondent": answer.respondent_id,
        "event_id": answer.event_id,
        "generated": int(answer.generated),
        "mrr_minor": score.mrr_minor,
        "currency": score.currency,
    }
    return Trigger(answer.response_id, facts)


def _answered_better_or_long_ago(score: HealthScore) -> bool:
    answer = score.answer
    if answer is None:
        return True
    return answer.nps_class != "detractor" or score.as_of - answer.answered_at > _ANSWER_IS_NEWS_MS


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)


RULES: tuple[Rule, ...] = (
    Rule(
        rule="health_red",
        severity="critical",
        next_step="call_customer",
        cooldown_days=7,
        recurs=True,
        fires=_fell_to_red,
        over=_no_longer_red,
    ),
    Rule(
        rule="detractor",
        severity="warning",
        next_step="call_respondent",
        cooldown_days=0,
        recurs=False,
        fires=_detractor_answered,
        over=_answered_better_or_long_ago,
    ),
)
