"""A year of a made-up customer, day by day figures and scores, against the file beside this one.

A difference is a changed definition: look at it, then rewrite the file with `python THIS_FILE --rewrite`.
"""

import json
import random
import sys
from pathlib import Path

import msgspec

from schemas.metrics import AccountValues, CustomerValues, RevenueValues, UsageValues
from schemas.usage_events import FeatureUsed, MilestoneReached
from streams.metrics.days import DAY_MS, Days
from streams.metrics.health import HealthMemory, HealthScorer
from streams.metrics.profile import load_profile
from streams.metrics.usage import UsageFold
from streams.metrics.usage_state import UsageState

GOLDEN = Path(__file__).with_name("usage_health.json")
FIRST_DAY = 19_723
WEEKS = 52


def customer(fold: UsageFold) -> UsageState:
    """Grows for half a year, then fades."""
    chance = random.Random(7)
    state = fold.new()
    for day in range(FIRST_DAY, FIRST_DAY + 300):
        busy = 3 if day < FIRST_DAY + 180 else 1
        for n in range(chance.randrange(busy + 1)):
            at = day * DAY_MS + chance.randrange(DAY_MS)
            event = FeatureUsed(
                event_id=f"{day}-{n}",
                customer_id="c",
                occurred_at=at,
                feature=f"feature_{chance.randrange(12)}",
                user_id=f"user_{chance.randrange(6)}",
                quantity=chance.randrange(1, 20),
                duration_seconds=chance.randrange(60_000) / 100,
                errors=chance.randrange(2),
            )
            fold.apply(state, event, at)
    at = (FIRST_DAY + 40) * DAY_MS
    fold.apply(state, MilestoneReached(event_id="m", customer_id="c", occurred_at=at, milestone="live"), at)
    return state


def rounded(values: UsageValues) -> dict[str, object]:
    # Nine places: powers may differ in the last bit between C libraries.
    fields = msgspec.structs.asdict(values)
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in fields.items()}


def figures() -> list[dict[str, object]]:
    profile, days = load_profile("default"), Days()
    fold = UsageFold(profile.usage, days)
    scorer = HealthScorer(profile.health, profile.name)
    state = customer(fold)
    revenue = RevenueValues(paying=True, mrr_minor=10_000, mrr_28d_ago_minor=10_000, seats=10)
    account = AccountValues(name="Acme", signed_up_at=FIRST_DAY * DAY_MS)
    memory: HealthMemory | None = None
    told: list[dict[str, object]] = []
    for day in range(FIRST_DAY, FIRST_DAY + WEEKS * 7):
        as_of = days.start(day + 1)
        values = fold.values(state, day, as_of)
        health = scorer.score(CustomerValues(usage=values, revenue=revenue, account=account), as_of, day, memory)
        memory = health.memory
        if day % 7 == 3:
            parts = {factor.factor: [factor.value, factor.earned, factor.change] for factor in health.factors}
            told.append(
                {
                    "day": day,
                    "usage": rounded(values),
                    "health": [health.score, health.band, health.coverage],
                    "factors": parts,
                    "lift": msgspec.to_builtins(health.lift),
                }
            )
    return told


def test_a_years_figures_are_as_they_were() -> None:
    assert json.loads(json.dumps(figures())) == json.loads(GOLDEN.read_text())


if __name__ == "__main__" and sys.argv[1:] == ["--rewrite"]:
    lines = ",\n".join(json.dumps(row, sort_keys=True) for row in figures())
    GOLDEN.write_text(f"[\n{lines}\n]\n")
