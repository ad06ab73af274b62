from pathlib import Path

import msgspec
import pytest

from streams.errors import ConfigurationError
from streams.metrics.activation import ActiveDays, FeatureUse
from streams.metrics.profile import BUILT_IN, Profile, load_profile, parse_profile
from streams.metrics.usage import UsagePolicy

HEAD = 'name = "acme"\nversion = 3\n'
PROFILES = Path(__file__).parents[2] / "streams" / "metrics" / "profiles"
SECTIONS = ("engagement", "activation", "support", "revenue", "feedback", "health", "churn")


def parsed(text: str) -> Profile:
    return parse_profile(text.encode(), "acme.toml")


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        parsed(text)
    return str(refused.value)


def spelled(document: object, prefix: str = "") -> set[str]:
    """Every setting of a document by its path."""
    if not isinstance(document, dict):
        return {prefix}
    return {path for key, value in document.items() for path in spelled(value, f"{prefix}.{key}")}


def test_a_profile_of_its_name_alone_has_the_defaults() -> None:
    assert parsed(HEAD) == Profile(name="acme", version=3)


def test_the_default_profile_spells_out_exactly_the_defaults() -> None:
    assert load_profile("default") == Profile(name="default", version=1)


@pytest.mark.parametrize("section", ["engagement", "support", "revenue", "feedback", "health"])
def test_the_default_profile_leaves_no_setting_out(section: str) -> None:
    written = msgspec.toml.decode((PROFILES / "default.toml").read_bytes())[section]
    known = msgspec.to_builtins(getattr(Profile(name="default", version=1), section))
    known.pop("features_available", None)  # its default, unknown, is written by leaving it out
    assert spelled(written) == spelled(known)


def test_every_profile_that_is_shipped_is_built_in_and_named_as_its_file() -> None:
    assert {path.stem for path in PROFILES.glob("*.toml")} == set(BUILT_IN)
    assert [load_profile(name).name for name in BUILT_IN] == list(BUILT_IN)


def test_settings_override_one_by_one() -> None:
    profile = parsed(
        HEAD
        + "[engagement]\nfeatures_available = ['a', 'b']\n"
        + "[activation.criterion]\nrule = 'any'\n"
        + "of = [{ rule = 'active_days', n = 2 }, { rule = 'feature_used', feature = 'a' }]\n"
        + "[health.relationship]\nfreshness = { half_life_days = 10 }\n"
    )
    assert profile.engagement.features_available == ("a", "b")
    assert profile.engagement.good_from == 40.0
    assert msgspec.structs.asdict(profile.activation.criterion) == {"of": (ActiveDays(n=2), FeatureUse(feature="a"))}
    assert profile.health.relationship.freshness.half_life_days == 10.0
    assert profile.usage == UsagePolicy(engagement=profile.engagement, activation=profile.activation)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "profile acme.toml: object missing required field `name`"),
        ("name = 'Acme Inc'", "profile acme.toml, name: expected `str` matching regex"),
        ("name = 'acme'\nversion = 0", "profile acme.toml, version: expected `int` >= 1, got 0"),
        (
            HEAD + "[health]\ngreen_from = 120",
            "acme.toml, health.green_from: expected `float` <= 100.0, got 120",
        ),
        (HEAD + "[health]\ngreen_from = 'x'", "acme.toml, health.green_from: expected `float`, got `str`"),
        (
            HEAD + "[health]\ngreen_from = 60\nyellow_from = 59",
            "acme.toml, health: expected hysteresis_points <",
        ),
        (
            HEAD + "[health.weights]\ncharm = 1",
            "health.weights: object contains unknown field `charm`",
        ),
        (HEAD + "[healht]", "profile acme.toml: object contains unknown field `healht`"),
        (
            HEAD + "[activation.criterion]\nrule = 'all'\nof = [{ rule = 'active_days', n = 0 }]",
            "acme.toml, activation.criterion.of[0].n: expected `int` >= 1, got 0",
        ),
        (
            HEAD + "[activation.criterion]\nrule = 'magic'",
            "acme.toml, activation.criterion.rule: invalid value 'magic'",
        ),
        (HEAD + "[churn]\nmedium_at = 0.9", "profile acme.toml: churn policy: medium_at must be above 0"),
        ("name = ", "profile acme.toml: expected a TOML document"),
    ],
)
def test_a_refusal_names_the_document_the_setting_and_what_was_expected(text: str, reason: str) -> None:
    assert reason in refusal(text)


def test_a_document_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected UTF-8 text"):
        parse_profile(b"name = '\xff'", "acme.toml")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_mistyped_setting_is_refused_in_every_section(section: str) -> None:
    assert "mistyped" in refusal(HEAD + f"[{section}]\nmistyped = 1")


def test_a_companys_own_profile_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(HEAD)
    assert load_profile(str(path)).name == "acme"
    with pytest.raises(ConfigurationError, match=r"readable file at .*missing\.toml"):
        load_profile(str(tmp_path / "missing.toml"))
    with pytest.raises(ConfigurationError, match=r"expected default, demo or the path of a \.toml file, got 'x'"):
        load_profile("x")
