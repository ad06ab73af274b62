"""Champion and challengers: the rules of promotion and roll-back, worked by hand."""

import pytest

from schemas.models import ModelChange
from streams.churn.contest import Contest
from streams.churn.labels import Pending
from streams.churn.model import ChurnModel
from streams.churn.places import pack
from streams.churn.policy import ChurnPolicy
from streams.churn.seats import Contender, Saved, Score

POLICY = ChurnPolicy()
CONSTANT = 0.05
MODEL = ChurnModel.prior(POLICY)
STATE = MODEL.parameters()


def week(contest: Contest, day: int, champion: float, challenger: float | None = None, leavers: int = 20) -> None:
    """400 mature labels; of those who left both said so much, of the others a twentieth."""
    for i in range(400):
        churned = i < leavers
        said = [p if churned else 0.04 for p in (champion, challenger or 0.0)]
        others = {"adagrad": said[1]} if challenger else {}
        contest.count(Pending(day, pack({}), said[0], 1, others=others), churned, CONSTANT)


def contested() -> Contest:
    contest = Contest()
    contest.enter("adagrad", "adagrad", 0, 0)
    return contest


def test_four_better_weeks_in_a_row_promote() -> None:
    contest = contested()
    for turn in range(3):
        week(contest, 100 + 7 * turn, champion=0.08, challenger=0.5)
        assert contest.judge(107 + 7 * turn, POLICY) is None
        assert contest.challengers[0].weeks_better == turn + 1
    week(contest, 121, champion=0.08, challenger=0.5)
    verdict = contest.judge(128, POLICY)
    assert verdict is not None
    change, winner = verdict
    assert winner is contest.challengers[0]
    assert (change.kind, change.before, change.after, change.figures["labelled"]) == (
        "promotion",
        "rls",
        "adagrad",
        1600,
    )
    assert change.figures["log_loss"] < change.figures["champion_log_loss"]


def test_a_worse_week_between_begins_the_count_anew() -> None:
    contest = contested()
    for turn, challenger in enumerate([0.5, 0.5, 0.5, 0.08, 0.5, 0.5, 0.5]):
        week(contest, 100 + 7 * turn, champion=0.08, challenger=challenger)
        assert contest.judge(107 + 7 * turn, POLICY) is None


def test_a_challenger_better_by_less_than_the_margin_is_not_promoted() -> None:
    contest = contested()
    for turn in range(8):
        week(contest, 100 + 7 * turn, champion=0.08, challenger=0.0801)
        assert contest.judge(107 + 7 * turn, POLICY) is None
        assert contest.challengers[0].weeks_better == 0


def test_better_weeks_that_do_not_make_up_for_what_was_before_promote_nobody() -> None:
    contest = contested()
    for _ in range(20):
        week(contest, 100, champion=0.5, challenger=0.05)
    contest.judge(107, POLICY)
    for turn in range(6):
        week(contest, 107 + 7 * turn, champion=0.08, challenger=0.2)
        assert contest.judge(114 + 7 * turn, POLICY) is None
    assert contest.challengers[0].weeks_better == 6


def test_weeks_with_few_labels_or_leavers_are_judged_together() -> None:
    contest = contested()
    week(contest, 100, champion=0.08, challenger=0.5, leavers=3)
    assert contest.judge(107, POLICY) is None
    assert contest.week.labelled == 400
    week(contest, 107, champion=0.08, challenger=0.5, leavers=3)
    contest.judge(114, POLICY)
    assert (contest.week.labelled, contest.challengers[0].weeks_better) == (0, 1)


def test_a_challenger_that_did_not_speak_on_every_label_is_not_counted_as_better() -> None:
    contest = contested()
    week(contest, 100, champion=0.08)
    week(contest, 100, champion=0.08, challenger=0.5)
    contest.judge(107, POLICY)
    assert contest.challengers[0].weeks_better == 0
    told = contest.told()[0]
    assert (told.name, told.labelled, told.weeks_better) == ("adagrad", 400, 0)
    assert told.log_loss is not None
    assert told.champion_log_loss is not None
    assert told.log_loss < told.champion_log_loss


def test_of_two_that_won_the_better_one_is_promoted() -> None:
    contest = contested()
    contest.enter("twin-50", "twin", 50, 0)
    verdicts = []
    for turn in range(4):
        for i in range(400):
            pending = Pending(100, pack({}), 0.08 if i < 20 else 0.04, 1, others={"adagrad": 0.3, "twin-50": 0.6})
            if i >= 20:
                pending.others = {"adagrad": 0.04, "twin-50": 0.04}
            contest.count(pending, i < 20, CONSTANT)
        verdicts.append(contest.judge(107 + 7 * turn, POLICY))
    assert verdicts[:3] == [None] * 3
    assert verdicts[3] is not None
    assert verdicts[3][0].after == "twin-50"


def test_promotion_swaps_and_begins_every_count_anew() -> None:
    contest = contested()
    week(contest, 100, champion=0.08, challenger=0.5)
    contest.save(100, MODEL, 7, {})
    contest.promote(contest.challengers[0], 110, STATE)
    assert (contest.seat.name, contest.seat.kind, contest.seat.since, contest.seat.missed) == (
        "adagrad",
        "adagrad",
        110,
        (0, 0),
    )
    (loser,) = contest.challengers
    assert (loser.name, loser.kind, loser.parameters, loser.score) == ("rls", "rls", STATE, Score())
    assert (contest.saved, contest.week) == ([], Score())
    week(contest, 109, champion=0.08)
    assert contest.week.labelled == 0
    week(contest, 110, champion=0.08)
    assert contest.week.labelled == 400


def bad_week(contest: Contest, day: int) -> tuple[ModelChange, object]:
    week(contest, day, champion=0.001)
    verdict = contest.judge(day + 7, POLICY)
    assert verdict is not None
    return verdict


def test_a_week_far_worse_than_the_constant_guess_rolls_back_to_the_last_good_state() -> None:
    contest = contested()
    contest.save(60, MODEL, 7, {})
    contest.save(67, MODEL, 7, {})
    contest.save(70, MODEL, 7, {})
    assert [saved.day for saved in contest.saved] == [60, 67]
    contest.save(102, MODEL, 7, {})
    week(contest, 90, champion=0.5)
    assert contest.judge(100, POLICY) is None
    assert contest.good == Saved(67, "rls", "rls", STATE, weights=MODEL.all_weights())
    assert [saved.day for saved in contest.saved] == [102]
    change, to = bad_week(contest, 128)
    good = contest.good
    assert to == good
    assert (change.kind, change.before, change.after) == ("rollback", "rls", "rls of day 67")
    assert change.figures["log_loss"] > 1.2 * change.figures["log_loss_constant"]
    assert change.figures["standard_errors"] > 3.0
    contest.roll_back(good, 135, 0)
    assert (contest.seat.since, contest.seat.missed) == (135, (67, 135))
    assert contest.seat.learned(66)
    assert not contest.seat.learned(67)
    assert contest.seat.learned(135)
    assert [c.name for c in contest.challengers] == ["adagrad"]


def test_without_a_good_state_the_prior_takes_over() -> None:
    contest = contested()
    change, to = bad_week(contest, 100)
    assert (to, change.after) == (None, "prior")
    contest.roll_back(None, 107, 0)
    assert (contest.seat.name, contest.seat.missed) == ("rls", (0, 107))


@pytest.mark.parametrize("begun,goes_back", [(None, True), (70, True), (71, False), (90, False)])
def test_the_prior_is_not_gone_back_to_for_what_it_said_itself(begun: int | None, goes_back: bool) -> None:
    contest = contested()
    contest.begun = begun
    week(contest, 107, champion=0.001)
    week(contest, 100, champion=0.001)
    assert (contest.judge(114, POLICY) is not None) == goes_back
    assert contest.week_from is None
    contest.good = Saved(60, "rls", "rls", STATE)
    assert bad_week(contest, 100)[0].after == "rls of day 60"


def test_a_state_is_gone_back_to_once_then_the_prior_once_then_none_until_one_was_good() -> None:
    contest = contested()
    contest.good = Saved(60, "rls", "rls", STATE)
    afters = []
    for day in (100, 200, 300):
        week(contest, day, champion=0.001)
        verdict = contest.judge(day + 7, POLICY)
        if verdict is not None:
            assert not isinstance(verdict[1], Contender)
            afters.append(verdict[0].after)
            contest.roll_back(verdict[1], day + 7, 0)
    assert afters == ["rls of day 60", "prior"]
    contest.save(350, MODEL, 7, {})
    week(contest, 360, champion=0.5)
    assert contest.judge(390, POLICY) is None
    assert bad_week(contest, 400)[0].after == "rls of day 350"


@pytest.mark.parametrize("kind,again", [("adagrad", ["adagrad"]), ("twin", [])])
def test_who_is_rolled_back_begins_again_unless_a_twin(kind: str, again: list[str]) -> None:
    contest = contested()
    contest.challengers[0].kind = kind  # type: ignore[assignment]
    contest.promote(contest.challengers[0], 50, STATE)
    contest.roll_back(None, 107, 0)
    assert (contest.seat.name, [c.name for c in contest.challengers]) == ("rls", again)
    assert all(c.missed == (0, 107) and c.parameters is None for c in contest.challengers)


def test_a_bad_week_that_may_be_chance_changes_nothing() -> None:
    contest = contested()
    for i in range(110):
        contest.count(Pending(100, pack({}), 0.05 if i != 5 else 0.0011, 1), i < 6, CONSTANT)
    week_before = contest.week
    assert week_before.loss > 1.1 * week_before.against
    assert contest.judge(107, ChurnPolicy(rollback_ratio=1.1)) is None


def test_twins_leave_when_they_had_their_time() -> None:
    contest = contested()
    contest.enter("twin-50", "twin", 51, 0)
    contest.retire_old_twins(51 + 181)
    assert len(contest.challengers) == 2
    contest.retire_old_twins(51 + 182)
    assert [c.name for c in contest.challengers] == ["adagrad"]


def test_the_changes_kept_are_the_newest() -> None:
    contest = Contest()
    for day in range(30):
        contest.record(ModelChange(day=day, kind="promotion", before="a", after="b"))
    assert [change.day for change in contest.changes] == list(range(10, 30))


def test_states_kept_for_a_roll_back_are_few() -> None:
    contest = Contest()
    for day in range(0, 700, 7):
        contest.save(day, MODEL, 7, {})
    assert [saved.day for saved in contest.saved] == [658, 665, 672, 679, 686, 693]
    contest.judge(700, POLICY)
    assert contest.good is None


def test_equal_losses_are_no_difference() -> None:
    assert Score().errors_worse == 0.0
    assert Contest().told() == []
