"""Tables of the product with many customers, made from a few that were folded and scored for real.

What the day close of the benchmark (day_close.py) closes: for each daily domain and for scoring one partition of the
engine with the product's own machine, filled with copies of stored states as a recovery fills it.
"""

from collections.abc import Iterable, Iterator, Sequence
from time import process_time
from typing import Any

from msgspec import Struct

from bench.product_stream import BEGIN_DAY, product_stream
from schemas.codec import EventDecoder, MessageDecoder
from schemas.envelope import CLOCK_CUSTOMER, Heartbeat
from schemas.metrics import MetricsMessage
from schemas.models import ModelSnapshot, Quality, Served
from schemas.registry import (
    ACCOUNTS,
    BILLING,
    CHURN,
    HEALTH,
    METRICS,
    OBSERVATIONS,
    SURVEYS,
    TICKETS,
    UPSELL,
    USAGE,
    Topic,
)
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.scoring import ChurnScorer
from streams.config import Settings
from streams.engine.outbox import Output
from streams.engine.partition import META_KEY, Partition
from streams.engine.settings import EngineSettings
from streams.engine.staging import PREFIX, Logged
from streams.engine.states import StateCodec
from streams.metrics.account import AccountFold
from streams.metrics.days import DAY_MS, Days, is_sunday
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.feedback import FeedbackFold
from streams.metrics.fold import Fold
from streams.metrics.health import HealthScorer
from streams.metrics.ledger import Ledger
from streams.metrics.lifts import customer_shape
from streams.metrics.profile import load_profile
from streams.metrics.revenue import RevenueFold
from streams.metrics.support import SupportFold
from streams.metrics.upsell import UpsellScorer
from streams.metrics.usage import UsageFold
from streams.scoring.alignment import Alignment
from streams.scoring.lifts import CARD
from streams.scoring.machine import Outputs, ScoringMachine

TEMPLATES = 200
EVENTS_PER_DAY = 4  # of a customer
_RUN = 500  # records between two publications
SAVE_EVERY = 10_000  # keys between two commits, about

PIECE: int = Settings.model_fields["piece_customers"].default
_DECODED = EngineSettings("none:9092", partitions=4).decoded_states_per_partition
_PROFILE, _DAYS = load_profile("default"), Days()
READ = MessageDecoder[MetricsMessage](MetricsMessage)
_TOPICS: dict[str, tuple[Topic, Fold[Any, Any]]] = {
    USAGE.name: (USAGE, UsageFold(_PROFILE.usage, _DAYS)),
    TICKETS.name: (TICKETS, SupportFold(_PROFILE.support, _DAYS)),
    BILLING.name: (BILLING, RevenueFold(_PROFILE.revenue, _DAYS)),
    SURVEYS.name: (SURVEYS, FeedbackFold(_PROFILE.feedback, _DAYS)),
    ACCOUNTS.name: (ACCOUNTS, AccountFold(_DAYS)),
}
DOMAINS = tuple(str(fold.domain) for _, fold in _TOPICS.values())


class Part(Struct):
    """What a part of the day close took: CPU seconds, its longest piece, outputs."""

    seconds: float = 0.0
    longest_seconds: float = 0.0
    outputs: int = 0

    def spent(self, seconds: float) -> None:
        """Counts a piece."""
        self.seconds += seconds
        self.longest_seconds = max(self.longest_seconds, seconds)


class Table:
    """One partition of one table with its machine.

    Attributes:
        saved: what was saved last of each customer.
    """

    def __init__(self, shape: Any, meta: Any, machine: Any) -> None:
        self.saved: list[bytes] = []
        self.machine = machine
        self.codec: StateCodec[Any, Any] = StateCodec(shape, meta)
        self.part: Partition[Any, Any] = self._partition()
        self.part.live = True

    def _partition(self) -> Partition[Any, Any]:
        return Partition(0, self.codec, self.machine.render, _DECODED)

    def step(self, message: Any) -> None:
        """Takes a message in, whatever days it closes."""
        offset = self.part.applied + 1
        while (pieces := self.machine.step(self.part, offset, message)) is not None:
            for _ in pieces:
                pass
        self.part.advance(offset)

    def copied(self, customers: int) -> None:
        """Recovers the partition anew with so many customers: copies of those it has."""
        taken = self.part.take_state()
        assert taken is not None
        states, meta, prefix = [value for key, value in taken[0] if value], taken[1], PREFIX.pack(self.part.applied, 1)
        self.saved = states
        self.part = self._partition()
        self.part.load(
            [
                Logged(number, f"customer-{number:07}".encode(), prefix + states[number % len(states)][PREFIX.size :])
                for number in range(customers)
            ]
            + [Logged(customers, META_KEY, prefix + meta[PREFIX.size :])]
        )
        self.part.recovered()
        self.part.offset = self.part.applied

    def piece_by_piece(self, message: Any, spent: Part) -> Iterator[list[Output]]:
        """Takes a message in that closes a day; gives what every piece sends."""
        offset, since = self.part.applied + 1, process_time()
        pieces = self.machine.step(self.part, offset, message)
        while pieces is not None:
            yield self._sent(spent, since)
            since = process_time()
            for _ in pieces:
                yield self._sent(spent, since)
                since = process_time()
            pieces = self.machine.step(self.part, offset, message)
        self.part.advance(offset)
        yield self._sent(spent, since)
        since = process_time()
        taken = self.part.take_state()
        spent.seconds += process_time() - since
        if taken is not None:
            self.saved = [value for _, value in taken[0] if value]

    @property
    def bytes_each(self) -> float:
        """Bytes stored of a customer, mean of those saved last."""
        return sum(len(value) - PREFIX.size for value in self.saved) / max(1, len(self.saved))

    def _sent(self, spent: Part, since: float) -> list[Output]:
        sent = self.part.take_outputs(marked=False)
        spent.spent(process_time() - since)
        spent.outputs += len(sent)
        if self.part.sizes[1] >= SAVE_EVERY:
            since = process_time()
            self.part.take_state()  # a commit of its own, which the engine does between pieces
            spent.seconds += process_time() - since
        return sent


def domain_tables() -> dict[str, Table]:
    """An empty table of every domain, by topic."""
    return {
        name: Table(customer_shape(fold), Ledger, DomainMachine(fold, _DAYS, TimePolicy(), name, METRICS.name, PIECE))
        for name, (_, fold) in _TOPICS.items()
    }


def scoring_table() -> Table:
    """An empty scoring table."""
    outputs = Outputs(HEALTH.name, CHURN.name, UPSELL.name, OBSERVATIONS.name)
    health, churn, upsell = HealthScorer(_PROFILE.health, "default@1"), ChurnScorer(_PROFILE.churn), _PROFILE.upsell
    return Table(CARD, Alignment, ScoringMachine(health, churn, UpsellScorer(upsell), _DAYS, outputs, PIECE))


def beat(day: int) -> Heartbeat:
    """The heartbeat that ends a day."""
    return Heartbeat(event_id=f"end-{day}", customer_id=CLOCK_CUSTOMER, occurred_at=(day + 1) * DAY_MS)


def lived(days: int, customers: int) -> tuple[dict[str, Table], Table]:
    """Tables of customers with so many days behind them, of which the last is still open."""
    tables, scoring = domain_tables(), scoring_table()
    decoders = {name: EventDecoder[Any](topic.message) for name, (topic, _) in _TOPICS.items()}
    end = (BEGIN_DAY + days) * DAY_MS
    for number, record in enumerate(product_stream(customers * days * EVENTS_PER_DAY, customers, days, 1)):
        table = tables.get(record.topic)
        if table is not None and record.timestamp_ms < end:
            table.step(decoders[record.topic](record.key, record.value, (), end + DAY_MS))
        if number % _RUN == 0:
            _forward(tables.values(), scoring)
    _forward(tables.values(), scoring)
    return tables, scoring


def _forward(tables: Iterable[Table], scoring: Table) -> None:
    for table in tables:
        for sent in table.part.take_outputs():
            scoring.step(READ(sent.value))
    scoring.part.take_outputs()


def _published(before: int) -> ModelSnapshot:
    """A model as it is published after a Sunday: the prior, which knows the snapshots of the two last before a day."""
    model = ChurnModel.prior(_PROFILE.churn)
    sundays = [day for day in range(before - 2, before - 16, -1) if is_sunday(day)]
    return ModelSnapshot(
        model=MODEL_NAME,
        model_version=1,
        trained_through=sundays[0],
        horizon_days=_PROFILE.churn.horizon_days,
        horizons=list(_PROFILE.churn.horizons),
        is_prior=True,
        quality=Quality(),
        parameters=model.to_parameters(),
        river_version=RIVER_VERSION,
        tested=[Served(day=day, intercept=model.classifier.weights[0], weights=model.weights()) for day in sundays],
    )


def prepared(customers: int, days: int, only: Sequence[str] = DOMAINS) -> tuple[dict[str, Table], Table | None]:
    """Tables of so many customers, whose last day is still open, by domain; the scoring table if all are wanted."""
    tables, scoring = lived(days, min(customers, TEMPLATES))
    closing = {str(table.machine.fold.domain): table for table in tables.values()}
    closing = {name: table for name, table in closing.items() if name in only}
    whole = len(closing) == len(DOMAINS)
    scoring.machine.model.load(_published(BEGIN_DAY + days))
    for table in [*closing.values(), *([scoring] if whole else ())]:
        table.copied(customers)
    return closing, scoring if whole else None
