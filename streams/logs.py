"""Logs: one line per event on stderr; no payloads, secrets or personal data.

Our own events and those of the libraries have the same fields: `timestamp` (UTC), `level`, `event`, and `logger` where
a library speaks. As logfmt, which people read, a traceback follows on lines of its own; as JSON it is a field.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["logfmt", "json"]

_FIRST = ("timestamp", "level", "logger", "event")


def configure_logging(level: str, form: LogFormat = "logfmt") -> None:
    """One line per event on stderr.

    Args:
        level: the lowest that is told.
        form: logfmt, or one JSON object per line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryLine(form))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("aiokafka").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *_renderers(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class _LibraryLine(logging.Formatter):
    """A record of Python's own logging as a line like ours."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._renderers = _renderers(form)

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        fields: EventDict = {
            "timestamp": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        found: Any = fields
        for render in self._renderers:
            found = render(None, "", found)
        return str(found)


def _renderers(form: LogFormat) -> list[Processor]:
    if form == "json":
        return [_ordered, structlog.processors.JSONRenderer()]
    return [_logfmt]


def _ordered(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    return {name: fields[name] for name in _FIRST if name in fields} | dict(fields)


def _logfmt(logger: WrappedLogger, method: str, fields: EventDict) -> str:
    """The line, and below it the traceback as Python prints it."""
    trace = fields.pop("exception", None)
    line = _LOGFMT(logger, method, _ordered(logger, method, fields))
    return line if trace is None else f"{line}\n{trace}"


_LOGFMT = structlog.processors.LogfmtRenderer(bool_as_flag=False)
