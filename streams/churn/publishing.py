"""A model as it is published: its numbers, how good it has been, and everything that was decided about it."""

from schemas.models import ModelChange, ModelSnapshot
from streams.alerts.model_rules import Seen
from streams.churn.learner import Learning
from streams.churn.ledger import TrainerLedger
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.policy import ChurnPolicy


def published(champion: ChurnModel, ledger: TrainerLedger, policy: ChurnPolicy, version: int) -> ModelSnapshot:
    """The snapshot of a state.

    Args:
        champion: the model that serves.
        ledger: all that is known of it and the others.
        policy: horizons, when the model is no longer called a prior; the window, where the ledger does not know it.
        version: offset of the newest record included.
    """
    learning, evaluation, trained_through = ledger.learning, ledger.evaluation, ledger.trained_through
    classifier, seat = champion.classifier, learning.contest.seat
    heard = evaluation.customers_churned - seat.unheard
    learned_enough = classifier.learned and heard >= policy.min_customers_churned
    return ModelSnapshot(
        model=MODEL_NAME,
        model_version=ledger.model_version,
        trained_through=-1 if trained_through is None else trained_through,
        horizon_days=ledger.horizon_days or policy.horizon_days,
        is_prior=not learned_enough,
        quality=evaluation.quality(),
        parameters=champion.to_parameters(),
        river_version=RIVER_VERSION,
        version=version,
        champion=seat.name,
        champion_kind=seat.kind,
        champion_since_day=seat.since,
        calibration=learning.platt.told(),
        reliability=evaluation.reliability(),
        weeks=learning.weeks,
        drift=learning.drift.told(policy),
        challengers=learning.contest.told(),
        changes=learning.contest.changes,
        tested=learning.tested,
        horizons=list(policy.horizons),
        counts={"learned": classifier.learned, "refused": classifier.refused, "censored": ledger.censored},
    )


def seen_on(day: int, learning: Learning, churned: int, refused: int, window: ModelChange | None = None) -> Seen:
    """What the rules about the model see of a day.

    Args:
        day: that was taken.
        learning: the state of the models.
        churned: customers counted as churned so far.
        refused: examples turned away on the day.
        window: a change of the window since the day before.
    """
    contest = learning.contest
    return Seen(
        day=day,
        alarms=learning.drift.alarms,
        changes=contest.changes,
        calibrated=learning.platt.on,
        good=contest.good is not None,
        refused=refused,
        champion=contest.seat.name,
        churned=churned,
        window=window,
    )
