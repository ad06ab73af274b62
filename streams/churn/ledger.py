"""What the trainer's table holds of the partition: the models, how good they have been, how far the days are taken."""

from msgspec import Struct, field

from schemas.models import ModelChange
from streams.alerts.episodes import Episode
from streams.churn.evaluation import Evaluation
from streams.churn.labels import CustomerRecords
from streams.churn.learner import Learning
from streams.churn.parameters import AnyParameters
from streams.metrics.partition import Partition


class TrainerLedger(Struct):
    """Partition-level state of the trainer's table.

    Attributes:
        parameters: the champion's state, None before anything was learned; learning: all else of the models.
        model_version: rises with every day that changed the model or what is known of it.
        trained_through: last day taken; records of days up to it are late.
        closed: last day closed by each scoring partition.
        waiting: days with buffered records, sorted; pending: days of snapshots without mature label, sorted.
        own: our own labels met again on the topic; dead: records that could not be read, or not be true.
        censored: snapshots that will never have a mature label.
        told: what people are told of the model, by rule.
        horizon_days: the window all of it was learned for; None when an earlier release learned it, and at first.
        untold: the change of that window that people are to be told of with the next day taken.
    """

    parameters: AnyParameters | None = None
    evaluation: Evaluation = field(default_factory=Evaluation)
    model_version: int = 0
    trained_through: int | None = None
    closed: dict[int, int] = {}
    waiting: list[int] = []
    pending: list[int] = []
    read: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    dead: int = 0
    own: int = 0
    learning: Learning = field(default_factory=Learning)
    censored: int = 0
    told: dict[str, Episode] = {}
    horizon_days: int | None = None
    untold: ModelChange | None = None


TrainerPartition = Partition[CustomerRecords, TrainerLedger]


def forget_ahead(part: TrainerPartition) -> None:
    """Forgets keys that only a flush torn by a crash held: the replay makes them again.

    They know of days the models in meta have not seen: left as they are, a customer's first snapshots would never be
    tested or learned, though the outcome that is to come would be. A key that was there before has a complete version.
    """
    for key in [one for one in list(part.keys()) if part.ahead(one, part.offset)]:
        part.delete(key)
