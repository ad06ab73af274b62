"""Reasons in words: every code in every language, with the numbers there are and never a gap."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.texts import LOCALES, Locale
from streams.churn.features import BY_NAME, FAMILIES, FEATURES, REASON_CODES, UNDIRECTED, Family, Feature
from streams.churn.reasons import names
from streams.churn.reasons.figures import KINDS, ago, counted, hours, percent, soon, span, written
from streams.churn.reasons.nouns import NOUNS
from streams.churn.reasons.template import Gap, Template, compiled, said
from streams.churn.reasons.words import (
    DERIVED,
    DERIVED_FROM,
    TEXTS,
    family_name,
    feature_name,
    frame,
    no_data_text,
    reason_text,
)

CODES = [(code, feature) for feature in FEATURES for code in (feature.raises, feature.protects)]


def numbers(feature: Feature) -> set[str]:
    """The numbers of a feature's reasons."""
    own = {feature.name, "typical", *(path.partition(".")[2] for path in feature.evidence)}
    return own | {name for name, of in DERIVED_FROM.items() if own.issuperset(of)}


def gaps(template: Template, always: bool = False) -> list[Gap]:
    """All gaps; with `always` only those of the last alternative that stand outside brackets."""
    alternatives = template[-1:] if always else template
    parts = [part for parts in alternatives for part in parts if not (always and part.optional)]
    return [piece for part in parts for piece in part.pieces if isinstance(piece, Gap)]


def told(code: str, values: dict[str, float | None], locale: Locale) -> str:
    text = reason_text(code, values, locale, "BRL")
    assert text == text.strip() != ""
    assert "  " not in text
    assert not any(mark in text for mark in "{}[]|–"), text
    assert "None" not in text
    assert not text.endswith((":", ",", "(", ".")), text
    return text


def test_every_reason_code_has_a_text_and_every_text_a_code() -> None:
    assert set(TEXTS) == REASON_CODES - set(UNDIRECTED.values())
    assert set(names.FEATURES) == set(BY_NAME)
    assert set(names.FAMILIES) == set(FAMILIES) == set(get_args(Family))


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("code, feature", CODES, ids=[code for code, _ in CODES])
def test_every_text_asks_for_numbers_its_reason_has(code: str, feature: Feature, locale: Locale) -> None:
    for text in (getattr(TEXTS[code], locale), getattr(names.FEATURES[feature.name], locale)):
        template = compiled(text)
        assert {gap.name for gap in gaps(template)} <= numbers(feature), text
        assert {gap.kind for gap in gaps(template)} <= KINDS, text
        assert gaps(template, always=True) == [], "the last alternative must do without numbers"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("code, feature", CODES, ids=[code for code, _ in CODES])
def test_every_reason_is_told_with_all_its_numbers_and_without_any(code: str, feature: Feature, locale: Locale) -> None:
    values: dict[str, float | None] = dict.fromkeys(numbers(feature) - set(DERIVED), 7.0)
    full, bare = told(code, values, locale), told(code, dict.fromkeys(values), locale)
    assert not any(letter.isdigit() for letter in bare.replace("28", "").replace("90", ""))
    template = compiled(getattr(TEXTS[code], locale))
    assert (full == bare) == (not gaps(template))
    told(UNDIRECTED[feature.family], {feature.name: 7.0, **values}, locale)
    told(UNDIRECTED[feature.family], {feature.name: None}, locale)


def test_every_kind_of_number_and_every_noun_is_used() -> None:
    texts = [text for words in (*TEXTS.values(), *names.FEATURES.values()) for text in words]
    assert {gap.kind for text in texts for gap in gaps(compiled(text))} | {"months", "years"} == KINDS


@pytest.mark.parametrize("locale", LOCALES)
def test_families_features_and_frames_are_said(locale: Locale) -> None:
    for family in FAMILIES:
        assert family_name(family, locale) in no_data_text(family, locale)
    for feature in BY_NAME:
        assert not any(mark in feature_name(feature, locale) for mark in "[]{}:_")
    assert frame("raising", locale) != frame("protecting", locale)


@given(st.data(), st.sampled_from(CODES), st.sampled_from(LOCALES))
def test_whatever_numbers_are_known_a_reason_reads_as_a_sentence(
    data: st.DataObject, reason: tuple[str, Feature], locale: Locale
) -> None:
    code, feature = reason
    anything = st.none() | st.floats() | st.integers(-(10**20), 10**20)
    names_of = sorted(numbers(feature) - set(DERIVED))
    values = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names_of, anything)))
    told(code, values, locale)
    told(UNDIRECTED[feature.family], {feature.name: None, **values}, locale)


def test_the_sentences_of_the_issue() -> None:
    usage = {"usage_change": -0.54, "events_14d": 180, "events_prev_14d": 310}
    assert reason_text("usage_falling", usage, "en") == (
        "usage down 42% against the previous two weeks (310 to 180 events)"
    )
    assert reason_text("renewal_due", {"renewal_due": 1.0, "days_to_renewal": 12}, "en") == "renews in 12 days"
    assert reason_text("support_slow", {"first_response_hours": 31.0, "tickets_open": 2}, "en") == (
        "2 open tickets, first reply 31 h"
    )
    assert reason_text("invoice_overdue", {"days_overdue": 14.0}, "en") == "invoice 14 days late"


def test_one_is_singular_and_several_are_plural_by_the_rules_of_the_language() -> None:
    assert [reason_text("tickets_open", {"tickets_open": n}, "pt") for n in (1, 2, 0)] == [
        "1 chamado aberto",
        "2 chamados abertos",
        "0 chamado aberto",  # CLDR: in Portuguese nought is singular
    ]
    assert reason_text("invoice_overdue", {"days_overdue": 1.0}, "es") == "factura con 1 día de atraso"
    assert counted(0, NOUNS["days"], "es") == "0 días"
    assert counted(2_500_000, NOUNS["uses"], "es") == "2.500.000 usos"
    assert counted(1.04, NOUNS["uses"], "en") == "1 use"


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert [percent(0.1234, locale) for locale in ("en", "pt", "es")] == ["12%", "12%", "12 %"]
    assert percent(0.0123, "pt") == "1,2%"
    assert percent(0.0, "en") == "0%"
    assert [written(123_456, "money", locale, "BRL") for locale in ("en", "pt")] == ["R$1,234.56", "R$\xa01.234,56"]
    assert written(123_456, "money", "en", None) is None
    assert written(1234.56, "", "es", None) == "1.234,6"


def test_times_are_told_in_the_unit_people_use() -> None:
    assert [hours(value, "en") for value in (0.02, 0.99, 1.0, 71.4, 72.0, 500.0)] == [
        "1 min",
        "59 min",
        "1 h",
        "71 h",
        "3 days",
        "21 days",
    ]
    assert [span(value, "en") for value in (1, 59, 60, 700, 730, 1461)] == [
        "1 day",
        "59 days",
        "2 months",
        "23 months",
        "2 years",
        "4 years",
    ]
    assert [soon(value, "pt") for value in (0, 1, 2)] == ["hoje", "amanhã", "em 2 dias"]
    assert [ago(value, "en") for value in (0, 1, 2)] == ["today", "1 day ago", "2 days ago"]


@pytest.mark.parametrize("value", [1e300, -1e300, float("inf"), float("nan")])
def test_a_number_nobody_could_read_is_left_out(value: float) -> None:
    assert reason_text("invoice_overdue", {"days_overdue": value}, "en") == "invoice overdue"


def test_changes_from_nothing_have_no_percent() -> None:
    assert reason_text("usage_growing", {"events_14d": 18, "events_prev_14d": 0}, "en") == (
        "usage up against the previous two weeks (0 to 18 events)"
    )
    assert reason_text("mrr_growing", {"mrr_minor": 500, "mrr_28d_ago_minor": 1000}, "en", "USD") == (
        "MRR up in 28 days ($10.00 to $5.00)"  # a rise that was none has no percent either
    )
    assert reason_text("mrr_falling", {"mrr_minor": 500, "mrr_28d_ago_minor": 1000}, "es") == (
        "el MRR bajó un 50 % en 28 días"  # amounts without a currency are left out
    )


def test_a_fall_that_leaves_something_is_never_told_as_one_of_everything() -> None:
    for left, told_as in ((1, "99%"), (0, "100%"), (4, "99%"), (31, "90%")):
        text = reason_text("usage_falling", {"events_14d": left, "events_prev_14d": 310}, "en")
        assert text.startswith(f"usage down {told_as} against"), text
    assert reason_text("mrr_falling", {"mrr_minor": 1, "mrr_28d_ago_minor": 100_000}, "en") == (
        "MRR down 99% in 28 days"
    )


def test_what_there_is_none_of_is_left_out() -> None:
    slow = {"first_response_hours": 31.0, "tickets_open": 0}
    assert [reason_text("support_slow", slow, locale) for locale in ("en", "pt")] == [
        "first reply 31 h",
        "primeira resposta em 31 h",
    ]
    rated = {"csat": 0.5, "csat_positive_90d": 0, "csat_ratings_90d": 0}
    assert reason_text("csat_low", rated, "pt") == "satisfação baixa: CSAT 50%"


def test_what_is_said_of_one_agrees_with_it() -> None:
    def all_locales(code: str, **values: float) -> list[str]:
        return [reason_text(code, values, locale) for locale in ("en", "pt", "es")]

    assert all_locales("csat_high", csat=1.0, csat_positive_90d=1, csat_ratings_90d=1) == [
        "high satisfaction: CSAT 100% (1 of 1 rating positive)",
        "satisfação alta: CSAT 100% (1 de 1 avaliação positiva)",
        "satisfacción alta: CSAT 100 % (1 de 1 valoración positiva)",
    ]
    assert all_locales("seats_used", seats_used=1.0, active_users_28d=1, seats=1) == [
        "seats well used: 100% in use (1 active user, 1 bought)",
        "licenças bem usadas: 100% em uso (1 usuário ativo, 1 contratada)",
        "licencias bien usadas: 100 % en uso (1 usuario activo, 1 contratada)",
    ]
    assert all_locales("onboarding_far", onboarding_steps_done=1, onboarding_steps_total=1) == [
        "onboarding well under way: 1 of 1 step",
        "integração bem avançada: 1 de 1 etapa",
        "incorporación avanzada: 1 de 1 paso",
    ]
    assert all_locales("onboarding_overdue", onboarding_steps_done=0, onboarding_steps_total=1) == [
        "onboarding overdue: 0 of 1 step done",
        "integração atrasada: 0 de 1 etapa concluída",
        "incorporación atrasada: 0 de 1 paso completado",
    ]


def test_the_last_use_reads_naturally_today_and_later() -> None:
    told_on = {
        locale: [reason_text("usage_recent", {"days_since_last_use": days}, locale) for days in (0.0, 2.0)]
        for locale in LOCALES
    }
    assert told_on == {
        "en": ["last used today", "last used 2 days ago"],
        "pt": ["último uso hoje", "último uso há 2 dias"],
        "es": ["último uso hoy", "último uso hace 2 días"],
    }


@pytest.mark.parametrize("kind, told", [("percent", "0%"), ("", "0"), ("open_tickets", "0 open tickets")])
def test_no_zero_has_a_sign_whichever_was_written_before(kind: str, told: str) -> None:
    """Each currency is met for the first time, so nothing is kept of it."""
    assert [written(value, kind, "en", "XTS") for value in (-0.0, 0.0)] == [told, told]
    assert [written(value, kind, "en", "XXX") for value in (0.0, -0.0)] == [told, told]


def test_what_another_release_calls_a_reason_is_shown_as_it_is() -> None:
    assert reason_text("moon_full", {"moon": 1.0}, "en") == "moon_full"
    assert reason_text("moon_full", {}, "en") == "moon_full"
    assert (feature_name("moon", "en"), family_name("sky", "pt")) == ("moon", "sky")


def test_a_text_without_any_fitting_alternative_says_nothing() -> None:
    assert said(compiled("{a}"), lambda *_: None) == ""
