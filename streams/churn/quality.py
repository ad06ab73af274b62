"""The figures of the churn model among those of all customers: how good it has been, on the days its labels mature.

Told once a week, on the day on which the labels of a week's snapshots mature, and on no other: between those days
nothing new is known of what came true. They are a function of the log like the model. What was told of a day is final.
"""

from typing import Any

from schemas.codec import encode
from schemas.models import ModelFigures, ModelSnapshot, ModelValues, WeekQuality
from streams.churn.news import changed_day
from streams.metrics.days import Days
from streams.metrics.partition import Partition
from streams.metrics.portfolio_machine import METRICS_PARTITION


class QualityFigures:
    """Where the figures go, and when a day ends.

    Args:
        metrics_topic: with its prefix.
        days: calendar of the company.
    """

    def __init__(self, metrics_topic: str, days: Days) -> None:
        self._topic = metrics_topic
        self._days = days

    def tell(self, part: Partition[Any, Any], day: int, model: ModelSnapshot, week: WeekQuality) -> None:
        """Sends the figures of a day that was taken: of the model at its end, and of the labels of its week so far."""
        as_of = self._days.start(day + 1)
        values = values_of(model, week)
        figures = ModelFigures(model=model.model, as_of=as_of, day=day, values=values, version=model.version)
        key = figures.portfolio.encode()
        part.emit(self._topic, key, encode(figures), partition=METRICS_PARTITION, timestamp_ms=as_of)


def values_of(model: ModelSnapshot, week: WeekQuality) -> ModelValues:
    """The figures of a published model, with those of a week of mature labels."""
    quality, alarms = model.quality, model.drift.alarms
    predicted, observed = quality.mean_predicted, quality.mean_observed
    return ModelValues(
        labelled=quality.labelled,
        positives=quality.positives,
        customers_churned=quality.customers_churned,
        roc_auc=quality.roc_auc,
        pr_auc=quality.pr_auc,
        log_loss=quality.log_loss,
        log_loss_constant=quality.log_loss_constant,
        brier=quality.brier,
        ece=quality.ece,
        mean_predicted=predicted,
        mean_observed=observed,
        predicted_to_observed=None if predicted is None or observed is None else predicted / observed,
        top_decile_recall=quality.top_decile_recall,
        week_labelled=week.labelled,
        week_positives=week.positives,
        week_roc_auc=week.roc_auc,
        week_log_loss=week.log_loss,
        week_log_loss_constant=week.log_loss_constant,
        week_mean_predicted=week.mean_predicted,
        week_mean_observed=week.mean_observed,
        is_prior=model.is_prior,
        model_version=model.model_version,
        champion=model.champion,
        champion_since_day=model.champion_since_day,
        calibrated=model.calibration.on,
        drift_alarms=model.drift.count,
        drift_alarm_day=alarms[-1].day if alarms else None,
        drift_direction=alarms[-1].direction if alarms else None,
        changed_day=changed_day(model.changes),
    )
