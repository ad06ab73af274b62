"""docker-compose.yml and Dockerfile without a Docker engine: the Compose schema, and what they promise."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from streams.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("zelo:"))
FOREIGN = sorted(set(SERVICES) - set(OURS))

# Where the images document them:
# apache/kafka: docker/examples/README.md (KAFKA_ and the broker's property in capitals, dots as underscores;
# CLUSTER_ID) and docker/examples/docker-compose-files/single-node/plaintext/docker-compose.yml;
# ClickHouse/ClickHouse: docker/server/README.md, "How to create default database and user on starting".
DOCUMENTED = {
    "apache/kafka": {
        "CLUSTER_ID",
        "KAFKA_ADVERTISED_LISTENERS",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE",
        "KAFKA_CONTROLLER_LISTENER_NAMES",
        "KAFKA_CONTROLLER_QUORUM_VOTERS",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS",
        "KAFKA_INTER_BROKER_LISTENER_NAME",
        "KAFKA_LISTENERS",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
        "KAFKA_LOG_DIRS",
        "KAFKA_NODE_ID",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR",
        "KAFKA_PROCESS_ROLES",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
    },
    "clickhouse/clickhouse-server": {
        "CLICKHOUSE_DB",
        "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT",
        "CLICKHOUSE_PASSWORD",
        "CLICKHOUSE_USER",
    },
}
SETTINGS = {f"ZELO_{name.upper()}" for name in Settings.model_fields}


def instructions(keyword: str) -> list[str]:
    """The arguments of every such instruction of the Dockerfile, in order."""
    code = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return re.findall(rf"^{keyword} (.*)$", code, flags=re.MULTILINE)


def final_stage_environment() -> dict[str, str]:
    """What the running container finds set by the image."""
    return dict(re.findall(r"([A-Z_]+)=(\S+)", instructions("ENV")[-1]))


def compose_errors(compose: dict[str, Any]) -> list[str]:
    """What the JSON Schema of the Compose specification finds wrong."""
    validator = jsonschema.Draft7Validator(get_builtin_schema("vendor.compose-spec"))
    return [error.message for error in validator.iter_errors(compose)]


def test_compose_file_is_valid_by_the_compose_specification() -> None:
    assert compose_errors(COMPOSE) == []


def test_the_compose_schema_would_notice_a_wrong_key() -> None:
    misspelt = {"services": {"kafka": {"image": "apache/kafka:4.1.1", "restrat": "always"}}}
    assert any("restrat" in error for error in compose_errors(misspelt))


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_our_services_is_a_setting_with_a_valid_value(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert set(environment) <= SETTINGS
    literal = {
        key.removeprefix("ZELO_").lower(): value
        for key, value in environment.items()
        if value is not None and "${" not in str(value)
    }
    Settings(**literal)


@pytest.mark.parametrize("name", FOREIGN)
def test_every_variable_of_a_foreign_image_is_documented_by_it(name: str) -> None:
    image = SERVICES[name]["image"].partition(":")[0]
    assert set(SERVICES[name]["environment"]) <= DOCUMENTED[image]


def test_kafka_listeners_agree_with_each_other_and_with_our_bootstrap() -> None:
    environment = SERVICES["kafka"]["environment"]
    listening = dict(part.split("://:") for part in environment["KAFKA_LISTENERS"].split(","))
    advertised = dict(part.split("://") for part in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    mapped = {part.split(":")[0] for part in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")}
    assert mapped == set(listening)
    assert set(advertised) | {environment["KAFKA_CONTROLLER_LISTENER_NAMES"]} == set(listening)
    assert all(address.endswith(f":{listening[listener]}") for listener, address in advertised.items())
    internal = advertised[environment["KAFKA_INTER_BROKER_LISTENER_NAME"]]
    assert {SERVICES[name]["environment"]["ZELO_KAFKA_BOOTSTRAP"] for name in OURS} == {internal}
    assert advertised["HOST"] == "localhost:9092"


def test_every_variable_taken_from_the_env_file_is_explained_at_the_top() -> None:
    explained = set(re.findall(r"^#   (ZELO_\w+)=", COMPOSE_TEXT, flags=re.MULTILINE))
    interpolated = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    passed = {key for name in OURS for key, value in SERVICES[name]["environment"].items() if value is None}
    assert interpolated | passed == explained


def test_secrets_never_stand_in_the_compose_file_and_reach_only_who_needs_them() -> None:
    holders: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for key, value in service["environment"].items():
            if re.search("PASSWORD|TOKEN|SECRET", key):
                assert value is None or value.startswith("${"), f"{name}: {key}"
                holders.setdefault(key, set()).add(name)
    assert holders == {
        "CLICKHOUSE_PASSWORD": {"clickhouse"},
        "ZELO_CLICKHOUSE_PASSWORD": {"archive", "migrate"},
        "ZELO_SLACK_TOKEN": {"notify"},
    }


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:[\d-]+:\d+", port) for port in published)


def test_images_are_pinned_to_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [source.split()[0] for source in instructions("FROM")]
    assert all(re.search(r":\d+\.\d+[\w.-]*$", image) for image in images), images


def test_workers_start_after_the_migration_and_come_back_after_a_crash() -> None:
    for name in set(OURS) - {"migrate"}:
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES["migrate"]["depends_on"] == {name: {"condition": "service_healthy"} for name in FOREIGN}


def test_the_migration_makes_tables_and_topics_and_fails_when_either_does() -> None:
    service = SERVICES["migrate"]
    assert service["entrypoint"] == ["/bin/sh", "-ec"]
    assert service["command"] == ["zelo migrate && zelo topics --create"]
    assert service["restart"].startswith("on-failure")
    assert {"ZELO_PARTITIONS", "ZELO_REPLICATION_FACTOR", "ZELO_TOPIC_PREFIX"} <= set(service["environment"])


def test_workers_use_the_command_of_the_image() -> None:
    assert instructions("ENTRYPOINT") == ['["zelo"]']
    for name in set(OURS) - {"migrate"}:
        assert SERVICES[name]["command"] == ["worker", "--role", name]
        assert "entrypoint" not in SERVICES[name]


def test_what_must_survive_a_restart_is_on_a_volume() -> None:
    mounts = dict(mount.split(":")[::-1] for name in FOREIGN for mount in SERVICES[name]["volumes"])
    assert SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"] in mounts
    assert "/var/lib/clickhouse" in mounts
    assert set(mounts.values()) == set(COMPOSE["volumes"])


def test_the_image_runs_as_a_fixed_user_that_is_not_root() -> None:
    user, group = instructions("USER")[-1].split(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000
    assert not any("user" in SERVICES[name] or "privileged" in SERVICES[name] for name in OURS)


def test_the_image_installs_only_what_is_locked() -> None:
    installs = re.findall(r"\binstall (--\S+) ", " ".join(instructions("RUN")).replace("install -d", ""))
    assert set(installs) == {"--require-hashes", "--no-deps"}
    copied = re.findall(r"requirements/(\w+)\.txt", " ".join(instructions("COPY")))
    assert set(copied) == {"build", "runtime"}


def test_every_setting_of_the_image_is_ours_and_its_health_check_asks_the_port_it_sets() -> None:
    environment = final_stage_environment()
    assert {name for name in environment if name.startswith("ZELO_")} <= SETTINGS
    port = environment["ZELO_HTTP_PORT"]
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)'", instructions("HEALTHCHECK")[0])
    assert asked
    assert asked[1] == port
    assert f'"{asked[2]}"' in (ROOT / "streams/page.py").read_text()
    assert instructions("EXPOSE") == [port]
    assert all(port == mapping.split(":")[-1] for name in OURS for mapping in SERVICES[name].get("ports", []))
