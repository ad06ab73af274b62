"""Starts child processes in order, watches them, stops them in reverse; leaves no orphan.

A child is started only when all before it are ready. A child that dies is reported, restarted when it asks
for that, and otherwise ends `Supervisor.wait` with an error that shows its last log lines. However this
process ends, kill -9 included, its children end too (lifeline.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import structlog

from streams.embedded.process import DEFAULT_LEASH, Leash, Lifeline, Process
from streams.errors import ZeloError

_READY_POLL_SECONDS = 0.05
_LAST_WORDS = 500  # characters; a restart mends a death whose reason would stay in the child's log alone
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Restart:
    """How often and how patiently a dead child is started again (chosen, not measured).

    Attributes:
        attempts: restarts in a row before giving up.
        first_delay_seconds: pause before the first restart; doubles with each one.
        max_delay_seconds: longest pause.
        stable_seconds: a child that ran this long has earned a fresh count.
    """

    attempts: int = 5
    first_delay_seconds: float = 0.5
    max_delay_seconds: float = 30.0
    stable_seconds: float = 60.0

    def delay_seconds(self, failures: int) -> float:
        """Pause after so many failures in a row (0 for the first).

        Example:
            >>> [Restart(first_delay_seconds=1, max_delay_seconds=5).delay_seconds(n) for n in range(4)]
            [1.0, 2.0, 4.0, 5]
        """
        return min(self.max_delay_seconds, self.first_delay_seconds * 2.0 ** min(failures, 60))


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process to run.

    Attributes:
        name: unique within the supervisor; appears in errors and logs.
        argv: program and arguments.
        ready: asked again and again while the child starts; False or an OSError means not yet.
        log_path: file that takes the child's output, appended.
        env: the whole environment; None inherits ours.
        cwd: working directory; None keeps ours.
        ready_seconds: longest start.
        grace_seconds: time between SIGTERM and SIGKILL.
        restart: None reports a death as final.
    """

    name: str
    argv: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    log_path: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    ready_seconds: float = 60.0
    grace_seconds: float = 10.0
    restart: Restart | None = None


class ChildError(ZeloError):
    """A child did not start or died.

    Attributes:
        name: the child.
        status: exit status, negative for a signal; None when it ran but never got ready.
        log_tail: what it said last.
    """

    def __init__(self, name: str, problem: str, status: int | None, log_path: Path, log_tail: str) -> None:
        last_words = f"its last log lines ({log_path}):\n{log_tail}" if log_tail else f"its log is empty ({log_path})"
        super().__init__(f"{name} {problem}; {last_words}")
        self.name = name
        self.status = status
        self.log_tail = log_tail


@dataclass
class _Running:
    child: Child
    process: Process
    watch: asyncio.Task[NoReturn] | None = None

    def failed(self, problem: str) -> ChildError:
        status = self.process.poll()
        return ChildError(self.child.name, problem, status, self.child.log_path, self.process.log_tail())


class Supervisor:
    """Async context manager around a group of children.

    Args:
        children: started in order on entry; more can follow with `start`.
        on_exit: called with every unexpected death, also those that a restart mends.
        leash: how children learn of our death; the default fits the platform.
    """

    def __init__(
        self,
        children: Sequence[Child] = (),
        *,
        on_exit: Callable[[ChildError], None] | None = None,
        leash: Leash = DEFAULT_LEASH,
    ) -> None:
        self._children = tuple(children)
        self._on_exit = on_exit
        self._leash: Leash = leash
        self._running: dict[str, _Running] = {}
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._lifeline = Lifeline(self._leash)
        try:
            for child in self._children:
                await self.start(child)
        except BaseException:
            await self._stop_all()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_all()

    async def start(self, child: Child) -> None:
        """Starts one more child and waits until it is ready.

        Raises:
            ChildError: it died or was not ready in time; it is gone then.
            ValueError: the name is taken.
        """
        if child.name in self._running:
            raise ValueError(f"a child named {child.name!r} runs already")
        running = self._running[child.name] = _Running(child, self._spawn(child))
        try:
            await self._until_ready(running)
        except BaseException:
            await self.stop(child.name)
            raise
        running.watch = asyncio.create_task(self._watch(running), name=f"watch {child.name}")
        running.watch.add_done_callback(self._watch_ended)

    async def stop(self, name: str) -> None:
        """Ends one child: SIGTERM, its grace period, SIGKILL.

        Raises:
            KeyError: no such child.
        """
        running = await self._unwatched(name)
        try:
            status = await running.process.end(running.child.grace_seconds)
        except asyncio.CancelledError:  # no time left to be polite
            running.process.kill()
            raise
        finally:
            del self._running[name]
        _log.info("child_stopped", child=name, status=status)

    async def kill(self, name: str) -> None:
        """Ends one child as a crash would, by SIGKILL; nobody is told and nothing restarts it.

        Raises:
            KeyError: no such child.
        """
        running = await self._unwatched(name)
        running.process.kill()
        try:
            await running.process.wait()
        finally:
            del self._running[name]
        _log.info("child_killed", child=name)

    async def wait(self) -> NoReturn:
        """Waits until a child is dead for good.

        Raises:
            ChildError: naming the child.
            Exception: what `on_exit` or a `ready` raised during a restart.
        """
        await self._failed.wait()
        assert self._failure is not None
        raise self._failure

    def runs(self, name: str) -> bool:
        """Whether a child of this name was started and not stopped."""
        return name in self._running

    def pid(self, name: str) -> int:
        """Process id of a running child (in `pipe` mode, of its watcher)."""
        return self._running[name].process.pid

    async def _unwatched(self, name: str) -> _Running:
        running = self._running[name]
        if running.watch is not None:
            running.watch.cancel()
            await asyncio.gather(running.watch, return_exceptions=True)
        return running

    def _spawn(self, child: Child) -> Process:
        process = Process(child.argv, child.log_path, self._lifeline, child.env, child.cwd)
        _log.info("child_started", child=child.name, pid=process.pid)
        return process

    async def _until_ready(self, running: _Running) -> None:
        child = running.child
        exited = asyncio.ensure_future(running.process.wait())
        ready = asyncio.ensure_future(_says_yes(child.ready))
        try:
            await asyncio.wait({exited, ready}, timeout=child.ready_seconds, return_when="FIRST_COMPLETED")
            status = running.process.poll()
            if status is not None:
                raise running.failed(f"ended while starting ({describe_status(status)})")
            if not ready.done():
                raise running.failed(f"was not ready after {child.ready_seconds:g} seconds")
            ready.result()
        finally:
            for task in (exited, ready):
                task.cancel()
            await asyncio.gather(exited, ready, return_exceptions=True)
        _log.info("child_ready", child=child.name)

    async def _watch(self, running: _Running) -> NoReturn:
        """Restarts the child while it may be; ends with the error that makes its death final."""
        clock = asyncio.get_running_loop().time
        restart, failures = running.child.restart, 0
        while True:
            since = clock()
            status = await running.process.wait()
            failure = running.failed(f"died ({describe_status(status)})")
            _log.warning("child_died", child=failure.name, status=status, last_words=failure.log_tail[-_LAST_WORDS:])
            if self._on_exit is not None:
                self._on_exit(failure)
            if restart is not None and clock() - since >= restart.stable_seconds:
                failures = 0
            if restart is None or failures >= restart.attempts:
                raise failure
            await asyncio.sleep(restart.delay_seconds(failures))
            failures += 1
            await self._start_again(running)

    def _watch_ended(self, watch: asyncio.Task[NoReturn]) -> None:
        if not watch.cancelled():
            self._failure = self._failure or watch.exception()
            self._failed.set()

    async def _start_again(self, running: _Running) -> None:
        running.process = self._spawn(running.child)
        try:
            await self._until_ready(running)
        except ChildError:  # the watch loop reports and counts it as one more death
            running.process.kill()

    async def _stop_all(self) -> None:
        try:
            for name in reversed(tuple(self._running)):
                await self.stop(name)
        finally:
            for running in self._running.values():  # only after a cancelled stop
                running.process.kill()
            self._lifeline.close()


async def _says_yes(ready: Callable[[], Awaitable[bool]]) -> None:
    task = asyncio.current_task()
    while task and not task.cancelling():  # a client library may swallow a cancellation; aiokafka does
        try:
            if await ready():
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(_READY_POLL_SECONDS)


def describe_status(status: int) -> str:
    """An exit status in words.

    Example:
        >>> describe_status(3), describe_status(-9)
        ('exit status 3', 'signal 9')
    """
    return f"signal {-status}" if status < 0 else f"exit status {status}"
