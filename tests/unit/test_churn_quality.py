"""The model's quality among the figures of all customers: when it is told, what it says, that the catalogue has it."""

from math import log
from types import NoneType
from typing import get_args

import msgspec
import pytest

from schemas.codec import MessageDecoder
from schemas.metrics import MetricsMessage
from schemas.models import (
    Calibration,
    Drift,
    DriftAlarm,
    ModelChange,
    ModelFigures,
    ModelSnapshot,
    ModelValues,
    Quality,
    WeekQuality,
)
from schemas.portfolio import PORTFOLIO
from schemas.scores import Censored, Observation, ObservationsClosed, Outcome, Snapshot
from streams.catalogue.judging import judged
from streams.catalogue.registry import catalogue
from streams.churn.evaluation import Evaluation, monday_of
from streams.churn.labels import CustomerRecords
from streams.churn.ledger import TrainerLedger
from streams.churn.model import MODEL_NAME
from streams.churn.policy import ChurnPolicy
from streams.churn.quality import QualityFigures, values_of
from streams.churn.trainer import TrainerMachine
from streams.metrics.days import HOUR_MS, Days
from streams.metrics.partition import Emitted, MemoryPartition
from streams.sinks.tables import MODEL_QUALITY_DAILY

SUNDAY = 108
MATURE = SUNDAY + 30
ZONE = "America/Sao_Paulo"
WEEK = WeekQuality(
    day=130,
    labelled=10,
    positives=1,
    log_loss=0.2,
    log_loss_constant=0.3,
    mean_predicted=0.05,
    mean_observed=0.1,
    roc_auc=0.7,
)


class Bench:
    """A trainer of one scoring partition that tells how good its model is."""

    def __init__(self, told: bool = True) -> None:
        self.sent: list[Emitted] = []
        figures = QualityFigures("z.metrics.v1", Days(ZONE)) if told else None
        policy = ChurnPolicy(horizon_days=30, min_customers_churned=2)
        self.machine = TrainerMachine(policy, 1, figures=figures)
        self.part: MemoryPartition[CustomerRecords, TrainerLedger] = MemoryPartition(
            0, TrainerLedger(), self.machine.render, self.sent.append
        )

    def step(self, *records: Observation) -> "Bench":
        for record in records:
            self.machine.step(self.part, self.part.offset + 1, record)
        return self

    def snapshots(self, day: int, *customers: str) -> "Bench":
        return self.step(*(Snapshot(customer_id=key, day=day, features={}) for key in customers))

    def close(self, day: int) -> "Bench":
        return self.step(ObservationsClosed(partition=0, day=day))

    def records(self) -> list[Emitted]:
        return [emitted for emitted in self.sent if emitted.topic == "z.metrics.v1"]

    def told(self) -> list[ModelFigures]:
        read = MessageDecoder[ModelFigures](MetricsMessage)
        return [read(emitted.value) for emitted in self.records()]


def test_told_on_the_day_on_which_labels_mature_and_on_no_other() -> None:
    bench = Bench()
    for week in range(3):
        bench.snapshots(SUNDAY + 7 * week, "a", "b", "c")
    bench.step(Outcome(customer_id="a", day=SUNDAY + 20)).close(MATURE - 1)
    assert bench.told() == []
    bench.close(MATURE + 9)
    assert [figures.day for figures in bench.told()] == [MATURE, MATURE + 7]


def test_a_week_whose_customers_are_censored_says_nothing() -> None:
    bench = Bench().snapshots(SUNDAY, "a").step(Censored(customer_id="a", day=SUNDAY + 3, reason="test"))
    bench.close(MATURE + 1)
    assert bench.part.meta.censored == 1
    assert bench.told() == []


def test_nobody_is_told_where_nothing_is_to_be_told() -> None:
    assert Bench(told=False).snapshots(SUNDAY, "a").close(MATURE).records() == []


def test_stands_under_the_key_of_all_customers_on_partition_0_with_the_end_of_the_companys_day() -> None:
    bench = Bench().snapshots(SUNDAY, "a").close(MATURE)
    (emitted,), (figures,) = bench.records(), bench.told()
    assert (emitted.key, emitted.partition, figures.portfolio) == (PORTFOLIO.encode(), 0, PORTFOLIO)
    assert (figures.model, figures.revision, figures.version) == (MODEL_NAME, 0, bench.part.offset)
    assert figures.as_of == (MATURE + 1) * 24 * HOUR_MS + 3 * HOUR_MS  # three hours behind UTC


def test_the_first_labels_by_hand() -> None:
    """Three typical customers, all told the base rate of 3 %; one leaves."""
    bench = Bench().snapshots(SUNDAY, "a", "b", "c").step(Outcome(customer_id="a", day=SUNDAY + 5)).close(MATURE)
    (figures,) = bench.told()
    values = figures.values
    assert (values.labelled, values.positives, values.customers_churned) == (3, 1, 1)
    assert values.roc_auc == values.week_roc_auc == 0.5  # all tied
    told = values.mean_predicted
    assert told == pytest.approx(0.03, abs=1e-6)
    assert values.mean_observed == pytest.approx(1 / 3)
    assert values.predicted_to_observed == pytest.approx(0.09, abs=1e-5)
    assert values.log_loss == values.week_log_loss == pytest.approx(-(log(0.03) + 2 * log(0.97)) / 3, abs=1e-5)
    assert values.log_loss_constant == values.week_log_loss_constant == pytest.approx(values.log_loss, abs=1e-5)
    assert values.brier == pytest.approx((0.97**2 + 2 * 0.03**2) / 3, abs=1e-3)
    assert values.ece == pytest.approx(1 / 3 - 0.03, abs=1e-3)
    assert (values.is_prior, values.champion, values.champion_since_day) == (True, "rls", None)
    assert values.model_version == bench.part.meta.model_version == 3  # Sunday, the day somebody left, this one


def test_the_week_is_that_of_the_day_and_the_rest_is_since_the_beginning() -> None:
    bench = Bench().snapshots(SUNDAY, "a", "b", "c").snapshots(SUNDAY + 7, "b", "c")
    bench.step(Outcome(customer_id="a", day=SUNDAY + 5), Outcome(customer_id="b", day=SUNDAY + 40)).close(MATURE + 7)
    first, second = (figures.values for figures in bench.told())
    assert (first.labelled, first.week_labelled) == (3, 3)
    assert (second.labelled, second.positives, second.week_labelled, second.week_positives) == (5, 1, 2, 0)
    assert second.roc_auc is not None
    assert second.week_roc_auc is None  # nobody left in it
    assert second.week_mean_observed == 0.0
    assert second.week_log_loss > 0.0


def test_undefined_until_somebody_left() -> None:
    (figures,) = Bench().snapshots(SUNDAY, "a", "b").close(MATURE).told()
    values = figures.values
    undefined = {name for name in values.__struct_fields__ if getattr(values, name) is None}
    assert undefined == {
        "roc_auc",
        "pr_auc",
        "log_loss",
        "log_loss_constant",
        "brier",
        "ece",
        "mean_predicted",
        "mean_observed",
        "predicted_to_observed",
        "top_decile_recall",
        "week_roc_auc",
        "champion_since_day",
        "drift_alarm_day",
        "drift_direction",
        "changed_day",
    }
    assert values.labelled == 2


def test_the_prior_is_said_until_enough_customers_left() -> None:
    bench = Bench().snapshots(SUNDAY, "a", "b", "c").snapshots(SUNDAY + 7, "b", "c")
    bench.step(Outcome(customer_id="a", day=SUNDAY + 5), Outcome(customer_id="b", day=SUNDAY + 12)).close(MATURE + 7)
    first, _ = (figures.values for figures in bench.told())
    assert (first.customers_churned, first.is_prior) == (2, False)  # b left within the first window, too
    bench = Bench().snapshots(SUNDAY, "a", "b", "c").step(Outcome(customer_id="a", day=SUNDAY + 5)).close(MATURE)
    (only,) = (figures.values for figures in bench.told())
    assert (only.customers_churned, only.is_prior) == (1, True)


def test_what_serves_and_the_newest_of_what_happened_to_it() -> None:
    alarms = [
        DriftAlarm(day=90, direction="fewer_leave", before=0.0, after=-0.02, labels=320),
        DriftAlarm(day=120, direction="more_leave", before=0.0, after=0.02, labels=640),
    ]
    changes = [ModelChange(day=day, kind="promotion", before="rls", after="twin-90") for day in (100, 125)]
    model = ModelSnapshot(
        model="churn",
        model_version=7,
        trained_through=130,
        horizon_days=30,
        is_prior=False,
        quality=Quality(labelled=10, positives=1, mean_predicted=0.05, mean_observed=0.1),
        parameters={},
        river_version="0",
        champion="twin-90",
        champion_since_day=125,
        calibration=Calibration(on=True),
        drift=Drift(alarms=alarms, count=5),
        changes=changes,
    )
    values = values_of(model, WEEK)
    assert (values.champion, values.champion_since_day, values.changed_day) == ("twin-90", 125, 125)
    assert (values.drift_alarms, values.drift_alarm_day, values.drift_direction) == (5, 120, "more_leave")
    assert (values.is_prior, values.calibrated, values.model_version) == (False, True, 7)
    assert values.predicted_to_observed == 0.5
    assert (values.week_labelled, values.week_roc_auc, values.week_mean_predicted) == (10, 0.7, 0.05)


def test_the_figures_of_a_week_are_means_of_its_labels() -> None:
    week = Evaluation()
    for probability, churned in ((0.1, True), (0.2, False)):
        week.add(probability, churned, 0.25, new_customer=False)
    told = week.of_week(137)
    assert (told.day, told.labelled, told.positives, told.roc_auc) == (137 - 133 % 7, 2, 1, 0.0)
    assert told.log_loss == pytest.approx(-(log(0.1) + log(0.8)) / 2)
    assert told.log_loss_constant == pytest.approx(-(log(0.25) + log(0.75)) / 2)
    assert told.mean_predicted == pytest.approx(0.15)
    assert told.mean_observed == 0.5


def test_every_day_of_a_week_has_the_same_monday() -> None:
    assert {monday_of(day) for day in range(4, 11)} == {4}
    assert monday_of(11) == 11
    assert monday_of(3) == -3


def test_every_figure_is_in_the_catalogue_and_has_a_column() -> None:
    model, types = catalogue().of("model"), {f.name: f.type for f in msgspec.structs.fields(ModelValues)}
    assert [metric.id for metric in model] == list(ModelValues.__struct_fields__)
    assert {metric.column for metric in model} <= set(MODEL_QUALITY_DAILY.column_names)
    for metric in model:
        assert (metric.null is not None) == (NoneType in get_args(types[metric.id])), metric.id
        assert (types[metric.id] is bool) == (metric.unit == "yes or no"), metric.id


def test_figures_are_what_the_catalogue_says() -> None:
    bench = Bench().snapshots(SUNDAY, "a", "b", "c").step(Outcome(customer_id="a", day=SUNDAY + 5)).close(MATURE)
    for figures in bench.told():
        assert [judged(metric, getattr(figures.values, metric.id)) for metric in catalogue().of("model")] == [None] * 29
