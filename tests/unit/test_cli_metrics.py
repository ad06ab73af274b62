"""`zelo metrics` where no ClickHouse is: the list, the definitions, and what cannot be explained."""

import json

import pytest
from cli_rig import Zelo, clean_environment, command_line
from msgspec.structs import replace

from streams.catalogue.registry import catalogue
from streams.cli.metrics import label, made_with
from streams.embedded.ports import free_port
from streams.metrics.profile import load_profile


@pytest.fixture
def zelo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", f"http://127.0.0.1:{free_port()}")
    return command_line(monkeypatch, capsys)


@pytest.mark.parametrize("language", ["en", "pt", "es"])
def test_every_figure_is_listed_in_the_language_asked_for(zelo: Zelo, language: str) -> None:
    shown = zelo("metrics", "--lang", language)
    assert shown.status == 0
    for metric in catalogue().metrics:
        title = metric.title.in_language(language)  # type: ignore[arg-type]
        assert f" {metric.domain} {metric.id} {title} {metric.unit} " in f" {shown.out} "


def test_the_list_as_json_holds_whole_definitions(zelo: Zelo) -> None:
    listed = {f"{one['domain']}.{one['id']}": one for one in json.loads(zelo("metrics", "--json").out)}
    assert list(listed) == [metric.name for metric in catalogue().metrics]
    assert listed["usage.adoption"]["range"] == [0, 1]
    assert listed["usage.adoption"]["topics"] == ["usage.v1"]
    assert listed["usage.adoption"]["policy"] == ["engagement.features_available"]
    assert listed["portfolio.nrr"]["table"] == "v_retention"


def test_a_language_nobody_translated_to_is_refused(zelo: Zelo) -> None:
    stopped = zelo("metrics", "--lang", "fr")
    assert stopped.status == 2
    assert "'fr'" in stopped.err


def test_a_definition_is_shown_whole(zelo: Zelo) -> None:
    shown = zelo("metrics", "show", "usage.adoption", "--lang", "es")
    assert shown.status == 0
    for words in (
        "usage.adoption Adopción de funciones",
        "definition `features_used_28d` / `features_available`, at most 1",
        "null when the profile does not say what there is",
        "unit share, 0 to 1, higher is better",
        "window 28d",
        "events feature_used on usage.v1",
        "formula METRICS.md section 1",
        "computed by streams.metrics.usage.UsageFold",
        "profile engagement.features_available",
        "stands in table usage_daily, column adoption",
        "names Feature adoption | Adoção de funcionalidades",
    ):
        assert words in shown.out, words


def test_an_id_of_several_figures_shows_them_all(zelo: Zelo) -> None:
    assert [one["domain"] for one in json.loads(zelo("metrics", "show", "plan", "--json").out)] == [
        "revenue",
        "account",
    ]
    assert "the topic metrics.v1 only" in zelo("metrics", "show", "recent_nps").out
    assert "bad, good, excellent" in zelo("metrics", "show", "engagement_band").out


def test_a_figure_nobody_knows_is_an_error_with_near_names(zelo: Zelo) -> None:
    stopped = zelo("metrics", "show", "usage.stickines")
    assert stopped.status == 2
    assert "there is no figure 'usage.stickines'; did you mean stickiness?" in stopped.err


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("arguments", [("stickiness", "--customer", "acme"), ("nrr",)], ids=" ".join)
def test_explaining_without_clickhouse_stops_with_its_address(zelo: Zelo, arguments: tuple[str, ...]) -> None:
    stopped = zelo("metrics", "explain", *arguments)
    assert stopped.status == 2
    assert "error: ClickHouse" in stopped.err
    assert "Traceback" not in stopped.err


def test_settings_are_those_of_the_profile_the_workers_used() -> None:
    default, demo = load_profile("default"), load_profile("demo")
    own = replace(default, name="own", version=3)
    assert made_with(own, None) == (own, None)
    assert made_with(own, "own@3") == (own, None)
    assert made_with(own, label(demo)) == (demo, None)
    for other in ("acme@2", f"demo@{demo.version + 1}"):
        profile, doubt = made_with(own, other)
        assert profile is own
        assert doubt == f"the workers use the profile {other}, the settings here own@3: set ZELO_PROFILE to theirs"
