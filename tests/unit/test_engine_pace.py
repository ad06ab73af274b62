"""Turns: one agent a turn of the loop, in the order in which they asked."""

import asyncio

from streams.engine.pace import Pace


async def test_agents_go_on_one_a_turn_and_everything_else_in_between() -> None:
    pace, log = Pace(), []

    async def agent(name: str) -> None:
        for _ in range(3):
            await pace.turn()
            log.append(name)

    async def other() -> None:
        while len(log) < 9:
            log_length = len(log)
            await asyncio.sleep(0)
            assert len(log) <= log_length + 1, "two agents in one turn of the loop"

    await asyncio.gather(other(), *(agent(name) for name in "abc"))
    assert log == list("abcabcabc")


async def test_one_that_was_cancelled_while_it_waited_holds_up_nobody() -> None:
    pace = Pace()
    first, second = asyncio.create_task(pace.turn()), asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 1)
    await asyncio.wait_for(pace.turn(), 1)
