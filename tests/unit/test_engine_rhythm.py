"""How often waiting outputs are published and state is saved."""

import asyncio
from dataclasses import replace
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from mode import Service

from streams.engine.app import Engine
from streams.engine.counters import Counters
from streams.engine.gate import always_open
from streams.engine.rhythm import Rhythm, publication_pause, rest, stretched
from streams.engine.services import Publisher
from streams.engine.settings import EngineSettings

SETTINGS = EngineSettings("broker:9092", Path("data"), commit_interval_seconds=1.0, publish_interval_seconds=0.25)


def late(seconds: float) -> Counters:
    counters = Counters()
    counters.late_seconds = {TP("usage.v1", 0): 0.0, TP("usage.v1", 1): seconds}
    return counters


@pytest.mark.parametrize(
    "took, pause",
    [(0.0, 0.0625), (0.002, 0.0625), (0.015, 0.15), (0.025, 0.25), (2.0, 0.25)],
)
def test_the_pause_between_publications_grows_with_what_they_take_up_to_the_interval(took: float, pause: float) -> None:
    assert publication_pause(took, 0.25) == pytest.approx(pause)


def test_without_an_interval_there_is_no_pause() -> None:
    assert publication_pause(1.0, 0.0) == 0.0


@pytest.mark.parametrize("seconds, longest", [(0.0, 1.0), (1.9, 1.0), (3.0, 3.0), (5.0, 5.0), (3600.0, 5.0)])
def test_a_late_worker_waits_as_long_as_it_is_late_up_to_a_limit(seconds: float, longest: float) -> None:
    assert stretched(1.0, seconds, 5.0) == longest


def test_an_interval_above_the_limit_stays() -> None:
    assert stretched(8.0, 3600.0, 5.0) == 8.0


def test_the_latest_partition_decides() -> None:
    assert Rhythm(SETTINGS, Counters()).commit_pause() == 1.0
    assert Rhythm(SETTINGS, late(4.0)).commit_pause() == 4.0
    assert Rhythm(SETTINGS, late(4.0)).publication_pause(10.0) == 4.0
    assert Rhythm(SETTINGS, late(4.0)).publication_pause(0.0) == 4.0
    assert Rhythm(SETTINGS, late(1.9)).publication_pause(0.0) == 0.0625


def test_nothing_is_stretched_without_leave() -> None:
    rhythm = Rhythm(replace(SETTINGS, catch_up_seconds=0.0), late(3600.0))
    assert (rhythm.commit_pause(), rhythm.publication_pause(10.0)) == (1.0, 0.25)


def test_who_will_be_late_waits_as_if_he_were() -> None:
    counters = late(0.5)
    rhythm = Rhythm(SETTINGS, counters)
    counters.backlog_seconds = 1.9
    assert (rhythm.late, rhythm.commit_pause(), rhythm.publication_pause(0.0)) == (False, 1.0, 0.0625)
    counters.backlog_seconds = 12.0
    assert (rhythm.late, rhythm.commit_pause(), rhythm.publication_pause(0.0)) == (True, 15.625, 15.625)
    counters.backlog_seconds = 3600.0
    assert (rhythm.commit_pause(), rhythm.publication_pause(0.0)) == (30.0, 30.0)


def test_agents_work_longer_at_a_stretch_while_the_worker_is_late() -> None:
    took = [Rhythm(SETTINGS, late(seconds)).run_seconds for seconds in (0.0, 1.9, 2.0, 3600.0)]
    assert took == [0.02, 0.02, 0.05, 0.05]


def test_who_may_not_wait_is_never_late() -> None:
    counters = late(3600.0)
    assert Rhythm(SETTINGS, counters).late
    assert not Rhythm(replace(SETTINGS, catch_up_seconds=0.0), counters).late


async def test_who_has_caught_up_meanwhile_waits_no_longer() -> None:
    asked = []

    def pause() -> float:
        asked.append(1)
        return 3600.0 if len(asked) == 1 else 0.0

    await rest(Service(), pause)
    assert len(asked) == 2


async def test_a_pause_that_begins_anew_on_the_way_is_waited_for_from_there() -> None:
    asked = []

    def since(began: float) -> float:
        asked.append(1)
        return began + 3600.0 if len(asked) == 1 else 0.0

    await rest(Service(), lambda: 0.0, since)
    assert len(asked) == 2


async def test_what_a_commit_has_published_is_not_published_again_at_once() -> None:
    published: list[float] = []

    async def publish_outputs() -> None:
        published.append(checkpoint.published_at)
        if len(published) == 2:
            publisher._stopped.set()

    engine: Any = Engine(SETTINGS, always_open)
    engine.attach(None)
    engine.rhythm = SimpleNamespace(publication_pause=lambda took: 0.0)
    checkpoint = engine.checkpoint
    checkpoint.published_at, checkpoint.publish_outputs = monotonic() + 3600.0, publish_outputs
    publisher = Publisher(SimpleNamespace(engine=engine))
    checkpoint.wanted.set()
    at_work = asyncio.create_task(Publisher._publish(publisher))
    while not published:
        await asyncio.sleep(0)
    checkpoint.wanted.set()
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(published) == 1  # a commit came behind the first
    checkpoint.published_at = 0.0
    await at_work
    assert published[1:] == [0.0]
