"""Runs a command that must not outlive the process that asked for it, not even a killed one.

    python -I lifeline.py kernel PARENT_PID COMMAND [ARG ...]      Linux
    python -I lifeline.py pipe FD COMMAND [ARG ...]                anywhere else

`kernel` asks the kernel for SIGKILL on the parent's death, then becomes the command: nothing stays between
the two. `pipe` stays as the command's parent and watches a pipe whose writing end only the supervisor holds;
its end of file means that the supervisor is gone, however it went.

Run as a file in isolated mode, so it starts fast and imports nothing but the standard library.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

PR_SET_PDEATHSIG = 1
EXIT_PARENT_GONE = 125
EXIT_NOT_FOUND = 127


def become(command: Sequence[str], parent_pid: int) -> NoReturn:
    """Turns this process into the command, to be killed by the kernel when the parent dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # A parent that died before the line above never triggers the signal: we already have another one.
    if os.getppid() != parent_pid:
        sys.exit(EXIT_PARENT_GONE)
    os.execvp(command[0], list(command))  # noqa: S606  the supervisor's own command


def watch_over(command: Sequence[str], pipe: int) -> int:
    """Runs the command below this process until it ends or the pipe does; returns its exit status.

    Expects to lead its own process group: the end of the pipe kills the whole group, this process with it.
    """
    child: subprocess.Popen[bytes] | None = None
    asked_to_stop = False

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        if child is not None:
            child.terminate()

    def kill_group_at_end_of_file() -> None:
        while os.read(pipe, 1):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    signal.signal(signal.SIGTERM, pass_on)
    threading.Thread(target=kill_group_at_end_of_file, daemon=True).start()
    child = subprocess.Popen(command)  # noqa: S603  the supervisor's own command
    if asked_to_stop:
        child.terminate()
    status = child.wait()
    return 128 - status if status < 0 else status


def main(arguments: Sequence[str]) -> int:
    """Dispatches to the two modes of the module docstring."""
    mode, number, *command = arguments
    try:
        if mode == "kernel":
            become(command, int(number))
        return watch_over(command, int(number))
    except FileNotFoundError:
        sys.stderr.write(f"command not found: {command[0]}\n")
        return EXIT_NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
