"""Health and readiness of a customer as they are published."""

from typing import Literal

from schemas.scores import HealthScore, UpsellScore
from streams.metrics.derived import license_utilization, tickets_per_active_user, time_to_activate_days
from streams.metrics.health import Health
from streams.metrics.health_factors import seats, started_at
from streams.metrics.upsell import Upsell
from streams.scoring.card import Card
from streams.scoring.figures import Figure
from streams.scoring.risk import View


def health_message(
    key: str,
    view: View,
    card: Card,
    health: Health,
    kind: Literal["live", "day"],
    version: int,
    figures: dict[str, Figure] | None = None,
    newest: bool = False,
) -> HealthScore:
    """A health score.

    Args:
        key: the customer.
        view: it was made of.
        card: with what the last aligned score left, which it is compared with.
        health: the score.
        kind: of a closed day or of now.
        version: offset of the newest record behind it.
        figures: for the profile's own alert rules.
        newest: nothing newer is known than the day.
    """
    account, revenue, feedback = view.values.account, view.values.revenue, view.values.feedback
    memory = card.memory
    return HealthScore(
        customer_id=key,
        kind=kind,
        as_of=view.as_of,
        day=view.day,
        score=health.score,
        band=health.band,
        previous_score=memory.score if memory else None,
        previous_band=memory.band if memory else None,
        coverage=health.coverage,
        profile=health.profile,
        factors=health.factors,
        lift=health.lift,
        trigger_event_id=view.trigger,
        name=account.name if account else None,
        owner=account.owner if account else None,
        locale=account.locale if account else None,
        segment=account.segment if account else None,
        mrr_minor=revenue.mrr_minor if revenue else 0,
        currency=revenue.currency if revenue else None,
        paying=revenue is not None and revenue.paying,
        answer=feedback.last_nps if feedback else None,
        answers=feedback.recent_nps if feedback else [],
        version=version,
        figures=figures or {},
        newest=newest,
    )


def upsell_message(key: str, view: View, upsell: Upsell, profile: str, version: int) -> UpsellScore:
    """Readiness to buy more, under a profile; `version` is the offset that ended the day."""
    account, revenue = view.values.account, view.values.revenue
    usage, support = view.values.usage, view.values.support
    users = usage.active_users_28d if usage else None
    return UpsellScore(
        customer_id=key,
        as_of=view.as_of,
        day=view.day,
        upsell_ready=upsell.ready,
        gate=upsell.gate,
        coverage=upsell.coverage,
        profile=profile,
        components=upsell.components,
        license_utilization=license_utilization(users, seats(view.values)),
        plan_adoption=usage.adoption if usage else None,
        tickets_per_active_user_28d=tickets_per_active_user(support.tickets_opened_28d if support else None, users),
        time_to_activate_days=time_to_activate_days(started_at(view.values), usage.activated_at if usage else None),
        trigger_event_id=view.trigger,
        name=account.name if account else None,
        owner=account.owner if account else None,
        segment=account.segment if account else None,
        mrr_minor=revenue.mrr_minor if revenue else 0,
        currency=revenue.currency if revenue else None,
        version=version,
    )
