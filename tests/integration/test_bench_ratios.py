"""The regression check of the benchmark: the engine's cost against a bare loop's and stock Faust's, as committed.

Processor time is compared, never wall time, as a ratio within one run, lowest of two, with generous bounds: what else
the machine does at that moment moves all three alike.
"""

import pytest

from bench import check
from bench.rig import Rig

pytestmark = [pytest.mark.integration, pytest.mark.embedded_broker, pytest.mark.alone, pytest.mark.timeout(240)]


async def test_the_engine_costs_no_more_than_when_the_results_were_committed() -> None:
    async with Rig() as rig:
        measured = await check.measure(rig)
    assert check.faults(measured, check.committed()) == []
