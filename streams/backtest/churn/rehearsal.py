"""The product's own pipeline from events to mature labels, shortened to what the churn model can see.

Theory of operation. The domain machines, the alignment of days, the observations and the trainer are those that are
live. Left out is what no snapshot, outcome or label depends on: live values, restated days, movements, scores, health,
upsell, messages as bytes, what was spent; and the values of days that are no Sunday of a customer that nothing
happened to since. Whether a customer is at risk changes with its events, with MRR long past due and when its word that
it leaves lapses; on all other days nobody needs to look.

Invariant: the labels equal those of `streams.offline.Offline` for the same records, bit for bit, but for `version`.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from schemas import registry
from schemas.codec import MessageDecoder
from schemas.envelope import CLOCK_CUSTOMER, Event, Heartbeat
from schemas.metrics import CustomerValues, DayClosed, MetricValues, Movement, RevenueValues, Values
from schemas.models import ModelSnapshot
from schemas.scores import Censored, Labelled, Observation, ObservationsClosed, Outcome, Snapshot
from streams.churn.ledger import TrainerLedger
from streams.churn.trainer import TrainerMachine
from streams.metrics.customer import Customer
from streams.metrics.days import Days, is_sunday
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Emitted, MemoryPartition, Partition
from streams.metrics.profile import Profile
from streams.metrics.restating import Restating
from streams.offline import folds
from streams.scoring.alignment import Alignment
from streams.scoring.observing import at_risk, is_open, noted, observe

_PRUNE_EVERY_DAYS = 7
_decode_marker = MessageDecoder[DayClosed](DayClosed)
_decode_label = MessageDecoder[Labelled](Labelled)


class Happened(NamedTuple):
    """An event of an input topic, named as in the registry; `customers` stands for all partitions."""

    topic: str
    event: Event


Watch = Callable[[Snapshot | Outcome | Censored, CustomerValues], None]


class Rehearsal:
    """A history of events as the churn model lives through it.

    Args:
        profile: all policies.
        time: lateness, horizon, dedup memory.
        days: the company's calendar.
        keep: takes each label, in the order they come: of who leaves at once, else when the window has passed.
        watch: takes each observation, with the values it was made of, before the model learns anything of its day.
        boosted: the boosted challenger learns beside the models; labels are the same with and without it.

    Attributes:
        events: taken in, heartbeats not counted.
    """

    def __init__(
        self,
        profile: Profile,
        time: TimePolicy,
        days: Days,
        keep: Callable[[Labelled], None],
        watch: Watch | None = None,
        boosted: bool = False,
    ) -> None:
        self.events = 0
        self._keep = keep
        names = (registry.OBSERVATIONS.name, registry.MODELS.name)
        self._trainer = TrainerMachine(profile.churn, 1, *names, boosted=boosted)
        self._part: MemoryPartition[Any, TrainerLedger] = MemoryPartition(
            0, TrainerLedger(), self._trainer.render, self._labelled
        )
        customers = _Customers(days, self._observed, watch, profile.churn.horizon_days)
        self._domains = {
            topic.name: _Domain(topic.name, fold, days, time, customers)
            for topic, fold in folds(profile, days)
            if topic is not registry.SPEND
        }

    def take(self, happened: Happened) -> None:
        """Takes an event in; those of a topic come in the order of that topic."""
        self.events += 1
        domain = self._domains.get(happened.topic)
        if domain is not None:
            domain.take(happened.event)

    def beat(self, at: int) -> None:
        """Moves the time of every topic to an instant, epoch ms."""
        for topic, domain in self._domains.items():
            domain.take(Heartbeat(event_id=f"{topic}:{at}", customer_id=CLOCK_CUSTOMER, occurred_at=at))

    def model(self) -> ModelSnapshot:
        """The model as it has become."""
        return self._trainer.snapshot(self._part)

    def _observed(self, observation: Observation) -> None:
        offset = self._part.offset + 1
        while (pieces := self._trainer.step(self._part, offset, observation)) is not None:
            deque(pieces, maxlen=0)

    def _labelled(self, emitted: Emitted) -> None:
        self._keep(_decode_label(emitted.value))


class _Domain:
    """A topic's machine and its only partition."""

    def __init__(self, topic: str, fold: Any, days: Days, time: TimePolicy, customers: "_Customers") -> None:
        self._machine = _Quiet(fold, days, time, topic, customers)
        self._part: MemoryPartition[Any, Ledger] = MemoryPartition(
            0, Ledger(), self._machine.render, lambda emitted: customers.close(_decode_marker(emitted.value))
        )

    def take(self, event: Event) -> None:
        self._machine.step(self._part, self._part.offset + 1, event)


class _NeverRestated(Restating[Any]):
    """A snapshot is what was known when its day closed."""

    def published(self, facts: Any, first_at: int, days: Iterable[int]) -> dict[int, Values]:
        return {}

    def restated(
        self, key: str, customer: Customer[Any], day: int, before: Values | None, by: str, version: int
    ) -> None:
        return None


class _Quiet(DomainMachine[Any]):
    """A domain machine that tells what the model can see, and hands it over as it is."""

    def __init__(self, fold: Any, days: Days, time: TimePolicy, topic: str, customers: "_Customers") -> None:
        super().__init__(fold, days, time, topic, registry.METRICS.name)
        self._restating = _NeverRestated(fold, days, time.horizon_days)
        self._customers = customers
        #: Of each customer, the newest record that is told, while only Sundays need telling until the next one.
        self._told: dict[str, int] = {}

    def _close_customer(
        self, part: Partition[Customer[Any], Ledger], key: str, day: int, as_of: int, offset: int
    ) -> tuple[bool, int]:
        customer = part.get(key)
        assert customer is not None  # closing goes through the keys of the table
        due = self._timed is not None and self._timed.is_due(customer.facts, as_of)
        if is_sunday(day) or due or not self.fold.daily or self._told.get(key) != customer.version:
            if customer.newest_at < as_of:
                self._told[key] = customer.version
            return super()._close_customer(part, key, day, as_of, offset)
        if day % _PRUNE_EVERY_DAYS == 0:
            self._prune(customer, day)
        return False, 0

    def _send(self, part: Partition[Customer[Any], Ledger], key: str, message: MetricValues) -> None:
        if isinstance(message.values, RevenueValues) and message.values.cancellation_reported_while_paying:
            self._told.pop(key, None)  # such a notice lapses with time
        self._customers.wait(message)

    def _send_movements(
        self,
        part: Partition[Customer[Any], Ledger],
        key: str,
        before: list[Movement],
        customer: Customer[Any],
        event_id: str | None,
        version: int,
        since: int = 0,
    ) -> None:
        pass  # steps of MRR are for the archive


class _Known:
    """What is known of a customer: values by domain of the last aligned day, and those that wait for theirs."""

    __slots__ = ("aligned", "at_risk", "lost", "waiting")

    def __init__(self) -> None:
        self.aligned: dict[str, Values] = {}
        self.waiting: dict[int, dict[str, Values]] = {}
        self.at_risk = False
        self.lost: int | None = None


class _Customers:
    """Days aligned over the domains, as the scoring machine does, and what the model learns from them."""

    def __init__(
        self, days: Days, observed: Callable[[Observation], None], watch: Watch | None, horizon_days: int
    ) -> None:
        self._days = days
        self._horizon_days = horizon_days
        self._observed = observed
        self._watch = watch
        self._alignment = Alignment()
        self._known: dict[str, _Known] = {}
        self._changed: defaultdict[int, dict[str, None]] = defaultdict(dict)

    def close(self, marker: DayClosed) -> None:
        """Takes a marker in, and scores the days it makes ready."""
        for day in self._alignment.ready(marker.domain, marker.day):
            self._score(day)
            self._alignment.score(day)
            self._observed(ObservationsClosed(partition=0, day=day))
        self._alignment.close(marker.domain, marker.day)

    def wait(self, message: MetricValues) -> None:
        """Takes the values of a day in, until every domain has closed it."""
        known = self._known.setdefault(message.customer_id, _Known())
        domain = str(message.values.__struct_config__.tag)
        known.waiting.setdefault(message.day, {})[domain] = message.values
        self._changed[message.day][message.customer_id] = None

    def _score(self, day: int) -> None:
        passed = [self._changed.pop(past) for past in sorted(self._changed) if past <= day]
        keys: Iterable[str] = self._known if is_sunday(day) else {key: None for keys in passed for key in keys}
        for key in keys:
            known = self._known[key]
            for past in sorted(past for past in known.waiting if past <= day):
                known.aligned.update(known.waiting.pop(past))
            if not known.aligned:
                continue
            values: Any = known.aligned
            together = CustomerValues(**values)
            lost_lately = is_open(known.lost, day, self._horizon_days)
            for observation in observe(key, known.at_risk, together, day, 0, lost_lately):
                known.lost, _ = noted(observation)
                if self._watch is not None:
                    self._watch(observation, together)
                self._observed(observation)
            known.at_risk = at_risk(together, known.at_risk)
