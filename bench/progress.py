"""A few numbers that a worker shares with the harness in a mapped file: no request, no thread, no message.

Writing costs a contestant about 0.1 us, the same for each of them.
"""

import asyncio
import mmap
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from time import monotonic_ns, sleep
from typing import Any

import msgspec

_PID, _APPLIED, _LAST_NS, _ASKED = range(4)
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

    def applied(self, records: int) -> None:
        """So many more are in the state."""
        self._numbers[_APPLIED] += records
        self._numbers[_LAST_NS] = monotonic_ns()

    async def answer(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """Writes the state beside the file when asked, once."""
        while not self._numbers[_ASKED]:  # noqa: ASYNC110 - the flag is another process's
            await asyncio.sleep(_LOOK_SECONDS)
        self._tell(state())

    def answer_in_thread(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """The same for a worker without an event loop; asked only while the worker has nothing to do."""

        def look() -> None:
            while not self._numbers[_ASKED]:
                sleep(_LOOK_SECONDS)
            self._tell(state())

        Thread(target=look, name="answer", daemon=True).start()

    def _tell(self, state: Mapping[str, Any]) -> None:
        self._numbers[_ASKED] = 0
        unfinished = self.path.with_suffix(".part")
        unfinished.write_bytes(msgspec.json.encode(state))
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
    def last_applied_at(self) -> float:
        """When that was last said, in seconds of `time.monotonic()`, which all processes share."""
        return self._numbers[_LAST_NS] / 1e9

    @property
    def answer_path(self) -> Path:
        """Where the state is written."""
        return self.path.with_suffix(".json")

    def ask(self) -> None:
        """Asks for the state."""
        self._numbers[_ASKED] = 1
