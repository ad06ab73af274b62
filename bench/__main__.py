"""The command: `python -m bench --help`."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from time import monotonic

import structlog
from rich.console import Console

import bench
from bench import report, trials
from bench.contestants import CONTESTANTS, Contestant
from bench.report import Row
from bench.rig import Rig
from bench.trials import Pace
from streams.errors import ZeloError

RESULT = Path(__file__).parent / "results" / "latest.json"
_FILE_WIDTH = 132
_KILL_PACE = Pace(events_per_second=1_000, seconds=8.0)


def main() -> int:
    options = _options()
    _be_quiet()
    shown, said = _console(options.json), Console(stderr=True)
    others, began = report.Others(), monotonic()
    try:
        rows = asyncio.run(_run(options, said))
    except (KeyboardInterrupt, asyncio.CancelledError):
        said.print("stopped")
        return 130
    except TimeoutError:
        said.print(f"not done after {options.limit_minutes:g} minutes: fewer --events, or more --limit-minutes")
        return 1
    except ZeloError as error:
        said.print(str(error), markup=False)
        return 1
    machine = report.machine(others.cores())
    result = report.as_json(rows, machine, vars(options), monotonic() - began)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    shown.print(report.table(rows, options.repeat, machine))
    if options.json:
        print(json.dumps(result))
    return 0


async def _run(options: argparse.Namespace, said: Console) -> list[Row]:
    ours = asyncio.current_task()
    assert ours is not None
    # like Ctrl-C: broker, worker and files go with us
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ours.cancel)
    rows = [
        Row(contestant, customers) for customers in options.customers for contestant in report.contestants(options.only)
    ]
    longest = [row for row in rows if row.customers == max(options.customers)]
    pace = Pace(options.rate, options.latency_seconds) if options.latency_seconds else None
    async with asyncio.timeout(options.limit_minutes * 60), Rig() as rig:
        # one after the other within each repeat, so that a busy minute of the machine hits them alike
        for repeat in range(1, options.repeat + 1):
            for row in rows:
                said.print(f"{repeat} of {options.repeat}: {row.contestant.title}, {row.customers:,} customers")
                rate, latency = await trials.steady(
                    rig,
                    row.contestant,
                    _events(row.contestant, options.events),
                    row.customers,
                    pace if row in longest else None,
                )
                row.throughputs.append(rate)
                row.latencies += [latency] if latency else []
        for row in longest * options.kills:
            said.print(f"kill -9: {row.contestant.title}")
            row.kills.append(await trials.kill(rig, row.contestant, row.customers, _KILL_PACE))
    return rows


def _events(contestant: Contestant, events: int) -> int:
    return max(1, round(events * contestant.share))


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_FILE_WIDTH)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=bench.__doc__)
    add = parser.add_argument
    add("--events", type=int, default=200_000, help="in the topic; stock Faust gets a twentieth (default %(default)s)")
    add("--customers", type=int, nargs="+", default=[1_000, 5_000], help="one table row each (default %(default)s)")
    add("--repeat", type=int, default=3, help="measurements of each figure (default %(default)s)")
    add("--kills", type=int, default=1, help="kill -9 trials of each contestant (default %(default)s)")
    add("--rate", type=int, default=1_000, help="events/s of the latency trial (default %(default)s)")
    add("--latency-seconds", type=float, default=20.0, help="length of it, 0 for none (default %(default)s)")
    add("--only", action="append", default=[], choices=[one.name for one in CONTESTANTS], help="may be repeated")
    add("--limit-minutes", type=float, default=20.0, help="the run is given up after these (default %(default)s)")
    add("--json", action="store_true", help="the result on standard output; the table goes to standard error")
    return parser.parse_args()


def _be_quiet() -> None:
    logging.basicConfig(level="ERROR")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


if __name__ == "__main__":
    sys.exit(main())
