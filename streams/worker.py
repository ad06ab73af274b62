"""Runs the Faust app of one role until a signal, with its health and metrics page."""

import asyncio
from typing import Any

import structlog
from mode import Worker

from streams.app import Role, create_app
from streams.config import Settings
from streams.errors import TransientError
from streams.kafka import require_access
from streams.logs import configure_logging
from streams.page import Page


def run_worker(settings: Settings, role: Role) -> int:
    """Blocks until SIGTERM or SIGINT; gives the exit status.

    Raises:
        ConfigurationError: a setting or profile cannot work, or Kafka turned us away.
    """
    configure_logging(settings.log_level, settings.log_format)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(require_access(settings))
    if role == "archive":
        _check_schema(settings)
    zelo = create_app(settings, role)
    services: list[Any] = [zelo.app]
    if settings.http_port:
        services.append(Page(zelo, role, settings.http_host, settings.http_port))
    worker = Worker(
        *services,
        loop=loop,
        loglevel=settings.log_level,
        override_logging=False,
        redirect_stdouts=False,
        daemon=True,
    )
    structlog.get_logger(__name__).info("worker_starting", role=role, bootstrap=settings.kafka_bootstrap)
    try:
        worker.execute_from_commandline()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    return 0


def _check_schema(settings: Settings) -> None:
    """Refuses a database of another version; one that does not answer is waited for by the archive itself."""
    from streams.sinks.migrate import require_migrated  # noqa: PLC0415 - two clients of ClickHouse: a third of a start

    try:
        require_migrated(settings)
    except TransientError as error:
        structlog.get_logger(__name__).warning("clickhouse_waits", reason=str(error))
