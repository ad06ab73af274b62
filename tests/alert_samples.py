"""Health scores and a machine to try alert rules with; shared by unit, property and contract tests."""

from typing import Any

import msgspec

from schemas.alerts import Alert
from schemas.codec import MessageDecoder
from schemas.metrics import NpsAnswer
from schemas.scores import Factor, HealthScore
from streams.alerts.machine import AlertMachine, Watch, Watched
from streams.alerts.policy import AlertPolicy
from streams.metrics.days import DAY_MS, HOUR_MS
from streams.metrics.partition import Emitted, MemoryPartition

DAY = 20_000  # 2024-10-04
AT = DAY * DAY_MS
FACTORS = [
    Factor(factor="support", value=20.0, weight=0.4, earned=8.0, missed=32.04),
    Factor(factor="billing", value=90.0, weight=0.3, earned=27.0, missed=3.0),
    Factor(factor="engagement", value=25.0, weight=0.3, earned=7.5, missed=22.5),
    Factor(factor="value", value=None, weight=0.0, earned=0.0, missed=0.0),
]
GREEN = HealthScore(
    customer_id="c1",
    kind="day",
    as_of=AT,
    day=DAY - 1,
    score=80.0,
    band="green",
    previous_score=78.0,
    previous_band="green",
    coverage=1.0,
    profile="default",
    factors=FACTORS,
    trigger_event_id="e-7",
    name="ACME <Brasil> & Filhos",
    owner="Ana Souza",
    mrr_minor=123_456,
    currency="BRL",
    paying=True,
)
DETRACTOR = NpsAnswer(
    response_id="r1",
    event_id="e-9",
    score=3,
    nps_class="detractor",
    answered_at=AT - HOUR_MS,
    respondent_id="bia@acme.example",
    reason="Too slow & <!channel> *ugly*",
)


def daily(day: int, band: str, score: float | None, before: str | None = None, **changes: Any) -> HealthScore:
    """The score of a day, a number of days after the first; as_of its end, scored a day later."""
    changes = {"band": band, "score": score, "previous_band": before, "version": (day + 2) * DAY_MS} | changes
    return msgspec.structs.replace(GREEN, kind="day", day=DAY + day, as_of=AT + (day + 1) * DAY_MS, **changes)


def live(at: int, band: str, score: float | None, before: str | None, **changes: Any) -> HealthScore:
    """A live score, so many ms after the first day began."""
    changes = {"band": band, "score": score, "previous_band": before, "version": at} | changes
    as_of = AT + at
    return msgspec.structs.replace(GREEN, kind="live", day=as_of // DAY_MS, as_of=as_of, **changes)


class Rig:
    """An alerts machine over one partition in memory.

    Attributes:
        alerts: all that were sent.
    """

    def __init__(self, policy: AlertPolicy | None = None) -> None:
        self.alerts: list[Alert] = []
        self.machine = AlertMachine("alerts.v1", "en", policy or AlertPolicy())
        self.part = MemoryPartition[Watched, Watch](0, Watch(), self.machine.render, self._took)
        self._offset = -1
        self._read = MessageDecoder[Alert](Alert)

    def restart(self, policy: AlertPolicy) -> None:
        """Goes on with other settings and the state there is."""
        self.machine = AlertMachine("alerts.v1", "en", policy)

    def take(self, *scores: HealthScore, now_ms: int | None = None) -> list[tuple[str, str]]:
        """Takes scores in, live ones fresh unless the time is said; gives rule and step of what came out."""
        before = len(self.alerts)
        for score in scores:
            self._offset += 1
            self.machine.step(self.part, self._offset, score, score.as_of if now_ms is None else now_ms)
        return [(alert.rule, alert.status) for alert in self.alerts[before:]]

    def _took(self, emitted: Emitted) -> None:
        assert (emitted.topic, emitted.partition) == ("alerts.v1", 0)
        alert = self._read(emitted.value)
        assert emitted.key == alert.customer_id.encode()
        self.alerts.append(alert)
