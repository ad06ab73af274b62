"""Our own telemetry: names in one list, and the page that shows them (`/livez`, `/readyz`, `/metrics`).

Telemetry is about the worker, never about customers: no label holds an id. Liveness does not depend on ClickHouse.
"""

from collections.abc import Iterator
from time import monotonic
from typing import Any, Literal, NamedTuple

from aiohttp import web
from mode import Service
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from streams.app import Role, Zelo
from streams.errors import ConfigurationError


class Telemetry(NamedTuple):
    """One figure about a worker; `field` is its name in the engine's counters."""

    name: str
    kind: Literal["counter", "gauge"]
    field: str
    help: str


TELEMETRY: tuple[Telemetry, ...] = (
    Telemetry("zelo_batches", "counter", "batches", "Batches handed to agents."),
    Telemetry("zelo_records", "counter", "records", "Records handed to agents."),
    Telemetry("zelo_reseeks", "counter", "reseeks", "Drops inside the process that were found and read again."),
    Telemetry("zelo_stale_batches", "counter", "stale", "Batches thrown away after a rebalance or seek."),
    Telemetry("zelo_lost_records", "counter", "lost", "Offsets the broker had deleted before they were read."),
    Telemetry("zelo_outputs", "counter", "outputs", "Records written to output topics."),
    Telemetry("zelo_flushes", "counter", "flushes", "Flushes of state to changelogs."),
    Telemetry("zelo_flush_seconds", "counter", "flush_seconds", "Seconds spent in flushes."),
    Telemetry("zelo_flushed_keys", "counter", "keys", "States written to changelogs."),
    Telemetry("zelo_commits", "counter", "commits", "Commits of source offsets."),
    Telemetry("zelo_failed_commits", "counter", "failed_commits", "Commits that the broker refused."),
)
LAG = Telemetry("zelo_consumer_lag", "gauge", "lag", "Records on the broker not yet committed, by topic and partition.")
COMMIT_AGE = Telemetry("zelo_commit_age_seconds", "gauge", "last_commit_at_monotonic", "Seconds since the last commit.")


class WorkerCollector:
    """Reads the engine's counters when asked."""

    def __init__(self, counters: Any) -> None:
        self._counters = counters

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Every figure of `TELEMETRY`, the lag, the age of the last commit."""
        for figure in TELEMETRY:
            yield CounterMetricFamily(figure.name, figure.help, value=getattr(self._counters, figure.field))
        lag = GaugeMetricFamily(LAG.name, LAG.help, labels=["topic", "partition"])
        for tp, records in sorted(self._counters.lag.items()):
            lag.add_metric([tp.topic, str(tp.partition)], records)
        yield lag
        last = self._counters.last_commit_at_monotonic
        if last is not None:
            yield GaugeMetricFamily(COMMIT_AGE.name, COMMIT_AGE.help, value=monotonic() - last)


class Page(Service):  # type: ignore[misc]
    """The health and metrics page of one worker.

    Raises:
        ConfigurationError: at the start, when the address is taken.
    """

    def __init__(self, zelo: Zelo, role: Role, host: str, port: int) -> None:
        super().__init__()
        self._zelo = zelo
        self._role = role
        self._address = (host, port)
        self._registry = CollectorRegistry()
        self._registry.register(WorkerCollector(zelo.app.engine.counters))  # type: ignore[arg-type]
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Starts listening."""
        pages = web.Application()
        pages.router.add_get("/livez", self._live)
        pages.router.add_get("/readyz", self._ready)
        pages.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(pages, access_log=None)
        await self._runner.setup()
        host, port = self._address
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(f"ZELO_HTTP_PORT: cannot listen on {host}:{port}: {error}") from error

    async def on_stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response({"role": self._role, "alive": True})

    async def _ready(self, request: web.Request) -> web.Response:
        app = self._zelo.app
        ready = app.rebalancing_count > 0 and not app.rebalancing
        body = {"role": self._role, "ready": ready, "partitions": len(app.engine.counters.lag)}
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")
