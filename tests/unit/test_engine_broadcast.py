"""What waits for a topic that every worker follows, and for how long."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.engine import broadcast
from streams.engine.app import EngineApp, engine_app
from streams.engine.broadcast import Broadcast
from streams.engine.settings import EngineSettings
from streams.errors import TransientError

OPTIONS = EngineSettings.embedded("127.0.0.1:1", Path("unused"))


class Consumer:
    """Of a topic with some records, of which it gives one at a time, and none beyond `stuck_at`."""

    _client = None

    def __init__(self, end: int, stuck_at: int, deleted_at: int = 0) -> None:
        self.end, self.stuck_at, self.deleted_at, self.at = end, stuck_at, deleted_at, 0

    async def start(self) -> None:
        pass

    stop = start

    def assign(self, _: Any) -> None:
        pass

    async def end_offsets(self, tps: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(tps, self.end)

    async def seek_to_beginning(self, _: Any) -> None:
        self.at = 0

    async def position(self, _: Any) -> int:
        return self.at

    async def getmany(self, timeout_ms: int) -> dict[Any, list[Any]]:
        await asyncio.sleep(0)
        if self.at >= min(self.end, self.stuck_at):
            return {}
        self.at += 1
        value = None if self.at == self.deleted_at else b"%d" % self.at
        return {"models": [SimpleNamespace(key=b"m", value=value, offset=self.at - 1)]}


@pytest.fixture(autouse=True)
def no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    async def as_they_are(_: Any, ends: dict[Any, int]) -> dict[Any, int]:
        return ends

    monkeypatch.setattr(broadcast, "raise_to_high_watermarks", as_they_are)


def follower(app: EngineApp, consumer: Consumer, seen: list[Any]) -> Any:
    made: Any = Broadcast(app, "models", lambda *value: seen.append(value))
    made._consumer = lambda: consumer
    return made


@pytest.mark.parametrize("end", [0, 3])
async def test_marks_wait_until_every_broadcast_has_given_what_there_was(end: int) -> None:
    app = engine_app("test", OPTIONS)
    checkpoint = app.engine.checkpoint
    assert checkpoint._informed()
    seen: list[Any] = []
    first, second = follower(app, Consumer(end, end), seen), follower(app, Consumer(0, 0), [])
    following = asyncio.create_task(first._follow(first))
    await first.ready.wait()
    assert (seen, first.end) == ([(b"m", b"3", 2)][:end], end)
    assert (checkpoint._informed(), checkpoint.wanted.is_set()) == (False, True)  # there is another one
    following.cancel()
    following = asyncio.create_task(second._follow(second))
    await second.ready.wait()
    assert checkpoint._informed()
    following.cancel()


@pytest.mark.parametrize(
    "usable, deleted_at, given",
    [(b"3", 0, [b"3"]), (b"2", 0, [b"3", b"2"]), (b"none", 0, [b"3", b"2", b"1"]), (b"1", 2, [b"3", b""])],
)
async def test_at_the_start_the_newest_value_that_can_be_used_is_given(
    usable: bytes, deleted_at: int, given: list[bytes]
) -> None:
    seen: list[bytes] = []

    def on_value(_: bytes, value: bytes, __: int) -> bool:
        seen.append(value)
        return value == usable

    follows: Any = Broadcast(engine_app("test", OPTIONS), "models", on_value)
    follows._consumer = lambda: Consumer(3, 3, deleted_at)
    following = asyncio.create_task(follows._follow(follows))
    await follows.ready.wait()
    assert (seen, follows.end) == (given, 3)
    following.cancel()


async def test_what_was_read_together_is_told_of_once_behind_it() -> None:
    app, seen = engine_app("test", OPTIONS), []
    runs = [[], [1, 2, 3], [4]]

    async def read(_: Any) -> list[Any]:
        await asyncio.sleep(0)
        if not runs:
            follower._stopped.set()
            return []
        return [SimpleNamespace(key=b"m", value=b"%d" % at, offset=at) for at in runs.pop(0)]

    follower: Any = Broadcast(app, "models", lambda *value: seen.append(value[2]), lambda: seen.append("read"))
    follower._consumer, follower._next = lambda: Consumer(0, 0), read
    await asyncio.wait_for(follower._follow(follower), 10)
    assert seen == [1, 2, 3, "read", 4, "read"]
    assert follower.end == 5


async def test_a_topic_that_is_never_read_to_its_end_ends_the_worker_as_a_recovery_does() -> None:
    app = engine_app("test", replace(OPTIONS, recovery_timeout_seconds=0.05))
    stuck = follower(app, Consumer(3, 2), [])
    with pytest.raises(TransientError, match=r"models not read to its end after 0 s"):
        await asyncio.wait_for(stuck._follow(stuck), 10)
    assert not app.engine.checkpoint._informed()


async def test_a_topic_of_which_not_even_a_position_is_known_ends_the_worker_too() -> None:
    """As long as its partition has no leader, aiokafka asks again and again; marks would wait for ever, unseen."""
    app = engine_app("test", replace(OPTIONS, recovery_timeout_seconds=0.05))
    lost: Any = Consumer(3, 3)
    lost.position = lambda _: asyncio.Event().wait()
    follows = follower(app, lost, [])
    with pytest.raises(TransientError, match=r"models not read to its end after 0 s"):
        await asyncio.wait_for(follows._follow(follows), 10)


async def test_a_worker_that_ends_before_it_has_read_all_is_not_informed() -> None:
    """Its last save would render what is marked with what it happened to have read by then."""
    app = engine_app("test", OPTIONS)
    seen: list[Any] = []
    follows = follower(app, Consumer(3, 2), seen)
    following = asyncio.create_task(follows._follow(follows))
    for _ in range(10):
        await asyncio.sleep(0)
    follows._stopped.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (seen, app.engine.checkpoint._informed()) == ([], False)
    following.cancel()
