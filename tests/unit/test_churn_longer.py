"""Longer windows than the learned one: who left within them, who is known to have stayed, what was said."""

import pytest

from schemas.metrics import CustomerValues, RevenueValues
from schemas.models import ModelSnapshot
from schemas.scores import Censored, Outcome, Snapshot
from streams.backtest.churn.longer import LongerWindows
from streams.churn.features import features
from streams.churn.labels import Pending
from streams.churn.learner import Learner, Learning
from streams.churn.ledger import TrainerLedger
from streams.churn.places import pack
from streams.churn.policy import ChurnPolicy
from streams.churn.publishing import published
from streams.churn.trainer import TrainerMachine
from streams.metrics.partition import MemoryPartition

POLICY = ChurnPolicy(horizons=(30, 60, 90))
SUNDAY = 19_001
DUE = CustomerValues(revenue=RevenueValues(paying=True, days_to_renewal=10, renewal_period_days=365))


def fresh() -> ModelSnapshot:
    machine = TrainerMachine(POLICY, 1)
    return machine.snapshot(MemoryPartition(0, TrainerLedger(), machine.render, lambda _: None))


def watched(*observations: Snapshot | Outcome | Censored) -> LongerWindows:
    longer = LongerWindows(POLICY, fresh)
    for observation in observations:
        longer.take(observation, DUE)
    return longer


def snapshot(customer: str, day: int) -> Snapshot:
    return Snapshot(customer_id=customer, day=day, features=features(DUE))


def labels(longer: LongerWindows, days: int, through: int) -> list[tuple[int, int, bool]]:
    rows = longer.mature(days, through)
    return list(zip(rows.day.tolist(), rows.customer.tolist(), rows.churned.tolist(), strict=True))


def test_who_leaves_within_the_longer_window_is_positive_there() -> None:
    longer = watched(snapshot("a", SUNDAY), snapshot("b", SUNDAY), Outcome(customer_id="a", day=SUNDAY + 60))
    assert longer.horizons == (60, 90)
    assert labels(longer, 60, SUNDAY + 60) == [(SUNDAY, 0, True), (SUNDAY, 1, False)]
    assert labels(longer, 60, SUNDAY + 59) == []  # the window is open, also of who has left
    later = watched(snapshot("a", SUNDAY), Outcome(customer_id="a", day=SUNDAY + 61))
    assert labels(later, 60, SUNDAY + 90) == [(SUNDAY, 0, False)]
    assert labels(later, 90, SUNDAY + 90) == [(SUNDAY, 0, True)]


def test_who_was_censored_in_the_window_neither_stayed_nor_left() -> None:
    none = watched(snapshot("a", SUNDAY), Censored(customer_id="a", day=SUNDAY + 45, reason="test"))
    assert labels(none, 60, SUNDAY + 90) == []
    late = watched(snapshot("a", SUNDAY), Censored(customer_id="a", day=SUNDAY + 61, reason="test"))
    assert labels(late, 60, SUNDAY + 90) == [(SUNDAY, 0, False)]
    left = watched(
        snapshot("a", SUNDAY),
        Outcome(customer_id="a", day=SUNDAY + 20),
        Censored(customer_id="a", day=SUNDAY + 45, reason="deleted"),
    )
    assert labels(left, 60, SUNDAY + 90) == []


def test_what_was_said_is_the_models_own_and_beside_it_a_hazard_that_goes_on() -> None:
    rows = watched(snapshot("a", SUNDAY)).mature(60, SUNDAY + 60)
    longer = LongerWindows(POLICY, fresh)
    learned = longer._scorer.probability(features(DUE))
    assert rows.constant_hazard[0] == pytest.approx(1 - (1 - learned) ** 2)
    assert learned < rows.probability[0] < rows.constant_hazard[0]  # the renewal is over in the second window


def test_the_model_of_the_day_is_asked_for_once_a_day() -> None:
    asked: list[int] = []

    def model() -> ModelSnapshot:
        asked.append(len(asked))
        learner = Learner(POLICY, Learning(), None)
        learner.open(SUNDAY)
        for _ in range(50 * len(asked)):
            learner.learn_staying([Pending(SUNDAY, pack(features(DUE)), 0.1, 0, others={"adagrad": 0.1})])
        ledger = TrainerLedger(model_version=fresh().model_version + len(asked), trained_through=0)
        return published(learner.champion, ledger, POLICY, 0)

    longer = LongerWindows(POLICY, model)
    for day in (SUNDAY, SUNDAY + 7):
        for customer in ("a", "b"):
            longer.take(snapshot(customer, day), DUE)
    rows = longer.mature(90, SUNDAY + 100)
    assert len(asked) == 2
    assert rows.probability[0] == rows.probability[1] > rows.probability[2] == rows.probability[3]


def test_without_longer_horizons_nothing_is_said() -> None:
    longer = LongerWindows(ChurnPolicy(horizons=(30, 7)), fresh)
    longer.take(snapshot("a", SUNDAY), DUE)
    assert longer.horizons == ()
