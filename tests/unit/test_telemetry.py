"""Every figure of a worker has the value of its counter; the page answers as the worker is, where it was told to."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry, generate_latest

from streams import page as pages
from streams import telemetry
from streams.config import Settings
from streams.embedded.ports import free_port
from streams.engine.counters import Counters
from streams.engine.health import Holding, Pulse
from streams.errors import ConfigurationError
from streams.page import Page
from streams.telemetry import MODEL, TELEMETRY, ModelVitals, Vitals, WorkerCollector

HERE = TP("usage", 3)
NOTHING = Vitals(alive=True, ready=True, recovery_remaining=0, standby_remaining=0, tables={})


def text_of(counters: Counters, vitals: Vitals = NOTHING) -> list[str]:
    """The page's lines that hold a figure."""
    registry = CollectorRegistry()
    registry.register(WorkerCollector(counters, lambda: vitals))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_every_counter_has_the_value_of_its_field() -> None:
    counters = Counters()
    for number, figure in enumerate(TELEMETRY, start=10):
        setattr(counters, figure.field, number)
    found = text_of(counters)
    for number, figure in enumerate(TELEMETRY, start=10):
        assert f"{figure.name}_total {number}.0" in found


def test_lag_is_told_in_records_and_seconds_by_partition() -> None:
    counters = Counters(lag={HERE: 7}, lag_seconds={HERE: 2.5})
    found = text_of(counters)
    assert 'zelo_consumer_lag{partition="3",topic="usage"} 7.0' in found
    assert 'zelo_consumer_lag_seconds{partition="3",topic="usage"} 2.5' in found


def test_the_age_of_the_last_commit_is_told_from_the_first_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "monotonic", lambda: 100.0)
    assert not any("commit_age" in line for line in text_of(Counters()))
    assert "zelo_commit_age_seconds 40.0" in text_of(Counters(last_commit_at_monotonic=60.0))


def test_of_the_churn_model_is_told_what_this_worker_knows() -> None:
    assert [line for line in text_of(Counters()) if "churn" in line] == [
        "zelo_churn_models_refused_total 0.0",
        "zelo_churn_changes_total 0.0",
    ]
    knows = ModelVitals(*range(7, 7 + len(MODEL)))  # type: ignore[arg-type]
    found = text_of(Counters(), NOTHING._replace(model=knows))
    for number, figure in enumerate(MODEL, start=7):
        name = f"{figure.name}_total" if figure.kind == "counter" else figure.name
        assert f"{name} {number}.0" in found


def test_the_churn_model_is_looked_at_whenever_the_worker_is_asked() -> None:
    model, days = ModelVitals(), iter([3, None])
    model.asks(lambda vitals: setattr(vitals, "trained_through", next(days)))
    vitals = NOTHING._replace(model=model)
    assert "zelo_churn_trained_through_days 3.0" in text_of(Counters(), vitals)
    assert not any("trained_through" in line for line in text_of(Counters(), vitals))


def test_what_a_worker_is_asked_for_is_told_by_table() -> None:
    vitals = Vitals(False, True, 11, 12, {"usage": Holding(states=5, dirty=2, decoded=1)})
    found = text_of(Counters(), vitals)
    for line in (
        "zelo_alive 0.0",
        "zelo_ready 1.0",
        "zelo_recovery_remaining 11.0",
        "zelo_standby_remaining 12.0",
        'zelo_states{table="usage"} 5.0',
        'zelo_dirty_keys{table="usage"} 2.0',
        'zelo_decoded_states{table="usage"} 1.0',
    ):
        assert line in found


# --- the page


class Worker:
    """A worker as its page sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pulse = Pulse(alive=True, late_seconds=0.0, commit_age_seconds=1.0)
        self.ready, self.remaining = True, 0
        engine = SimpleNamespace(counters=Counters(lag={HERE: 0, TP("usage", 4): 0}))
        self.zelo: Any = SimpleNamespace(app=SimpleNamespace(engine=engine), model=ModelVitals())
        monkeypatch.setattr(pages.health, "pulse", lambda _: self.pulse)
        monkeypatch.setattr(pages.health, "is_ready", lambda _: self.ready)
        monkeypatch.setattr(pages.health, "recovery_remaining", lambda _: (self.remaining, 0))
        monkeypatch.setattr(pages.health, "holdings", lambda _: {})


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(monkeypatch)


@asynccontextmanager
async def shown(worker: Worker, host: str, port: int) -> AsyncIterator[None]:
    page = Page(worker.zelo, "stream", host, port)
    await page.on_start()
    try:
        yield
    finally:
        await page.on_stop()


async def get(host: str, port: int, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as answer:
        json = answer.content_type == "application/json"
        return answer.status, await answer.json() if json else await answer.text()


async def test_liveness_is_the_pulse_and_readiness_waits_for_recovery(worker: Worker) -> None:
    host, port = "127.0.0.1", free_port()
    async with shown(worker, host, port):
        assert await get(host, port, "/livez") == (
            200,
            {"role": "stream", "alive": True, "late_seconds": 0.0, "commit_age_seconds": 1.0},
        )
        ready = {"role": "stream", "ready": True, "partitions": 2, "recovery_remaining": 0}
        assert await get(host, port, "/readyz") == (200, ready)
        worker.pulse = Pulse(alive=False, late_seconds=90.0, commit_age_seconds=None)
        worker.ready, worker.remaining = False, 5
        assert await get(host, port, "/livez") == (
            503,
            {"role": "stream", "alive": False, "late_seconds": 90.0, "commit_age_seconds": None},
        )
        assert await get(host, port, "/readyz") == (503, ready | {"ready": False, "recovery_remaining": 5})
        status, text = await get(host, port, "/metrics")
        assert (status, "zelo_alive 0.0" in text, "zelo_recovery_remaining 5.0" in text) == (200, True, True)
        assert (await get(host, port, "/"))[0] == 404
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(host, port, "/livez")


async def test_the_page_is_on_the_loopback_interface_unless_told_otherwise(worker: Worker) -> None:
    host, port = Settings().http_host, free_port()
    assert host == "127.0.0.1"
    async with shown(worker, host, port):
        with pytest.raises(aiohttp.ClientConnectorError):
            await get("127.0.0.2", port, "/livez")
    async with shown(worker, "0.0.0.0", port):
        assert (await get("127.0.0.2", port, "/livez"))[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"], ids=["taken", "not here"])
async def test_an_address_that_cannot_be_had_is_a_wrong_setting(worker: Worker, host: str) -> None:
    async with shown(worker, "127.0.0.1", port := free_port()):
        page = Page(worker.zelo, "stream", host, port)
        said = re.escape(f"ZELO_HTTP_HOST and ZELO_HTTP_PORT: cannot listen on {host}:{port}: ")
        with pytest.raises(ConfigurationError, match=f"^{said}"):
            await page.on_start()
        await page.on_stop()
