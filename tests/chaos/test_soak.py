"""The short form of scripts/soak: the same judgement after less than a minute."""

import pytest
from soak import Plan, soak

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(240)]


async def test_a_steady_load_leaves_memory_and_lag_flat_and_the_accounting_exact() -> None:
    plan = Plan(seconds=24.0, rate=1_000, customers=200, day_seconds=0.6)
    report = await soak(plan, print)
    assert report.breaches == []
    assert report.sent >= 0.9 * plan.seconds * plan.rate
    assert len(report.looks) >= 6
