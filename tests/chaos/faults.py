"""Faults inside a worker: at a named point of its work it gets a signal, or its disk and its network are not as usual.

Installed by `fault_worker.py` in the worker's own process. A point is a method of the product, wrapped; when the method
goes away, so does the point, and whoever asks for it gets an error instead of a test that proves nothing.
"""

import functools
import inspect
import os
import random
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Fault:
    """What befalls a worker.

    Attributes:
        point: of `POINTS`; empty for none.
        hit: the how many-th time it gets there.
        delay: seconds from there to the signal.
        number: of the signal; SIGSTOP freezes the worker until somebody sends SIGCONT.
        detours: port that is dialled instead of the one in the key, on this machine.
        disk_full: no file can be written to.
        clock_steps: the wall clock jumps by up to a day, back and forth, every time it is asked.
    """

    point: str = ""
    hit: int = 1
    delay: float = 0.0
    number: int = signal.SIGKILL
    detours: Mapping[str, int] = field(default_factory=dict)
    disk_full: bool = False
    clock_steps: bool = False


class Point(NamedTuple):
    """A method of the product, and whether its beginning or its end is meant."""

    owner: Callable[[], Any]
    method: str
    before: bool = False
    #: Of the arguments; whether this call counts.
    counts: Callable[..., bool] = lambda *_, **__: True


def _engine(module: str, name: str) -> Callable[[], Any]:
    def find() -> Any:
        from importlib import import_module

        return getattr(import_module(module), name) if name else import_module(module)

    return find


def _has_state(_: Any, snapshot: Any) -> bool:
    return bool(snapshot.flushes)


def _has_outputs_only(_: Any, snapshot: Any) -> bool:
    return bool(snapshot.outputs) and not snapshot.flushes


def _to_a_changelog(_producer: Any, _batch: Any, topic: str, _partition: int) -> bool:
    return topic.endswith("-changelog")


_CHECKPOINT = _engine("streams.engine.checkpoint", "Checkpoint")
_CONSUMER = _engine("streams.engine.consumer", "BatchConsumer")
POINTS: Mapping[str, Point] = {
    "in a batch": Point(_engine("engine_rig", ""), "fold"),
    "in recovery": Point(_engine("streams.engine.table", "StateTable"), "load"),
    "at the end of recovery": Point(_engine("streams.engine.recovery", "BulkRecovery"), "on_recovery_completed", True),
    "revoked": Point(_CONSUMER, "on_partitions_revoked", True),
    "between two memberships": Point(_CONSUMER, "on_partitions_revoked"),
    "assigned": Point(_CONSUMER, "on_partitions_assigned", True),
    "before a flush": Point(_CHECKPOINT, "_write", True, _has_state),
    "in a flush": Point(_engine("streams.engine.outbox", ""), "_send", counts=_to_a_changelog),
    "between flush and commit": Point(_CHECKPOINT, "_write", False, _has_state),
    "outputs published": Point(_CHECKPOINT, "_write", False, _has_outputs_only),
    "committed": Point(_CONSUMER, "_commit_offsets"),
    "between insert and commit": Point(_engine("streams.sinks.clickhouse", "ClickHouse"), "insert"),
}


def install(fault: Fault) -> None:
    """Lays the fault in this process."""
    if fault.disk_full:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if fault.clock_steps:
        _let_the_clock_jump(random.Random(fault.hit))
    if fault.detours:
        _detour({int(port): other for port, other in fault.detours.items()})
    if fault.point:
        _wrap(POINTS[fault.point], _Trap(fault))


class _Trap:
    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._hits = count(1)

    def __call__(self) -> None:
        if next(self._hits) != self._fault.hit:
            return
        if self._fault.delay:
            threading.Thread(target=self._spring, daemon=True).start()
        else:
            self._spring()

    def _spring(self) -> None:
        time.sleep(self._fault.delay)
        print(f"fault: {self._fault}", file=sys.stderr, flush=True)  # noqa: T201 - for whoever reads the worker's log
        os.kill(os.getpid(), self._fault.number)


def _wrap(point: Point, trap: Callable[[], None]) -> None:
    owner = point.owner()
    plain = getattr(owner, point.method)

    def spring(here: bool, args: Any, kwargs: Any) -> None:
        if here and point.counts(*args, **kwargs):
            trap()

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        spring(point.before, args, kwargs)
        result = plain(*args, **kwargs)
        spring(not point.before, args, kwargs)
        return result

    @functools.wraps(plain)
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        spring(point.before, args, kwargs)
        result = await plain(*args, **kwargs)
        spring(not point.before, args, kwargs)
        return result

    setattr(owner, point.method, call_async if inspect.iscoroutinefunction(plain) else call)


def _let_the_clock_jump(chance: random.Random) -> None:
    """Python's wall clock alone, as nothing of ours or below us asks another one; monotonic time goes on as it does."""
    for name, unit in (("time", 1), ("time_ns", 1_000_000_000)):
        setattr(time, name, _jumping(getattr(time, name), unit, chance))


def _jumping(plain: Callable[[], Any], unit: int, chance: random.Random) -> Callable[[], Any]:
    return lambda: plain() + type(plain())(chance.uniform(-86_400, 86_400) * unit)


def _detour(ports: Mapping[int, int]) -> None:
    """Makes aiokafka dial other ports: a broker tells its address itself, so naming a proxy would not do."""
    from aiokafka import client

    plain = client.create_conn

    async def dial(host: str, port: int, **kwargs: Any) -> Any:
        return await plain(host, ports.get(port, port), **kwargs)

    client.create_conn = dial
