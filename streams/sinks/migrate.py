"""Brings a ClickHouse database to the schema of schemas/clickhouse, by the package clickhouse-migrations.

Migrations are numbered, append-only SQL files; which of them a database has stands in its table
`schema_versions` with a checksum. The database itself is always created, so it has the engine Atomic, which
`default` need not have.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import urlsplit

from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_migrations.clickhouse_cluster import ClickhouseCluster
from clickhouse_migrations.exceptions import MigrationException

import schemas
from streams.config import Settings
from streams.errors import ConfigurationError
from streams.sinks.clickhouse import endpoint, translated

MIGRATIONS = Path(schemas.__path__[0]) / "clickhouse"


class Migration(NamedTuple):
    """A numbered file and what the database says of it.

    `changed`: applied once, but the file is another one now. `unknown`: applied, but the file is not here.
    """

    version: int
    name: str
    state: Literal["applied", "pending", "changed", "unknown"]


def migrate(settings: Settings) -> list[Migration]:
    """Creates the database if need be and applies what is pending.

    Returns:
        The migrations applied now, in order; empty when there was nothing to do.

    Raises:
        TransientError: ClickHouse does not answer.
        ConfigurationError: access denied, or the database does not fit the files.
    """
    names = _names()
    applied = _run(settings, "migrate", create_db_if_no_exists=True)
    return [Migration(one.version, names[one.version], "applied") for one in applied]


def status(settings: Settings) -> list[Migration]:
    """Every migration and whether the database has it; changes nothing, the database need not exist.

    Raises:
        TransientError: ClickHouse does not answer.
        ConfigurationError: access denied.
    """
    names = _names()
    states = {"md5-mismatch": "changed"}
    return [
        Migration(one.version, names.get(one.version, ""), cast(Any, states.get(one.state, one.state)))
        for one in _run(settings, "status")
    ]


def require_migrated(settings: Settings) -> None:
    """Refuses a database that is not at exactly this version's schema.

    Raises:
        ConfigurationError: says which migrations are missing and how to mend it.
        TransientError: ClickHouse does not answer.
    """
    wrong = [one for one in status(settings) if one.state != "applied"]
    if wrong:
        found = ", ".join(f"{one.version:04d} {one.state}" for one in wrong)
        raise ConfigurationError(
            f"ZELO_CLICKHOUSE_DATABASE: expected {settings.clickhouse_database!r} with all migrations "
            f"applied, found {found}; run `zelo migrate`"
        )


def _names() -> dict[int, str]:
    return {int(path.name.split("_")[0]): path.name for path in sorted(MIGRATIONS.glob("*.sql"))}


def _run(settings: Settings, step: str, **options: Any) -> Any:
    try:
        cluster = _cluster(settings)
        return getattr(cluster, step)(settings.clickhouse_database, MIGRATIONS, **options)
    except MigrationException as error:
        raise ConfigurationError(f"ClickHouse migrations: {error}") from error
    except ClickHouseError as error:
        raise translated(error) from error


def _cluster(settings: Settings) -> Any:
    where = urlsplit(settings.clickhouse_url)
    host, port, secure = endpoint(where)
    return ClickhouseCluster(
        db_host=host,
        db_port=str(port),
        db_user=settings.clickhouse_user,
        db_password=settings.clickhouse_password.get_secret_value(),
        secure=secure,
        driver="clickhouse-connect",
        connect_timeout=10,
    )
