"""The command: `python -m bench --help`."""

import argparse
import asyncio
import logging
import signal
import sys
from time import monotonic
from typing import Any, cast

import structlog
from rich.console import Console

import bench
from bench import check, peers, pipeline, recovery, report, results, trials
from bench.contestants import CONTESTANTS, Contestant
from bench.report import Row
from bench.results import Latest
from bench.rig import BenchError, Rig
from bench.trials import Pace
from streams.errors import ZeloError

_PIPELINE, _CHECK, _RECOVERY = "pipeline", "check", "recovery"
_FILE_WIDTH = 132
_KILL_PACE = Pace(events_per_second=1_000, seconds=8.0)


def main() -> int:
    options = _options()
    _be_quiet()
    shown, said = _console(options.json), Console(stderr=True)
    try:
        return asyncio.run(_check(options, said) if options.check else _measure(options, shown, said))
    except (KeyboardInterrupt, asyncio.CancelledError):
        said.print("stopped")
        return 130
    except TimeoutError:
        said.print(f"not done after {options.limit_minutes:g} minutes: fewer --events, or more --limit-minutes")
        return 1
    except ZeloError as error:
        said.print(str(error), markup=False)
        return 1


async def _check(options: argparse.Namespace, said: Console) -> int:
    async with asyncio.timeout(options.limit_minutes * 60), Rig(options.broker) as rig:
        measured = await check.measure(rig)
    found = check.faults(measured, check.committed(options.broker))
    said.print("\n".join(found) or f"as committed, within bounds: {measured}", markup=False)
    return 1 if found else 0


async def _measure(options: argparse.Namespace, shown: Console, said: Console) -> int:
    others, began = report.Others(), monotonic()
    latest = results.read_latest() if options.go_on else Latest(options.broker)
    if latest.broker != options.broker:
        raise BenchError(f"the latest run was on the {latest.broker} broker: it cannot go on on another")
    wanted = [one for one in CONTESTANTS if not options.only or one.name in options.only]
    peers.install(wanted)
    latest.machine, latest.options = report.machine(), vars(options)
    try:
        failed = await _run(options, wanted, latest, said)
    finally:  # what was measured is kept, also when the rest was not
        latest.took(monotonic() - began, others.cores())
        committed = results.write(latest)
    if latest.rows:
        shown.print(report.table(latest.rows, latest.others_cores))
    for run in latest.pipelines:
        shown.print(report.pipeline_line(run), markup=False)
    for recovered in latest.recoveries:
        shown.print(report.recovery_line(recovered), markup=False)
    said.print(f"kept in {results.LATEST.name}" + (f" and {results.SUMMARY.name}" if committed else ""))
    if options.json:
        print(results.LATEST.read_text(), end="")
    return 1 if failed else 0


async def _run(options: argparse.Namespace, wanted: list[Contestant], latest: Latest, said: Console) -> bool:
    """Measures all that is asked for; whether one of ours failed."""
    ours: asyncio.Task[Any] = cast(Any, asyncio.current_task())
    # like Ctrl-C: broker, worker and files go with us
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ours.cancel)
    rows = [latest.row(one.name, customers) for customers in options.customers for one in wanted]
    for row in rows:
        row.faults = [reason] if (reason := peers.reason_against(row.contestant)) else []
    async with asyncio.timeout(options.limit_minutes * 60):
        if rows or _asked(options, _CHECK):
            await _compared(options, rows, latest, said)
        for _ in range(options.repeat if _asked(options, _PIPELINE) else 0):
            said.print("the whole product")
            flow = pipeline.Flow(options.pipeline_events, workers=options.stream_workers)
            latest.pipelines.append(await pipeline.run(flow, options.broker))
        if _RECOVERY in options.only:
            await _recoveries(options, latest, said)
    return any(row.faults and not row.contestant.package for row in rows)


def _asked(options: argparse.Namespace, part: str) -> bool:
    return not options.only or part in options.only


async def _recoveries(options: argparse.Namespace, latest: Latest, said: Console) -> None:
    for repeat in range(1, options.repeat + 1):
        said.print(f"{repeat} of {options.repeat}: recovery of {options.recovery_keys:,} keys")
        async with Rig(options.broker) as rig:  # of its own: the embedded one keeps what it is given in memory
            latest.recoveries.append(await recovery.measure(rig, options.recovery_keys))


async def _compared(options: argparse.Namespace, rows: list[Row], latest: Latest, said: Console) -> None:
    async with Rig(options.broker) as rig:
        await _trials(rig, options, rows, said)
        for _ in range(options.repeat if _asked(options, _CHECK) else 0):
            said.print("the ratios of the regression check")
            latest.checks.append(await check.measure(rig))


async def _trials(rig: Rig, options: argparse.Namespace, rows: list[Row], said: Console) -> None:
    longest = [row for row in rows if row.customers == max(options.customers)]
    pace = Pace(options.rate, options.latency_seconds) if options.latency_seconds else None
    # one after the other within each repeat, so that a busy minute of the machine hits them alike
    for repeat in range(1, options.repeat + 1):
        for row in rows:
            if not row.faults:
                said.print(f"{repeat} of {options.repeat}: {row.contestant.title}, {row.customers:,} customers")
                await _steady(rig, row, options.events, pace if row in longest else None, said)
    for row in longest * options.kills:
        if not row.faults:
            said.print(f"kill -9: {row.contestant.title}")
            await _kill(rig, row, said)


async def _steady(rig: Rig, row: Row, events: int, pace: Pace | None, said: Console) -> None:
    events = max(1, round(events * row.contestant.share))
    try:
        rate, latency = await trials.steady(rig, row.contestant, events, row.customers, pace)
    except* BenchError as errors:
        _failed(row, errors, said)
    else:
        row.throughputs.append(rate)
        row.latencies += [latency] if latency else []


async def _kill(rig: Rig, row: Row, said: Console) -> None:
    try:
        row.kills.append(await trials.kill(rig, row.contestant, row.customers, _KILL_PACE))
    except* BenchError as errors:
        _failed(row, errors, said)


def _failed(row: Row, errors: BaseExceptionGroup[BenchError], said: Console) -> None:
    """A contestant that fails is left out of the rest of the run, and the table says so."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said.print(str(error), markup=False)
    row.faults.append(str(error).splitlines()[0])


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_FILE_WIDTH)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=bench.__doc__)
    add = parser.add_argument
    names = [*(one.name for one in CONTESTANTS), _CHECK, _PIPELINE, _RECOVERY]
    add("--events", type=int, default=200_000, help="in the topic; the slow ones get a share (default %(default)s)")
    add("--customers", type=int, nargs="+", default=[5_000], help="one table row each (default %(default)s)")
    add("--repeat", type=int, default=3, help="measurements of each figure (default %(default)s)")
    add("--kills", type=int, default=1, help="kill -9 trials of each contestant (default %(default)s)")
    add("--rate", type=int, default=1_000, help="events/s of the latency trial (default %(default)s)")
    add("--latency-seconds", type=float, default=20.0, help="length of it, 0 for none (default %(default)s)")
    add("--pipeline-events", type=int, default=500_000, help="for the whole product (default %(default)s)")
    add("--stream-workers", type=int, default=1, help="of the whole product (default %(default)s)")
    add("--recovery-keys", type=int, default=1_000_000, help="to recover, with --only recovery (default %(default)s)")
    add("--only", action="append", default=[], choices=names, help="may be repeated")
    add("--broker", default="embedded", choices=["embedded", "kafka"], help="kafka needs Java (default %(default)s)")
    add("--continue", dest="go_on", action="store_true", help="add to the measurements of the latest run")
    add("--check", action="store_true", help="a short run against the ratios of bench/results.json, nothing else")
    add("--limit-minutes", type=float, default=40.0, help="the run is given up after these (default %(default)s)")
    add("--json", action="store_true", help="all measurements on standard output; the table goes to standard error")
    return parser.parse_args()


def _be_quiet() -> None:
    logging.basicConfig(level="ERROR")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


if __name__ == "__main__":
    sys.exit(main())
