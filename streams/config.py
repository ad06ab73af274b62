"""Settings: the only reader of the environment (`ZELO_*`) and of `zelo.toml`.

Every field has a unit, a default and a line of help; `zelo config` prints them, secrets masked.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from streams.errors import ConfigurationError

Seconds = Annotated[float, Field(ge=0.0, le=86_400.0)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("expected an IANA time zone such as America/Sao_Paulo") from error
    return name


def _like(pattern: str, expected: str) -> AfterValidator:
    """Takes texts that match all of a pattern; the error says what was expected, in words."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


_LAST_PORT = 65_535


def _ports_exist(brokers: str) -> str:
    """Refuses `host:0` and `host:99999`, which look like addresses."""
    for port in re.findall(r":([0-9]+)(?=,|$)", brokers):
        if not 1 <= int(port) <= _LAST_PORT:
            raise ValueError(f"expected ports from 1 to {_LAST_PORT}, {port} is none")
    return brokers


_BROKER = r"(\[[0-9A-Fa-f:.]+\]|[^\s,:\[\]]+)(:[0-9]+)?"
Brokers = Annotated[
    str,
    _like(rf"{_BROKER}(,{_BROKER})*", "host:port, several separated by commas without spaces"),
    AfterValidator(_ports_exist),
]
Database = Annotated[str, _like(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _, no digit first")]
TopicPrefix = Annotated[str, _like(r"[A-Za-z0-9._-]*", "letters, digits, '.', '_' and '-' only, or nothing")]
AppId = Annotated[str, _like(r"[A-Za-z0-9._-]+", "letters, digits, '.', '_' and '-' only, at least one")]


class Settings(BaseSettings):
    """Everything that can be set, by `ZELO_<NAME>` or in the TOML file named by `ZELO_CONFIG`."""

    model_config = SettingsConfigDict(env_prefix="ZELO_", extra="forbid", frozen=True)

    # --- where
    kafka_bootstrap: Brokers = Field("127.0.0.1:9092", description="Kafka brokers, host:port separated by commas")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="what the Kafka listener speaks: SSL is TLS, SASL asks for user and password"
    )
    kafka_ca_file: Path | None = Field(
        None, description="PEM of who signed the brokers' certificates; none: the authorities of the system"
    )
    kafka_certificate_file: Path | None = Field(
        None, description="PEM of our own certificate, for a TLS listener that asks its clients for one (mutual TLS)"
    )
    kafka_key_file: Path | None = Field(
        None, description="PEM of that certificate's private key; none: it is in the certificate's file"
    )
    kafka_key_password: SecretStr = Field(SecretStr(""), description="password of that key, if it has one")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how user and password are proved to Kafka"
    )
    kafka_user: str = Field("", description="Kafka user, for SASL")
    kafka_password: SecretStr = Field(SecretStr(""), description="Kafka password, for SASL")
    clickhouse_url: str = Field("http://127.0.0.1:8123", description="ClickHouse HTTP endpoint")
    clickhouse_user: str = Field("default", description="ClickHouse user")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="ClickHouse password")
    clickhouse_database: Database = Field("zelo", description="ClickHouse database, made by `zelo migrate`")
    data_dir: Path = Field(Path(".zelo"), description="folder for local state and logs of `zelo up`")
    topic_prefix: TopicPrefix = Field("zelo.", description="prefix of every topic name")
    app_id: AppId = Field("zelo", description="prefix of consumer groups and changelog topics")
    partitions: int = Field(4, ge=1, le=1024, description="partitions of every customer topic")
    replication_factor: int = Field(1, ge=1, le=7, description="replicas of the topics we create")

    # --- time
    clock: Literal["wall", "log"] = Field(
        "wall",
        description="wall: idle partitions follow the clock; log: only events and heartbeats move time",
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description="time zone of the company's days")
    lateness_seconds: Seconds = Field(3600.0, description="how much an event may be out of order before its day closes")
    horizon_days: int = Field(90, ge=1, le=3650, description="how far back a late event restates past days")
    dedup_days: int = Field(90, ge=1, le=3650, description="how long event ids are remembered, at least horizon_days")
    idle_seconds: Seconds = Field(60.0, description="silence after which an idle partition follows the wall clock")
    max_future_seconds: Seconds = Field(86_400.0, description="how far ahead of the clock an event may lie")
    max_skew_days: int = Field(7, ge=1, le=3650, description="how far one topic's time may run ahead of another's")

    # --- policy
    profile: str = Field("default", description="profile of metrics, health and churn: a built-in name or a TOML file")
    locale: Literal["pt", "es", "en"] = Field("en", description="language of alerts when the customer has none")

    # --- engine
    publish_interval_seconds: Seconds = Field(
        0.25, description="under load, newest values of a customer go out this often; up to four times as often else"
    )
    commit_interval_seconds: Seconds = Field(1.0, description="state and offsets are saved this often")
    catch_up_seconds: Seconds = Field(
        30.0,
        description="while a worker is late, or will be, either interval becomes as long as that, up to this; "
        "behind a backlog scores wait for what it brings, for no longer either",
    )
    # At some 100 us a customer as long as other runs of an agent.
    piece_customers: int = Field(
        100, ge=1, le=100_000, description="a day of a partition closes in pieces of so many customers"
    )
    rebalance_timeout_seconds: Seconds = Field(
        60.0, description="Kafka group rebalance timeout; 3 on the embedded broker"
    )
    # The engine's requests wait 60 s, and it refuses a session that outlasts one.
    session_timeout_seconds: float = Field(30.0, ge=0.0, le=60.0, description="Kafka group session timeout, at most 60")
    max_poll_records: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="records of one partition taken at once; of events that are sparse, 500 or those of a day",
    )
    fetch_wait_seconds: Seconds = Field(
        0.025,
        description="while records come, a fetch may be held open so long; an idle topic delays a busy one as much",
    )
    rescore_seconds: Seconds = Field(
        5.0, description="after a new model, all customers are re-scored at most this often"
    )

    standby_replicas: int = Field(
        0, ge=0, le=7, description="warm copies of every table in other workers: takeovers are quick, memory doubles"
    )

    # --- archive
    archive_rows: int = Field(20_000, ge=1, le=1_000_000, description="rows of a table per ClickHouse insert, at most")
    archive_seconds: Seconds = Field(1.0, description="age at which fewer rows are inserted")

    # --- Slack
    slack_token: SecretStr | None = Field(
        None, description="bot token (xoxb-...); without it alerts go to the log only"
    )
    slack_channel: str = Field("#customer-success", min_length=1, description="channel alerts are posted to")
    slack_max_age_hours: float = Field(24.0, ge=0.0, description="older alerts (a replay of the past) are not posted")
    slack_url: str = Field("https://slack.com/api/", description="Slack Web API, another one in tests")

    # --- own pages and logs
    http_host: str = Field("127.0.0.1", description="address of the health and metrics page")
    http_port: int = Field(
        0,
        ge=0,
        le=_LAST_PORT,
        description="port of the health and metrics page, the first of several processes; 0 for none",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="lowest level logged")
    log_format: Literal["logfmt", "json"] = Field(
        "logfmt", description="a line of the log: logfmt reads well, json is one object a line, tracebacks inside"
    )

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if self.dedup_days < self.horizon_days:
            raise ValueError(
                f"ZELO_DEDUP_DAYS: expected at least ZELO_HORIZON_DAYS ({self.horizon_days}), "
                f"it was {self.dedup_days}: "
                "an event that may still be applied must be recognised when it comes twice"
            )
        if self.kafka_security.startswith("SASL") and not (self.kafka_user and self.kafka_password.get_secret_value()):
            raise ValueError(
                "ZELO_KAFKA_USER and ZELO_KAFKA_PASSWORD: expected both, "
                f"as ZELO_KAFKA_SECURITY is {self.kafka_security}"
            )
        self._check_certificate()
        return self

    def _check_certificate(self) -> None:
        """A certificate is shown in TLS alone, and a key belongs to a certificate."""
        if self.kafka_certificate_file is None:
            if self.kafka_key_file is not None:
                raise ValueError(
                    "ZELO_KAFKA_KEY_FILE: expected ZELO_KAFKA_CERTIFICATE_FILE with it, the key's certificate"
                )
            if self.kafka_key_password.get_secret_value():
                raise ValueError("ZELO_KAFKA_KEY_PASSWORD: expected ZELO_KAFKA_CERTIFICATE_FILE with it")
        elif not self.kafka_security.endswith("SSL"):
            raise ValueError(
                "ZELO_KAFKA_CERTIFICATE_FILE: expected SSL or SASL_SSL in ZELO_KAFKA_SECURITY, "
                f"it was {self.kafka_security}: only TLS shows a certificate"
            )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = os.environ.get("ZELO_CONFIG")
        toml = (TomlConfigSettingsSource(settings_cls, Path(path)),) if path else ()
        return (init_settings, env_settings, *toml)


def load_settings(**overrides: object) -> Settings:
    """The settings in force.

    Raises:
        ConfigurationError: names each wrong setting, what it was and what it must be.
    """
    path = os.environ.get("ZELO_CONFIG")
    if path and not Path(path).is_file():
        raise ConfigurationError(f"ZELO_CONFIG: expected a TOML file, found none at {path}")
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith("ZELO_") and name != "ZELO_CONFIG" and name[5:].lower() not in Settings.model_fields
    )
    if unknown:
        raise ConfigurationError(f"{', '.join(unknown)}: no such setting; `zelo config` lists them")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(problem) for problem in error.errors())) from error
    except ValueError as error:  # the TOML file itself
        raise ConfigurationError(f"{path}: {error}") from error


def _explain(problem: object) -> str:
    assert isinstance(problem, dict)
    said = problem["msg"].removeprefix("Value error, ")  # pydantic's word for an error of our own
    if not problem["loc"]:  # of several settings together: names them itself
        return str(said)
    name = "ZELO_" + "_".join(str(part) for part in problem["loc"]).upper()
    got = "" if "password" in name.lower() or "token" in name.lower() else f", it was {problem['input']!r}"
    return f"{name}: {said}{got}"


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a child process that must see exactly these settings."""
    values = {name: value for name, value in os.environ.items() if not name.startswith("ZELO_")}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            values[f"ZELO_{name.upper()}"] = plain
    return values
