from importlib import resources

import msgspec
import pytest

from streams.errors import ConfigurationError
from streams.metrics.profile import parse_profile
from streams.metrics.revenue_policy import PRESETS, SWITCHES, RevenuePolicy, preset, with_preset

HEAD = 'name = "acme"\nversion = 1\n[revenue]\n'


def revenue(text):
    return parse_profile((HEAD + text).encode(), "acme.toml").revenue


def test_the_default_preset_is_the_default_policy():
    assert preset("default") == RevenuePolicy()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_every_switch_and_its_own_name(name):
    text = resources.files("streams.metrics").joinpath("profiles", "revenue", f"{name}.toml").read_bytes()
    assert set(msgspec.toml.decode(text)) == {"preset", *SWITCHES}
    assert preset(name).preset == name
    assert preset(name).gross_margin is None


def test_every_preset_file_is_a_preset():
    folder = resources.files("streams.metrics").joinpath("profiles", "revenue")
    assert {file.name for file in folder.iterdir()} == {f"{name}.toml" for name in PRESETS}


def test_what_the_vendors_document_differs_where_they_document_it():
    assert preset("chartmogul").churn_date == "cancellation_in_billing"
    assert (preset("baremetrics").past_due_days, preset("baremetrics").same_period_joiners) == (30, "counted")
    assert (preset("profitwell").metered, preset("profitwell").discounts) == ("included", "net")


def test_a_profile_takes_a_preset_and_overrides_it():
    found = revenue('preset = "baremetrics"\npast_due_days = 14\ngross_margin = 0.8\nchurn_target = 0.02')
    assert (found.preset, found.past_due_days, found.same_period_joiners) == ("baremetrics", 14, "counted")
    assert (found.gross_margin, found.churn_target) == (0.8, 0.02)
    assert revenue('discounts = "gross"') == RevenuePolicy(discounts="gross")


@pytest.mark.parametrize(
    "text, said",
    [
        ('preset = "stripe"', "revenue.preset: "),
        ("preset = 3", "revenue.preset: expected `str`, got `int`"),
        ('churn_date = "never"', "revenue.churn_date: "),
        ('preset = "profitwell"\npast_due_days = -1', "revenue.past_due_days: "),
        ("gross_margin = 1.5", "revenue.gross_margin: "),
        ("churn_target = 1.0", "revenue.churn_target: "),
        ("churn_target = 0.0", "revenue.churn_target: "),
        ("refund = 1", "unknown field `refund`"),
    ],
)
def test_a_setting_that_does_not_hold_is_named(text, said):
    with pytest.raises(ConfigurationError, match=r"acme\.toml") as refused:
        revenue(text)
    assert said in str(refused.value)


def test_what_is_no_section_is_left_to_the_decoder():
    assert with_preset(5) == 5
    with pytest.raises(ConfigurationError, match="revenue: expected `object`, got `int`"):
        parse_profile(b'name = "acme"\nversion = 1\nrevenue = 5', "acme.toml")
