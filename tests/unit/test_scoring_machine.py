"""Metric values in; live and daily scores, observations and outcomes out."""

from math import exp, log
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import MessageDecoder
from schemas.metrics import (
    DOMAINS,
    AccountValues,
    DayClosed,
    Domain,
    FeedbackValues,
    MetricsMessage,
    MetricValues,
    Movement,
    NpsAnswer,
    Progress,
    RevenueValues,
    SpendValues,
    SupportValues,
    UsageValues,
    Values,
)
from schemas.models import ModelFigures, ModelSnapshot, ModelValues, Quality, Served
from schemas.scores import ChurnScore, HealthScore, Observation, ObservationsClosed, Outcome, Snapshot, UpsellScore
from streams.alerts.own_policy import OwnRule
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer
from streams.metrics.days import DAY_MS, Days, is_sunday
from streams.metrics.health import HealthScorer
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.partition import Emitted, MemoryPartition
from streams.metrics.plan_features import PlanFeatures
from streams.metrics.upsell import UpsellScorer
from streams.metrics.upsell_policy import UpsellPolicy
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card
from streams.scoring.figures import Figures
from streams.scoring.machine import OBSERVATIONS_PARTITION, Outputs, ScoringMachine

SUNDAY = 19_701
MONDAY = SUNDAY + 1
PAYING = RevenueValues(paying=True, mrr_minor=5_000, currency="EUR")
LEFT = RevenueValues(paying=False)
assert is_sunday(SUNDAY)


class Rig:
    """A scoring machine on one partition."""

    def __init__(self) -> None:
        self.machine = ScoringMachine(
            HealthScorer(HealthPolicy(), "test@1"),
            ChurnScorer(ChurnPolicy()),
            UpsellScorer(UpsellPolicy()),
            Days(),
            Outputs("health", "churn", "upsell", "observations"),
        )
        self.sent: list[Emitted] = []
        self.part: MemoryPartition[Card, Alignment] = MemoryPartition(
            3, Alignment(), self.machine.render, self.sent.append
        )
        self._next = 0

    def step(self, *messages: MetricsMessage) -> None:
        for message in messages:
            self.machine.step(self.part, self._next, message)
            self._next += 1

    def day(self, day: int, *values: Values, customer: str = "c", but: tuple[Domain, ...] = ()) -> None:
        """Values of a day, and the markers of all domains that close it."""
        self.step(*(daily(one, day, customer) for one in values))
        self.step(*(DayClosed(domain=domain, day=day) for domain in DOMAINS if domain not in but))

    def read(self, topic: str, kind: Any) -> list[Any]:
        read = MessageDecoder[Any](kind)
        return [read(sent.value) for sent in self.sent if sent.topic == topic and sent.value is not None]

    def health(self, kind: str) -> list[HealthScore]:
        return [score for score in self.read("health", HealthScore) if score.kind == kind]

    def churn(self) -> list[ChurnScore]:
        return self.read("churn", ChurnScore)

    def upsell(self) -> list[UpsellScore]:
        return self.read("upsell", UpsellScore)

    def observed(self, kind: type) -> list[Any]:
        return [found for found in self.read("observations", Observation) if isinstance(found, kind)]

    def tombstones(self) -> list[Emitted]:
        return [sent for sent in self.sent if sent.value is None]


def daily(values: Values, day: int, customer: str = "c", revision: int = 0) -> MetricValues:
    at = (day + 1) * DAY_MS
    return MetricValues(customer_id=customer, kind="day", as_of=at, day=day, values=values, revision=revision)


def live(values: Values, at: int, event: str, customer: str = "c") -> MetricValues:
    return MetricValues(
        customer_id=customer, kind="live", as_of=at, day=(at - 1) // DAY_MS, values=values, event_at=at, event_id=event
    )


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_value_gives_one_live_score_at_the_next_flush(rig: Rig) -> None:
    rig.step(live(PAYING, 10, "e1"), live(UsageValues(events_28d=1), 20, "e2"))
    assert rig.sent == []
    rig.part.flush()
    (score,) = rig.health("live")
    assert (score.as_of, score.trigger_event_id, score.paying, score.mrr_minor) == (20, "e2", True, 5_000)
    (risk,) = rig.churn()
    assert (risk.currency, risk.is_prior, risk.version) == ("EUR", True, 1)


def test_what_was_spent_on_a_customer_is_no_value_of_its_own(rig: Rig) -> None:
    spent = SpendValues(spend_1d_minor={"EUR": 5})
    rig.step(live(spent, 10, "s"), daily(spent, MONDAY), DayClosed(domain="spend", day=MONDAY + 9))
    rig.part.flush()
    assert ({one.topic for one in rig.sent}, rig.part.states) == ({"portfolio.v1"}, {})  # that its day is over
    rig.day(MONDAY, PAYING)
    assert [score.as_of for score in rig.health("day")] == [(MONDAY + 1) * DAY_MS]


def test_who_does_not_pay_has_no_churn_risk(rig: Rig) -> None:
    rig.step(live(LEFT, 10, "e1"))
    rig.part.flush()
    assert len(rig.health("live")) == 1
    assert rig.churn() == []


def test_scores_name_the_customer_and_its_answers(rig: Rig) -> None:
    answer = NpsAnswer(response_id="r", event_id="e", score=3, nps_class="detractor", answered_at=5)
    said = FeedbackValues(last_nps=answer, recent_nps=[answer, answer])
    account = AccountValues(name="Ana Ltda", owner="bo", locale="pt", segment="smb")
    rig.step(live(account, 1, "a"), live(said, 2, "f"), live(PAYING, 3, "p"))
    rig.part.flush()
    (score,) = rig.health("live")
    assert (score.name, score.owner, score.locale, score.segment) == ("Ana Ltda", "bo", "pt", "smb")
    assert (score.answer, score.answers) == (answer, [answer, answer])
    assert rig.churn()[0].name == "Ana Ltda"


def test_nothing_is_scored_for_the_day_before_every_domain_has_closed_it(rig: Rig) -> None:
    rig.day(MONDAY, PAYING, but=("support",))
    assert rig.health("day") == []
    rig.step(DayClosed(domain="support", day=MONDAY))
    (score,) = rig.health("day")
    assert (score.day, score.as_of) == (MONDAY, (MONDAY + 1) * DAY_MS)


def test_the_daily_score_uses_revision_0_of_that_day_whatever_is_known_by_then(rig: Rig) -> None:
    rig.step(daily(PAYING, MONDAY))
    rig.step(daily(RevenueValues(paying=True, mrr_minor=7_000), MONDAY, revision=1))
    rig.step(daily(RevenueValues(paying=True, mrr_minor=9_000), MONDAY + 1))
    rig.day(MONDAY)
    assert [score.mrr_minor for score in rig.health("day")] == [5_000]
    rig.part.flush()
    assert [score.mrr_minor for score in rig.health("live")] == [9_000]


def test_the_daily_score_is_compared_with_the_day_before(rig: Rig) -> None:
    usage = UsageValues(events_28d=9, engagement_score=90.0, last_used_at=MONDAY * DAY_MS, active_days_28d=20)
    rig.day(MONDAY, PAYING, usage)
    rig.day(MONDAY + 1, PAYING, usage)
    first, second = rig.health("day")
    assert (first.previous_score, first.previous_band) == (None, None)
    assert (second.previous_score, second.previous_band) == (first.score, first.band)


def test_upsell_readiness_is_told_once_a_day_with_the_figures_that_join_domains(rig: Rig) -> None:
    usage = UsageValues(active_users_28d=8, adoption=1.0, engagement_score=90.0, activated_at=MONDAY * DAY_MS)
    revenue = RevenueValues(paying=True, payment_state="current", tenure_days=400, mrr_minor=5_000, currency="EUR")
    account = AccountValues(name="Ana Ltda", owner="bo", segment="smb", seats=10, signed_up_at=(MONDAY - 2) * DAY_MS)
    rig.step(live(revenue, 10, "e1"))
    rig.part.flush()
    assert rig.upsell() == []
    rig.day(MONDAY, usage, revenue, SupportValues(tickets_opened_28d=2), account)
    rig.part.flush()
    (score,) = rig.upsell()
    assert (score.customer_id, score.day, score.as_of) == ("c", MONDAY, (MONDAY + 1) * DAY_MS)
    assert (score.upsell_ready, score.gate, score.coverage) == (
        0.25 * 100 + 0.3 * 90 + 0.15 * 100 + 0.3 * 75,
        None,
        1.0,
    )
    assert (score.license_utilization, score.tickets_per_active_user_28d, score.time_to_activate_days) == (0.8, 0.25, 2)
    assert (score.name, score.owner, score.segment, score.profile) == ("Ana Ltda", "bo", "smb", "test@1")
    assert (score.mrr_minor, score.currency) == (5_000, "EUR")
    assert {sent.key for sent in rig.sent if sent.topic == "upsell"} == {b"c"}


def test_a_late_payer_is_told_not_to_be_ready_day_by_day(rig: Rig) -> None:
    for number, state in enumerate(("current", "late", "late")):
        usage = UsageValues(adoption=1.0, engagement_score=100.0)
        rig.day(MONDAY + number, usage, RevenueValues(paying=True, payment_state=state))  # type: ignore[arg-type]
    assert [(score.upsell_ready, score.gate) for score in rig.upsell()] == [
        (100.0, None),
        (0.0, "payment_late"),
        (0.0, "payment_late"),
    ]


def test_of_a_customer_with_nothing_to_join_the_joined_figures_are_not_defined(rig: Rig) -> None:
    rig.day(MONDAY, AccountValues(name="Ana Ltda"))
    (score,) = rig.upsell()
    assert (score.upsell_ready, score.gate, score.mrr_minor, score.currency) == (None, None, 0, None)
    assert (score.license_utilization, score.tickets_per_active_user_28d, score.time_to_activate_days) == (None,) * 3
    rig.day(MONDAY + 1, PAYING, customer="other")
    assert {one.name for one in rig.upsell()} == {"Ana Ltda", None}


def test_a_close_without_news_of_a_customer_asks_for_its_live_score_anew(rig: Rig) -> None:
    rig.day(MONDAY, PAYING)
    rig.part.flush()
    assert rig.health("live") == []
    rig.day(MONDAY + 1)
    rig.part.flush()
    assert len(rig.health("live")) == 1


def test_the_score_of_a_day_that_is_also_the_newest_stands_for_the_live_ones(rig: Rig) -> None:
    rig.day(MONDAY, PAYING, UsageValues(events_28d=1))
    (score,) = rig.health("day")
    assert (score.newest, score.as_of) == (True, (MONDAY + 1) * DAY_MS)
    (risk,) = rig.churn()
    assert risk.as_of == score.as_of
    rig.part.flush()
    assert (len(rig.health("live")), len(rig.churn())) == (0, 1)

    rig.step(live(PAYING, (MONDAY + 1) * DAY_MS + 9, "e"))
    rig.part.flush()
    assert [score.trigger_event_id for score in rig.health("live")] == ["e"]


def test_values_that_say_nothing_new_give_no_score(rig: Rig) -> None:
    end = (MONDAY + 1) * DAY_MS
    account = live(AccountValues(name="Ana"), end, "a")
    rig.step(live(PAYING, end, "p"), account)
    rig.part.flush()
    rig.step(account, live(PAYING, end - 1, "before"), daily(PAYING, MONDAY - 1, revision=1))
    rig.part.flush()
    assert (len(rig.health("live")), len(rig.churn())) == (1, 1)
    other = replace(account, values=AccountValues(name="Eva"))
    for told, message in enumerate((other, account, account), start=2):  # restated, so it is not known which is right
        rig.step(message)
        rig.part.flush()
        assert len(rig.churn()) == told


def test_in_a_backlog_the_risk_of_many_days_goes_out_once(rig: Rig) -> None:
    late = True
    rig.machine.conflates = lambda: late
    rig.day(MONDAY, PAYING)
    rig.day(MONDAY + 1, PAYING)
    assert ([score.newest for score in rig.health("day")], rig.churn()) == ([True, True], [])
    rig.part.flush()
    assert rig.health("live") == []
    (risk,) = rig.churn()
    assert risk.as_of == (MONDAY + 2) * DAY_MS
    late = False
    rig.day(MONDAY + 2, PAYING)
    assert len(rig.churn()) == 2


@pytest.mark.parametrize(
    "news, told",
    [
        (live(AccountValues(name="Ana"), (MONDAY + 1) * DAY_MS, "a"), 0),  # the same again, of a later instant
        (live(AccountValues(name="Ana"), (MONDAY + 1) * DAY_MS + 1, "a"), 1),  # later than the day
        (live(AccountValues(name="Ana"), (MONDAY + 1) * DAY_MS, "b"), 1),  # of another event
        (live(AccountValues(name="Eva"), (MONDAY + 1) * DAY_MS, "a"), 1),
        (live(SupportValues(), MONDAY * DAY_MS, "t"), 1),  # nothing was known of its tickets
    ],
)
def test_a_live_score_follows_the_newest_day_once_something_else_is_said(
    rig: Rig, news: MetricValues, told: int
) -> None:
    account = live(AccountValues(name="Ana"), MONDAY * DAY_MS, "a")
    rig.step(account, replace(account, kind="day", day=MONDAY))
    rig.day(MONDAY, PAYING)
    assert [score.newest for score in rig.health("day")] == [True]
    rig.step(replace(news, event_at=account.event_at))
    rig.part.flush()
    assert (len(rig.health("live")), len(rig.churn())) == (told, 2)


@pytest.mark.parametrize("flushed", [False, True])
def test_a_live_value_that_is_taken_back_at_the_same_instant_is_told(rig: Rig, flushed: bool) -> None:
    end = (MONDAY + 1) * DAY_MS
    ana = live(AccountValues(name="c", owner="Ana"), end, "a")
    rig.step(replace(ana, kind="day", day=MONDAY))
    rig.day(MONDAY, PAYING)
    for message in (replace(ana, values=AccountValues(name="c", owner="Eva")), ana):
        rig.step(message)
        if flushed:
            rig.part.flush()
    rig.part.flush()
    newest = [score for score in rig.read("health", HealthScore) if score.kind == "live" or score.newest]
    assert newest[-1].owner == "Ana"


@pytest.mark.parametrize("closes_after", [1, 2, 3, 4])
def test_a_day_restated_back_to_its_first_values_is_told_live_whenever_it_was_scored(closes_after: int) -> None:
    other = RevenueValues(paying=True, mrr_minor=7_000)
    first, there = daily(PAYING, MONDAY), daily(other, MONDAY, revision=1)
    back, again = daily(PAYING, MONDAY, revision=2), replace(first, kind="live")
    messages: list[MetricsMessage] = [first, there, back, again]
    messages[closes_after:closes_after] = [DayClosed(domain=domain, day=MONDAY) for domain in DOMAINS]
    rig = Rig()
    for message in messages:
        rig.step(message)
        rig.part.flush()
    (day,) = rig.health("day")
    assert day.newest == (closes_after == 1)
    last = rig.health("live")[-1]
    assert (last.mrr_minor, last.previous_score, last.as_of) == (PAYING.mrr_minor, day.score, day.as_of)


def test_a_risk_waits_for_the_model_that_knows_the_snapshot_it_is_compared_with(rig: Rig) -> None:
    rig.day(SUNDAY, PAYING)
    rig.day(MONDAY, PAYING)  # at once: nothing was learned of Sunday yet
    assert [score.newest for score in rig.health("day")] == [True, True]
    (first,) = rig.churn()
    assert (first.as_of, first.previous_day) == ((SUNDAY + 1) * DAY_MS, None)

    prior = ChurnModel.prior(ChurnPolicy())
    snapshot = ModelSnapshot(
        model=MODEL_NAME,
        model_version=1,
        trained_through=SUNDAY,
        horizon_days=30,
        is_prior=True,
        quality=Quality(),
        parameters=prior.to_parameters(),
        river_version=RIVER_VERSION,
        tested=[Served(day=SUNDAY, intercept=-2.0, weights={})],
    )
    rig.machine.model.load(snapshot)
    rig.part.flush()
    second = rig.churn()[-1]
    assert (second.as_of, second.previous_day) == ((MONDAY + 1) * DAY_MS, SUNDAY)
    assert second.previous_probability == pytest.approx(1 / (1 + exp(2.0)))

    rig.day(MONDAY + 1, PAYING)
    assert (len(rig.churn()), rig.churn()[-1].previous_probability) == (3, second.previous_probability)
    rig.part.flush()
    assert (len(rig.churn()), rig.health("live")) == (3, [])


def test_a_day_of_which_newer_values_are_known_is_not_the_newest_score(rig: Rig) -> None:
    rig.step(daily(PAYING, MONDAY), live(PAYING, (MONDAY + 1) * DAY_MS + 9, "e"))
    rig.day(MONDAY)
    assert ([score.newest for score in rig.health("day")], rig.churn()) == ([False], [])
    rig.part.flush()
    assert [score.trigger_event_id for score in rig.health("live")] == ["e"]
    assert len(rig.churn()) == 1


def test_restated_values_of_the_day_give_the_same_newest_score_before_and_after_it_is_scored() -> None:
    values = (daily(PAYING, MONDAY), daily(RevenueValues(paying=True, mrr_minor=7_000), MONDAY, revision=1))
    marks = [DayClosed(domain=domain, day=MONDAY) for domain in DOMAINS]
    found = []
    for order in ((*values, *marks), (values[0], *marks, values[1])):
        rig = Rig()
        rig.step(*order)
        rig.part.flush()
        found.append((replace(rig.health("live")[-1], version=0), replace(rig.churn()[-1], version=0)))
    assert found[0] == found[1]
    assert found[0][0].mrr_minor == 7_000


@pytest.mark.parametrize("day", range(SUNDAY, SUNDAY + 7))
def test_payers_are_observed_on_sundays(rig: Rig, day: int) -> None:
    rig.day(day, PAYING)
    rig.day(day, LEFT, customer="gone")
    assert [found.customer_id for found in rig.observed(Snapshot)] == (["c"] if day == SUNDAY else [])


def test_every_aligned_day_ends_with_a_marker_in_the_one_partition_of_observations(rig: Rig) -> None:
    rig.day(SUNDAY, PAYING)
    rig.day(MONDAY, PAYING)
    assert [(found.partition, found.day) for found in rig.observed(ObservationsClosed)] == [(3, SUNDAY), (3, MONDAY)]
    sent = [one for one in rig.sent if one.topic == "observations"]
    assert {one.partition for one in sent} == {OBSERVATIONS_PARTITION}
    assert sent[-1].key == b"_clock"
    assert {one.partition for one in rig.sent if one.topic not in ("observations", "portfolio.v1")} == {3}


def test_the_end_of_the_last_subscription_is_an_outcome_once_and_removes_the_risk(rig: Rig) -> None:
    rig.day(MONDAY, PAYING)
    rig.day(MONDAY + 1, LEFT)
    rig.day(MONDAY + 2, LEFT)
    assert [(found.customer_id, found.day) for found in rig.observed(Outcome)] == [("c", MONDAY + 1)]
    assert [(sent.topic, sent.key) for sent in rig.tombstones()] == [("churn", b"c")]


def test_a_customer_that_begins_and_ends_within_a_day_leaves_no_score_behind(rig: Rig) -> None:
    rig.day(MONDAY, SupportValues(tickets_open=0))
    morning = (MONDAY + 1) * DAY_MS + 1
    for values, at in ((PAYING, morning), (LEFT, morning + 1)):
        rig.step(live(values, at, f"e{at}"))
        rig.part.flush()
    assert [one.value is None for one in rig.sent if one.topic == "churn"] == [False, True]  # not at the end of the day
    rig.day(MONDAY + 1, LEFT)
    rig.part.flush()
    rig.day(MONDAY + 2, LEFT)
    rig.part.flush()
    assert [one.value is None for one in rig.sent if one.topic == "churn"] == [False, True, True]


def test_who_left_on_a_day_and_is_back_when_it_is_scored_keeps_its_score(rig: Rig) -> None:
    rig.day(MONDAY, PAYING)
    rig.step(daily(LEFT, MONDAY + 1), live(PAYING, (MONDAY + 2) * DAY_MS + 1, "back"))
    rig.part.flush()
    rig.day(MONDAY + 1)
    rig.part.flush()
    assert not rig.tombstones()
    assert rig.part.get("c").scored  # type: ignore[union-attr]


def test_a_score_that_an_earlier_release_sent_is_removed_as_well(rig: Rig) -> None:
    rig.day(MONDAY, PAYING)
    rig.part.get("c").scored = False  # type: ignore[union-attr]  # such cards do not know it
    rig.day(MONDAY + 1, LEFT)
    assert [(sent.topic, sent.key) for sent in rig.tombstones()] == [("churn", b"c")]


def test_a_customer_that_comes_back_can_leave_again(rig: Rig) -> None:
    for number, values in enumerate((PAYING, LEFT, PAYING, LEFT)):
        rig.day(MONDAY + number, values)
    assert [found.day for found in rig.observed(Outcome)] == [MONDAY + 1, MONDAY + 3]


def test_a_pause_is_no_outcome_and_gives_no_snapshots_but_the_end_that_follows_it_is(rig: Rig) -> None:
    pause = RevenueValues(paying=False, subscriptions_paused=1)
    for number, values in enumerate((PAYING, pause, pause, PAYING, pause, pause, LEFT, LEFT)):
        rig.day(SUNDAY - 4 + number, values)  # at rest on the Sunday too
        assert [found.day for found in rig.observed(Outcome)] == [SUNDAY + 2] * (number >= 6)
    assert rig.observed(Snapshot) == []
    assert [sent.key for sent in rig.tombstones()] == [b"c", b"c"]  # there is no risk to show while it pays nothing


def test_a_customer_of_whom_nothing_is_aligned_yet_is_left_out_of_the_day(rig: Rig) -> None:
    rig.step(live(PAYING, 5, "e", customer="new"))
    rig.day(MONDAY, PAYING)
    assert [score.customer_id for score in rig.health("day")] == ["c"]


@pytest.mark.parametrize(
    "message",
    [
        Progress(
            topic="t", partition=0, read=1, applied=1, duplicate=0, late=0, dead=0, watermark=1, closed_day=1, version=1
        ),
        Movement(
            customer_id="c",
            effective_at=1,
            currency="EUR",
            movement="new",
            amount_minor=1,
            mrr_before_minor=0,
            mrr_after_minor=1,
        ),
        ModelFigures(
            model="churn",
            as_of=1,
            day=1,
            values=ModelValues(
                labelled=1,
                positives=0,
                customers_churned=0,
                week_labelled=1,
                week_positives=0,
                week_log_loss=0.1,
                week_log_loss_constant=0.1,
                week_mean_predicted=0.1,
                week_mean_observed=0.0,
                is_prior=True,
                model_version=1,
                champion="rls",
                calibrated=False,
                drift_alarms=0,
            ),
        ),
    ],
    ids=lambda message: type(message).__name__,
)
def test_movements_accounting_and_the_models_quality_are_nothing_to_score(rig: Rig, message: MetricsMessage) -> None:
    rig.step(message)
    rig.part.flush()
    assert rig.sent == []
    assert rig.part.states == {}


def test_a_customer_that_is_not_here_is_not_rendered(rig: Rig) -> None:
    rig.part.publish("nobody")
    rig.part.put("empty", Card())
    rig.part.publish("empty")
    rig.part.flush()
    assert rig.sent == []


def test_a_card_recovered_from_further_on_takes_nothing_twice(rig: Rig) -> None:
    """Its scores of then were published before it was saved."""
    rig.day(SUNDAY, PAYING)
    before: list[Emitted] = list(rig.sent)
    card = rig.part.get("c")
    assert card is not None
    version = card.version
    rig.part.ahead = lambda key, offset: key == "c"  # type: ignore[method-assign]
    rig.day(SUNDAY + 1, PAYING)
    assert [sent.key for sent in rig.sent[len(before) :]] == [b"3", b"_clock"]  # the markers alone
    assert rig.part.states["c"].version == version


def test_a_risk_is_compared_with_the_last_weekly_snapshot_before_its_day(rig: Rig) -> None:
    used, silent = UsageValues(days_since_last_use=0), UsageValues(days_since_last_use=40)
    rig.day(SUNDAY, PAYING, used)
    rig.part.flush()
    first = rig.churn()[-1]
    assert (first.previous_day, first.previous_probability, first.changes) == (None, None, {})
    for day in range(SUNDAY + 1, SUNDAY + 7):
        rig.day(day)
    rig.day(SUNDAY + 7, silent)
    rig.part.flush()
    score = rig.churn()[-1]
    assert (score.previous_day, score.previous_probability) == (SUNDAY, first.probability)  # not its own day's
    assert list(score.changes) == ["usage", "billing"]
    assert (score.changes["usage"], score.changes["billing"]) == (score.changed_by_customer, 0.0)
    assert score.changed_by_model == 0.0
    assert score.contributions["usage"] - first.contributions["usage"] == pytest.approx(score.changed_by_customer)
    rig.step(live(used, (SUNDAY + 9) * DAY_MS, "e"))
    rig.part.flush()
    again = rig.churn()[-1]
    assert (again.previous_day, again.previous_probability) == (SUNDAY + 7, score.probability)
    assert again.changed_by_customer == pytest.approx(-(score.changed_by_customer or 0.0))


def test_a_sunday_without_a_snapshot_leaves_nothing_to_compare_with(rig: Rig) -> None:
    rig.day(SUNDAY, PAYING)
    for day in range(SUNDAY + 1, SUNDAY + 7):
        rig.day(day)
    ending = RevenueValues(paying=True, subscriptions_active=1, subscriptions_ending=1)
    rig.day(SUNDAY + 7, ending)
    rig.part.flush()
    assert rig.churn()[-1].previous_day is None
    card = rig.part.get("c")
    assert card is not None
    assert card.observed == []


def test_reasons_are_told_in_the_customers_language_else_in_the_companys(rig: Rig) -> None:
    silent = UsageValues(days_since_last_use=40)
    rig.step(live(silent, 1, "u"), live(PAYING, 2, "p"))
    rig.part.flush()
    (score,) = rig.churn()
    assert (score.locale, score.raising[0].text) == ("en", "not used for 40 days")
    rig.step(live(AccountValues(name="Ana", locale="pt", owner="bo", segment="smb"), 3, "a"))
    rig.part.flush()
    score = rig.churn()[-1]
    assert (score.locale, score.raising[0].text) == ("pt", "sem uso há 40 dias")
    assert (score.owner, score.segment) == ("bo", "smb")


def test_a_risk_is_the_sum_of_its_parts(rig: Rig) -> None:
    rig.step(live(UsageValues(days_since_last_use=40), 1, "u"), live(PAYING, 2, "p"))
    rig.part.flush()
    (score,) = rig.churn()
    log_odds = log(score.probability / (1.0 - score.probability))
    assert (score.baseline or 0.0) + sum(score.contributions.values()) == pytest.approx(log_odds)
    assert score.no_data == ["lifecycle", "support", "feedback"]


def test_scores_take_adoption_of_what_the_plan_offers(rig: Rig) -> None:
    rig.machine.plans = PlanFeatures({"pro": 4, "basic": ("a", "b", "a")})
    used = UsageValues(features_used_28d=3, adoption=0.3, first_used_at=1)
    rig.step(daily(RevenueValues(plan="pro", paying=True, mrr_minor=5, currency="EUR"), MONDAY))
    rig.step(daily(AccountValues(name="B", plan="basic"), MONDAY, "b"), daily(AccountValues(name="O"), MONDAY, "o"))
    rig.step(*(daily(used, MONDAY, name) for name in ("c", "b", "o")))
    rig.day(MONDAY, UsageValues(), customer="never")
    assert {one.customer_id: one.plan_adoption for one in rig.upsell()} == {
        "c": 0.75,
        "b": 1.0,
        "o": 0.3,
        "never": None,
    }
    evidence = {
        one.customer_id: next(factor.evidence["adoption"] for factor in one.factors if factor.factor == "adoption")
        for one in rig.health("day")
    }
    assert evidence == {"c": 0.75, "b": 1.0, "o": 0.3, "never": None}


def test_a_rule_sees_adoption_as_it_is_told_and_that_of_the_plan_by_its_own_name(rig: Rig) -> None:
    rig.machine.plans = PlanFeatures({"pro": 4})
    rig.machine.figures = Figures(
        [
            OwnRule(name=name, metric=metric, when="below", limit=0.2)
            for name, metric in (("used", "usage.adoption"), ("of_plan", "upsell.plan_adoption"))
        ]
    )
    used = UsageValues(features_used_28d=3, adoption=3 / 40, first_used_at=1)
    rig.step(*(daily(used, MONDAY, name) for name in ("c", "o")))
    rig.day(MONDAY, RevenueValues(plan="pro", paying=True, mrr_minor=5, currency="EUR"))
    assert {one.customer_id: one.figures for one in rig.health("day")} == {
        "c": {"usage.adoption": 3 / 40, "upsell.plan_adoption": 0.75},
        "o": {"usage.adoption": 3 / 40, "upsell.plan_adoption": 3 / 40},
    }
