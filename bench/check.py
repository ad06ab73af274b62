"""The regression check: a short run whose ratios are compared with the committed ones, never its times.

Three contestants work off a backlog; what is compared is their processor time, which a busy machine changes far less
than events per second, and of each the lowest of a few repeats, because other load only ever adds. There are few
customers: with 5,000, a contestant that is held up publishes several times as many scores per event, and the ratio of
two short runs on a busy machine was anything from 1.1 to 2.5 (measured). Bounds are generous: the check is for a change
that makes the engine twice as dear, not for a tenth.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contestants import BY_NAME, Name
from bench.rig import Rig
from bench.trials import steady

EVENTS, CUSTOMERS, REPEATS = 100_000, 500, 3
_COMMITTED = Path(__file__).parent / "results.json"
#: How much dearer the engine may have become, against the floor and against stock Faust.
MOST_TO_FLOOR, LEAST_TO_STOCK = 2.0, 0.4


@dataclass(frozen=True)
class Ratios:
    """Processor time per event, one contestant's to another's.

    Attributes:
        engine_to_aiokafka: the engine's to the bare aiokafka loop's; less is better.
        faust_to_engine: stock Faust's to the engine's; more is better.
    """

    engine_to_aiokafka: float
    faust_to_engine: float


async def measure(rig: Rig, repeats: int = REPEATS) -> Ratios:
    """Measures them on a running broker; about 15 seconds a repeat."""
    lowest: dict[Name, float] = {}
    for _ in range(repeats):
        for name in ("zelo", "aiokafka", "faust"):
            contestant = BY_NAME[name]
            found, _ = await steady(rig, contestant, round(EVENTS * contestant.share), CUSTOMERS, None)
            lowest[name] = min(found.cpu_seconds_per_million, lowest.get(name, found.cpu_seconds_per_million))
    return Ratios(lowest["zelo"] / lowest["aiokafka"], lowest["faust"] / lowest["zelo"])


def committed(broker: str = "embedded") -> Ratios:
    """The ratios of `bench/results.json`."""
    kept: dict[str, Any] = json.loads(_COMMITTED.read_text())[broker]["check"]
    return Ratios(**kept)


def faults(measured: Ratios, kept: Ratios) -> list[str]:
    """What has become worse than the bounds allow, in words."""
    found = []
    most, least = kept.engine_to_aiokafka * MOST_TO_FLOOR, kept.faust_to_engine * LEAST_TO_STOCK
    if measured.engine_to_aiokafka > most:
        found.append(
            f"the engine takes {measured.engine_to_aiokafka:.2f} times the CPU of a bare aiokafka loop, "
            f"{kept.engine_to_aiokafka:.2f} in bench/results.json, {most:.2f} allowed"
        )
    if measured.faust_to_engine < least:
        found.append(
            f"stock Faust takes {measured.faust_to_engine:.0f} times the CPU of the engine, "
            f"{kept.faust_to_engine:.0f} in bench/results.json, {least:.0f} at least"
        )
    return found
