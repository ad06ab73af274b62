"""Settings: what they take, what they refuse, what a child process gets."""

from pathlib import Path
from typing import Any

import pytest
from cli_rig import clean_environment
from pydantic import SecretStr, ValidationError

from streams.app import Role, create_app, engine_settings
from streams.cli.stack import OWN_LISTENER
from streams.config import Settings, child_environment, load_settings
from streams.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch)


def test_defaults_work_without_any_environment() -> None:
    assert load_settings() == Settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_and_has_a_default(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    assert not field.description.endswith(".")
    assert not field.is_required()


@pytest.mark.parametrize(
    "name, value",
    [
        ("partitions", 0),
        ("partitions", 1025),
        ("replication_factor", 0),
        ("clock", "sun"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("lateness_seconds", -1),
        ("lateness_seconds", "nan"),
        ("horizon_days", 0),
        ("http_port", 65_536),
        ("log_level", "LOUD"),
        ("locale", "fr"),
        ("topic_prefix", "a b"),
        ("app_id", ""),
        ("clickhouse_database", "a; DROP"),
        ("slack_channel", ""),
        ("slack_max_age_hours", -0.5),
        ("archive_rows", 0),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setenv(f"ZELO_{name.upper()}", str(value))
    with pytest.raises(ConfigurationError, match=f"^ZELO_{name.upper()}: ") as refused:
        load_settings()
    assert repr(str(value)) in str(refused.value)


def test_ids_must_be_remembered_as_long_as_events_are_taken() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^ZELO_DEDUP_DAYS: expected at least ZELO_HORIZON_DAYS \(90\), it was 30: "
    ):
        load_settings(dedup_days=30)


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("kafka_bootstrap", "here:there", "host:port, several separated by commas without spaces"),
        ("kafka_bootstrap", "kafka-1:9092, kafka-2:9092", "host:port, several separated by commas without spaces"),
        ("kafka_bootstrap", "", "host:port, several separated by commas without spaces"),
        ("kafka_bootstrap", "h:", "host:port, several separated by commas without spaces"),
        ("kafka_bootstrap", ":9092", "host:port, several separated by commas without spaces"),
        ("kafka_bootstrap", "h:abc", "host:port, several separated by commas without spaces"),
        ("kafka_bootstrap", "h:9092,", "host:port, several separated by commas without spaces"),
        ("kafka_bootstrap", "h:99999", "ports from 1 to 65535, 99999 is none"),
        ("kafka_bootstrap", "h:65536", "ports from 1 to 65535, 65536 is none"),
        ("kafka_bootstrap", "kafka-1:9092,h:0", "ports from 1 to 65535, 0 is none"),
        ("kafka_bootstrap", "[::1]:123456,h:1", "ports from 1 to 65535, 123456 is none"),
        ("clickhouse_database", "1a", "letters, digits and _, no digit first"),
        ("topic_prefix", "a b", "letters, digits, '.', '_' and '-' only, or nothing"),
        ("app_id", "zelo\n", "letters, digits, '.', '_' and '-' only, at least one"),
        ("timezone", "Mars/Olympus", "an IANA time zone such as America/Sao_Paulo"),
    ],
)
def test_what_a_text_must_look_like_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(f"ZELO_{name.upper()}", value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert str(refused.value) == f"ZELO_{name.upper()}: expected {expected}, it was {value!r}"


@pytest.mark.parametrize("value", ["kafka", "kafka:1", "kafka:65535", "kafka-1:9092,[::1]:9093,10.0.0.7", "[::1]"])
def test_brokers_are_one_address_or_several(value: str) -> None:
    assert load_settings(kafka_bootstrap=value).kafka_bootstrap == value


def test_a_session_that_outlasts_a_request_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZELO_SESSION_TIMEOUT_SECONDS", "60.5")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert str(refused.value) == (
        "ZELO_SESSION_TIMEOUT_SECONDS: Input should be less than or equal to 60, it was '60.5'"
    )


def test_a_short_rebalance_timeout_makes_heartbeats_that_are_heard_in_it() -> None:
    short = engine_settings(load_settings(rebalance_timeout_seconds=3.0), "stream")
    assert (short.heartbeat_interval_seconds, short.session_timeout_seconds) == (0.75, 30.0)


def test_the_longest_session_is_as_long_as_a_request_of_the_engine() -> None:
    engine = engine_settings(load_settings(session_timeout_seconds=60.0), "stream")
    assert engine.session_timeout_seconds == engine.request_timeout_seconds


def test_alerts_are_told_a_few_at_a_time_so_that_none_waits_for_a_burst_of_another_partition() -> None:
    """Each may take a second: as many as a batch and the queue behind it hold come before one of another partition."""
    engine = engine_settings(load_settings(), "notify")
    assert engine.batch_records * (1 + engine.queue_batches) <= 20
    assert engine_settings(load_settings(), "stream").queue_batches == 4


def test_overrides_win_over_the_environment_and_it_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "zelo.toml"
    path.write_text('partitions = 3\napp_id = "file"\nlocale = "pt"\n')
    monkeypatch.setenv("ZELO_CONFIG", str(path))
    monkeypatch.setenv("ZELO_PARTITIONS", "5")
    monkeypatch.setenv("ZELO_APP_ID", "environment")
    settings = load_settings(partitions=7)
    assert (settings.partitions, settings.app_id, settings.locale) == (7, "environment", "pt")


def test_settings_do_not_change() -> None:
    settings: Any = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.partitions = 9


def test_secrets_do_not_show_in_representations() -> None:
    settings = Settings(clickhouse_password=SecretStr("hush"), slack_token=SecretStr("hush"))
    assert "hush" not in repr(settings) + str(settings)


@pytest.mark.parametrize("name", ["ZELO_SLACK_TOKEN", "ZELO_CLICKHOUSE_PASSWORD"])
def test_a_child_process_gets_secrets_in_the_clear(name: str) -> None:
    settings = Settings(clickhouse_password=SecretStr("hush"), slack_token=SecretStr("hush"))
    assert child_environment(settings)[name] == "hush"


def test_a_child_process_sees_exactly_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "zelo.toml"
    path.write_text("partitions = 3\n")
    monkeypatch.setenv("ZELO_CONFIG", str(path))
    monkeypatch.setenv("ZELO_DATA_DIR", str(tmp_path / "with space"))
    settings = load_settings(clock="log", publish_interval_seconds=0.1)
    environment = child_environment(settings)
    assert "ZELO_CONFIG" not in environment
    assert environment["PATH"]
    monkeypatch.delenv("ZELO_CONFIG")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_a_child_process_without_a_token_gets_none() -> None:
    assert "ZELO_SLACK_TOKEN" not in child_environment(Settings())


def test_kafka_with_sasl_needs_user_and_password() -> None:
    with pytest.raises(ConfigurationError, match="ZELO_KAFKA_USER and ZELO_KAFKA_PASSWORD: expected both"):
        load_settings(kafka_security="SASL_SSL", kafka_user="zelo")
    assert load_settings(kafka_security="SSL").kafka_user == ""


@pytest.mark.parametrize(
    "chosen, said",
    [
        ({"kafka_key_file": "k.pem"}, "ZELO_KAFKA_KEY_FILE: expected ZELO_KAFKA_CERTIFICATE_FILE with it, the key's"),
        ({"kafka_key_password": "hush"}, "ZELO_KAFKA_KEY_PASSWORD: expected ZELO_KAFKA_CERTIFICATE_FILE with it"),
        (
            {"kafka_certificate_file": "c.pem"},
            "ZELO_KAFKA_CERTIFICATE_FILE: expected SSL or SASL_SSL in ZELO_KAFKA_SECURITY, it was PLAINTEXT: only TLS",
        ),
        (
            {
                "kafka_certificate_file": "c.pem",
                "kafka_security": "SASL_PLAINTEXT",
                "kafka_user": "zelo",
                "kafka_password": "hush",
            },
            "ZELO_KAFKA_CERTIFICATE_FILE: expected SSL or SASL_SSL in ZELO_KAFKA_SECURITY, it was SASL_PLAINTEXT",
        ),
    ],
)
def test_a_certificate_needs_tls_and_a_key_its_certificate(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(**chosen)
    assert str(refused.value).startswith(said)
    assert "hush" not in str(refused.value)


def test_the_stack_of_this_machine_needs_none_of_the_certificates_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = load_settings(
        kafka_security="SSL", kafka_certificate_file="c.pem", kafka_key_file="k.pem", kafka_key_password="hush"
    )
    here = elsewhere.model_copy(update=OWN_LISTENER)
    for name, value in child_environment(here).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == here


def test_a_certificate_may_hold_its_key_and_goes_with_a_user_too() -> None:
    alone = load_settings(kafka_security="SSL", kafka_certificate_file="c.pem")
    assert (alone.kafka_certificate_file, alone.kafka_key_file) == (Path("c.pem"), None)
    load_settings(kafka_security="SASL_SSL", kafka_certificate_file="c.pem", kafka_user="zelo", kafka_password="hush")


@pytest.mark.parametrize("role", ["stream", "archive", "notify"])
def test_only_the_role_whose_agents_tell_the_time_keeps_topics_abreast(role: Role, tmp_path: Path) -> None:
    """A gate that hears nothing holds batches small for ever."""
    zelo = create_app(load_settings(data_dir=tmp_path), role)
    assert (zelo.app.engine.gate is zelo.gate) is (role == "stream")
