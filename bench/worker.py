"""One worker process: `python -m bench.worker MODULE TASK_JSON PROGRESS_FILE`, started by the harness."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from bench.contestants import Task
from bench.progress import Progress


def main(module: str, task: str, path: str) -> None:
    progress = Progress(Path(path))
    progress.started()
    contestant: Any = import_module(module)
    contestant.run(msgspec.json.decode(task, type=Task), progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
