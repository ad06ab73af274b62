"""`zelo config`, and what every command does with settings that cannot work."""

from pathlib import Path

import pytest
from cli_rig import Zelo, clean_environment, command_line

from streams.config import Settings


@pytest.fixture
def zelo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    return command_line(monkeypatch, capsys)


def test_config_shows_every_setting_with_its_meaning(zelo: Zelo) -> None:
    shown = zelo("config")
    assert shown.status == 0
    for name, field in Settings.model_fields.items():
        assert f"ZELO_{name.upper()} " in shown.out
        assert " ".join((field.description or "").split()[:3]) in shown.out


def test_config_shows_what_is_in_force(zelo: Zelo) -> None:
    assert "ZELO_PARTITIONS 17 partitions" in zelo("config", ZELO_PARTITIONS="17").out


def test_config_never_shows_a_secret(zelo: Zelo) -> None:
    shown = zelo("config", ZELO_CLICKHOUSE_PASSWORD="hush-1", ZELO_SLACK_TOKEN="xoxb-hush-2")
    assert "hush" not in shown.out + shown.err
    assert "ZELO_CLICKHOUSE_PASSWORD ********" in shown.out
    assert "ZELO_SLACK_TOKEN ********" in shown.out


def test_an_empty_secret_is_not_dressed_up_as_a_set_one(zelo: Zelo) -> None:
    assert "********" not in zelo("config").out


@pytest.mark.parametrize("command", ["config", "doctor", "topics", "migrate", "demo", "up", "worker", "dead-letters"])
def test_a_wrong_setting_stops_every_command_with_its_name_and_value(zelo: Zelo, command: str) -> None:
    stopped = zelo(command, ZELO_PARTITIONS="many")
    assert stopped.status == 2
    assert "ZELO_PARTITIONS" in stopped.err
    assert "'many'" in stopped.err
    assert "Traceback" not in stopped.err
    assert stopped.out == ""


def test_all_wrong_settings_are_told_at_once(zelo: Zelo) -> None:
    stopped = zelo("config", ZELO_PARTITIONS="0", ZELO_TIMEZONE="Mars/Olympus", ZELO_LOCALE="fr")
    assert stopped.status == 2
    for said in ("ZELO_PARTITIONS", "ZELO_TIMEZONE", "ZELO_LOCALE", "greater than or equal to 1", "Mars/Olympus"):
        assert said in stopped.err


def test_variables_that_are_no_setting_are_named(zelo: Zelo) -> None:
    stopped = zelo("config", ZELO_PARTITION="3", ZELO_KAFKA="here")
    assert stopped.status == 2
    assert "ZELO_KAFKA, ZELO_PARTITION: no such setting" in stopped.err


def test_a_wrong_secret_is_not_told(zelo: Zelo) -> None:
    stopped = zelo("config", ZELO_SLACK_TOKEN="xoxb-hush", ZELO_PARTITIONS="0")
    assert stopped.status == 2
    assert "hush" not in stopped.err


def test_settings_come_from_a_toml_file_and_the_environment_wins(zelo: Zelo, tmp_path: Path) -> None:
    path = tmp_path / "zelo.toml"
    path.write_text('partitions = 12\nreplication_factor = 3\ntimezone = "America/Sao_Paulo"\n')
    shown = zelo("config", ZELO_CONFIG=str(path), ZELO_PARTITIONS="6")
    assert "ZELO_PARTITIONS 6 " in shown.out
    assert "ZELO_REPLICATION_FACTOR 3 " in shown.out
    assert "ZELO_TIMEZONE America/Sao_Paulo " in shown.out


@pytest.mark.parametrize(
    "text, said",
    [
        ("partitions = 0\n", "ZELO_PARTITIONS"),
        ("partition = 3\n", "ZELO_PARTITION: Extra inputs are not permitted"),
        ("partitions = \n", "zelo.toml"),
    ],
    ids=["wrong value", "unknown key", "no TOML"],
)
def test_a_wrong_toml_file_stops_with_the_place(zelo: Zelo, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "zelo.toml"
    path.write_text(text)
    stopped = zelo("config", ZELO_CONFIG=str(path))
    assert stopped.status == 2
    assert said in stopped.err


def test_a_missing_toml_file_stops_with_its_path(zelo: Zelo, tmp_path: Path) -> None:
    stopped = zelo("config", ZELO_CONFIG=str(tmp_path / "none.toml"))
    assert stopped.status == 2
    assert "ZELO_CONFIG: expected a TOML file" in stopped.err
    assert "none.toml" in stopped.err


def test_text_in_brackets_in_a_wrong_setting_is_told_as_it_is(zelo: Zelo) -> None:
    stopped = zelo("config", ZELO_LOCALE="[/en]")
    assert stopped.status == 2
    assert "'[/en]'" in stopped.err


def test_text_in_brackets_in_a_setting_is_shown_as_it_is(zelo: Zelo) -> None:
    assert "ZELO_SLACK_CHANNEL [/alerts] channel" in zelo("config", ZELO_SLACK_CHANNEL="[/alerts]").out
