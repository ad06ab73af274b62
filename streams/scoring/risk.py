"""The churn score of a customer as it is published: probability, reasons in words, and what changed in a week."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.metrics import CustomerValues
from schemas.scores import ChurnScore
from streams.alerts.texts import Locale
from streams.churn.changes import Before, Change
from streams.churn.explain import Say
from streams.churn.features import features
from streams.churn.reasons.words import reason_text
from streams.churn.scoring import ChurnScorer, Question, Risk
from streams.scoring.card import Card, is_paying

_ALWAYS = 10**9  # days


class View(NamedTuple):
    """A customer at an instant.

    Attributes:
        values: as scores take them, with adoption of what the plan offers.
        as_of, day: the instant, epoch ms, and its day.
        trigger: the newest event among the values.
        told: the values as their domains told them.
    """

    values: CustomerValues
    as_of: int
    day: int
    trigger: str | None
    told: CustomerValues


class _Compared(NamedTuple):
    """A customer's last weekly snapshot, as long as it is found anew only.

    Attributes:
        weekly, serving: the snapshots and the model it was found for.
        first, last: the days it is the last one before.
        day: its own, None when there is none.
        before: what the models make of it, None also when that is not known any more.
    """

    weekly: object
    serving: object
    first: int
    last: int
    day: int | None
    before: Before | None

    def holds(self, card: Card, scorer: ChurnScorer, day: int) -> bool:
        """Whether it is what would be found for this day."""
        same = self.weekly is card.weekly and self.serving is scorer.serving
        return same and self.first <= day <= self.last


class Asked(NamedTuple):
    """A customer whose scores are asked for.

    Attributes:
        key: the customer.
        view: what is scored.
        card: for the weekly snapshots it is compared with, and the version.
    """

    key: str
    view: View
    card: Card


def churn_scores(scorer: ChurnScorer, asked: Sequence[Asked], default: Locale) -> list[ChurnScore | None]:
    """The score of each that pays, None for others; step by step for all of them, as the machine goes.

    Args:
        scorer: the model in force.
        asked: the customers.
        default: language of the reasons of those that have none.
    """
    paying = [one for one in asked if is_paying(one.view.values.revenue)]
    known = [features(one.view.values) for one in paying]
    asking = [
        Question(one_known, one.view.values, _sayer(one.view.values, default))
        for one, one_known in zip(paying, known, strict=True)
    ]
    risks = scorer.score_all(asking)
    thens = [_compared(scorer, one.card, one.view.day) for one in paying]
    changes = [
        None if then.before is None else scorer.changed(risk.families, then.before)
        for risk, then in zip(risks, thens, strict=True)
    ]
    made = (
        _score(scorer, one, risk, then.day, change, default)
        for one, risk, then, change in zip(paying, risks, thens, changes, strict=True)
    )
    return [next(made) if is_paying(one.view.values.revenue) else None for one in asked]


def _locale(values: CustomerValues, default: Locale) -> Locale:
    return (values.account.locale if values.account else None) or default


def _sayer(values: CustomerValues, default: Locale) -> Say:
    locale, currency = _locale(values, default), values.revenue.currency if values.revenue else None
    return lambda code, numbers: reason_text(code, numbers, locale, currency)


def _score(
    scorer: ChurnScorer, one: Asked, risk: Risk, previous_day: int | None, change: Change | None, default: Locale
) -> ChurnScore:
    view, account, revenue = one.view, one.view.values.account, one.view.values.revenue
    return ChurnScore(
        customer_id=one.key,
        as_of=view.as_of,
        horizon_days=scorer.horizon_days,
        probability=risk.probability,
        band=risk.band,
        raising=risk.raising,
        protecting=risk.protecting,
        no_data=risk.no_data,
        model=scorer.model,
        model_version=scorer.model_version,
        is_prior=scorer.is_prior,
        quality=scorer.quality,
        mrr_minor=revenue.mrr_minor if revenue else 0,
        currency=revenue.currency if revenue else None,
        name=account.name if account else None,
        trigger_event_id=view.trigger,
        version=one.card.version,
        horizons=risk.horizons,
        calibrated=risk.calibrated,
        champion=scorer.champion,
        baseline=risk.baseline,
        contributions=risk.families,
        previous_day=previous_day if change else None,
        previous_probability=change.probability if change else None,
        changed_by_customer=change.by_customer if change else None,
        changed_by_model=change.by_model if change else None,
        changes=change.families if change else {},
        owner=account.owner if account else None,
        segment=account.segment if account else None,
        locale=_locale(view.values, default),
    )


def is_told(scorer: ChurnScorer, card: Card, day: int) -> bool:
    """Whether the model knows the snapshot that a score of `day` is compared with; else a newer one soon will."""
    snapshot = _compared(scorer, card, day).day
    return snapshot is None or scorer.has_tested(snapshot)


def _compared(scorer: ChurnScorer, card: Card, day: int) -> _Compared:
    """The newest snapshot of a day before `day`; scores follow one another faster than snapshots and models."""
    known: _Compared | None = card.notes.get("compared")
    if known is not None and known.holds(card, scorer, day):
        return known
    then, behind = card.observed_before(day)
    last = _ALWAYS if behind is None else behind
    if then is None:
        found = _Compared(card.weekly, scorer.serving, -_ALWAYS, last, None, None)
    else:
        before = scorer.before(then.day, then.features)
        found = _Compared(card.weekly, scorer.serving, then.day + 1, last, then.day, before)
    card.notes["compared"] = found
    return found
