"""The churn score of a customer as it is published: probability, reasons in words, and what changed in a week."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from schemas.metrics import CustomerValues
from schemas.scores import ChurnScore, Reason
from streams.alerts.texts import Locale
from streams.churn.features import features
from streams.churn.reasons.words import reason_text
from streams.churn.scoring import ChurnScorer
from streams.metrics.health import Health, HealthMemory
from streams.scoring.card import Observed


class View(NamedTuple):
    """A customer at an instant, scored for health.

    Attributes:
        previous: what the last aligned day's health score left.
        as_of, day: the instant, epoch ms, and its day.
        trigger: the newest event among the values.
    """

    values: CustomerValues
    health: Health
    previous: HealthMemory | None
    as_of: int
    day: int
    trigger: str | None


def churn_score(
    scorer: ChurnScorer, key: str, view: View, observed: Sequence[Observed], version: int, default: Locale
) -> ChurnScore | None:
    """The score of a paying customer; None for others.

    Args:
        scorer: the model in force.
        key: the customer.
        view: of now.
        observed: the customer's newest weekly snapshots, newest first.
        version: offset of the newest record included.
        default: language of the reasons when the customer has none.
    """
    values = view.values
    revenue, account = values.revenue, values.account
    if revenue is None or not revenue.paying:
        return None
    risk = scorer.score(features(values), values)
    then = next((one for one in observed if one.day < view.day), None)
    change = None if then is None else scorer.change(risk.families, then.day, then.features)
    locale = (account.locale if account else None) or default
    return ChurnScore(
        customer_id=key,
        as_of=view.as_of,
        horizon_days=scorer.horizon_days,
        probability=risk.probability,
        band=risk.band,
        raising=_told(risk.raising, locale, revenue.currency),
        protecting=_told(risk.protecting, locale, revenue.currency),
        no_data=risk.no_data,
        model=scorer.model,
        model_version=scorer.model_version,
        is_prior=scorer.is_prior,
        quality=scorer.quality,
        mrr_minor=revenue.mrr_minor,
        currency=revenue.currency,
        name=account.name if account else None,
        trigger_event_id=view.trigger,
        version=version,
        horizons=risk.horizons,
        calibrated=risk.calibrated,
        champion=scorer.champion,
        baseline=risk.baseline,
        contributions=risk.families,
        previous_day=then.day if then and change else None,
        previous_probability=change.probability if change else None,
        changed_by_customer=change.by_customer if change else None,
        changed_by_model=change.by_model if change else None,
        changes=change.families if change else {},
        owner=account.owner if account else None,
        segment=account.segment if account else None,
        locale=locale,
    )


def _told(reasons: list[Reason], locale: Locale, currency: str | None) -> list[Reason]:
    """Reasons with their texts."""
    return [replace(one, text=reason_text(one.code, one.values, locale, currency)) for one in reasons]
