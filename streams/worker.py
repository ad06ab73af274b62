"""Runs the Faust app of one role until a signal, with its health and metrics page."""

import asyncio
import logging
import sys
from typing import Any

import structlog
from mode import Worker

from streams.app import Role, create_app
from streams.config import Settings
from streams.page import Page


def run_worker(settings: Settings, role: Role) -> int:
    """Blocks until SIGTERM or SIGINT; gives the exit status.

    Raises:
        ConfigurationError: a setting or profile cannot work.
    """
    configure_logging(settings.log_level)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    zelo = create_app(settings, role)
    services: list[Any] = [zelo.app]
    if settings.http_port:
        services.append(Page(zelo, role, settings.http_host, settings.http_port))
    worker = Worker(
        *services, loop=loop, loglevel=settings.log_level, override_logging=False, redirect_stdouts=False, daemon=True
    )
    structlog.get_logger(__name__).info("worker_starting", role=role, bootstrap=settings.kafka_bootstrap)
    try:
        worker.execute_from_commandline()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    return 0


def configure_logging(level: str) -> None:
    """One line per event on stderr: time, level, event, fields."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
