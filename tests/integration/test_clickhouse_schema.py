"""Migrations make the tables the code believes in, and say so."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from clickhouse_connect.driver.client import Client
from clickhouse_server import at, running

from schemas.metrics import AccountValues, FeedbackValues, RevenueValues, SupportValues, UsageValues
from streams.config import Settings
from streams.embedded.ports import free_port
from streams.errors import ConfigurationError, TransientError
from streams.sinks import migrate as migrations
from streams.sinks.clickhouse import connect
from streams.sinks.migrate import MIGRATIONS, migrate, require_migrated, status
from streams.sinks.tables import ON_TOPICS_ONLY, TABLES

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    async with running(tmp_path_factory.mktemp("clickhouse")) as settings:
        migrate(settings)
        yield settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[Client]:
    with connect(settings) as client:
        yield client


def test_every_column_the_code_writes_exists_with_its_type_and_no_other_does(client: Client) -> None:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    sql = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()"
    for table, name, type_name in client.query(sql).result_rows:
        found[table][name] = type_name
    for table in TABLES:
        assert found[table.name] == dict(zip(table.column_names, table.column_types, strict=True)), table.name
    views = {name for name in found if name.startswith("v_")}
    assert set(found) == {table.name for table in TABLES} | views | {"schema_versions"}


def test_key_version_and_deduplication_window_of_every_table_are_those_of_the_code(client: Client) -> None:
    columns = "name, sorting_key, engine, engine_full, comment"
    sql = f"SELECT {columns} FROM system.tables WHERE database = currentDatabase()"
    found = {row[0]: row[1:] for row in client.query(sql).result_rows}
    for table in TABLES:
        key, engine, full, comment = found[table.name]
        assert key.strip("()") == ", ".join(table.key)
        assert engine == "ReplacingMergeTree"
        version = "row_version" if table.deleted is None else f"row_version, {table.deleted}"
        assert f"ReplacingMergeTree({version})" in full
        assert "non_replicated_deduplication_window = 1000" in full
        assert comment


def test_the_database_is_atomic(client: Client) -> None:
    engine = client.command("SELECT engine FROM system.databases WHERE name = currentDatabase()")
    assert engine == "Atomic"


@pytest.mark.parametrize("values", [UsageValues, SupportValues, RevenueValues, FeedbackValues, AccountValues])
def test_v_customers_shows_every_metric(client: Client, values: type) -> None:
    sql = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'v_customers'"
    names = {row[0] for row in client.query(sql).result_rows}
    for name in set(values.__struct_fields__) - ON_TOPICS_ONLY:  # type: ignore[attr-defined]
        assert name in names or any(column.startswith(f"{name}_") for column in names), name


def test_bands_of_v_customers_are_the_few_words_they_are_in_their_tables(client: Client) -> None:
    kinds = {row[0]: row[1] for row in client.query("DESCRIBE TABLE v_customers").result_rows}
    for name in ("health_band", "health_previous_band", "health_profile", "churn_band"):
        assert kinds[name] == "LowCardinality(Nullable(String))", name


def test_every_view_answers_on_empty_tables(client: Client) -> None:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
    views = [row[0] for row in client.query(sql).result_rows]
    made = re.findall(r"CREATE OR REPLACE VIEW (\w+)", "".join(file.read_text() for file in MIGRATIONS.glob("*.sql")))
    assert set(views) == set(made)
    for view in views:
        assert client.query(f"SELECT * FROM {view}").row_count <= 1


def test_files_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in MIGRATIONS.glob("*.sql"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_migrating_again_changes_nothing(settings: Settings) -> None:
    assert migrate(settings) == []
    assert {one.state for one in status(settings)} == {"applied"}
    require_migrated(settings)


def test_another_database_is_pending_until_migrated(settings: Settings) -> None:
    other = settings.model_copy(update={"clickhouse_database": "other"})
    assert {one.state for one in status(other)} == {"pending"}
    with pytest.raises(ConfigurationError, match="run `zelo migrate`"):
        require_migrated(other)
    applied = migrate(other)
    assert [one.name for one in applied] == sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    require_migrated(other)


def test_a_file_changed_after_it_was_applied_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in MIGRATIONS.glob("*.sql"):
        text = path.read_text()
        (tmp_path / path.name).write_text(text + "-- changed\n" if path.name.startswith("0001") else text)
    monkeypatch.setattr(migrations, "MIGRATIONS", tmp_path)
    assert status(settings)[0].state == "changed"
    with pytest.raises(ConfigurationError, match="md5"):
        migrate(settings)


def test_without_clickhouse_it_says_so() -> None:
    with pytest.raises(TransientError, match="ClickHouse"):
        migrate(at(free_port()))
