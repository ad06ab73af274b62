"""Champion and challengers: compared on the same mature labels, changed by written rules, every change recorded.

The champion serves; challengers are tested on every snapshot and learn from the same labels. Only labels of
snapshots taken since the last change count: those before it were served by another.

    week        calendar weeks of mature labels, judged together until they hold enough labels and leavers
    promotion   a challenger whose log loss was lower by more than the margin in each of so many weeks in a row,
                and over all labels since the last change, there by more than chance
    roll-back   a week in which the champion's log loss was beyond its ratio to the constant guess's, and by more
                than chance: back to the last good state, once; if that fails too, or there is none, to the expert
                prior, once; then nowhere, for it is the world that changed, and must be learned
    good        a state whose snapshots have matured in a week no worse than the constant guess
"""

from math import sqrt

from msgspec import Struct, field

from schemas.models import Challenger, ModelChange, ModelKind
from streams.churn.exact import log
from streams.churn.labels import Pending
from streams.churn.parameters import AnyParameters
from streams.churn.policy import ChurnPolicy

_CHANGES_KEPT = 20
_SAVED_KEPT = 6
# A twin that has not won after so long is not going to: the champion has forgotten the same past by then.
_TWIN_DAYS = 182


class Saved(Struct, frozen=True):
    """A model as it was before `day` was taken."""

    day: int
    name: str
    kind: ModelKind
    parameters: AnyParameters


class Seat(Struct):
    """Who serves.

    Attributes:
        since: first day served, None from the beginning.
        missed: snapshots of the days [from, to) it has not learned as staying, so never learns as leaving either.
    """

    name: str = "rls"
    kind: ModelKind = "rls"
    since: int | None = None
    missed: tuple[int, int] = (0, 0)

    def learned(self, day: int) -> bool:
        """Whether snapshots of `day` were learned as staying."""
        return not self.missed[0] <= day < self.missed[1]


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
        parameters: its state, None before it has learned.
        score: against the champion since the last change; week: in the week being judged.
        weeks_better: in a row, by more than the margin.
    """

    parameters: AnyParameters | None = None
    score: Score = field(default_factory=Score)
    week: Score = field(default_factory=Score)
    weeks_better: int = 0


class Contest(Struct):
    """State of the contest.

    Attributes:
        entered: the standing challengers have entered.
        week: the champion against the constant guess in the week being judged; left: churned in it.
        saved: states of the champion that are not judged yet; good: the newest that was, until it is gone back to.
        spent: the prior was gone back to, and no state was good since.
    """

    seat: Seat = field(default_factory=Seat)
    challengers: list[Contender] = []
    entered: bool = False
    week: Score = field(default_factory=Score)
    left: int = 0
    saved: list[Saved] = []
    good: Saved | None = None
    spent: bool = False
    changes: list[ModelChange] = []

    def enter(self, name: str, kind: ModelKind, day: int) -> None:
        """A challenger begins at the expert prior; snapshots before `day` it does not know."""
        self.challengers.append(Contender(name=name, kind=kind, since=day, missed=(0, day)))

    def retire_twins(self, born_through: int) -> None:
        """Twins that entered up to that day leave."""
        self.challengers = [c for c in self.challengers if c.kind != "twin" or (c.since or 0) > born_through]

    def retire_old_twins(self, day: int) -> None:
        """Twins that had their time leave."""
        self.retire_twins(day - _TWIN_DAYS)

    def current(self, pending: Pending) -> bool:
        """Whether the present champion served the snapshot."""
        return self.seat.since is None or pending.day >= self.seat.since

    def count(self, pending: Pending, churned: bool, constant: float) -> None:
        """Counts a mature label; `constant` is what the constant guess was, in (0, 1)."""
        if not self.current(pending):
            return
        served = _loss(pending.probability, churned)
        self.week.add(served, _loss(constant, churned))
        self.left += churned
        for contender in self.challengers:
            probability = pending.others.get(contender.name)
            if probability is not None:
                loss = _loss(probability, churned)
                contender.score.add(loss, served)
                contender.week.add(loss, served)

    def save(self, day: int, parameters: AnyParameters, spacing: int) -> None:
        """Keeps the champion's state before `day` for a roll-back, states at least `spacing` days apart."""
        if not self.saved or day - self.saved[-1].day >= spacing:
            self.saved = [*self.saved, Saved(day, self.seat.name, self.seat.kind, parameters)][-_SAVED_KEPT:]

    def judge(self, day: int, policy: ChurnPolicy) -> tuple[ModelChange, Saved | Contender | None] | None:
        """The verdict on the weeks that are over, as of the beginning of `day`; None when nothing changes.

        Returns:
            The change, and who takes the seat: a state to go back to, a challenger, or None for the prior.
        """
        week, left = self.week, self.left
        if week.labelled < policy.week_labels or left < policy.week_positives:
            return None
        self.week, self.left = Score(), 0
        for contender in self.challengers:
            won = contender.week.labelled == week.labelled and contender.week.beats(policy.promotion_margin)
            contender.weeks_better = contender.weeks_better + 1 if won else 0
            contender.week = Score()
        told = {"log_loss": week.loss / week.labelled, "log_loss_constant": week.against / week.labelled}
        told["standard_errors"] = week.errors_worse
        worse = week.loss > week.against * policy.rollback_ratio and week.errors_worse > policy.least_standard_errors
        if worse and not (self.good is None and self.spent):
            to = self.good
            after = f"{to.name} of day {to.day}" if to else "prior"
            return ModelChange(day=day, kind="rollback", before=self.seat.name, after=after, figures=told), to
        if week.loss <= week.against:
            self._found_good(day - policy.horizon_days)
        ready = [
            c
            for c in self.challengers
            if c.weeks_better >= policy.promotion_weeks
            and c.score.beats(policy.promotion_margin)
            and -c.score.errors_worse > policy.least_standard_errors
        ]
        if not ready:
            return None
        best = min(ready, key=lambda c: c.score.loss / c.score.labelled)
        n = best.score.labelled
        figures = {"log_loss": best.score.loss / n, "champion_log_loss": best.score.against / n, "labelled": float(n)}
        change = ModelChange(day=day, kind="promotion", before=self.seat.name, after=best.name, figures=figures)
        return change, best

    def _found_good(self, served_through: int) -> None:
        """What served snapshots up to that day was good: the newest such state is the one to go back to."""
        served = [saved for saved in self.saved if saved.day <= served_through]
        if served:
            self.good, self.spent = served[-1], False
            self.saved = self.saved[len(served) :]

    def promote(self, winner: Contender, day: int, parameters: AnyParameters) -> None:
        """The winner takes the seat; who had it, with `parameters`, goes on as a challenger."""
        loser = Contender(name=self.seat.name, kind=self.seat.kind, since=day, parameters=parameters)
        loser.missed = self.seat.missed
        self.challengers = [c for c in self.challengers if c is not winner] + [loser]
        self._seat(Seat(winner.name, winner.kind, day, winner.missed))

    def roll_back(self, to: Saved | None, day: int) -> None:
        """A saved state, or the prior, takes the seat; another model that had it begins again, a twin leaves."""
        was = self.seat
        self.good, self.spent = None, to is None
        name = to.name if to else "rls"
        self.challengers = [c for c in self.challengers if c.name != name]
        self._seat(Seat(name, to.kind if to else "rls", day, (to.day if to else 0, day)))
        if was.name != name and was.kind != "twin":
            self.enter(was.name, was.kind, day)

    def _seat(self, seat: Seat) -> None:
        self.seat, self.saved, self.week, self.left = seat, [], Score(), 0
        for contender in self.challengers:
            contender.score, contender.week, contender.weeks_better = Score(), Score(), 0

    def record(self, change: ModelChange) -> None:
        """Remembers a change."""
        self.changes = [*self.changes, change][-_CHANGES_KEPT:]

    def told(self) -> list[Challenger]:
        """The challengers, as published."""
        return [_told(contender) for contender in self.challengers]


def _told(contender: Contender) -> Challenger:
    n = contender.score.labelled
    return Challenger(
        name=contender.name,
        kind=contender.kind,
        since_day=contender.since or 0,
        labelled=n,
        log_loss=contender.score.loss / n if n else None,
        champion_log_loss=contender.score.against / n if n else None,
        weeks_better=contender.weeks_better,
    )


def _loss(probability: float, churned: bool) -> float:
    return -log(probability if churned else 1.0 - probability)
