"""The short form of scripts/soak: the same judgement after less than a minute, but that lag is flat.

How far behind the stream is depends on who else works on the machine; that it catches up, and what it counts, does not.
"""

import subprocess
import sys

import pytest
import soak as command
from soak import Plan, soak

pytestmark = [
    pytest.mark.integration,
    pytest.mark.chaos,
    pytest.mark.alone,
    pytest.mark.any_broker("too short to tell brokers apart; `scripts/soak --broker kafka` is not"),
    pytest.mark.timeout(240),
]


async def test_a_steady_load_leaves_memory_flat_and_the_accounting_exact() -> None:
    # 29 days: the 28 of a window pass, and no label matures: the boosted challenger's library would be taken for growth
    plan = Plan(seconds=18.0, rate=1_000, customers=200, day_seconds=0.62, flat_lag=False)
    report = await soak(plan, print)
    assert report.breaches == []
    assert report.sent == plan.seconds * plan.rate
    assert len(report.looks) >= 3


def test_the_long_form_can_be_started_as_a_script() -> None:
    """Under pytest more folders are known than a script has."""
    said = subprocess.run([sys.executable, command.__file__, "--help"], capture_output=True, text=True, check=False)
    assert (said.returncode, "--minutes" in said.stdout) == (0, True), said.stderr
