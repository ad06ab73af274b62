"""After a roll-back: a saved state has gone on learning who left, and whoever serves is called what it is."""

import math
import random
from typing import NamedTuple

import pytest
from msgspec import structs
from test_churn_stream import EVENTFUL, Run, Script, interleaved, stream

from schemas.models import ModelSnapshot
from schemas.scores import ObservationsClosed, Outcome, Snapshot
from streams.churn.arrears import Arrears, arrears, moved
from streams.churn.contest import Contest
from streams.churn.labels import Pending
from streams.churn.learner import Learner, Learning
from streams.churn.linear import are_sound
from streams.churn.model import ChurnModel
from streams.churn.parameters import AnyParameters, builtins, read
from streams.churn.places import pack
from streams.churn.policy import ChurnPolicy
from streams.churn.seats import Saved, Score

POLICY = ChurnPolicy()
HORIZON = POLICY.horizon_days


def force_roll_back(contest: Contest) -> None:
    """The week that is over was far worse than the constant guess."""
    contest.week, contest.left = Score(5_000, 3_000.0, 1_000.0, 10.0), 50


def weekly_means(seed: int, rolls_back: dict[int, int], rate: float = 0.05, customers: int = 80) -> list[float]:
    """What is said of customers that are all alike, week by week; in some weeks the state of an earlier one serves."""
    policy = ChurnPolicy(base_rate=rate, forgetting=0.999, least_kept=0.0)  # remembers thirteen weeks
    source, learner = random.Random(seed), Learner(policy, Learning(), None)
    contest, said, open_ = learner._learning.contest, list[float](), list[Pending]()
    for week in range(56):
        day = 4 + 7 * week
        if week in rolls_back:
            contest.good = next(saved for saved in contest.saved if saved.day == 4 + 7 * rolls_back[week])
            force_roll_back(contest)
        learner.open(day)
        left = [p for p in open_ if p.churned_day is not None and p.churned_day <= day]
        open_ = [p for p in open_ if p.churned_day is not None and p.churned_day > day]
        taken = [learner.test(day, pack({}), week) for _ in range(customers)]
        said.append(taken[0].probability)
        learner.learn_leaving(left)
        learner.learn_staying(taken)
        for pending in taken:
            after = math.ceil(source.expovariate(-math.log(1 - rate) / HORIZON))
            pending.churned_day = day + after if after <= HORIZON else None
        open_ += taken
        learner.close(day)
    assert [change.kind for change in contest.changes] == ["rollback"] * len(rolls_back)
    return said


def test_after_a_roll_back_the_model_says_no_less_than_without_it() -> None:
    without, after = (
        [sum(said[at] for said in lives) for at in range(41, 54)]
        for lives in ([weekly_means(seed, rolls_back) for seed in (1, 2, 3)] for rolls_back in ({}, {40: 35}))
    )
    assert sum(after) == pytest.approx(sum(without), rel=0.04)
    assert after[:4] == pytest.approx(without[:4], rel=0.06)


def test_a_state_saved_after_a_roll_back_says_no_less_either_when_it_is_gone_back_to() -> None:
    without, once, twice = (
        sum(sum(weekly_means(seed, rolls_back)[46:54]) for seed in (1, 2, 3))
        for rolls_back in ({}, {40: 35}, {40: 35, 46: 41})
    )
    assert once == pytest.approx(without, rel=0.04)
    # Without what it was owed it says 15 % less.
    assert twice == pytest.approx(without, rel=0.05)


def gone_back_to(saved: Saved) -> Learner:
    """A learner that began on day 4 and went back to a state on day 11."""
    learner = Learner(POLICY, Learning(), None)
    learner.open(4)
    learner._learning.contest.good = saved
    force_roll_back(learner._learning.contest)
    learner.open(11)
    return learner


def prior_but(**weights: float) -> AnyParameters:
    """The prior's parameters with other weights."""
    prior = ChurnModel.prior(POLICY)
    prior.classifier.weights = list((prior.all_weights() | weights).values())
    return prior.parameters()


def test_what_a_state_was_owed_when_it_was_saved_is_let_in_with_what_it_heard_since() -> None:
    began = ChurnModel.prior(POLICY).all_weights()
    nps = began["nps"]
    learner = gone_back_to(Saved(4, "rls", "rls", prior_but(nps=nps + 0.5), weights=began, owed={"nps": 0.25, "": 0.5}))
    contest = learner._learning.contest
    assert learner.champion.all_weights() == pytest.approx(began)
    (saved,) = contest.saved
    assert (saved.day, saved.owed) == (11, {"nps": pytest.approx(0.75), "": 0.5})
    learner.open(26)  # half a horizon: a quarter of it is still to come
    assert contest.saved[-1].owed == {"nps": pytest.approx(0.75), "": 0.5}
    contest.week, contest.good = Score(), None
    learner.open(33)
    assert (contest.saved[-1].day, contest.saved[-1].owed) == (33, {"nps": pytest.approx(0.75 / 4), "": 0.125})
    learner.open(41)
    expected = {**began, "nps": nps + 0.75, "": began[""] + 0.5}
    assert learner.champion.all_weights() == pytest.approx(expected)
    learner.open(48)
    assert contest.saved[-1].owed == {}


def test_what_is_let_in_takes_no_weight_out_of_bounds() -> None:
    began = {**ChurnModel.prior(POLICY).all_weights(), "nps": 20.0}
    learner = gone_back_to(Saved(4, "rls", "rls", prior_but(nps=49.0), weights=began))
    assert learner.champion.weights()["nps"] == pytest.approx(20.0)
    learner.champion.move({"nps": 10.0})  # what it learns in the month
    learner.open(41)
    assert learner.champion.weights()["nps"] == pytest.approx(30.0)
    assert are_sound(read(builtins(learner.close(41))).weights)


def test_a_state_with_a_weight_out_of_bounds_goes_on_learning() -> None:
    old = prior_but(nps=60.0)
    learner = Learner(POLICY, Learning(), old)
    learner.open(4)
    learner.learn_staying([learner.test(4, pack({"nps": float(nps)}), 0) for nps in range(50)])
    assert learner.refused == 0
    assert are_sound(read(builtins(learner.close(4))).weights)
    saved = Saved(4, "rls", "rls", old, weights={**ChurnModel.prior(POLICY).all_weights(), "nps": 55.0})
    assert gone_back_to(saved).champion.all_weights() == ChurnModel.prior(POLICY).all_weights()


@pytest.mark.parametrize("heard", [False, True])
def test_what_was_learned_in_other_units_does_not_come_back(heard: bool) -> None:
    prior = ChurnModel.prior(POLICY)
    old = prior_but(nps=-25.0)
    constants = [("nps", "linear", 30.0, 5000.0) if row[0] == "nps" else row for row in old.constants]
    old = structs.replace(old, constants=constants)
    saved = Saved(4, "rls", "rls", old, weights={**prior.all_weights(), "nps": -25.0}, owed={"nps": 9.0, "csat": 0.5})
    if heard:
        teacher = Learner(POLICY, Learning(), None)
        teacher._learning.contest.saved = [saved]
        teacher.learn_leaving([Pending(3, pack({}), 0.1, 1)])
        (saved,) = teacher._learning.contest.saved
    learner = gone_back_to(saved)
    learner.open(41)
    assert learner.champion.weights()["nps"] == pytest.approx(prior.weights()["nps"])
    assert learner.champion.weights()["csat"] == pytest.approx(prior.weights()["csat"] + 0.5)


def test_what_is_still_let_in_stops_for_features_of_other_units() -> None:
    prior, learning = ChurnModel.prior(POLICY), Learning(arrears=Arrears(4, {"nps": 9.0, "csat": 0.5}))
    old = prior.parameters()
    constants = [("nps", "linear", 30.0, 5000.0) if row[0] == "nps" else row for row in old.constants]
    learner = Learner(POLICY, learning, structs.replace(old, constants=constants))
    learner.open(34)
    assert learner.champion.weights() == {**prior.weights(), "csat": prior.weights()["csat"] + 0.5}


def test_what_it_heard_since_it_was_saved_is_let_in_within_a_horizon() -> None:
    learner = Learner(POLICY, Learning(), None)
    learning = learner._learning
    learner.open(4)
    (saved,) = learning.contest.saved
    began = dict(saved.weights)
    learner.learn_leaving([Pending(3, pack({"nps": 0.0}), 0.1, 1)])
    (learning.contest.good,) = learning.contest.saved
    heard = ChurnModel.resumed(learning.contest.good.parameters, POLICY).all_weights()
    assert heard[""] > began[""]
    force_roll_back(learning.contest)
    learner.open(11)
    assert learner.champion.all_weights() == pytest.approx(began)
    for day, open_windows in ((11, 1.0), (17, 0.8), (17, 0.8), (26, 0.5), (41, 0.0), (50, 0.0)):
        learner.open(day)
        share = 1 - open_windows**2
        expected = {name: began[name] + share * (heard[name] - began[name]) for name in began}
        assert learner.champion.all_weights() == pytest.approx(expected, abs=1e-12)
    assert learning.arrears.weights == {}


def test_a_state_saved_by_an_earlier_release_serves_as_it_is() -> None:
    assert arrears(5, moved({}, {"": -3.0, "nps": 0.2}), {}).due(9, HORIZON) == {}


def test_a_saved_state_learns_who_left_of_its_own_snapshots_alone() -> None:
    learner = Learner(POLICY, Learning(), None)
    contest, state = learner._learning.contest, ChurnModel.prior(POLICY).parameters()
    contest.saved = [Saved(60, "rls", "rls", state, missed=(20, 40)), Saved(67, "rls", "rls", state)]
    left = [Pending(day, pack({"nps": float(day)}), 0.1, 1) for day in (19, 20, 59, 60, 67)]
    learner.learn_leaving(left)
    for saved, days in zip(contest.saved, [(19, 59), (19, 20, 59, 60)], strict=True):
        expected = ChurnModel.prior(POLICY)
        for day in days:
            expected.learn_leaving({"nps": float(day)})
        assert saved.parameters == expected.parameters()


def lived(first: int, weeks: int, leaving: range, prefix: str) -> Script:
    """Ten customers a week with a snapshot; the outcome of some comes the day after it."""
    script: Script = []
    for week in range(weeks):
        for day in range(first + 7 * week, first + 7 * week + 7):
            for number in range(10):
                key = f"{prefix}{week}:{number}"
                if day % 7 == 3:
                    script.append(Snapshot(customer_id=key, day=day, features={"nps": float(number)}))
                elif day % 7 == 4 and number in leaving:
                    script.append(Outcome(customer_id=key, day=day))
            script.append(ObservationsClosed(partition=0, day=day))
    return script


def told(run: Run) -> ModelSnapshot:
    return run.machine.snapshot(run.part)


def test_after_a_roll_back_to_the_prior_it_is_called_a_prior_until_it_has_learned_from_enough() -> None:
    run = Run(1, ChurnPolicy(min_customers_churned=6)).feed(lived(0, 8, range(2), "a"))
    assert told(run).quality.customers_churned == 8
    assert not told(run).is_prior
    contest = run.part.meta.learning.contest
    contest.good, contest.begun = None, None
    force_roll_back(contest)
    called: list[tuple[int, bool]] = []
    for week in range(8, 18):
        run.feed(lived(7 * week, 1, range(2), f"b{week}:"))
        called.append((told(run).quality.customers_churned, told(run).is_prior))
    (change,) = contest.changes
    assert (change.after, change.day) == ("prior", 60)
    # Labels are 30 days late: those of the weeks 0 to 8 are of snapshots it never learned, then two of each week since.
    assert called == [(2 * (week - 3), week - 3 - 9 < 3) for week in range(8, 18)]


@pytest.mark.parametrize("served", [True, False])
def test_customers_count_for_whoever_learned_one_of_their_snapshots(served: bool) -> None:
    contest = Contest()
    contest.enter("adagrad", "adagrad", 50, churned=3)
    state = ChurnModel.prior(POLICY).parameters()
    contest.saved = [Saved(60, "rls", "rls", state), Saved(40, "rls", "rls", state, unheard=1)]
    contest.good = Saved(10, "rls", "rls", state)
    contest.seat.missed = (0, 0) if served else (30, 65)
    contest.hear([45, 52, 59])
    assert contest.seat.unheard == (0 if served else 1)
    assert contest.challengers[0].unheard == 3
    assert [saved.unheard for saved in contest.saved] == [0, 2]
    assert contest.good.unheard == 1
    contest.hear([45])
    assert contest.challengers[0].unheard == 4


class Turn(NamedTuple):
    """A change of what serves: since when the one before had served, what that one was owed then, and still is."""

    day: int
    since: int
    held_back: bool
    owed: dict[str, float]


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_what_serves_changes_only_after_all_that_a_roll_back_held_back_came_in(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[Turn] = []
    held_back: list[bool] = [False]
    judge = Learner._judge

    def watched(learner: Learner, day: int, churned: int) -> None:
        learning = learner._learning
        since, owed = learning.contest.seat.since, learning.arrears.owed()
        judge(learner, day, churned)
        if learning.contest.seat.since == day:
            if since is not None:
                turns.append(Turn(day, since, held_back[-1], owed))
            held_back.append(bool(learning.arrears.owed()))

    monkeypatch.setattr(Learner, "_judge", watched)
    scripts = stream(seed=seed, customers=60, weeks=80, partitions=2, signal=0.3, rate=0.04)
    policy = structs.replace(EVENTFUL, rollback_ratio=1.01, promotion_weeks=1)
    Run(2, policy).feed(interleaved(scripts, random.Random(seed)))
    assert sum(turn.held_back for turn in turns) > 1
    assert all(turn.owed == {} for turn in turns)
    # So no snapshot of before the last change is open, and the span it missed then need not be remembered.
    assert all(turn.day - turn.since > HORIZON for turn in turns)
