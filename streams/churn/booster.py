"""The boosted challenger: keeps mature labels, is refit every 14 days, is tested on every snapshot, never serves.

It stands beside the contest as a shadow: the champion learns nothing from it, and the same with or without it, bit
for bit. What it keeps lies in the trainer's table under keys of its own, none near the megabyte of a Kafka record: the
labels that matured on a day, written once, and the trees as they were fitted. So a replay, a recovery and a replay in
pieces say the same. Trees that are being fitted are kept nowhere: who recovers begins again, from the same labels.

A worker without the extra goes on without it, and leaves what was kept as it is; after eight weeks it throws it away.
A worker that has the extra again goes on with what there is.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from streams.churn.booster_fit import Predictor, Trees, fit, load
from streams.churn.booster_labels import MOST_ROWS, KeptLabels, Label, kept
from streams.churn.evaluation import monday_of
from streams.churn.features import BY_NAME
from streams.churn.labels import CustomerRecords, Pending
from streams.churn.policy import ChurnPolicy
from streams.metrics.partition import Partition

NAME = "booster"
TREES_KEY = "\x00trees"
REFIT_DAYS = 14
_LEAST_LEAVERS = 10
# A large company fills the rows in half a year, a small one may look back two.
_MOST_ROWS = 26 * MOST_ROWS
_MOST_DAYS = 104
_GIVEN_UP_DAYS = 56

TrainerTable = Partition[CustomerRecords, Any]
Mature = Iterable[tuple[str, Sequence[Pending]]]


class KeptDay(Struct, array_like=True):
    """What was kept of a day: so many rows, so many of them of customers who left."""

    day: int
    rows: int
    left: int


class Boosting(Struct):
    """What must be known of a booster.

    Attributes:
        days: of which labels are kept, oldest first.
        fitted: Monday of the newest fit, None before the first.
    """

    days: list[KeptDay] = []
    fitted: int | None = None


class Shadow:
    """The boosted challenger of a trainer.

    Args:
        policy: bounds of the probability.
        wanted: False to do without.
    """

    def __init__(self, policy: ChurnPolicy, wanted: bool) -> None:
        self._policy = policy
        self._wanted = wanted
        self._asked: Predictor | None = None
        #: Why it was put away, None when it was not, or when its library could not be loaded: that is told elsewhere.
        self.problem: str | None = None

    @property
    def present(self) -> bool:
        """Whether there is one; False from when LightGBM turned out not to work, or to learn."""
        return self._wanted

    def due(self, part: TrainerTable, state: Boosting, week: int | None, day: int) -> Iterator[None] | None:
        """Pieces of work to be gone through before `day` is taken; None without any.

        Args:
            part: the trainer's table.
            state: of the booster.
            week: Monday of the one that was opened last; there is work at the opening of another alone.
            day: to be taken.
        """
        monday, left = monday_of(day), sum(one.left for one in state.days)
        if monday == week or left < _LEAST_LEAVERS or left == sum(one.rows for one in state.days):
            return None
        if state.fitted == monday or (state.fitted is not None and self._may_stay(part, monday - state.fitted)):
            return None
        return self._fit(part, state, monday) if self.present else None

    def _may_stay(self, part: TrainerTable, days: int) -> bool:
        """Whether trees of so many days ago are fresh, and can be asked."""
        return days < REFIT_DAYS and self._predictor(part) is not None

    def _fit(self, part: TrainerTable, state: Boosting, monday: int) -> Iterator[None]:
        if load() is not None:
            self._wanted = False
            return
        yield
        labels = [records.kept for one in state.days if (records := part.get(_key(one.day))) is not None]
        try:
            trees = yield from fit(list(BY_NAME), [one for one in labels if isinstance(one, KeptLabels)])
        except Exception as error:  # noqa: BLE001 - the shadow falls, the stream goes on
            self._put_away(error)
            return
        part.put(TREES_KEY, CustomerRecords(kept=trees))
        state.fitted = monday

    def test(self, part: TrainerTable, state: Boosting, taken: Sequence[Pending]) -> None:
        """Adds what the booster says to new snapshots."""
        if not taken or state.fitted is None or (predictor := self._predictor(part)) is None:
            return
        try:
            probabilities = predictor.probabilities([p.features for p in taken])
        except Exception as error:  # noqa: BLE001 - as of a fit
            self._put_away(error)
            return
        for pending, probability in zip(taken, probabilities, strict=True):
            pending.others[NAME] = self._policy.bounded(probability)

    def _predictor(self, part: TrainerTable) -> Predictor | None:
        records = part.get(TREES_KEY)
        trees = None if records is None else records.kept
        if not self.present or not isinstance(trees, Trees):
            return None
        if self._asked is None or self._asked.trees != trees:
            self._asked = self._read(trees)
        return self._asked

    def _read(self, trees: Trees) -> Predictor | None:
        """None until the next fit, when another release of LightGBM wrote them, or they are damaged."""
        if load() is not None:
            self._wanted = False
            return None
        try:
            return Predictor(trees)
        except ValueError:
            return None
        except Exception as error:  # noqa: BLE001 - as of a fit
            self._put_away(error)
            return None

    def _put_away(self, error: Exception) -> None:
        self._wanted, self.problem = False, str(error) or type(error).__name__

    def keep(
        self, part: TrainerTable, state: Boosting, day: int, mature: Iterable[tuple[str, Sequence[Pending]]]
    ) -> None:
        """Takes the labels in that matured on a day; forgets those that are too old or too many."""
        if not self.present:
            if state.days and day - state.days[-1].day > _GIVEN_UP_DAYS:
                forget_all(part, state)
            return
        labels = [Label(key, p.day, p.features, p.churned) for key, snapshots in mature for p in snapshots]
        if not labels:
            return
        packed = kept(list(BY_NAME), labels)
        part.put(_key(day), CustomerRecords(kept=packed))
        state.days.append(KeptDay(day, len(packed.churned), sum(packed.churned)))
        rows, stay = 0, 0
        for one in reversed(state.days[-_MOST_DAYS:]):
            rows += one.rows
            stay += rows <= _MOST_ROWS
        _forget(part, state, len(state.days) - stay)


def forget_all(part: TrainerTable, state: Boosting) -> None:
    """Throws all away that was kept."""
    _forget(part, state, len(state.days))
    part.delete(TREES_KEY)
    state.fitted = None


def _forget(part: TrainerTable, state: Boosting, oldest: int) -> None:
    for one in state.days[:oldest]:
        part.delete(_key(one.day))
    state.days = state.days[oldest:]


def _key(day: int) -> str:
    return f"\x00labels:{day}"
