"""The product's own machines under two profiles over one history, in memory, without Kafka or a clock.

Theory of operation. A domain whose policy is the same in both profiles is folded once, and its values go to both
scoring chains; one that differs is folded for each. A chain scores aligned days and raises alerts from them. The churn
model is not trained, and nothing is published between days: daily bands and alerts need neither.

Invariant: the daily scores of a chain equal those of `streams.offline.Offline` under its profile.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from schemas import registry
from schemas.alerts import Alert
from schemas.codec import EventDecoder, MessageDecoder, SchemaError
from schemas.metrics import MetricsMessage, Movement
from schemas.scores import HealthScore
from streams.alerts.machine import AlertMachine, Watch
from streams.backtest.track import Track
from streams.churn.scoring import ChurnScorer
from streams.metrics.days import Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.health import HealthScorer
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Emitted, MemoryPartition
from streams.metrics.plan_features import PlanFeatures
from streams.metrics.profile import Profile
from streams.metrics.upsell import UpsellScorer
from streams.offline import Input, folds
from streams.scoring.alignment import Alignment
from streams.scoring.figures import Figures
from streams.scoring.machine import Outputs, ScoringMachine

_POLICIES: dict[str, Callable[[Profile], object]] = {
    registry.USAGE.name: attrgetter("usage"),
    registry.TICKETS.name: attrgetter("support"),
    registry.BILLING.name: attrgetter("revenue"),
    registry.SURVEYS.name: attrgetter("feedback"),
}
_DECODE_METRICS = MessageDecoder[MetricsMessage](MetricsMessage)


class Replay:
    """A history under several profiles.

    Args:
        profiles: at least one.
        partitions: of every customer topic.
        time: lateness, horizon, dedup memory.
        days: the company's calendar.
        now_ms: the present; events from after it are not taken.
        until: last day whose scores may become a track's `standing`.

    Attributes:
        tracks: what each profile said, in the order of the profiles.
        events: records taken in, heartbeats included.
        unread: of them, those that could not be read.
    """

    def __init__(
        self,
        profiles: Sequence[Profile],
        partitions: int,
        time: TimePolicy,
        days: Days,
        now_ms: int,
        until: int | None = None,
    ) -> None:
        self.events = self.unread = 0
        self._now_ms = now_ms
        self._offsets: dict[tuple[str, int], int] = defaultdict(int)
        chains = [_Chain(profile, partitions, days, now_ms, until) for profile in profiles]
        self.tracks = [chain.track for chain in chains]
        self._decoders = {topic.name: EventDecoder[Any](topic.message) for topic in registry.INPUT_TOPICS}
        self._domains: dict[str, list[_Domain]] = {}
        for topic, sharing in _shared(profiles, days).items():
            self._domains[topic] = [
                _Domain(topic, fold, partitions, time, days, [chains[n] for n in members]) for fold, members in sharing
            ]

    def feed(self, records: Iterable[Input]) -> None:
        """Takes records in, in order."""
        for record in records:
            self.events += 1
            place = record.topic, record.partition
            offset = self._offsets[place]
            self._offsets[place] += 1
            try:
                event = self._decoders[record.topic](record.key, record.value, (), self._now_ms)
            except SchemaError:
                self.unread += 1
                continue
            for domain in self._domains[record.topic]:
                domain.machine.step(domain.parts[record.partition], offset, event)


class _Domain:
    """A fold of one topic and the chains that read its values."""

    def __init__(
        self, topic: str, fold: Any, partitions: int, time: TimePolicy, days: Days, readers: Sequence["_Chain"]
    ) -> None:
        self.machine: DomainMachine[Any] = DomainMachine(fold, days, time, topic, registry.METRICS.name)
        self.parts = [
            MemoryPartition[Any, Ledger](number, Ledger(), self.machine.render, self._route)
            for number in range(partitions)
        ]
        self._readers = readers

    def _route(self, emitted: Emitted) -> None:
        message = _DECODE_METRICS(emitted.value)
        for chain in self._readers:
            chain.take(emitted.partition, message)


class _Chain:
    """Scoring and alerts under one profile."""

    def __init__(self, profile: Profile, partitions: int, days: Days, now_ms: int, until: int | None) -> None:
        self.track = Track(days, until)
        self._now_ms = now_ms
        health = HealthScorer(profile.health, f"{profile.name}@{profile.version}")
        names = (registry.HEALTH.name, registry.CHURN.name, registry.UPSELL.name, registry.OBSERVATIONS.name)
        churn, upsell = ChurnScorer(profile.churn), UpsellScorer(profile.upsell)
        self._scoring = ScoringMachine(health, churn, upsell, days, Outputs(*names))
        self._scoring.figures = Figures(profile.alerts.rule, profile.health.journey)
        self._scoring.plans = PlanFeatures(profile.engagement.features_by_plan)
        self._alerts = AlertMachine(registry.ALERTS.name, "en", profile.alerts)
        numbers = range(partitions)
        self._cards = [
            MemoryPartition[Any, Alignment](number, Alignment(), self._scoring.render, self._scored)
            for number in numbers
        ]
        self._watched = [
            MemoryPartition[Any, Watch](number, Watch(), self._alerts.render, self._alerted) for number in numbers
        ]
        self._decode_score = MessageDecoder[HealthScore](HealthScore)
        self._decode_alert = MessageDecoder[Alert](Alert)

    def take(self, partition: int, message: MetricsMessage) -> None:
        """Takes a message of the metrics topic in."""
        if isinstance(message, Movement):
            self.track.movement(message)
        part = self._cards[partition]
        self._scoring.step(part, part.offset + 1, message)

    def _scored(self, emitted: Emitted) -> None:
        if emitted.topic != registry.HEALTH.name:
            return
        score = self._decode_score(emitted.value)
        self.track.score(score)
        part = self._watched[emitted.partition]
        self._alerts.step(part, part.offset + 1, score, self._now_ms)

    def _alerted(self, emitted: Emitted) -> None:
        self.track.alert(self._decode_alert(emitted.value))


def _shared(profiles: Sequence[Profile], days: Days) -> dict[str, list[tuple[Any, list[int]]]]:
    """By topic, the folds that are needed, each with the numbers of the profiles it serves."""
    found: dict[str, list[tuple[Any, list[int]]]] = defaultdict(list)
    for number, profile in enumerate(profiles):
        for topic, fold in folds(profile, days):
            same = _same_policy(topic.name, profiles, number)
            if same is None:
                found[topic.name].append((fold, [number]))
            else:
                next(members for _, members in found[topic.name] if same in members).append(number)
    return found


def _same_policy(topic: str, profiles: Sequence[Profile], number: int) -> int | None:
    """An earlier profile that folds a topic as this one does."""
    policy = _POLICIES.get(topic)
    for earlier in range(number):
        if policy is None or policy(profiles[earlier]) == policy(profiles[number]):
            return earlier
    return None
