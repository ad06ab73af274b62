"""Alerts in words."""

from string import Formatter
from typing import Any, cast, get_args

import pytest
from alert_samples import Rig, daily
from slack_blocks import check_blocks, texts
from slack_sdk.models.blocks import Block

from schemas.scores import FactorName
from streams.alerts.amounts import lasted, minor_digits, money, number, precise
from streams.alerts.own_policy import Comparison
from streams.alerts.policy import AlertPolicy
from streams.alerts.rules import Ending, NextStep, OwnEnding, rules_of
from streams.alerts.texts import LOCALES, TEXTS, Locale
from streams.alerts.untrusted import clean, cut, width
from streams.metrics.days import DAY_MS, HOUR_MS


@pytest.mark.parametrize("code", TEXTS)
def test_every_text_exists_in_every_language_with_the_same_values(code: str) -> None:
    texts_by_locale = TEXTS[code]
    assert tuple(texts_by_locale) == LOCALES
    values = {locale: {name for _, name, _, _ in Formatter().parse(t) if name} for locale, t in texts_by_locale.items()}
    assert len({frozenset(names) for names in values.values()}) == 1
    assert all(t.strip() == t and t for t in texts_by_locale.values())


def test_every_factor_step_and_ending_has_its_text_and_no_text_is_left_over() -> None:
    endings = {"health_red": {"recovered", "left"}, "detractor": {"answered_better", "expired"}}
    assert set().union(*endings.values()) == set(get_args(Ending))
    needed = set(get_args(FactorName)) | set(get_args(NextStep))
    for rule in rules_of(AlertPolicy()):
        needed |= {f"{rule.rule}.{step}" for step in ("opened", "updated", "body")}
        needed |= {f"{rule.rule}.{end}{part}" for end in endings[rule.rule] for part in ("", ".body")}
    needed |= {f"figure.{step}" for step in ("opened", "updated", "body")}
    needed |= {f"figure.{end}{part}" for end in get_args(OwnEnding) for part in ("", ".body")}
    changes = ("rises", "falls")
    needed |= {when for when in get_args(Comparison) if not when.startswith(changes)} | set(changes) | {"yes", "no"}
    needed |= {"mrr", "owner", "no_owner", "respondent", "no_reason", "generated", "next"}
    needed |= {"day", "days", "hour", "hours"}
    assert needed == set(TEXTS)


@pytest.mark.parametrize(
    "minor, currency, locale, expected",
    [
        (123_456_789, "BRL", "pt", "R$ 1.234.567,89"),
        (123_456_789, "BRL", "en", "R$1,234,567.89"),
        (123_456_789, "EUR", "es", "1.234.567,89 €"),
        (1200, "JPY", "pt", "JP¥ 1.200"),
        (1200, "CLP", "es", "1.200 CLP"),
        (1234, "KWD", "en", "KWD1.234"),
        (123_400, "RSD", "pt", "RSD 1.234,00"),
        (12_345, "CLF", "en", "CLF1.2345"),
        (10**15, "USD", "en", "$10,000,000,000,000.00"),
        (1, "USD", "en", "$0.01"),
        (0, "USD", "es", "0,00 US$"),
        (100, "XYZ", "en", "XYZ1.00"),
        (100, None, "en", "–"),
    ],
)
def test_money_has_the_minor_digits_of_its_currency(
    minor: int, currency: str | None, locale: Locale, expected: str
) -> None:
    assert money(minor, currency, locale).replace("\xa0", " ") == expected


def test_minor_digits_are_those_of_iso_4217_not_those_shown_in_shops() -> None:
    assert [minor_digits(code) for code in ("IQD", "LBP", "RSD", "ISK", "UYW")] == [3, 2, 2, 0, 4]


def test_numbers_are_written_as_the_language_does() -> None:
    assert [number(1234.56, locale) for locale in LOCALES] == ["1.234,6", "1.234,6", "1,234.6"]
    assert [number(value, "en") for value in (True, "7", None)] == ["–"] * 3
    assert [precise(value, "en") for value in (True, "7", None)] == ["–"] * 3


def test_numbers_too_long_to_read_are_written_in_short() -> None:
    assert [number(value, "en") for value in (10**15 - 1, 10**15, -2.5e30, 10**400)] == [
        "999,999,999,999,999",
        "1.00E+15",
        "-2.50E+30",
        "1.00E+400",
    ]
    assert [precise(value, "pt") for value in (1e14, 1e28)] == ["100.000.000.000.000,000", "1,00E+28"]
    assert money(10**17 - 1, "BRL", "en") == "R$999,999,999,999,999.99"
    assert [money(value, "BRL", "pt") for value in (10**17, -(10**40), 1e308)] == [
        "1,00E+15 BRL",
        "-1,00E+38 BRL",
        "1,00E+306 BRL",
    ]
    for endless in (float("inf"), float("-inf"), float("nan")):
        assert [number(endless, "en"), precise(endless, "en"), money(endless, "BRL", "en")] == ["–"] * 3


def test_lengths_of_time_agree_in_number() -> None:
    assert [lasted(n, "pt") for n in (0, HOUR_MS, 2 * HOUR_MS, DAY_MS, 50 * HOUR_MS)] == [
        "1 hora",
        "1 hora",
        "2 horas",
        "1 dia",
        "2 dias",
    ]


def test_hidden_and_turning_characters_are_removed_and_joiners_kept() -> None:
    assert clean("a\u202eb\u200bc\x1b[0m\r\n d\ue000", 80) == "abc[0m d\ue000"
    assert clean("👩\u200d💻", 80) == "👩\u200d💻"
    assert clean("\x00\u2066 \n", 80) == ""


def test_text_is_cut_within_utf_16_code_units() -> None:
    assert cut("🙂" * 10, 20) == "🙂" * 10
    assert [width(cut("🙂" * 10, length)) for length in (19, 18)] == [19, 17]
    assert cut("word word", 6) == "word…"


def test_the_longest_names_and_reasons_fit() -> None:
    rig = Rig()
    wide = "🙂" * 5000
    rig.take(daily(0, "red", 40.0, "yellow", name=wide, owner=wide, customer_id=wide, trigger_event_id=wide))
    (alert,) = rig.alerts
    check_blocks(alert.blocks)
    assert alert.blocks[0]["text"]["text"].endswith("health fell to red")
    assert len(alert.text) < 4000


def test_the_blocks_are_what_slacks_own_models_make_of_them() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow"))
    rig.take(daily(1, "green", 90.0, "red"))
    assert len(rig.alerts) == 2
    for alert in rig.alerts:
        assert [cast(Any, block).to_dict() for block in Block.parse_all(alert.blocks)] == alert.blocks


def test_a_name_of_nothing_visible_gives_way_to_the_customer_id() -> None:
    rig = Rig()
    rig.take(daily(0, "red", 40.0, "yellow", name="\u202e\u200b", owner="\n", trigger_event_id=None))
    (alert,) = rig.alerts
    check_blocks(alert.blocks)
    assert alert.text.startswith("c1: ")
    assert "Owner: nobody." in alert.text
    assert [t["text"] for t in texts(alert.blocks)][-1] == "health_red · c1"
