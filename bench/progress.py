"""A few numbers that a worker shares with the harness in a mapped file: no request, no thread, no message.

Writing costs a contestant about 0.1 us, the same for each of them.
"""

import asyncio
import mmap
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import time_ns
from typing import Any

import msgspec
import psutil

_PID, _APPLIED, _FIRST_NS, _LAST_NS, _FIRST_CPU_US, _ASKED = range(6)
_BYTES = 64
_LOOK_SECONDS = 0.1


class Progress:
    """How far a worker is.

    Args:
        path: of the file; made when it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_BYTES))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _BYTES)
        self._numbers = memoryview(self._map).cast("q")

    # the worker's side

    def started(self) -> None:
        """The process runs."""
        self._numbers[_PID] = os.getpid()

    def begin(self) -> None:
        """Records are here; the clock starts with the first ones."""
        if not self._numbers[_FIRST_NS]:
            self._numbers[_FIRST_CPU_US] = int(processor_seconds(os.getpid()) * 1e6)
            self._numbers[_FIRST_NS] = time_ns()

    def applied(self, records: int) -> None:
        """So many more are in the state."""
        self._numbers[_APPLIED] += records
        self._numbers[_LAST_NS] = time_ns()

    async def answer(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """Writes the state beside the file when asked, once."""
        while not self._numbers[_ASKED]:  # noqa: ASYNC110 - the flag is another process's
            await asyncio.sleep(_LOOK_SECONDS)
        unfinished = self.path.with_suffix(".part")
        unfinished.write_bytes(msgspec.json.encode(state()))
        unfinished.rename(self.answer_path)

    # the harness's side

    @property
    def pid(self) -> int:
        """Of the worker; 0 before it runs."""
        return self._numbers[_PID]

    @property
    def records(self) -> int:
        """Records applied by this process."""
        return self._numbers[_APPLIED]

    @property
    def seconds(self) -> float:
        """From the first records' arrival until the last one was applied."""
        return (self._numbers[_LAST_NS] - self._numbers[_FIRST_NS]) / 1e9

    @property
    def first_processor_seconds(self) -> float:
        """Processor time the worker had used when its first records arrived."""
        return self._numbers[_FIRST_CPU_US] / 1e6

    @property
    def answer_path(self) -> Path:
        """Where the state is written."""
        return self.path.with_suffix(".json")

    def ask(self) -> None:
        """Asks for the state."""
        self._numbers[_ASKED] = 1


def processor_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
