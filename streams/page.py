"""The page of one worker: `/livez`, `/readyz`, `/metrics`. Liveness does not depend on ClickHouse or Slack."""

from aiohttp import web
from mode import Service
from prometheus_client import CollectorRegistry, generate_latest

from streams.app import Role, Zelo
from streams.errors import ConfigurationError
from streams.telemetry import WorkerCollector


class Page(Service):
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
        self._registry.register(WorkerCollector(zelo.app.engine.counters))
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
