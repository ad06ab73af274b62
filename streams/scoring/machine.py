"""The scoring machine: metric values in; health, churn risk, upsell readiness, and the model's training examples out.

Theory of operation. Values are kept twice: the newest per domain, for live scores that go out at once (conflated), and
revision 0 of each day per domain, which waits until all domains have closed that day. An aligned day is scored from
the domains' values of exactly that day: the daily health score and upsell readiness, on Sundays a snapshot of churn
features of every paying customer, and an outcome when the last subscription ended. Everything dated is thus a function
of the log alone.
A day of a large partition is scored in pieces (see metrics/domain.py). What its customers add up to is tallied on the
way (tallying.py).

At the end of a day most customers have no newer values than those of the day. Such a customer is settled: its daily
score is its newest one, too, and says so; until a value changes no live score repeats it. Its churn score goes out with
it, unless the model has yet to tell what it is compared with, or a backlog will make it again: more days, a new model.

Invariants:
 S1 aligned scores, snapshots and outcomes do not depend on how topics, batches and workers interleave;
 S2 the newest score of a customer at rest (live, or daily and `newest`) is a function of its newest values, its last
    aligned day, its last weekly snapshots and the newest model.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER
from schemas.metrics import DayClosed, MetricsMessage, MetricValues, SpendValues
from schemas.registry import PORTFOLIO
from schemas.scores import Censored, HealthScore, ObservationsClosed, Outcome, Snapshot, UpsellScore
from streams.alerts.texts import Locale
from streams.churn.scoring import ChurnScorer
from streams.metrics.days import Days, is_sunday
from streams.metrics.derived import license_utilization, tickets_per_active_user, time_to_activate_days
from streams.metrics.health import Health, HealthScorer
from streams.metrics.health_factors import seats, started_at
from streams.metrics.partition import Partition
from streams.metrics.plan_features import PlanFeatures
from streams.metrics.upsell import UpsellScorer
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card, Held, as_of, is_paying, together, trigger
from streams.scoring.figures import Figure, Figures
from streams.scoring.observing import at_risk, observe
from streams.scoring.risk import View, churn_score, is_told
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
        self._piece = piece
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

    def render(self, part: Partition[Card, Alignment], key: str) -> None:
        """Sends the newest scores of a customer."""
        card = part.get(key)
        if card is None or not card.newest:
            return
        view = self._view(card.newest, as_of(card.newest))
        if card.memory is None or not card.is_settled(self._days.start(card.memory.day + 1)):
            self._send_health(part, key, card, view, self._health_of(card, view), "live")
        self._send_churn(part, key, card, view)

    def _view(self, held: dict[int, Held], at: int) -> View:
        told = together(held)
        return View(self.plans.fit(told), at, self._days.of(at - 1), trigger(held), told)

    def _health_of(self, card: Card, view: View) -> Health:
        return self._health.score(view.values, view.as_of, view.day, card.memory)

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

    def _score_days(self, part: Partition[Card, Alignment], days: Iterable[int]) -> Iterator[None]:
        """Scores aligned days; stops behind every piece but the last."""
        done = 0
        for day in days:
            end = self._days.start(day + 1)
            tally = DayTally(day)
            for key in list(part.keys()):
                if done == self._piece:
                    done = 0
                    yield
                self._score_customer(part, key, tally, end)
                done += 1
            self._tallying.close(part, tally, end, part.meta.edition(day))
            part.meta.score(day)
            marker = ObservationsClosed(partition=part.number, day=day, version=part.offset)
            self._send_observation(part, CLOCK_CUSTOMER, marker, end)

    def _score_customer(self, part: Partition[Card, Alignment], key: str, tally: DayTally, end: int) -> None:
        card, day = part.get(key), tally.day
        if card is None or part.ahead(key, part.offset):
            return
        if not card.align(day):
            if self._tallying.add_unscored(tally, card.past, key):
                part.put(key, card)
            return
        if card.memory is not None and card.memory.day >= day:
            # A worker that died between two pieces has saved it, after its scores went out; the tally did not.
            values = self.plans.fit(together(card.aligned))
            self._tallying.add(tally, card.past, values, card.memory, self._upsell.score(values).ready)
            return
        view, settled = self._view(card.aligned, end), card.is_settled(end)
        health, upsell = self._health_of(card, view), self._upsell_of(part, key, view)
        figures = self.figures.of(view, health, upsell)
        self._send_health(part, key, card, view, health, "day", figures, settled)
        part.emit(self._outputs.upsell, key.encode(), encode(upsell), timestamp_ms=view.as_of)
        card.memory = health.memory
        self._tallying.add(tally, card.past, view.values, card.memory, upsell.upsell_ready)
        self._observe(part, key, card, view)
        part.put(key, card)
        if settled and not self.conflates() and is_told(self.model, card, day):
            self._send_churn(part, key, card, view)
            part.withdraw(key)
        else:
            part.publish(key)

    def _observe(self, part: Partition[Card, Alignment], key: str, card: Card, view: View) -> None:
        paying = is_paying(view.values.revenue)
        was_at_risk = card.paying if card.at_risk is None else card.at_risk
        features: dict[str, float] | None = None
        for observation in observe(key, was_at_risk, view.values, view.day, part.offset):
            self._send_observation(part, key, observation, view.as_of)
            if isinstance(observation, Snapshot):
                features = observation.features
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
        value = encode(observation)
        topic = self._outputs.observations
        part.emit(topic, key.encode(), value, partition=OBSERVATIONS_PARTITION, timestamp_ms=at)

    def _send_health(
        self,
        part: Partition[Card, Alignment],
        key: str,
        card: Card,
        view: View,
        health: Health,
        kind: Literal["live", "day"],
        figures: dict[str, Figure] | None = None,
        newest: bool = False,
    ) -> None:
        account, revenue, feedback = view.values.account, view.values.revenue, view.values.feedback
        message = HealthScore(
            customer_id=key,
            kind=kind,
            as_of=view.as_of,
            day=view.day,
            score=health.score,
            band=health.band,
            previous_score=card.memory.score if card.memory else None,
            previous_band=card.memory.band if card.memory else None,
            coverage=health.coverage,
            profile=health.profile,
            factors=health.factors,
            lift=health.lift,
            trigger_event_id=view.trigger,
            name=account.name if account else None,
            owner=account.owner if account else None,
            locale=account.locale if account else None,
            segment=account.segment if account else None,
            mrr_minor=revenue.mrr_minor if revenue else 0,
            currency=revenue.currency if revenue else None,
            paying=revenue is not None and revenue.paying,
            answer=feedback.last_nps if feedback else None,
            answers=feedback.recent_nps if feedback else [],
            version=card.version if kind == "live" else part.offset,
            figures=figures or {},
            newest=newest,
        )
        part.emit(self._outputs.health, key.encode(), encode(message), timestamp_ms=view.as_of)

    def _upsell_of(self, part: Partition[Card, Alignment], key: str, view: View) -> UpsellScore:
        account, revenue = view.values.account, view.values.revenue
        usage, support = view.values.usage, view.values.support
        users = usage.active_users_28d if usage else None
        upsell = self._upsell.score(view.values)
        return UpsellScore(
            customer_id=key,
            as_of=view.as_of,
            day=view.day,
            upsell_ready=upsell.ready,
            gate=upsell.gate,
            coverage=upsell.coverage,
            profile=self._health.name,
            components=upsell.components,
            license_utilization=license_utilization(users, seats(view.values)),
            plan_adoption=usage.adoption if usage else None,
            tickets_per_active_user_28d=tickets_per_active_user(support.tickets_opened_28d if support else None, users),
            time_to_activate_days=time_to_activate_days(started_at(view.values), usage.activated_at if usage else None),
            trigger_event_id=view.trigger,
            name=account.name if account else None,
            owner=account.owner if account else None,
            segment=account.segment if account else None,
            mrr_minor=revenue.mrr_minor if revenue else 0,
            currency=revenue.currency if revenue else None,
            version=part.offset,
        )

    def _send_churn(self, part: Partition[Card, Alignment], key: str, card: Card, view: View) -> None:
        score = churn_score(self.model, key, view, card, self._locale)
        if score is not None or card.scored:  # who leaves has no score to be found from then on, not from the day's end
            part.emit(self._outputs.churn, key.encode(), encode(score) if score else None, timestamp_ms=view.as_of)
