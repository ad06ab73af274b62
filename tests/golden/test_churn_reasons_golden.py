"""Every reason of a churn risk in three languages, word for word, against `churn_reasons.json`.

Read the difference as a customer success manager would, then rewrite the file with
`PYTHONPATH=.:tests python tests/golden/test_churn_reasons_golden.py --rewrite`.
"""

import json
import sys
from pathlib import Path

from streams.alerts.texts import LOCALES
from streams.churn.features import FAMILIES, FEATURES, UNDIRECTED, Feature
from streams.churn.reasons.words import family_name, no_data_text, reason_text

GOLDEN = Path(__file__).with_name("churn_reasons.json")
CURRENCIES = {"pt": "BRL", "es": "CLP", "en": "USD"}
# What a customer in trouble looks like. Features that are made of others, or are 0 or 1, do not stand in a text.
NUMBERS: dict[str, float] = {
    "active_days_28d": 3,
    "active_days_14d": 1,
    "active_days_prev_14d": 9,
    "active_users_28d": 4,
    "cancellations_reported_90d": 1,
    "ces": 0.25,
    "ces_mean": 2.5,
    "csat": 0.625,
    "csat_positive_90d": 5,
    "csat_ratings_90d": 8,
    "days_overdue": 14.0,
    "days_since_last_use": 17.0,
    "days_to_end": 20,
    "days_to_renewal": 12,
    "detractors_90d": 3,
    "ending_share": 0.5,
    "error_share": 0.042,
    "errors_28d": 13,
    "escalations_28d": 1,
    "events_14d": 180,
    "events_prev_14d": 310,
    "events_28d": 490,
    "features_used_28d": 2,
    "first_resolution_hours_90d": 130.0,
    "first_response_hours": 31.0,
    "follow_ups_open": 2,
    "mrr": 123_450,
    "mrr_minor": 123_450,
    "mrr_28d_ago_minor": 150_000,
    "mrr_per_user": 30_862.5,
    "nps": -50.0,
    "oldest_open_hours": 99.0,
    "onboarding_progress": 0.4,
    "onboarding_steps_done": 2,
    "onboarding_steps_total": 5,
    "promoters_90d": 1,
    "quantity_28d": 1_240,
    "questions_28d": 1,
    "renewal_period_days": 365,
    "reopenings_28d": 2,
    "seats": 20,
    "seats_used": 0.2,
    "sla_breaches_28d": 3,
    "subscriptions_active": 2,
    "subscriptions_ending": 1,
    "tenure_days": 412.0,
    "tickets_open": 2,
    "tickets_open_urgent": 1,
    "tickets_opened_28d": 7,
    "usage_per_user": 310.0,
    "usage_trend": 0.58,
}

WELL: dict[str, float] = NUMBERS | {
    "active_days_28d": 24,
    "active_days_14d": 12,
    "active_users_28d": 18,
    "ces": 0.9,
    "ces_mean": 6.2,
    "csat": 0.95,
    "csat_positive_90d": 19,
    "csat_ratings_90d": 20,
    "days_since_last_use": 1.0,
    "days_to_renewal": 200,
    "detractors_90d": 1,
    "error_share": 0.002,
    "events_14d": 420,
    "features_used_28d": 11,
    "first_resolution_hours_90d": 6.0,
    "first_response_hours": 0.5,
    "mrr_28d_ago_minor": 100_000,
    "mrr_per_user": 6_858.0,
    "nps": 60.0,
    "oldest_open_hours": 3.0,
    "onboarding_steps_done": 4,
    "promoters_90d": 8,
    "renewal_period_days": 30,
    "seats_used": 0.9,
    "tenure_days": 1_450.0,
    "tickets_opened_28d": 0,
}


def values(feature: Feature, numbers: dict[str, float]) -> dict[str, float | int | None]:
    """The numbers of a feature's reason, as they are published."""
    names = (feature.name, *(path.partition(".")[2] for path in feature.evidence))
    return {**{name: numbers.get(name) for name in names}, "typical": feature.typical}


def texts() -> str:
    """The file."""
    told: dict[str, dict[str, str]] = {}
    for feature in FEATURES:
        ill, well = values(feature, NUMBERS), values(feature, WELL)
        for name, code, known in (
            (feature.raises, feature.raises, ill),
            (f"{feature.raises}, no numbers", feature.raises, dict.fromkeys(ill)),
            (feature.protects, feature.protects, well),
            (f"{feature.protects}, no numbers", feature.protects, {}),
            (f"{UNDIRECTED[feature.family]} of {feature.name}", UNDIRECTED[feature.family], ill),
        ):
            told[name] = {locale: reason_text(code, known, locale, CURRENCIES[locale]) for locale in LOCALES}
    for family in FAMILIES:
        told[f"family: {family}"] = {locale: family_name(family, locale) for locale in LOCALES}
        told[f"no data: {family}"] = {locale: no_data_text(family, locale) for locale in LOCALES}
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def test_reasons_are_those_of_the_golden_file() -> None:
    assert texts() == GOLDEN.read_text(encoding="utf-8")


def test_the_sample_has_every_number_a_text_may_have() -> None:
    asked = {name for feature in FEATURES for name in values(feature, NUMBERS)} - {"typical"}
    made_of_others = {"usage_change", "mrr_change", "not_activated", "onboarding_overdue", "cancellation_reported"}
    told_by_evidence = {name for name in asked if name.startswith("renewal_")} - set(NUMBERS)
    assert asked - set(NUMBERS) == made_of_others | told_by_evidence
    assert set(NUMBERS) <= asked


if __name__ == "__main__" and sys.argv[1:] == ["--rewrite"]:
    GOLDEN.write_text(texts(), encoding="utf-8")
