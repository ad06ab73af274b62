from pathlib import Path

import msgspec
import pytest

from streams.errors import ConfigurationError
from streams.metrics.activation import ActiveDays, FeatureUse
from streams.metrics.profile import BUILT_IN, Profile, load_profile, parse_profile
from streams.metrics.profile_lines import line_of
from streams.metrics.usage import UsagePolicy

HEAD = 'name = "acme"\nversion = 3\n'
PROFILES = Path(__file__).parents[2] / "streams" / "metrics" / "profiles"
SECTIONS = (
    "engagement",
    "activation",
    "onboarding",
    "sessions",
    "support",
    "revenue",
    "feedback",
    "health",
    "upsell",
    "churn",
)


def parsed(text: str) -> Profile:
    return parse_profile(text.encode(), "acme.toml")


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        parsed(text)
    return str(refused.value)


def spelled(document: object, prefix: str = "") -> set[str]:
    """Every setting of a document by its path."""
    if not isinstance(document, dict):
        return set() if document in (None, (), []) else {prefix}  # a default of nothing need not be written
    return {path for key, value in document.items() for path in spelled(value, f"{prefix}.{key}")}


def test_a_profile_of_its_name_alone_has_the_defaults() -> None:
    assert parsed(HEAD) == Profile(name="acme", version=3)


def test_the_default_profile_spells_out_exactly_the_defaults() -> None:
    assert load_profile("default") == Profile(name="default", version=1)


@pytest.mark.parametrize(
    "section", ["engagement", "onboarding", "sessions", "support", "revenue", "feedback", "health", "upsell", "alerts"]
)
def test_the_default_profile_leaves_no_setting_out(section: str) -> None:
    written = msgspec.toml.decode((PROFILES / "default.toml").read_bytes())[section]
    known = msgspec.to_builtins(getattr(Profile(name="default", version=1), section))
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
        ("name = 'Acme Inc'", "profile acme.toml:1, name: expected `str` matching regex"),
        ("name = 'acme'\nversion = 0", "profile acme.toml:2, version: expected `int` >= 1, got 0"),
        (
            HEAD + "[health]\ngreen_from = 120",
            "acme.toml:4, health.green_from: expected `float` <= 100.0, got 120",
        ),
        (HEAD + "[health]\ngreen_from = 'x'", "acme.toml:4, health.green_from: expected `float`, got `str`"),
        (
            HEAD + "[health]\ngreen_from = 60\nyellow_from = 59",
            "acme.toml:3, health: expected hysteresis_points <",
        ),
        (
            HEAD + "[health.weights]\ncharm = 1",
            "acme.toml:4, health.weights: object contains unknown field `charm`",
        ),
        (HEAD + "[healht]", "profile acme.toml:3: object contains unknown field `healht`"),
        (
            HEAD + "[activation.criterion]\nrule = 'all'\nof = [{ rule = 'active_days', n = 0 }]",
            "acme.toml:5, activation.criterion.of[0].n: expected `int` >= 1, got 0",
        ),
        (
            HEAD + "[activation.criterion]\nrule = 'magic'",
            "acme.toml:4, activation.criterion.rule: invalid value 'magic'",
        ),
        (HEAD + "[upsell]\nseats_from = 1.2", "acme.toml:3, upsell: expected seats_from < seats_full, got 1.2 and 0.9"),
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


@pytest.mark.parametrize(
    "path, line",
    [
        ("name", 1),
        ("a.b", 4),
        ("a.of[1].n", 5),
        ("a.unwritten", 3),
        ("list[0].x", 10),
        ("list[1].x", 12),
        ("list[1].y.z", 11),
        ("a.c.d.e", 8),
        ("nothing", None),
    ],
)
def test_a_line_is_found_for_every_way_of_writing(path: str, line: int | None) -> None:
    document = """name = 'acme'

[a] # with a remark
b = 1
of = [
    { n = 1 },
]
c . "d" . 'e' = 2
[[list]]
x = 1
[[list]]
x = 2
"""
    assert line_of(document, path) == line
