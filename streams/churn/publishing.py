"""A model as it is published: its numbers, how good it has been, and everything that was decided about it."""

from schemas.models import ModelSnapshot
from streams.alerts.model_rules import Seen
from streams.churn.evaluation import Evaluation
from streams.churn.learner import Learning
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.policy import ChurnPolicy


def published(
    champion: ChurnModel,
    learning: Learning,
    evaluation: Evaluation,
    policy: ChurnPolicy,
    censored: int,
    model_version: int,
    trained_through: int | None,
    version: int,
) -> ModelSnapshot:
    """The snapshot of a state.

    Args:
        champion: the model that serves.
        learning: what is known of it and the others.
        evaluation: how good what was served has been.
        policy: horizon, horizons, when the model is no longer called a prior.
        censored: snapshots that will never have a label.
        model_version: as in the ledger.
        trained_through: as in the ledger.
        version: offset of the newest record included.
    """
    classifier, seat = champion.classifier, learning.contest.seat
    heard = evaluation.customers_churned - seat.unheard
    learned_enough = classifier.learned and heard >= policy.min_customers_churned
    return ModelSnapshot(
        model=MODEL_NAME,
        model_version=model_version,
        trained_through=-1 if trained_through is None else trained_through,
        horizon_days=policy.horizon_days,
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
        counts={"learned": classifier.learned, "refused": classifier.refused, "censored": censored},
    )


def seen_on(day: int, learning: Learning, churned: int, refused: int) -> Seen:
    """What the rules about the model see of a day.

    Args:
        day: that was taken.
        learning: the state of the models.
        churned: customers counted as churned so far.
        refused: examples turned away on the day.
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
    )
