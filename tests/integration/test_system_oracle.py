"""The whole system against the oracle: what ClickHouse holds is what the same events give offline."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from system_rig import System, differences, oracle, running, sample

from streams.embedded import EmbeddedStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with EmbeddedStack() as stack, running(stack, "oracle") as system:
        await system.send(sample())
        await system.drained()
        yield system


async def test_every_table_holds_what_the_oracle_says(system: System) -> None:
    assert differences(await system.tables(), oracle(sample())) == []
