"""The models behind the trainer: champion, challengers and calibration, tested and taught together.

Everything that must survive is in `Learning`, which the trainer's table keeps; the models are built from it once
and written back at the end of each day taken. Changes of what serves happen only as the first day of a new week is
opened, so every snapshot of a day is tested by the same models.
"""

from collections.abc import Iterable, Sequence
from math import ceil

from msgspec import Struct, field, structs

from schemas.models import ModelChange, ModelChangeKind, Served, WeekQuality
from streams.churn.arrears import Arrears, arrears, moved
from streams.churn.booster import Boosting
from streams.churn.calibration import Platt
from streams.churn.contest import Contest
from streams.churn.drift import DriftWatch
from streams.churn.evaluation import Evaluation, monday_of
from streams.churn.labels import Pending
from streams.churn.model import ChurnModel
from streams.churn.parameters import AnyParameters, carried
from streams.churn.policy import ChurnPolicy
from streams.churn.seats import Contender, Saved

WEEKS_KEPT = 26
_TESTED_KEPT = 2
_SAVES_PER_HORIZON = 5


class Learning(Struct):
    """What is known besides the champion's own numbers.

    Attributes:
        contest, platt, drift: states of the three.
        monday: of the week whose mature labels `week` evaluates; weeks: those before it, the newest.
        tested: what served on the two newest days with snapshots, newest first.
        arrears: of a state that was gone back to.
        boosting: of the booster, when there is or was one.
    """

    contest: Contest = field(default_factory=Contest)
    platt: Platt = field(default_factory=Platt)
    drift: DriftWatch = field(default_factory=DriftWatch)
    monday: int | None = None
    week: Evaluation = field(default_factory=Evaluation)
    weeks: list[WeekQuality] = []
    tested: list[Served] = []
    arrears: Arrears = field(default_factory=Arrears)
    boosting: Boosting = field(default_factory=Boosting)


class Learner:
    """The models of a state.

    Args:
        policy: constants of the models and rules.
        learning: the state; kept up to date.
        parameters: of the champion, None before it learned.
    """

    def __init__(self, policy: ChurnPolicy, learning: Learning, parameters: AnyParameters | None) -> None:
        self._policy = policy
        self._learning = learning
        seat = learning.contest.seat
        if parameters is None:
            self.champion = ChurnModel.prior(policy, seat.kind)
        else:
            self.champion = ChurnModel.resumed(parameters, policy, seat.kind)
            learning.arrears.keep(carried(parameters, self.champion.constants))
        self._refused_before = self.champion.classifier.refused
        self._alarmed = False  # drift was seen on the day being taken; no day is taken by two processes
        self._others: list[tuple[Contender, ChurnModel]] = []
        self._seated()

    def open(self, day: int, churned: int = 0, boosted: bool = False) -> None:
        """Begins a day: at a new week the one before is judged, and what serves may change.

        Args:
            day: to be taken.
            churned: customers counted as churned so far.
            boosted: a booster stands beside the models.
        """
        learning, contest = self._learning, self._learning.contest
        contest.shadowed(boosted, day, churned)
        if not contest.entered:
            contest.enter("adagrad", "adagrad", day, churned)
            contest.entered, contest.begun = True, day
        monday = monday_of(day)
        if learning.monday != monday:
            self._close_week()
            learning.monday = monday
            self._judge(day, churned)
            self._calibrate(day)
            contest.retire_old_twins(day)
            spacing = 7 * ceil(self._policy.horizon_days / 7 / _SAVES_PER_HORIZON)
            contest.save(day, self.champion, spacing, learning.arrears.owed())
        self.champion.move(learning.arrears.due(day, self._policy.horizon_days))
        self._refused_before = self.champion.classifier.refused
        self._seated()

    @property
    def refused(self) -> int:
        """Examples the champion turned away since the day was opened."""
        return self.champion.classifier.refused - self._refused_before

    def test(self, day: int, packed: bytes, model_version: int) -> Pending:
        """A new snapshot, its features as they are stored, with what the models say of it."""
        self._remember(day)
        pending = Pending(day, packed, 0.0, model_version)
        features = pending.features  # decoded here, and still there when they are learned
        pending.probability = self.champion.probability(features)
        if self._served is not self.champion:
            pending.raw, pending.probability = pending.probability, self._served.probability(features)
        pending.others = {contender.name: model.probability(features) for contender, model in self._others}
        return pending

    def _remember(self, day: int) -> None:
        """Notes what serves on a day with snapshots, so that a scorer can tell what changed since."""
        known = self._learning.tested
        if not known or known[0].day != day:
            served = Served(day=day, intercept=self._served.classifier.weights[0], weights=self._served.weights())
            self._learning.tested = [served, *known][:_TESTED_KEPT]

    def mature(self, day: int, labels: Iterable[tuple[Pending, bool]], constant: float) -> None:
        """Takes the mature labels of a day in; `constant` is what the constant guess was before them."""
        learning, contest = self._learning, self._learning.contest
        current: list[tuple[float, bool]] = []
        for pending, churned in labels:
            learning.week.add(pending.probability, churned, constant, new_customer=False)
            contest.count(pending, churned, constant)
            if contest.current(pending):
                current.append((pending.uncalibrated, churned))
        learning.platt.learn(day, current, self._policy)
        self._alarmed = learning.drift.learn(day, [churned - raw for raw, churned in current], self._policy)

    def hear(self, days: Sequence[int]) -> None:
        """One more customer counts as churned; `days` are those of its snapshots that did."""
        self._learning.contest.hear(days)

    def learn_leaving(self, left: Sequence[Pending]) -> None:
        """Snapshots whose customers left; a model that never learned one as staying leaves it out."""
        contest = self._learning.contest
        for pending in left:
            if contest.seat.learned(pending.day):
                self.champion.learn_leaving(pending.features)
            for contender, model in self._others:
                if contender.learned(pending.day):
                    model.learn_leaving(pending.features)
        contest.saved = [self._taught(saved, left) for saved in contest.saved]

    def _taught(self, saved: Saved, left: Sequence[Pending]) -> Saved:
        """A saved state with those who left of its snapshots: without them it would say too little when it serves."""
        known = [pending for pending in left if saved.learned(pending.day)]
        if not known:
            return saved
        model = self._restored(saved)
        saved = _comparable(saved, model)
        for pending in known:
            model.learn_leaving(pending.features)
        return structs.replace(saved, parameters=model.parameters())

    def learn_staying(self, taken: Sequence[Pending]) -> None:
        """New snapshots, as staying until the contrary is seen."""
        for model in (self.champion, *(model for _, model in self._others)):
            model.fade(len(taken))
        for pending in taken:
            values = self.champion.values(pending.features)
            self.champion.take_staying(values, pending.uncalibrated)
            for contender, model in self._others:
                model.take_staying(values, pending.others[contender.name])

    def close(self, day: int, churned: int = 0) -> AnyParameters:
        """Ends a day: writes the models back, starts a challenger after an alarm; the champion's parameters.

        Args:
            day: that was taken.
            churned: customers counted as churned so far.
        """
        contest = self._learning.contest
        for contender, model in self._others:
            contender.parameters = model.parameters()
        if self._alarmed:
            self._alarmed = False
            contest.retire_twins(day)
            contest.enter(f"twin-{day}", "twin", day + 1, churned)
            self._seated()
        return self.champion.parameters()

    def _seated(self) -> None:
        """Builds what is not built yet: challengers that entered, the champion as it is served."""
        platt, built = self._learning.platt, {id(contender): model for contender, model in self._others}
        self._others = [
            (contender, built.get(id(contender)) or self._challenger(contender))
            for contender in self._learning.contest.challengers
            if contender.may_serve
        ]
        if platt.on:
            self._served = self.champion.stretched(*platt.slope_and_intercept())
        else:
            self._served = self.champion

    def _challenger(self, contender: Contender) -> ChurnModel:
        if contender.parameters is None:
            return ChurnModel.prior(self._policy, contender.kind)
        return ChurnModel.resumed(contender.parameters, self._policy, contender.kind)

    def _close_week(self) -> None:
        learning = self._learning
        if learning.monday is not None and learning.week.labelled:
            learning.weeks = [*learning.weeks, learning.week.of_week(learning.monday)][-WEEKS_KEPT:]
        learning.week = Evaluation()

    def _judge(self, day: int, churned: int) -> None:
        learning, contest = self._learning, self._learning.contest
        verdict = contest.judge(day, self._policy)
        if verdict is None:
            if (told := contest.outdone(day, self._policy)) is not None:
                contest.record(told)
            return
        change, successor = verdict
        parameters = self.champion.parameters()
        learning.arrears = Arrears()  # all of them are in: who is judged has served for longer than a horizon
        if isinstance(successor, Contender):
            self.champion = next(model for contender, model in self._others if contender is successor)
            contest.promote(successor, day, parameters)
        else:
            contest.roll_back(successor, day, churned)
            self.champion = self._restored(successor)
            if successor is not None:
                successor = _comparable(successor, self.champion)
                held_back = moved(successor.weights, self.champion.all_weights())
                learning.arrears = arrears(day, held_back, successor.owed)
                self.champion.move({name: -by for name, by in held_back.items()})
        contest.record(change)
        # Both speak of the champion that was.
        if learning.platt.on:
            self._switch(on=False, day=day)
        learning.platt = Platt(since=learning.platt.since)
        learning.drift.begin_anew()

    def _restored(self, saved: Saved | None) -> ChurnModel:
        if saved is None:
            return ChurnModel.prior(self._policy)
        return ChurnModel.resumed(saved.parameters, self._policy, saved.kind)

    def _calibrate(self, day: int) -> None:
        on = self._learning.platt.should_be_on(self._policy)
        if on != self._learning.platt.on:
            self._switch(on, day)

    def _switch(self, on: bool, day: int) -> None:
        platt, name = self._learning.platt, self._learning.contest.seat.name
        platt.on, platt.since = on, day
        slope, intercept = platt.slope_and_intercept()
        kind: ModelChangeKind = "calibration_on" if on else "calibration_off"
        ratio = platt.ratio()
        figures = {"slope": slope, "intercept": intercept} | ({} if ratio is None else {"ratio": ratio})
        self._learning.contest.record(ModelChange(day=day, kind=kind, before=name, after=name, figures=figures))


def _comparable(saved: Saved, model: ChurnModel) -> Saved:
    """The state without what it noted of weights that did not go over to the model made of it."""
    names = carried(saved.parameters, model.constants)
    weights, owed = ({name: of[name] for name in of if name in names} for of in (saved.weights, saved.owed))
    return structs.replace(saved, weights=weights, owed=owed)
