"""The page of one worker: `/livez`, `/readyz`, `/metrics`. Liveness does not depend on ClickHouse or Slack."""

from aiohttp import web
from mode import Service
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from streams.app import Role, Zelo
from streams.engine import health
from streams.errors import ConfigurationError
from streams.telemetry import Vitals, WorkerCollector


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
        self._registry.register(WorkerCollector(zelo.app.engine.counters, self._vitals))
        ProcessCollector(registry=self._registry)  # memory, CPU and files, as every client of Prometheus names them
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
            where = f"{host}:{port}: {error.strerror or error}"
            raise ConfigurationError(f"ZELO_HTTP_HOST and ZELO_HTTP_PORT: cannot listen on {where}") from error

    async def on_stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _vitals(self) -> Vitals:
        app = self._zelo.app
        return Vitals(
            health.pulse(app).alive,
            health.is_ready(app),
            *health.recovery_remaining(app),
            health.holdings(app),
            self._zelo.model,
        )

    async def _live(self, request: web.Request) -> web.Response:
        pulse = health.pulse(self._zelo.app)
        body = {"role": self._role, **pulse._asdict()}
        return web.json_response(body, status=200 if pulse.alive else 503)

    async def _ready(self, request: web.Request) -> web.Response:
        app = self._zelo.app
        ready, (remaining, _) = health.is_ready(app), health.recovery_remaining(app)
        body = {
            "role": self._role,
            "ready": ready,
            "partitions": len(app.engine.counters.lag),
            "recovery_remaining": remaining,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")
