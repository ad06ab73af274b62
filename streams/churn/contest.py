"""Champion and challengers: compared on the same mature labels, changed by written rules, every change recorded.

The champion serves; challengers are tested on every snapshot and learn from the same labels. Only labels of
snapshots taken since the last change count: those before it were served by another.

    week        calendar weeks of mature labels, judged together until they hold enough labels and leavers
    promotion   a challenger whose log loss was lower by more than the margin in each of so many weeks in a row,
                and over all labels since the last change, there by more than chance
    roll-back   a week in which the champion's log loss was beyond its ratio to the constant guess's, and by more
                than chance: back to the last good state, once; if that fails too, or there is none, to the expert
                prior, once, unless it was the prior that was bad (the first horizon of all); then nowhere, for it is
                the world that changed, and must be learned
    good        a state whose snapshots have matured in a week no worse than the constant guess
    booster     stands beside them and never serves; when it keeps the rule of promotion, people are told
"""

from collections.abc import Sequence

from msgspec import Struct, field, structs

from schemas.models import Challenger, ModelChange, ModelKind
from streams.churn.exact import log
from streams.churn.labels import Pending
from streams.churn.model import ChurnModel
from streams.churn.parameters import AnyParameters
from streams.churn.policy import ChurnPolicy
from streams.churn.seats import Contender, Saved, Score, Seat

_CHANGES_KEPT = 20
_SAVED_KEPT = 6
# A twin that has not won after so long is not going to: the champion has forgotten the same past by then.
_TWIN_DAYS = 182


class Contest(Struct):
    """State of the contest.

    Attributes:
        entered: the standing challengers have entered.
        week: the champion against the constant guess in the week being judged; left: churned in it.
        saved: states of the champion that are not judged yet; good: the newest that was, until it is gone back to.
        spent: the prior was gone back to, and no state was good since.
        begun: first day taken; None when an earlier release took it.
        week_from: day of the oldest snapshot in the week being judged.
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
    begun: int | None = None
    week_from: int | None = None

    def enter(self, name: str, kind: ModelKind, day: int, churned: int) -> None:
        """A challenger begins at the expert prior; it knows neither the snapshots before `day` nor who churned yet."""
        self.challengers.append(Contender(name=name, kind=kind, since=day, missed=(0, day), unheard=churned))

    def shadowed(self, present: bool, day: int, churned: int) -> None:
        """A booster stands among the challengers while there is one, and only then."""
        if present != any(not c.may_serve for c in self.challengers):
            self.challengers = [c for c in self.challengers if c.may_serve]
            if present:
                self.enter("booster", "booster", day, churned)

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
        self.week_from = pending.day if self.week_from is None else min(self.week_from, pending.day)
        self.left += churned
        for contender in self.challengers:
            probability = pending.others.get(contender.name)
            if probability is not None:
                loss = _loss(probability, churned)
                contender.score.add(loss, served)
                contender.week.add(loss, served)

    def hear(self, days: Sequence[int]) -> None:
        """One more customer counts as churned; `days` are those of its snapshots that did."""
        for seat in (self.seat, *self.challengers):
            seat.unheard += not any(map(seat.learned, days))
        self.saved = [_after_hearing(saved, days) for saved in self.saved]
        self.good = self.good and _after_hearing(self.good, days)

    def save(self, day: int, champion: ChurnModel, spacing: int, owed: dict[str, float]) -> None:
        """Keeps the champion's state before `day` for a roll-back, states at least `spacing` days apart."""
        if not self.saved or day - self.saved[-1].day >= spacing:
            seat = self.seat
            parameters, weights = champion.parameters(), champion.all_weights()
            state = Saved(day, seat.name, seat.kind, parameters, seat.missed, seat.unheard, weights, owed)
            self.saved = [*self.saved, state][-_SAVED_KEPT:]

    def judge(self, day: int, policy: ChurnPolicy) -> tuple[ModelChange, Saved | Contender | None] | None:
        """The verdict on the weeks that are over, as of the beginning of `day`; None when nothing changes.

        Returns:
            The change, and who takes the seat: a state to go back to, a challenger, or None for the prior.
        """
        week, left, of_prior = self.week, self.left, self._is_of_the_prior(policy.horizon_days)
        if week.labelled < policy.week_labels or left < policy.week_positives:
            return None
        self.week, self.left, self.week_from = Score(), 0, None
        for contender in self.challengers:
            won = contender.week.labelled == week.labelled and contender.week.beats(policy.promotion_margin)
            contender.weeks_better = contender.weeks_better + 1 if won else 0
            contender.week = Score()
        told = {"log_loss": week.loss / week.labelled, "log_loss_constant": week.against / week.labelled}
        told["standard_errors"] = week.errors_worse
        worse = week.loss > week.against * policy.rollback_ratio and week.errors_worse > policy.least_standard_errors
        if worse and not (self.good is None and (self.spent or of_prior)):
            to = self.good
            after = f"{to.name} of day {to.day}" if to else "prior"
            return ModelChange(day=day, kind="rollback", before=self.seat.name, after=after, figures=told), to
        if week.loss <= week.against:
            self._found_good(day - policy.horizon_days)
        ready = [c for c in self.challengers if c.may_serve and c.is_better(policy)]
        if not ready:
            return None
        best = min(ready, key=lambda c: c.score.loss / c.score.labelled)
        change = ModelChange(day=day, kind="promotion", before=self.seat.name, after=best.name, figures=best.figures())
        return change, best

    def outdone(self, day: int, policy: ChurnPolicy) -> ModelChange | None:
        """What people are told of a booster that keeps the rule of promotion; once while it is ahead of a champion."""
        for contender in self.challengers:
            if contender.may_serve:
                continue
            contender.told = contender.told and contender.score.beats(policy.promotion_margin)
            if not contender.told and contender.is_better(policy):
                contender.told = True
                names = self.seat.name, contender.name
                return ModelChange(
                    day=day, kind="booster_better", before=names[0], after=names[1], figures=contender.figures()
                )
        return None

    def _is_of_the_prior(self, horizon_days: int) -> bool:
        """Whether the week being judged has snapshots of before any label was mature: what is bad then is the prior."""
        if self.begun is None or self.week_from is None:
            return False
        return self.week_from < self.begun + horizon_days

    def _found_good(self, served_through: int) -> None:
        """What served snapshots up to that day was good: the newest such state is the one to go back to."""
        served = [saved for saved in self.saved if saved.day <= served_through]
        if served:
            self.good, self.spent = served[-1], False
            self.saved = self.saved[len(served) :]

    def promote(self, winner: Contender, day: int, parameters: AnyParameters) -> None:
        """The winner takes the seat; who had it, with `parameters`, goes on as a challenger."""
        loser = Contender(name=self.seat.name, kind=self.seat.kind, since=day, parameters=parameters)
        loser.missed, loser.unheard = self.seat.missed, self.seat.unheard
        self.challengers = [c for c in self.challengers if c is not winner] + [loser]
        self._seat(Seat(winner.name, winner.kind, day, winner.missed, winner.unheard))

    def roll_back(self, to: Saved | None, day: int, churned: int) -> None:
        """A saved state, or the prior, takes the seat; another model that had it begins again, a twin leaves.

        Args:
            to: the state, None for the prior.
            day: from which on it serves.
            churned: customers counted as churned so far.
        """
        was = self.seat
        self.good, self.spent = None, to is None
        seat = Seat("rls", "rls", day, (0, day), churned)
        if to is not None:
            seat = Seat(to.name, to.kind, day, (to.day, day), to.unheard)
        self.challengers = [c for c in self.challengers if c.name != seat.name]
        self._seat(seat)
        if was.name != seat.name and was.kind != "twin":
            self.enter(was.name, was.kind, day, churned)

    def _seat(self, seat: Seat) -> None:
        self.seat, self.saved, self.week, self.left, self.week_from = seat, [], Score(), 0, None
        for contender in self.challengers:
            contender.begin_anew()

    def record(self, change: ModelChange) -> None:
        """Remembers a change; of those that change nothing of what serves only the newest, beside the others."""
        told = [*self.changes, change]
        better = [one for one in told if one.kind == "booster_better"][-1:]
        moves = [one for one in told if one.kind != "booster_better"][-_CHANGES_KEPT:]
        self.changes = sorted([*moves, *better], key=lambda one: one.day)

    def told(self) -> list[Challenger]:
        """The challengers, as published."""
        return [contender.published() for contender in self.challengers]


def _after_hearing(saved: Saved, days: Sequence[int]) -> Saved:
    return saved if any(map(saved.learned, days)) else structs.replace(saved, unheard=saved.unheard + 1)


def _loss(probability: float, churned: bool) -> float:
    return -log(probability if churned else 1.0 - probability)
