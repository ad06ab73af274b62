"""The end of a backlog: how long what comes last waits for the rest."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.engine import checkpoint
from streams.engine.app import EngineApp, engine_app
from streams.engine.backlog import Backlog
from streams.engine.counters import Counters
from streams.engine.lateness import Lateness
from streams.engine.outbox import Output
from streams.engine.rhythm import Rhythm
from streams.engine.settings import EngineSettings
from streams.engine.settling import Settling
from streams.engine.table import state_table
from streams.engine.watchdog import Sight

SETTINGS = EngineSettings("broker:9092", Path("data"), catch_up_seconds=30.0)
VALUES, MODELS = "values", "models"


class Scene:
    """A worker's lateness, by the second."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.counters = Counters()
        self.rhythm = Rhythm(SETTINGS, self.counters)
        self.settling = Settling(self.rhythm, lambda: self.now)

    def late_for(self, really: float, late_seconds: float) -> None:
        self.look(late_seconds)
        self.now += really

    def look(self, late_seconds: float) -> bool:
        self.counters.late_seconds = {TP("usage.v1", 0): late_seconds}
        self.settling.look()
        return self.settling.lasts

    def lasts_for(self) -> float:
        """Seconds until it is over, in quarters."""
        began = self.now
        while self.look(0.0):
            self.now += 0.25
        return self.now - began


def test_who_was_never_late_has_nothing_to_settle() -> None:
    scene = Scene()
    assert not scene.settling.lasts
    assert not scene.look(1.9)


@pytest.mark.parametrize("late, lasts", [(2.0, 0.5), (12.0, 3.0), (3600.0, 7.5)])
def test_it_lasts_for_a_quarter_of_the_longest_pause(late: float, lasts: float) -> None:
    scene = Scene()
    assert scene.look(late)
    assert not scene.settling.holds  # nothing ends yet
    scene.now += 600.0
    assert scene.look(min(late, 2.0))
    assert scene.lasts_for() == lasts
    scene.late_for(600.0, 2.0)  # another one, which knows nothing of the first
    assert scene.lasts_for() == 0.5


@pytest.mark.parametrize(
    "really, lasts", [(0.25, 0.25), (1.0, 0.25), (1.75, 0.5), (2.0, 2.0), (5.0, 5.0), (600.0, 7.5)]
)
def test_it_lasts_for_no_longer_than_the_worker_was_late_and_for_a_share_of_a_moment(
    really: float, lasts: float
) -> None:
    scene = Scene()
    scene.late_for(really, 3600.0)
    assert scene.lasts_for() == lasts  # as is seen in glances


@pytest.mark.parametrize("first_done, burst", [(10, 0), (100, 10_000)])
def test_one_wild_estimate_holds_next_to_nothing(first_done: int, burst: int) -> None:
    """Caches are cold, or much comes at once: an estimate of some 6 or 25 s, for work that is done soon."""
    scene = Scene()
    backlog, lateness, tp = Backlog(lambda: scene.now), Lateness(lambda: scene.now), TP("usage.v1", 0)
    done = end = late = held = 0
    longest = 0.0
    for glance in range(240):
        scene.now += 0.25
        if glance == 4:
            done, end = first_done, burst + 250
        elif glance > 4:
            end += 250
            done = min(end - 20, done + 2_000)  # never through
        sights = {tp: Sight(done, end - done)}
        scene.counters.backlog_seconds = backlog.look(sights)
        scene.counters.late_seconds = lateness.look(sights)
        scene.settling.look()
        longest = max(longest, scene.counters.backlog_seconds)
        late += scene.rhythm.late
        held += scene.settling.holds
    assert longest > 5.0
    assert 0 < late <= 8
    assert 0 < held <= max(1, late / 4)


def test_what_makes_the_worker_late_again_belongs_to_it_for_as_long_as_the_pause() -> None:
    scene = Scene()
    scene.late_for(8.0, 8.0)
    assert scene.look(0.0)
    for _ in range(7):
        scene.now += 1.0
        assert scene.look(2.5)
        assert scene.settling.holds
    scene.now += 1.0
    assert scene.look(9.0)
    assert not scene.settling.holds  # it goes on as in any backlog
    scene.now += 29.0
    assert scene.lasts_for() == 2.25  # as long as it was late, in the end of the first, too


def test_who_is_late_again_for_a_moment_waits_a_share_from_there() -> None:
    scene = Scene()
    scene.late_for(8.0, 8.0)
    assert scene.look(0.0)
    scene.now += 1.0
    assert scene.look(2.0)
    assert scene.lasts_for() == 2.0


def test_it_is_over_once_everything_is_through_until_the_worker_is_late_again() -> None:
    scene = Scene()
    scene.late_for(8.0, 8.0)
    scene.settling.through()
    assert not scene.settling.lasts
    assert not scene.look(0.0)
    scene.late_for(8.0, 8.0)
    assert scene.look(0.0)
    scene.settling.through()
    assert not scene.look(0.0)


def test_a_backlog_that_begins_before_the_end_of_another_was_seen_is_one() -> None:
    scene = Scene()
    scene.late_for(600.0, 8.0)
    scene.settling.through()
    scene.late_for(8.0, 8.0)
    assert scene.settling.lasts
    assert scene.lasts_for() == 2.0  # of its own time


def test_what_was_left_out_once_waits_no_longer_than_a_pause_whatever_comes() -> None:
    scene = Scene()
    settling = scene.settling
    scene.late_for(8.0, 8.0)
    assert not settling.leaves_out(behind=True)  # told as in any backlog
    scene.look(0.0)
    assert settling.leaves_out(behind=False)
    settling.rendered(last=False)
    for _ in range(7):
        scene.now += 1.0
        scene.look(2.5)
        assert settling.leaves_out(behind=True)
        settling.rendered(last=False)
    scene.now += 1.0
    scene.look(2.5)
    assert not settling.leaves_out(behind=False)  # it counts from the first time, not from the last
    scene.now += 8.0
    scene.look(0.0)
    assert settling.holds
    assert not settling.leaves_out(behind=False)  # a hold of its own, but not for what waits since the first
    settling.rendered(last=True)
    assert settling.leaves_out(behind=False)


class Worker:
    """An app with a table of its own, and one that reads what it sends."""

    def __init__(self) -> None:
        self.app: Any = engine_app("test", EngineSettings.embedded("127.0.0.1:1", Path("unused"), partitions=1))
        self.parts = {name: part_of(self.app, name, topic) for name, topic in (("own", "usage"), ("last", VALUES))}
        self.sights = {TP("usage", 0): Sight(10, 0), TP(VALUES, 0): Sight(5, 0)}
        self.app._consumer = SimpleNamespace(sights=lambda: self.sights)
        self.now = 1_000.0
        self.app.engine.settling._clock = lambda: self.now
        self.look(8.0)

    def look(self, late_seconds: float) -> None:
        self.app.engine.counters.late_seconds = {TP("usage", 0): late_seconds}
        self.app.engine.settling.look()

    def ends(self) -> None:
        """The worker is late no longer."""
        self.now += 8.0
        self.look(0.0)

    def settles(self) -> bool:
        return bool(self.app.engine.checkpoint.settling())


def part_of(app: EngineApp, name: str, topic: str) -> Any:
    table = state_table(app, name, topic, 1, dict, dict, last=name == "last")
    part = table.partition(0)
    part.recovered()
    return part


def test_a_worker_through_with_all_there_is_does_not_wait() -> None:
    worker = Worker()
    worker.parts["last"].publish("c1")
    assert worker.app.engine.settling.lasts
    assert not worker.settles()
    assert not worker.app.engine.settling.lasts


def test_what_comes_last_is_told_in_a_backlog_and_waits_at_its_end() -> None:
    worker = Worker()
    worker.sights[TP("usage", 0)] = Sight(10, 1)
    assert not worker.settles()
    worker.ends()
    assert worker.settles()
    worker.look(2.5)
    assert worker.settles()


def test_a_worker_waits_while_something_is_to_be_read_or_sent() -> None:
    worker = Worker()
    worker.ends()
    worker.sights[TP("usage", 0)] = Sight(10, 1)
    assert worker.settles()
    worker.sights[TP("usage", 0)] = Sight(11, 0)
    worker.parts["own"].publish("c1")
    assert worker.settles()
    worker.parts["own"].withdraw("c1")
    worker.parts["last"].emit("health", b"c1", b"")
    assert worker.settles()
    worker.parts["last"].take_outputs()
    box = worker.app.engine.outbox()
    box.emit(Output("dead", 0, None, b""))
    assert worker.settles()
    box.take()
    assert not worker.settles()


def test_a_worker_waits_for_what_it_sent_to_itself_before_the_broker_tells_of_it() -> None:
    """Its lateness is that of a moment ago."""
    worker = Worker()
    sent = worker.app.engine.checkpoint.sent
    sent[VALUES, 0] = 5
    sent["of others", 0] = 99
    assert worker.settles()
    worker.sights[TP(VALUES, 0)] = Sight(6, 0)
    follower = SimpleNamespace(topic=MODELS, end=0)
    worker.app.engine.broadcasts.append(follower)
    sent[MODELS, 0] = 0
    assert worker.settles()
    follower.end = 1
    assert not worker.settles()


def test_a_worker_knows_since_when_it_has_left_something_out() -> None:
    """Late again and again, its holds follow one another; what was left out in the first waits a pause, and no more."""
    worker = Worker()
    worker.ends()
    worker.sights[TP("usage", 0)] = Sight(10, 1)
    rounds = worker.app.engine.checkpoint.rendering
    rounds.begin(last=not worker.settles())
    assert rounds.leaves_last
    worker.look(2.5)
    for seconds, late in ((8.0, 2.5), (8.0, 0.0)):
        worker.now += seconds
        worker.look(late)
    assert worker.app.engine.settling.holds
    rounds.begin(last=not worker.settles())
    assert not rounds.leaves_last
    assert worker.settles()


LATENESS = [
    (3, 1, 8.0),
    (3, 0.75, 8.0),
    (4, 1, 3.0),
    (4, 0.5, 8.0),
    (3, 1.25, 5.0),
    (4, 2, 20.0),
    (6, 4, 30.0),
    (10, 5, 30.0),
]


@pytest.mark.parametrize("late, not_late, before", LATENESS)
async def test_what_comes_last_is_rendered_within_a_pause_by_a_worker_that_is_late_again_and_again(
    monkeypatch: pytest.MonkeyPatch, late: float, not_late: float, before: float
) -> None:
    worker = Worker()
    engine, saves, last = worker.app.engine, worker.app.engine.checkpoint, worker.parts["last"]
    worker.look(before)

    async def write(steps: list[Any]) -> list[Any]:
        return [{} for _ in steps]

    async def commit(_: Any) -> bool:
        return True

    saves._send, saves.rendering.turn = write, lambda: asyncio.sleep(0)
    monkeypatch.setattr(checkpoint, "monotonic", lambda: worker.now)
    saves.joined()
    worker.sights = {TP("usage", 0): Sight(10, 5), TP(VALUES, 0): Sight(5, 0)}  # never through
    last.put("c1", {})
    last.publish("c1")
    began = published = saved = saves.published_at = worker.now
    while last.marks and worker.now < began + 60.0:
        worker.now += 1 / 16
        since = worker.now - began
        if since % 0.25 == 0.0:
            at = since % (late + not_late)
            worker.look(2.0 + at if at < late else 1.0)
        worker.parts["own"].publish("c9")
        if worker.now >= saves.paused_since(published) + engine.rhythm.publication_pause(0.01):
            await saves.publish_outputs()
            published = worker.now
        if worker.now >= saved + engine.rhythm.commit_pause():
            await saves.save(lambda: {TP("usage", 0): 1}, commit)
            saved = worker.now
    assert worker.now - began <= 30.25


def test_what_was_left_out_is_not_put_off_by_what_was_published_without_it() -> None:
    worker = Worker()
    worker.sights[TP("usage", 0)] = Sight(10, 1)
    saves = worker.app.engine.checkpoint
    saves.published_at = 100.0
    assert (saves.paused_since(99.0), saves.paused_since(120.0)) == (100.0, 120.0)
    saves.rendering.begin(last=False)
    assert saves.paused_since(120.0) == 100.0
    saves.rendering.begin()
    assert saves.paused_since(120.0) == 120.0
    worker.ends()
    saves.rendering.begin(last=False)
    assert saves.paused_since(120.0) == 120.0  # it is to be left out again
