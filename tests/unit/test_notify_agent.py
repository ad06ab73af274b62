"""The agent of the alerts: each told, saved and committable before the next is in hand, and none that is another's."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from agents import notify
from schemas.alerts import Alert
from schemas.codec import encode
from streams.clock import SystemClock
from streams.config import Settings
from streams.metrics.partition import MemoryPartition
from streams.sinks.delivered import Deliveries
from streams.sinks.slack import Posted


def alert(number: int) -> Any:
    made = Alert(
        alert_id=f"a{number}",
        episode_id=f"e{number}",
        customer_id="acme",
        rule="health_red",
        severity="critical",
        status="opened",
        opened_at=0,
        at=0,
        trigger_event_id=None,
        facts={},
        next_step="call",
        locale="en",
        text="Acme is at risk.",
        blocks=[],
    )
    return SimpleNamespace(offset=number, partition=0, value=encode(made))


class Worker:
    """What the agent sees of its worker; `told` and `saved` are written in the order in which things happen."""

    seconds_between = 0.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch, leaves_after: int = 1000) -> None:
        self.happened: list[tuple[str, Any]] = []
        self.leaves_after = leaves_after
        self.part: Any = MemoryPartition(0, Deliveries(), lambda part, keys: None, lambda emitted: None)
        self.part.applied = -1
        engine = SimpleNamespace(is_current=lambda message: self.leaves_after > 0)
        app = SimpleNamespace(engine=engine, agent=lambda source, name: self._takes)
        zelo: Any = SimpleNamespace(
            settings=Settings(), clock=SystemClock(), app=app, source=lambda topic: topic, table=lambda *_: self
        )
        monkeypatch.setattr(notify, "delivery", lambda settings: self)
        notify.register(zelo)

    def _takes(self, agent: Any) -> None:
        self.agent = agent

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        self.leaves_after -= 1
        self.happened.append(("told", alert.alert_id))
        return posted

    def partition(self, number: int) -> Any:
        return self.part

    @contextmanager
    def batch(self, event: Any, records: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
        ours = [record for record in records if self.leaves_after > 0]
        yield self.part, ours
        for record in ours:
            self.part.applied = record.offset
            self.happened.append(("saved", record.offset))

    async def run(self, *records: Any) -> None:
        async def events() -> AsyncIterator[Any]:
            message = SimpleNamespace(partition=0)
            yield SimpleNamespace(
                value=list(records), message=message, ack=lambda: self.happened.append(("done", len(records)))
            )

        await self.agent(SimpleNamespace(noack=lambda: SimpleNamespace(events=events)))


async def test_each_alert_is_told_and_saved_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(monkeypatch)
    await worker.run(alert(0), alert(1))
    assert worker.happened == [("told", "a0"), ("saved", 0), ("told", "a1"), ("saved", 1), ("done", 2)]
    assert worker.part.get("acme").alerts == ["a0", "a1"]


async def test_what_was_dealt_with_and_what_nobody_can_read_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(monkeypatch)
    worker.part.applied = 0
    await worker.run(alert(0), SimpleNamespace(offset=1, partition=0, value=b"{"), alert(2))
    assert worker.happened == [("told", "a2"), ("saved", 2), ("done", 3)]


async def test_the_rest_of_a_batch_is_left_to_who_has_the_partition_now(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(monkeypatch, leaves_after=1)
    await worker.run(alert(0), alert(1), alert(2))
    assert worker.happened == [("told", "a0"), ("done", 3)]
    assert worker.part.get("acme") is None
