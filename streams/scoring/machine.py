"""The scoring machine: metric values in; health, churn risk, upsell readiness, and the model's training examples out.

Theory of operation. Values are kept twice: the newest per domain, for live scores that go out at once (conflated), and
revision 0 of each day per domain, which waits until all domains have closed that day. An aligned day is scored from
the domains' values of exactly that day: the daily health score and upsell readiness, on Sundays a snapshot of churn
features of every paying customer, and an outcome when the last subscription ended. Everything dated is thus a function
of the log alone.
A day of a large partition is scored in pieces (see metrics/domain.py). What its customers add up to is tallied on the
way (tallying.py). A piece, and what is rendered at once, is gone through step by step: all its health scores, then all
messages of them, and so on. What one customer goes through is more code than a processor keeps at hand: customer by
customer it takes half as long again.

At the end of a day most customers have no newer values than those of the day. Such a customer is settled: its daily
score is its newest one, too, and says so; until a value changes no live score repeats it. Its churn score goes out with
it, unless the model has yet to tell what it is compared with, or a backlog will make it again: more days, a new model.

Invariants:
 S1 aligned scores, snapshots and outcomes do not depend on how topics, batches and workers interleave;
 S2 the newest score of a customer at rest (live, or daily and `newest`) is a function of its newest values, its last
    aligned day, its last weekly snapshots and the newest model.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from sys import maxsize
from typing import Literal, NamedTuple

from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER
from schemas.metrics import DayClosed, MetricsMessage, MetricValues, SpendValues
from schemas.registry import PORTFOLIO
from schemas.scores import Censored, ObservationsClosed, Outcome, Snapshot, UpsellScore
from streams.alerts.texts import Locale
from streams.churn.scoring import ChurnScorer
from streams.metrics.days import Days, is_sunday
from streams.metrics.health import Health, HealthScorer
from streams.metrics.partition import Partition
from streams.metrics.plan_features import PlanFeatures
from streams.metrics.upsell import UpsellScorer
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card, Held, as_of, is_paying, together, trigger
from streams.scoring.figures import Figure, Figures
from streams.scoring.messages import health_message, upsell_message
from streams.scoring.observing import at_risk, is_open, noted, observe
from streams.scoring.risk import Asked, View, churn_scores, is_told
from streams.scoring.tallying import DayTally, Tallying

OBSERVATIONS_PARTITION = 0


class Outputs(NamedTuple):
    """Names of the topics the machine writes to."""

    health: str
    churn: str
    upsell: str
    observations: str
    portfolio: str = PORTFOLIO.name


class ScoringMachine:
    """Steps over one partition of the metrics topic.

    Attributes:
        model: the churn model in force; replaced when a newer one is published.
        figures: what goes to the profile's own alert rules with a daily score; nothing unless set.
        plans: what the plans of the profile offer; nothing unless set.
        conflates: whether the worker is late, so that what is newest may wait; never unless set.

    Args:
        locale: language of the churn reasons of customers that have none.
    """

    def __init__(
        self,
        health: HealthScorer,
        model: ChurnScorer,
        upsell: UpsellScorer,
        days: Days,
        outputs: Outputs,
        piece: int | None = None,
        horizon_days: int = 90,
        locale: Locale = "en",
    ) -> None:
        self._health = health
        self.model = model
        self._upsell = upsell
        self._days = days
        self._outputs = outputs
        self._piece = piece or maxsize
        self._tallying = Tallying(outputs.portfolio, horizon_days)
        self._locale: Locale = locale
        self.figures = Figures()
        self.plans = PlanFeatures()
        self.conflates: Callable[[], bool] = bool

    def step(self, part: Partition[Card, Alignment], offset: int, message: MetricsMessage) -> Iterator[None] | None:
        """Takes the message at `offset` in.

        Returns:
            None; or pieces, when scoring the days it closes takes long: then it is not taken in yet. Run through all of
            them and call again.
        """
        part.offset = offset
        part.meta.begin()
        match message:
            case MetricValues(values=SpendValues()):
                self._take_spent(part, message)
            case DayClosed(domain="spend"):
                self._tallying.close_spend(part, message.day, self._days.start(message.day + 1))
            case MetricValues():
                self._take(part, message)
            case DayClosed():
                pieces = self._score_days(part, part.meta.ready(message.domain, message.day))
                for _ in pieces:
                    return pieces  # the first is done
                part.meta.close(message.domain, message.day)
            case _:
                pass  # movements and accounting are for the archive
        return None

    def render(self, part: Partition[Card, Alignment], keys: Sequence[str]) -> None:
        """Sends the newest scores of customers."""
        cards = [(key, part.get(key)) for key in keys]
        asked = [Asked(key, self._view(card.newest), card) for key, card in cards if card is not None and card.newest]
        unsettled = [one for one in asked if not self._is_told(one.card)]
        for one, health in self._healths(unsettled):
            self._send_health(part, one, health, "live")
        self._send_churn(part, asked)

    def _is_told(self, card: Card) -> bool:
        """Whether the health score of the last aligned day is the newest there is."""
        return card.memory is not None and card.is_settled(self._days.start(card.memory.day + 1))

    def _view(self, held: dict[int, Held], end: int | None = None) -> View:
        """Values at the end of an aligned day, else at the newest instant they describe."""
        told, at = together(held), as_of(held) if end is None else end
        return View(self.plans.fit(told), at, self._days.of(at - 1), trigger(held), told)

    def _healths(self, asked: Sequence[Asked]) -> list[tuple[Asked, Health]]:
        score = self._health.score
        return [(one, score(one.view.values, one.view.as_of, one.view.day, one.card.memory)) for one in asked]

    def _take(self, part: Partition[Card, Alignment], message: MetricValues) -> None:
        key = message.customer_id
        if part.ahead(key, part.offset):
            return
        card = part.get(key) or Card()
        news = card.take(message, part.meta.aligned)
        card.version = part.offset
        if message.kind == "day" and message.revision > 0:
            self._tallying.restate(part, card.past, message, part.meta.aligned)
        part.put(key, card)
        if news:
            part.publish(key)

    def _take_spent(self, part: Partition[Card, Alignment], message: MetricValues) -> None:
        """What a customer cost says nothing of its health or risk: it is for the sums alone."""
        key = message.customer_id
        if message.kind == "live" or part.ahead(key, part.offset):
            return
        card = part.get(key) or Card()
        if self._tallying.spend(part, card.past, message, part.meta.aligned):
            part.put(key, card)

    def _upsells(self, asked: Sequence[Asked], version: int) -> list[UpsellScore]:
        scores = [self._upsell.score(one.view.values) for one in asked]
        return [
            upsell_message(one.key, one.view, score, self._health.name, version)
            for one, score in zip(asked, scores, strict=True)
        ]

    def _score_days(self, part: Partition[Card, Alignment], days: Iterable[int]) -> Iterator[None]:
        """Scores aligned days; stops behind every piece but the last."""
        left = self._piece
        for day in days:
            end, tally, keys, at = self._days.start(day + 1), DayTally(day), list(part.keys()), 0
            while at < len(keys):
                if not left:
                    left = self._piece
                    yield
                piece = keys[at : at + left]
                self._score(part, piece, tally, end)
                at, left = at + len(piece), left - len(piece)
            self._tallying.close(part, tally, end, part.meta.edition(day))
            part.meta.score(day)
            marker = ObservationsClosed(partition=part.number, day=day, version=part.offset)
            self._send_observation(part, CLOCK_CUSTOMER, marker, end)

    def _score(self, part: Partition[Card, Alignment], keys: Sequence[str], tally: DayTally, end: int) -> None:
        """Scores a piece of a day, one step after the other for all of its customers."""
        due = self._due(part, keys, tally, end)
        settled = [one.card.is_settled(end) for one in due]
        healths = self._healths(due)
        upsells = self._upsells(due, part.offset)
        for (one, health), upsell, rests in zip(healths, upsells, settled, strict=True):
            self._send_health(part, one, health, "day", self.figures.of(one.view, health, upsell), rests)
        for one, upsell in zip(due, upsells, strict=True):
            part.emit(self._outputs.upsell, one.key.encode(), encode(upsell), timestamp_ms=one.view.as_of)
        for (one, health), upsell in zip(healths, upsells, strict=True):
            one.card.memory = health.memory
            self._tallying.add(tally, one.card.past, one.view.values, health.memory, upsell.upsell_ready)
        for one in due:
            self._observe(part, one)
            part.put(one.key, one.card)
        self._publish(part, due, settled)

    def _due(self, part: Partition[Card, Alignment], keys: Sequence[str], tally: DayTally, end: int) -> list[Asked]:
        """Those of the customers that are to be scored as they were at the end of the day."""
        due: list[Asked] = []
        for key in keys:
            card = part.get(key)
            if card is None or part.ahead(key, part.offset):
                continue
            if not card.align(tally.day):
                if self._tallying.add_unscored(tally, card.past, key):
                    part.put(key, card)
            elif card.memory is not None and card.memory.day >= tally.day:
                # A worker that died between two pieces has saved it, after its scores went out; the tally did not.
                values = self.plans.fit(together(card.aligned))
                self._tallying.add(tally, card.past, values, card.memory, self._upsell.score(values).ready)
            else:
                due.append(Asked(key, self._view(card.aligned, end), card))
        return due

    def _publish(self, part: Partition[Card, Alignment], due: Sequence[Asked], settled: Sequence[bool]) -> None:
        """Sends the churn scores of those whose daily score is the newest; the others are told live."""
        told: list[Asked] = []
        for one, rests in zip(due, settled, strict=True):
            if rests and not self.conflates() and is_told(self.model, one.card, one.view.day):
                told.append(one)
                part.withdraw(one.key)
            else:
                part.publish(one.key)
        self._send_churn(part, told)

    def _observe(self, part: Partition[Card, Alignment], one: Asked) -> None:
        key, view, card = one
        paying = is_paying(view.values.revenue)
        was_at_risk = card.paying if card.at_risk is None else card.at_risk
        features: dict[str, float] | None = None
        lost_lately = is_open(card.lost, view.day, self.model.policy.horizon_days)
        for observation in observe(key, was_at_risk, view.values, view.day, part.offset, lost_lately):
            self._send_observation(part, key, observation, view.as_of)
            card.lost, features = noted(observation)
        if is_sunday(view.day):
            card.observe(view.day, features)
        if not paying and (card.scored or card.paying) and not card.pays:
            part.emit(self._outputs.churn, key.encode(), None, timestamp_ms=view.as_of)  # nothing left to score
        card.paying, card.at_risk = paying, at_risk(view.values, was_at_risk)
        card.scored = paying or card.pays

    def _send_observation(
        self,
        part: Partition[Card, Alignment],
        key: str,
        observation: Snapshot | Outcome | Censored | ObservationsClosed,
        at: int,
    ) -> None:
        topic, value = self._outputs.observations, encode(observation)
        part.emit(topic, key.encode(), value, partition=OBSERVATIONS_PARTITION, timestamp_ms=at)

    def _send_health(
        self,
        part: Partition[Card, Alignment],
        one: Asked,
        health: Health,
        kind: Literal["live", "day"],
        figures: dict[str, Figure] | None = None,
        newest: bool = False,
    ) -> None:
        version = one.card.version if kind == "live" else part.offset
        message = health_message(*one, health, kind, version, figures, newest)
        part.emit(self._outputs.health, one.key.encode(), encode(message), timestamp_ms=one.view.as_of)

    def _send_churn(self, part: Partition[Card, Alignment], asked: Sequence[Asked]) -> None:
        for one, score in zip(asked, churn_scores(self.model, asked, self._locale), strict=True):
            if score is not None or one.card.scored:  # who leaves has no score from then on, not from the day's end
                value = encode(score) if score else None
                part.emit(self._outputs.churn, one.key.encode(), value, timestamp_ms=one.view.as_of)
