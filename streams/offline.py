"""The oracle: the same machines folded over records in memory, without Kafka, Faust or a clock.

What a live system published must equal what this publishes for the same records, whatever crashed, rebalanced or was
interleaved on the way; topics may be fed in any order that keeps each partition's own.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from schemas import registry
from schemas.codec import EventDecoder, MessageDecoder, SchemaError
from schemas.metrics import MetricsMessage
from schemas.models import ModelSnapshot
from schemas.portfolio import PortfolioMessage
from schemas.scores import HealthScore, Observation
from streams.alerts.machine import AlertMachine, Watch
from streams.alerts.model_machine import ModelAlerts
from streams.churn import booster_fit
from streams.churn.ledger import TrainerLedger
from streams.churn.quality import QualityFigures
from streams.churn.scoring import ChurnScorer
from streams.churn.trainer import TrainerMachine
from streams.metrics.account import AccountFold
from streams.metrics.days import Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.feedback import FeedbackFold
from streams.metrics.health import HealthScorer
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Emitted, MemoryPartition
from streams.metrics.plan_features import PlanFeatures
from streams.metrics.portfolio_machine import PortfolioMachine
from streams.metrics.portfolio_pages import PortfolioLedger
from streams.metrics.profile import Profile
from streams.metrics.revenue import RevenueFold
from streams.metrics.spend import SpendFold
from streams.metrics.support import SupportFold
from streams.metrics.upsell import UpsellScorer
from streams.metrics.usage import UsageFold
from streams.scoring.alignment import Alignment
from streams.scoring.figures import Figures
from streams.scoring.machine import Outputs, ScoringMachine
from streams.scoring.rescoring import Rescoring

Take = Callable[[int, int, Emitted], None]


class Input(NamedTuple):
    """A record of an input topic, named as in the registry."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


class Offline:
    """A whole Zelo in memory.

    Args:
        profile: all policies.
        partitions: of every customer topic.
        time: lateness, horizon, dedup memory.
        days: the company's calendar.
        now_ms: the present, for events from the future and the freshness of live scores.

    Attributes:
        log: everything sent, by topic, in order.
    """

    def __init__(self, profile: Profile, partitions: int, time: TimePolicy, days: Days, now_ms: int) -> None:
        self.log: dict[str, list[Emitted]] = defaultdict(list)
        self._offsets: dict[tuple[str, int], int] = defaultdict(int)
        self._partitions = partitions
        self._now_ms = now_ms
        self._publishers: list[MemoryPartition[Any, Any]] = []
        self._unread: deque[Emitted] = deque()
        self._reading = False
        self._domains = {topic.name: self._domain(topic, fold, time, days) for topic, fold in folds(profile, days)}
        self._readers: dict[str, Take] = {
            registry.METRICS.name: self._scoring(profile, days, time.horizon_days),
            registry.OBSERVATIONS.name: self._trainer(profile, days),
            registry.PORTFOLIO.name: self._portfolio(profile, days, time.horizon_days),
            registry.HEALTH.name: self._alerts(profile),
            registry.MODELS.name: self._models(),
        }

    def feed(self, records: Iterable[Input]) -> None:
        """Takes records in, in order."""
        for record in records:
            take = self._domains.get(record.topic)
            if take is not None:
                offset = self._next_offset(record.topic, record.partition)
                take(offset, record)

    def flush(self) -> None:
        """Publishes everybody's newest values and scores, as a live worker does at every interval."""
        for part in [*self._publishers, *self._cards]:
            part.flush()
        self._rescoring.run(self._cards, self._now_ms)
        for part in self._cards:
            part.flush()

    def messages(self, topic: registry.Topic) -> list[Any]:
        """Everything sent to one of our topics, decoded; tombstones left out."""
        decode = MessageDecoder[Any](topic.message)
        return [decode(emitted.value) for emitted in self.log[topic.name] if emitted.value is not None]

    def _next_offset(self, topic: str, partition: int) -> int:
        offset = self._offsets[topic, partition]
        self._offsets[topic, partition] += 1
        return offset

    def _route(self, emitted: Emitted) -> None:
        """Logs a record and has it read, when whoever reads another one now has done so: no machine is in two steps."""
        self.log[emitted.topic].append(emitted)
        self._unread.append(emitted)
        if self._reading:
            return
        self._reading = True
        while self._unread:
            self._read(self._unread.popleft())
        self._reading = False

    def _read(self, emitted: Emitted) -> None:
        reader = self._readers.get(emitted.topic)
        if reader is not None and emitted.value is not None:
            reader(emitted.partition, self._next_offset(emitted.topic, emitted.partition), emitted)

    def _parts(self, number: int, meta: type[Any], render: Any) -> list[MemoryPartition[Any, Any]]:
        return [MemoryPartition(n, meta(), render, self._route) for n in range(number)]

    def _domain(self, topic: registry.Topic, fold: Any, time: TimePolicy, days: Days) -> Callable[[int, Input], None]:
        machine: DomainMachine[Any] = DomainMachine(fold, days, time, topic.name, registry.METRICS.name)
        decode = EventDecoder[Any](topic.message)
        parts = self._parts(self._partitions, Ledger, machine.render)
        self._publishers += parts

        def take(offset: int, record: Input) -> None:
            part = parts[record.partition]
            try:
                event = decode(record.key, record.value, (), self._now_ms)
            except SchemaError:
                machine.dead(part, offset)
                return
            machine.step(part, offset, event)

        return take

    def _scoring(self, profile: Profile, days: Days, horizon_days: int) -> Take:
        health = HealthScorer(profile.health, f"{profile.name}@{profile.version}")
        churn, upsell = ChurnScorer(profile.churn), UpsellScorer(profile.upsell)
        names = (registry.HEALTH.name, registry.CHURN.name, registry.UPSELL.name, registry.OBSERVATIONS.name)
        machine = ScoringMachine(health, churn, upsell, days, Outputs(*names), horizon_days=horizon_days)
        machine.figures = Figures(profile.alerts.rule, profile.health.journey)
        machine.plans = PlanFeatures(profile.engagement.features_by_plan)
        decode = MessageDecoder[MetricsMessage](MetricsMessage)
        self._cards = parts = self._parts(self._partitions, Alignment, machine.render)
        self._rescoring = Rescoring(machine, every_seconds=0.0)

        def take(partition: int, offset: int, emitted: Emitted) -> None:
            machine.step(parts[partition], offset, decode(emitted.value))

        return take

    def _trainer(self, profile: Profile, days: Days) -> Take:
        alerts = ModelAlerts(registry.ALERTS.name, "en", profile.alerts.model)
        names = (registry.OBSERVATIONS.name, registry.MODELS.name)
        figures = QualityFigures(registry.METRICS.name, days)
        machine = TrainerMachine(profile.churn, self._partitions, *names, alerts, figures, booster_fit.installed())
        decode = MessageDecoder[Observation](Observation)
        (part,) = self._parts(1, TrainerLedger, machine.render)
        self._publishers.append(part)

        def take(partition: int, offset: int, emitted: Emitted) -> None:
            observation = decode(emitted.value)
            while (pieces := machine.step(part, offset, observation)) is not None:
                deque(pieces, maxlen=0)

        return take

    def _portfolio(self, profile: Profile, days: Days, horizon_days: int) -> Take:
        target = profile.revenue.churn_target
        machine = PortfolioMachine(self._partitions, days, horizon_days, registry.METRICS.name, target)
        decode = MessageDecoder[PortfolioMessage](PortfolioMessage)
        (part,) = self._parts(1, PortfolioLedger, machine.render)
        self._publishers.append(part)

        def take(partition: int, offset: int, emitted: Emitted) -> None:
            machine.step(part, offset, decode(emitted.value))

        return take

    def _alerts(self, profile: Profile) -> Take:
        machine = AlertMachine(registry.ALERTS.name, "en", profile.alerts)
        decode = MessageDecoder[HealthScore](HealthScore)
        parts = self._parts(self._partitions, Watch, machine.render)

        def take(partition: int, offset: int, emitted: Emitted) -> None:
            machine.step(parts[partition], offset, decode(emitted.value), self._now_ms)

        return take

    def _models(self) -> Take:
        decode = MessageDecoder[ModelSnapshot](ModelSnapshot)

        def take(partition: int, offset: int, emitted: Emitted) -> None:
            self._rescoring.load(decode(emitted.value))

        return take


def folds(profile: Profile, days: Days) -> list[tuple[registry.Topic, Any]]:
    """Every input topic with the fold that a profile gives it."""
    return [
        (registry.USAGE, UsageFold(profile.usage, days)),
        (registry.TICKETS, SupportFold(profile.support, days)),
        (registry.BILLING, RevenueFold(profile.revenue, days)),
        (registry.SURVEYS, FeedbackFold(profile.feedback, days)),
        (registry.ACCOUNTS, AccountFold(days)),
        (registry.SPEND, SpendFold(days)),
    ]
