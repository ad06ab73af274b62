"""Supervision of real processes, with small Python programs as children."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from streams.embedded.process import Leash
from streams.embedded.supervise import Child, ChildError, Restart, Supervisor

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("no broker is asked")]

BOTH_LEASHES = pytest.mark.parametrize(
    "leash",
    [
        pytest.param("kernel", marks=pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux")),
        "pipe",
    ],
)
ROOT = Path(__file__).parents[2]
WAIT_FOR_EVER = "import signal; signal.pause()"


def appears(path: Path) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return await asyncio.to_thread(path.exists)

    return ready


async def at_once() -> bool:
    return True


async def never() -> bool:
    raise ConnectionRefusedError


def python(name: str, program: str, directory: Path, *arguments: str, **options: Any) -> Child:
    options.setdefault("ready", at_once)
    argv = [sys.executable, "-I", "-S", "-c", textwrap.dedent(program), *arguments]
    return Child(name=name, argv=argv, log_path=directory / "logs" / f"{name}.log", **options)


def told(name: str, directory: Path, journal: Path, **options: Any) -> Child:
    """A child that writes its start and its SIGTERM into a journal."""
    program = """
        import signal, sys
        name, ready, journal = sys.argv[1:]
        def note(what):
            with open(journal, "a") as file:
                print(what, name, file=file)
        def end(*_):
            note("end")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        note("start")
        open(ready, "w").close()
        while True:
            signal.pause()
    """
    ready = directory / f"{name}.ready"
    return python(name, program, directory, name, str(ready), str(journal), ready=appears(ready), **options)


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@BOTH_LEASHES
async def test_children_start_in_order_and_end_in_reverse(tmp_path: Path, leash: Leash) -> None:
    journal = tmp_path / "journal"
    async with Supervisor([told(name, tmp_path, journal) for name in ("a", "b")], leash=leash) as supervisor:
        await supervisor.start(told("c", tmp_path, journal))
        with pytest.raises(ValueError, match="'c' runs already"):
            await supervisor.start(told("c", tmp_path, journal))
        pids = [supervisor.pid(name) for name in ("a", "b", "c")]
    assert journal.read_text().split("\n") == ["start a", "start b", "start c", "end c", "end b", "end a", ""]
    assert not any(lives(pid) for pid in pids)


async def test_a_missed_deadline_shows_the_log_and_stops_what_had_started(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    slow = "print('one'); print('waiting for the moon', flush=True); import signal; signal.pause()"
    children = [
        told("first", tmp_path, journal),
        python("slow", slow, tmp_path, ready=never, ready_seconds=0.7),
        told("never", tmp_path, journal),
    ]
    with pytest.raises(ChildError) as caught:
        async with Supervisor(children):
            pass
    assert str(caught.value).startswith("slow was not ready after 0.7 seconds; its last log lines (")
    assert str(caught.value).endswith("slow.log):\none\nwaiting for the moon")
    assert caught.value.status is None
    assert journal.read_text() == "start first\nend first\n"


async def test_a_death_while_starting_is_told_at_once_with_status_and_log(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "broken.log").write_text("from an earlier run\n")
    program = "import sys; [print(number, flush=True) for number in range(100)]; sys.exit('no such topic')"
    with pytest.raises(ChildError, match=r"broken ended while starting \(exit status 1\)") as caught:
        async with Supervisor([python("broken", program, tmp_path, ready=never)]):
            pass
    assert caught.value.log_tail.endswith("99\nno such topic")
    assert len(caught.value.log_tail.splitlines()) == 20
    assert "earlier" not in caught.value.log_tail


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    child = Child(name="absent", argv=["/no/such/program"], ready=never, log_path=tmp_path / "log")
    with pytest.raises(ChildError, match="command not found: /no/such/program"):
        async with Supervisor([child]):
            pass


@BOTH_LEASHES
async def test_a_death_is_noticed_and_ends_the_wait(tmp_path: Path, leash: Leash) -> None:
    deaths: list[ChildError] = []
    program = "print('going', flush=True); import time; time.sleep(0.3); raise SystemExit(3)"
    async with Supervisor([python("short", program, tmp_path)], on_exit=deaths.append, leash=leash) as supervisor:
        with pytest.raises(ChildError, match=r"short died \(exit status 3\).*\ngoing"):
            await asyncio.wait_for(supervisor.wait(), 10)
    assert [(death.name, death.status) for death in deaths] == [("short", 3)]


async def test_an_error_in_the_callback_ends_the_wait_instead_of_getting_lost(tmp_path: Path) -> None:
    def broken(_death: ChildError) -> None:
        raise LookupError("the callback's own")

    async with Supervisor([python("short", "pass", tmp_path)], on_exit=broken) as supervisor:
        with pytest.raises(LookupError, match="the callback's own"):
            await asyncio.wait_for(supervisor.wait(), 10)


async def test_a_restarting_child_comes_back_until_its_attempts_are_used_up(tmp_path: Path) -> None:
    deaths: list[ChildError] = []
    restart = Restart(attempts=2, first_delay_seconds=0.01)
    async with Supervisor(
        [python("mortal", WAIT_FOR_EVER, tmp_path, restart=restart)], on_exit=deaths.append
    ) as supervisor:
        pids = []
        for _ in range(3):
            pids.append(supervisor.pid("mortal"))
            os.kill(pids[-1], signal.SIGKILL)
            known = len(deaths)
            await until(lambda known=known: len(deaths) > known)  # type: ignore[misc]
            await until(lambda: len(deaths) == 3 or lives(supervisor.pid("mortal")))
        with pytest.raises(ChildError, match="mortal died"):
            await asyncio.wait_for(supervisor.wait(), 10)
    assert len(set(pids)) == 3
    assert len(deaths) == 3


async def test_a_death_that_a_restart_mends_is_logged_with_what_the_child_said_last(tmp_path: Path) -> None:
    program = "print('going', flush=True); import time; time.sleep(0.3); raise SystemExit('a wrong password')"
    restart = Restart(attempts=1, first_delay_seconds=0.01)
    with capture_logs() as logged:
        async with Supervisor([python("short", program, tmp_path, restart=restart)]) as supervisor:
            with pytest.raises(ChildError):
                await asyncio.wait_for(supervisor.wait(), 10)
    told = [(one["status"], one["last_words"]) for one in logged if one["event"] == "child_died"]
    assert told == [(1, "going\na wrong password")] * 2


async def test_a_stable_child_earns_fresh_attempts(tmp_path: Path) -> None:
    deaths: list[ChildError] = []
    restart = Restart(attempts=1, first_delay_seconds=0.01, stable_seconds=0)
    async with Supervisor(
        [python("mortal", WAIT_FOR_EVER, tmp_path, restart=restart)], on_exit=deaths.append
    ) as supervisor:
        for number in range(1, 4):
            await until(lambda: lives(supervisor.pid("mortal")))
            os.kill(supervisor.pid("mortal"), signal.SIGKILL)
            await until(lambda number=number: len(deaths) == number)  # type: ignore[misc]
        await until(lambda: lives(supervisor.pid("mortal")))


@BOTH_LEASHES
async def test_who_ignores_sigterm_is_killed_after_the_grace_with_its_own_children(
    tmp_path: Path, leash: Leash
) -> None:
    program = """
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        with open(sys.argv[1] + ".part", "w") as file:
            file.write(str(child.pid))
        import os
        os.rename(sys.argv[1] + ".part", sys.argv[1])
        while True:
            signal.pause()
    """
    ready = tmp_path / "ready"
    child = python("deaf", program, tmp_path, str(ready), ready=appears(ready), grace_seconds=0.2)
    async with Supervisor([child], leash=leash) as supervisor:
        pids = [supervisor.pid("deaf"), int(ready.read_text())]
        assert all(lives(pid) for pid in pids)
    await until(lambda: not any(lives(pid) for pid in pids))


async def test_a_cancelled_owner_leaves_no_child(tmp_path: Path) -> None:
    pids: list[int] = []

    async def own() -> None:
        async with Supervisor([python("child", WAIT_FOR_EVER, tmp_path)]) as supervisor:
            pids.append(supervisor.pid("child"))
            await supervisor.wait()

    task = asyncio.create_task(own())
    await until(lambda: bool(pids))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lives(pids[0])


OWNER = """
    import asyncio, sys
    from pathlib import Path
    from streams.embedded.supervise import Child, Supervisor

    async def at_once():
        return True

    async def main(directory, leash):
        program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nwhile True: signal.pause()"
        argv = [sys.executable, "-I", "-S", "-c", program]
        children = [
            Child(name=name, argv=argv, ready=at_once, log_path=directory / name) for name in ("one", "two")
        ]
        async with Supervisor(children, leash=leash):
            print("started", flush=True)
            await asyncio.sleep(3600)

    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


@BOTH_LEASHES
async def test_no_orphan_is_left_when_the_owner_is_killed_9(tmp_path: Path, leash: Leash) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(OWNER), str(tmp_path), leash),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert owner.stdout is not None
    try:
        async for line in owner.stdout:  # structlog writes to standard output, too
            if line == b"started\n":
                break
        expected = 2 if leash == "kernel" else 4  # with a pipe, each child has its watcher
        await until(lambda: len(psutil.Process(owner.pid).children(recursive=True)) == expected)
        family = psutil.Process(owner.pid).children(recursive=True)
    finally:
        owner.kill()
        await owner.communicate()
    await until(lambda: not any(lives(process.pid) for process in family))


async def test_a_child_whose_owner_died_before_the_leash_was_on_does_not_start(tmp_path: Path) -> None:
    """The race between fork and prctl, forced: the process id given is not that of the parent."""
    lifeline = ROOT / "streams" / "embedded" / "lifeline.py"
    touched = tmp_path / "touched"
    if sys.platform != "linux":
        pytest.skip("prctl is Linux")
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-I",
            str(lifeline),
            "kernel",
            "1",
            sys.executable,
            "-c",
            f"open({str(touched)!r}, 'w')",
        )
    )
    assert await process.wait() == 125
    assert not touched.exists()


async def test_a_client_that_swallows_its_cancellation_does_not_hold_up_the_death_of_its_child(tmp_path: Path) -> None:
    """aiokafka did so once in some starts of a broker whose port was taken: the supervisor waited for ever."""

    async def swallows() -> bool:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return False
        return True

    child = python("short", "raise SystemExit(3)", tmp_path, ready=swallows)
    with pytest.raises(ChildError, match=r"short ended while starting \(exit status 3\)"):
        await asyncio.wait_for(Supervisor([child]).__aenter__(), 20)
