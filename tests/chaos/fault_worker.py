"""A worker with a fault in it, run as a script.

`fault_worker.py engine JOB FAULT` runs the counting job of engine_rig. `fault_worker.py ROLE FILE` runs a role of the
product; the fault is taken out of the file, so the next start of the same command finds none.
"""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from faults import Fault, install


def main() -> None:
    if sys.argv[1] == "engine":
        install(Fault(**json.loads(sys.argv[3])))
        import engine_rig
        import faust

        job = engine_rig.Job(**json.loads(sys.argv[2]))
        faust.Worker(engine_rig.build(job), loglevel="INFO").execute_from_commandline()
        return
    role, file = sys.argv[1], Path(sys.argv[2])
    if file.exists():
        text = file.read_text()
        file.unlink()
        install(Fault(**json.loads(text)))
    from streams.cli import main as zelo

    sys.argv = ["zelo", "worker", "--role", role]
    zelo()


if __name__ == "__main__":
    main()
