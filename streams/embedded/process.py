"""One operating system process tied to our own life, with its output in a log file.

Theory: spawning is synchronous, hence atomic for asyncio (a cancelled task cannot lose a process between fork
and bookkeeping), and waiting is polling `waitpid`, so it needs neither a child watcher nor a thread. Every
process leads its own session: the terminal's Ctrl-C reaches only the supervisor, which decides the order, and
what a process leaves behind is found by its group.

With the `kernel` leash a process dies with the thread that spawned it (Linux looks at the thread), which must
therefore be the one that runs the supervisor to its end.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

Leash = Literal["kernel", "pipe"]
"""How a process learns of our death (see lifeline.py)."""

DEFAULT_LEASH: Leash = "kernel" if sys.platform == "linux" else "pipe"
POLL_SECONDS = 0.02
_TAIL_BYTES = 64 * 1024
_LIFELINE = Path(__file__).with_name("lifeline.py")


class Lifeline:
    """Our end of the leash that all processes of one supervisor hang on.

    Args:
        leash: `kernel` (Linux) or `pipe` (everywhere).
    """

    def __init__(self, leash: Leash = DEFAULT_LEASH) -> None:
        self._pipe = os.pipe() if leash == "pipe" else None

    def wrap(self, argv: Sequence[str]) -> tuple[list[str], tuple[int, ...]]:
        """The command that runs `argv` on the leash, and the file descriptors it inherits."""
        start = [sys.executable, "-I", str(_LIFELINE)]
        if self._pipe is None:
            return [*start, "kernel", str(os.getpid()), *argv], ()
        return [*start, "pipe", str(self._pipe[0]), *argv], (self._pipe[0],)

    def close(self) -> None:
        """Lets go; in `pipe` mode this ends whatever still hangs on it."""
        for descriptor in self._pipe or ():
            os.close(descriptor)
        self._pipe = None


class Process:
    """A running command and its log.

    Args:
        argv: program and arguments.
        log_path: file that takes standard output and error, appended.
        lifeline: the leash.
        env: the whole environment; None inherits ours.
        cwd: working directory; None keeps ours.
    """

    def __init__(
        self,
        argv: Sequence[str],
        log_path: Path,
        lifeline: Lifeline,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        command, inherited = lifeline.wrap(argv)
        self._log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._log_start = log.tell()
            self._popen = subprocess.Popen(  # noqa: S603  commands of our own making
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                pass_fds=inherited,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Id of the process and of its group."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Exit status (negative: the signal that ended it), or None while it runs."""
        if self._popen.returncode is None and self._popen.poll() is not None:
            # Right after the reaping and never later: the number may be given to somebody else.
            self._signal_group(signal.SIGKILL)
        return self._popen.returncode

    async def wait(self) -> int:
        """Waits for the end and returns the exit status."""
        while (status := self.poll()) is None:  # noqa: ASYNC110  see the theory above
            await asyncio.sleep(POLL_SECONDS)
        return status

    async def end(self, grace_seconds: float) -> int:
        """SIGTERM, then after the grace period SIGKILL to the whole group; returns the exit status."""
        if self.poll() is None:
            self._popen.terminate()
        try:
            return await asyncio.wait_for(self.wait(), grace_seconds)
        except TimeoutError:
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """SIGKILL to the process and its group, unless it has ended."""
        if self.poll() is None:
            self._signal_group(signal.SIGKILL)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that this run wrote, stripped; empty if it wrote none."""
        with self._log_path.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.strip().splitlines()[-lines:])

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self._popen.pid, number)
