"""Who takes part in the contest: the one who serves, those beside it, and states kept to go back to.

All say from which snapshots they learned, so that a customer who leaves is learned by a model only if the staying was.
"""

from math import sqrt

from msgspec import Struct, field

from schemas.models import Challenger, ModelKind
from streams.churn.parameters import AnyParameters
from streams.churn.policy import ChurnPolicy


class Saved(Struct, frozen=True):
    """A model as it was before `day` was taken; it goes on learning who left of the snapshots it had learned.

    Attributes:
        missed: as of its seat then.
        unheard: as of a seat.
        weights: when it was saved, with the intercept; owed: of its `Arrears` then.
    """

    day: int
    name: str
    kind: ModelKind
    parameters: AnyParameters
    missed: tuple[int, int] = (0, 0)
    unheard: int = 0
    weights: dict[str, float] = {}
    owed: dict[str, float] = {}

    def learned(self, day: int) -> bool:
        """Whether snapshots of `day` were learned as staying."""
        return day < self.day and not _within(day, self.missed)


class Seat(Struct):
    """Who serves.

    Attributes:
        since: first day served, None from the beginning.
        missed: snapshots of the days [from, to) it has not learned as staying, so never learns as leaving either.
        unheard: of the customers that are counted as churned, how many it has not learned from.
    """

    name: str = "rls"
    kind: ModelKind = "rls"
    since: int | None = None
    missed: tuple[int, int] = (0, 0)
    unheard: int = 0

    def learned(self, day: int) -> bool:
        """Whether snapshots of `day` were learned as staying."""
        return not _within(day, self.missed)


class Score(Struct):
    """Mature labels both were tested on: the sums of both log losses there, and of their squared differences."""

    labelled: int = 0
    loss: float = 0.0
    against: float = 0.0
    squares: float = 0.0

    def add(self, loss: float, against: float) -> None:
        """Counts a label."""
        self.labelled += 1
        self.loss += loss
        self.against += against
        self.squares += (loss - against) ** 2

    def beats(self, margin: float) -> bool:
        """Whether the loss is lower than the other's by more than this share of it."""
        return self.loss < self.against * (1.0 - margin)

    @property
    def errors_worse(self) -> float:
        """By how many standard errors the loss is above the other's, labels taken as independent; 0 without any."""
        return (self.loss - self.against) / sqrt(self.squares) if self.squares else 0.0


class Contender(Seat):
    """A challenger.

    Attributes:
        parameters: its state, None before it has learned, and of a booster.
        score: against the champion since the last change; week: in the week being judged.
        weeks_better: in a row, by more than the margin.
        told: people know that it is better, as only a booster has it told.
    """

    parameters: AnyParameters | None = None
    score: Score = field(default_factory=Score)
    week: Score = field(default_factory=Score)
    weeks_better: int = 0
    told: bool = False

    @property
    def may_serve(self) -> bool:
        """Whether it can take the seat; a booster never does: its reasons would not be exact."""
        return self.kind != "booster"

    def is_better(self, policy: ChurnPolicy) -> bool:
        """The rule of promotion: better in each of the last weeks judged, and over all labels by more than chance."""
        return (
            self.weeks_better >= policy.promotion_weeks
            and self.score.beats(policy.promotion_margin)
            and -self.score.errors_worse > policy.least_standard_errors
        )

    def figures(self) -> dict[str, float]:
        """What the rule of promotion saw."""
        n = self.score.labelled
        return {"log_loss": self.score.loss / n, "champion_log_loss": self.score.against / n, "labelled": float(n)}

    def begin_anew(self) -> None:
        """What it was compared with serves no more."""
        self.score, self.week, self.weeks_better, self.told = Score(), Score(), 0, False

    def published(self) -> Challenger:
        """As it is told."""
        n = self.score.labelled
        return Challenger(
            name=self.name,
            kind=self.kind,
            since_day=self.since or 0,
            labelled=n,
            log_loss=self.score.loss / n if n else None,
            champion_log_loss=self.score.against / n if n else None,
            weeks_better=self.weeks_better,
        )


def _within(day: int, span: tuple[int, int]) -> bool:
    return span[0] <= day < span[1]
