"""The app takes its options from `EngineSettings` and from nowhere else."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from faust.types import TP
from mode import CrashingSupervisor

from streams.engine.app import engine_app
from streams.engine.consumer import BatchConsumer
from streams.engine.settings import EngineSettings
from streams.engine.table import StateTable, changelog_name, state_table
from streams.engine.transport import batch_topic
from streams.engine.watchdog import Sight
from streams.errors import ConfigurationError

OPTIONS = EngineSettings.embedded("127.0.0.1:1", Path("unused"), partitions=3)


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BROKER_URL": "kafka://elsewhere:1",
        "APP_WEB_ENABLED": "true",
        "WEB_PORT": "1",
        "STREAM_WAIT_EMPTY": "true",
        "PROCESSING_GUARANTEE": "exactly_once",
        "TOPIC_PARTITIONS": "99",
        "BROKER_COMMIT_INTERVAL": "999",
        "APP_DATADIR": "/elsewhere",
        "APP_DEBUG": "true",
    }.items():
        monkeypatch.setenv(name, value)
    conf = engine_app("test", OPTIONS).conf
    assert [str(url) for url in conf.broker] == ["zelo://127.0.0.1:1"]
    assert conf.web_enabled is False
    assert conf.stream_wait_empty is False
    assert conf.processing_guarantee.value == "at_least_once"
    assert conf.topic_partitions == 3
    assert conf.broker_commit_interval == 0.5
    assert conf.datadir == Path("unused")
    assert conf.debug is False


def test_no_web_server_is_built() -> None:
    app = engine_app("test", OPTIONS)
    assert list(app.boot_strategy.web_server()) == []


def test_an_agent_that_fails_ends_the_worker() -> None:
    assert engine_app("test", OPTIONS).conf.agent_supervisor is CrashingSupervisor


def test_the_url_scheme_leads_to_the_batched_consumer() -> None:
    assert engine_app("test", OPTIONS).transport.Consumer is BatchConsumer


def test_several_brokers_are_all_known() -> None:
    app = engine_app("test", EngineSettings("a:1, b:2", datadir=Path("unused")))
    assert [str(url) for url in app.conf.broker] == ["zelo://a:1", "zelo://b:2"]


def test_a_table_has_the_changelog_it_is_documented_to_have() -> None:
    app = engine_app("test", OPTIONS)
    table = state_table(app, "usage", "usage.v1", 3, dict, dict)
    assert isinstance(table, StateTable)
    assert table.changelog_topic_name == changelog_name("test", "usage") == "test-usage-changelog"
    assert table.changelog_topic.partitions == 3


def test_another_version_has_another_group_and_other_changelogs() -> None:
    second = EngineSettings("127.0.0.1:1", datadir=Path("unused"), version=2)
    app = engine_app("test", second)
    assert app.conf.id == "test-v2"
    table = state_table(app, "usage", "usage.v1", 3, dict, dict)
    assert table.changelog_topic_name == "test-v2-usage-changelog"


def test_a_stock_write_into_a_table_is_refused() -> None:
    table = state_table(engine_app("test", OPTIONS), "usage", "usage.v1", 3, dict, dict)
    with pytest.raises(ConfigurationError, match=r"table.batch\(event\) only"):
        table["c1"] = {}


def test_a_batch_topic_hands_bytes_on_untouched() -> None:
    topic = batch_topic(engine_app("test", OPTIONS), "usage.v1", partitions=3)
    assert topic.get_topic_name() == "usage.v1"
    assert topic.partitions == 3


@pytest.mark.parametrize(
    "wrong, setting",
    [
        ({"bootstrap": ""}, "bootstrap"),
        ({"partitions": 0}, "partitions"),
        ({"session_timeout_seconds": 100.0}, "session_timeout_seconds"),
        ({"rebalance_timeout_seconds": 6.0}, "rebalance_timeout_seconds is 6: it must exceed two heartbeats"),
        ({"producer_batch_bytes": 10**9}, "producer_batch_bytes"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, object], setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        EngineSettings(**({"bootstrap": "a:1"} | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("lag, backlog_seconds, behind", [(0, 60.0, False), (5, 1.0, False), (5, 60.0, True)])
def test_a_worker_is_behind_while_it_is_late_and_there_is_more_to_read(
    lag: int, backlog_seconds: float, behind: bool
) -> None:
    app = engine_app("test", OPTIONS)
    app.engine.counters.backlog_seconds = backlog_seconds
    app._consumer = SimpleNamespace(sights=lambda: {TP("usage", 0): Sight(10, 0), TP("usage", 1): Sight(10, lag)})
    assert app.engine.checkpoint._behind() is behind
