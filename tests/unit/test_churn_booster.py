"""The boosted challenger: what it keeps, what it is fitted on, what it says, when its library is not there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from itertools import count
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from schemas.models import ModelChange
from streams.backtest.churn import baselines
from streams.churn import booster_fit
from streams.churn.booster import NAME, TREES_KEY, Boosting, KeptDay, Shadow
from streams.churn.booster_fit import Predictor, Trees, fit, installed, load
from streams.churn.booster_labels import KeptLabels, Label, Matrix, joined, kept, matrix
from streams.churn.contest import Contest
from streams.churn.features import BY_NAME
from streams.churn.labels import CustomerRecords, Pending
from streams.churn.news import changed_day
from streams.churn.places import pack
from streams.churn.policy import ChurnPolicy
from streams.metrics.partition import MemoryPartition

POLICY = ChurnPolicy()
NAMES = ["nps", "csat"]
WEEK = 7
MONDAY = 20_003  # 2024-10-07
Table = MemoryPartition[CustomerRecords, None]


def table() -> Table:
    return MemoryPartition(0, None, lambda *_: None, lambda _: None)


def label(number: int, churned: bool, day: int = 0, **features: float) -> Label:
    return Label(f"c{number:05d}", day, features, churned)


def pendings(count: int, leave: int, day: int = 0) -> list[tuple[str, list[Pending]]]:
    """So many customers with a snapshot each; so many left, and those had bad ratings."""
    rows = [
        Pending(
            day, pack({"nps": -50.0 if i < leave else 50.0, "csat": i / 100}), 0.1, 1, day + 3 if i < leave else None
        )
        for i in range(count)
    ]
    return [(f"c{i:05d}", [pending]) for i, pending in enumerate(rows)]


def run(pieces: Iterable[None] | None) -> int:
    return 0 if pieces is None else len(list(pieces))


def fitted(names: Sequence[str], days: Sequence[KeptLabels]) -> Trees:
    pieces = fit(names, days)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            trees: Trees = end.value
            return trees


# labels


def test_labels_are_kept_as_they_were_and_none_is_left_out_while_there_is_room() -> None:
    labels = [label(1, False, nps=30.0, csat=0.8), label(2, True, nps=-20.0), label(3, False, csat=0.25)]
    one = kept(NAMES, labels)
    assert (one.of_stayer, one.of_leaver, list(one.churned)) == (1.0, 1.0, [1, 0, 0])
    columns = joined(NAMES, [one])
    np.testing.assert_array_equal(
        columns.values, np.array([[-20.0, np.nan], [30.0, 0.8], [np.nan, 0.25]], dtype=np.float32)
    )
    assert columns.churned.tolist() == [1.0, 0.0, 0.0]
    assert columns.weights.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "stayers, leavers, rows, of_stayer, of_leaver",
    [
        (3000, 40, (1460, 40), 3000 / 1460, 1.0),
        (3000, 1500, (750, 750), 4.0, 2.0),
        (100, 2500, (100, 1400), 1.0, 2500 / 1400),
        (0, 2400, (0, 1500), 0.0, 1.6),
        (2400, 0, (1500, 0), 1.6, 0.0),
        (1, 1, (1, 1), 1.0, 1.0),
    ],
)
def test_of_many_labels_a_sample_is_kept_and_weighs_as_much_as_all(
    stayers: int, leavers: int, rows: tuple[int, int], of_stayer: float, of_leaver: float
) -> None:
    labels = [label(i, i < leavers, nps=float(i)) for i in range(stayers + leavers)]
    one = kept(NAMES, labels)
    assert (one.churned.count(0), one.churned.count(1)) == rows
    assert (one.of_stayer, one.of_leaver) == (of_stayer, of_leaver)
    assert joined(NAMES, [one]).weights.sum() == pytest.approx(stayers + leavers, rel=1e-5)
    assert len(msgspec.msgpack.encode(CustomerRecords(kept=one))) < 100_000


def test_a_sample_does_not_depend_on_the_order_and_changes_with_the_day() -> None:
    labels = [label(i, False, nps=float(i)) for i in range(2500)]
    assert kept(NAMES, labels) == kept(NAMES, labels[::-1])
    of_other_day = [one._replace(day=7) for one in labels]
    assert kept(NAMES, of_other_day).values != kept(NAMES, labels).values


def test_a_full_day_of_all_features_is_far_below_the_megabyte_of_a_record() -> None:
    labels = [label(i, i < 100, **dict.fromkeys(BY_NAME, 1.5)) for i in range(5000)]
    assert len(msgspec.msgpack.encode(CustomerRecords(kept=kept(list(BY_NAME), labels)))) < 270_000


def test_columns_are_found_by_name_when_features_came_or_went() -> None:
    old = kept(["gone", "csat"], [label(1, True, gone=5.0, csat=0.5)])
    new = kept(NAMES, [label(2, False, nps=10.0, csat=0.75)])
    columns = joined(NAMES, [old, new])
    np.testing.assert_array_equal(columns.values, np.array([[np.nan, 0.5], [10.0, 0.75]], dtype=np.float32))


def test_what_single_precision_cannot_hold_is_cut() -> None:
    assert matrix(NAMES, [{"nps": 1e308, "csat": -1e308}]).tolist() == [
        [pytest.approx(1e30, rel=1e-6), pytest.approx(-1e30, rel=1e-6)]
    ]
    assert matrix(NAMES, []).shape == (0, 2)


# trees


def test_the_recipe_is_that_of_the_opponent_in_evaluate() -> None:
    source = np.random.default_rng(5)
    values = source.normal(size=(3000, 2)).astype(np.float32)
    churned = source.random(3000) < np.where(values[:, 0] * values[:, 1] > 0, 0.3, 0.03)
    rows = [{"nps": float(a), "csat": float(b)} for a, b in values]
    labels = [Label(f"c{i:05d}", 0, row, bool(left)) for i, (row, left) in enumerate(zip(rows, churned, strict=True))]
    days = [kept(NAMES, labels[:1500]), kept(NAMES, labels[1500:])]
    columns = joined(NAMES, days)
    opponent = baselines.booster(columns.values.astype(np.float64), columns.churned.astype(bool))
    ours = Predictor(fitted(NAMES, days)).probabilities(rows)
    assert ours == opponent(values.astype(np.float64)).tolist()
    assert np.mean(np.array(ours)[values[:, 0] * values[:, 1] > 0]) > 3 * np.mean(
        np.array(ours)[values[:, 0] * values[:, 1] < 0]
    )


def test_the_same_labels_give_the_same_text_and_a_row_the_same_probability_whatever_stands_beside_it() -> None:
    days = [kept(NAMES, [label(i, i % 7 == 0, nps=float(i % 50), csat=(i % 13) / 13) for i in range(900)])]
    trees = fitted(NAMES, days)
    assert trees == fitted(NAMES, days)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(trees), type=Trees) == trees
    rows = [{"nps": float(i)} for i in range(50)]
    together = Predictor(trees).probabilities(rows)
    assert together == [Predictor(trees).probabilities([row])[0] for row in rows]
    assert len(set(together)) > 5


def test_many_rows_are_asked_for_in_runs_with_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(fitted(NAMES, [kept(NAMES, [label(i, i < 20, nps=float(i)) for i in range(400)])]))
    rows, asked = [{"nps": float(i)} for i in range(25)], list[int]()
    together = predictor.probabilities(rows)

    def watched(names: Sequence[str], run: Sequence[Mapping[str, float]]) -> Matrix:
        asked.append(len(run))
        return matrix(names, run)

    monkeypatch.setattr(booster_fit, "matrix", watched)
    monkeypatch.setattr(booster_fit, "_AT_ONCE", 10)
    assert predictor.probabilities(rows) == together
    assert asked == [10, 10, 5]


def test_labels_that_no_feature_tells_apart_give_their_share() -> None:
    trees = fitted(NAMES, [kept(NAMES, [label(i, i < 20) for i in range(400)])])
    assert Predictor(trees).probabilities([{}, {"nps": 5.0}]) == pytest.approx([0.05, 0.05], rel=0.01)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda trees: Trees(trees.names, trees.text),  # neither version nor checksum
        lambda trees: replace(trees, library="3.0.0"),
        *(lambda trees, end=end: replace(trees, text=trees.text[:end]) for end in (0, 300, -1000)),
        lambda trees: replace(trees, text=trees.text.replace("leaf_value", "leaf_valve")),
    ],
)
def test_text_that_was_not_written_by_this_library_or_is_damaged_never_gets_to_it(
    spoil: Callable[[Trees], Trees], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LightGBM ends the process over half a text."""
    trees = fitted(NAMES, [kept(NAMES, [label(i, i < 20, nps=float(i)) for i in range(400)])])
    asked: list[str] = []

    def reading(model_str: str) -> None:
        asked.append(model_str)

    monkeypatch.setattr(import_module("lightgbm"), "Booster", reading)
    Predictor(trees)
    with pytest.raises(ValueError, match="expected trees as they left LightGBM 4"):
        Predictor(spoil(trees))
    assert asked == [trees.text]


# the shadow


def test_nothing_is_fitted_before_ten_left_and_then_at_the_beginning_of_a_week() -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    shadow.keep(part, state, MONDAY - 5, pendings(100, 9))
    assert shadow.due(part, state, MONDAY - WEEK, MONDAY) is None
    shadow.keep(part, state, MONDAY, pendings(100, 1))
    assert shadow.due(part, state, MONDAY, MONDAY + 2) is None
    taken = [Pending(0, pack({"nps": -50.0}), 0.1, 1), Pending(0, pack({"nps": 50.0}), 0.1, 1)]
    shadow.test(part, state, taken)
    assert taken[0].others == {}
    pieces = shadow.due(part, state, MONDAY, MONDAY + WEEK)
    assert run(pieces) == booster_fit.ROUNDS + 4
    assert state.fitted == MONDAY + WEEK
    shadow.test(part, state, taken)
    low, high = taken[1].others[NAME], taken[0].others[NAME]
    assert POLICY.probability_floor <= low < 0.05 < 0.1 < high
    shadow.test(part, state, [])


def test_all_who_left_teach_nothing() -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    shadow.keep(part, state, MONDAY - 5, pendings(20, 20))
    assert shadow.due(part, state, MONDAY - WEEK, MONDAY) is None


def test_it_is_refit_every_fourteen_days() -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    fits = []
    for week in range(8):
        monday = MONDAY + week * WEEK
        if run(shadow.due(part, state, monday - WEEK, monday + 2)):
            fits.append(week)
        shadow.keep(part, state, monday + 2, pendings(60, 10))
    assert fits == [1, 3, 5, 7]
    assert state.fitted == MONDAY + 7 * WEEK


def test_after_a_refit_the_new_trees_are_asked_as_another_process_would() -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    said: list[float] = []
    for week, leave in ((1, 20), (3, 60)):
        shadow.keep(part, state, MONDAY + (week - 1) * WEEK, pendings(100, leave))
        assert run(shadow.due(part, state, None, MONDAY + week * WEEK)) > 0
        mine, theirs = (Pending(0, pack({"nps": -50.0, "csat": 0.5}), 0.1, 1) for _ in range(2))
        shadow.test(part, state, [mine])
        Shadow(POLICY, True).test(part, state, [theirs])
        assert mine.others == theirs.others
        said.append(mine.others[NAME])
    assert said[0] != said[1]


def test_a_fit_cut_off_leaves_nothing_and_begins_again_to_the_same_trees() -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    shadow.keep(part, state, MONDAY - 5, pendings(100, 20))
    before = msgspec.msgpack.encode((part.states, state))
    pieces = shadow.due(part, state, None, MONDAY)
    assert pieces is not None
    for _ in range(30):
        next(pieces)
    assert msgspec.msgpack.encode((part.states, state)) == before
    run(Shadow(POLICY, True).due(part, state, None, MONDAY))
    undisturbed, whole = table(), Boosting()
    shadow.keep(undisturbed, whole, MONDAY - 5, pendings(100, 20))
    run(shadow.due(undisturbed, whole, None, MONDAY))
    assert part.states == undisturbed.states
    assert state == whole


def test_old_labels_are_forgotten_by_age_in_a_small_company_and_by_number_in_a_large_one() -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    for week in range(110):
        shadow.keep(part, state, week * WEEK, pendings(3, 1))
    assert [one.day for one in state.days] == [week * WEEK for week in range(6, 110)]
    assert len(part.states) == 104
    for week in range(110, 140):
        state.days.append(KeptDay(week * WEEK, 1500, 60))
    shadow.keep(part, state, 140 * WEEK, pendings(3, 1))
    assert [one.day for one in state.days] == [week * WEEK for week in range(115, 141)]
    assert sum(one.rows for one in state.days) <= 39_000
    assert set(part.states) == {f"\x00labels:{140 * WEEK}"}


def test_a_day_on_which_nothing_matured_keeps_nothing() -> None:
    part, state = table(), Boosting()
    Shadow(POLICY, True).keep(part, state, 5, [("c1", [])])
    assert (part.states, state.days) == ({}, [])


def test_without_the_extra_nothing_is_kept_and_what_was_is_thrown_away_after_eight_weeks() -> None:
    part, state = table(), Boosting()
    Shadow(POLICY, True).keep(part, state, MONDAY, pendings(100, 20))
    run(Shadow(POLICY, True).due(part, state, MONDAY, MONDAY + WEEK))
    without, taken = Shadow(POLICY, False), [Pending(0, pack({"nps": -50.0}), 0.1, 1)]
    assert not without.present
    without.test(part, state, taken)
    assert without.due(part, state, None, MONDAY + 60) is None
    without.keep(part, state, MONDAY + 56, pendings(100, 20))
    assert taken[0].others == {}
    assert (len(state.days), set(part.states)) == (1, {f"\x00labels:{MONDAY}", TREES_KEY})
    without.keep(part, state, MONDAY + 57, [])
    assert (part.states, state) == ({}, Boosting())
    without.keep(part, state, MONDAY + 64, [])
    assert state == Boosting()


def test_with_the_extra_again_it_goes_on_with_what_there_is() -> None:
    part, state = table(), Boosting()
    Shadow(POLICY, True).keep(part, state, MONDAY, pendings(100, 20))
    Shadow(POLICY, False).keep(part, state, MONDAY + WEEK, pendings(100, 20))
    again = Shadow(POLICY, True)
    again.keep(part, state, MONDAY + 2 * WEEK, pendings(50, 5))
    assert [(one.day, one.rows, one.left) for one in state.days] == [(MONDAY, 100, 20), (MONDAY + 14, 50, 5)]
    assert run(again.due(part, state, None, MONDAY + 21)) > 0


def test_a_library_that_is_there_and_does_not_work_is_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise OSError("libgomp.so.1: cannot open shared object file")

    part, state, shadow = table(), Boosting(), Shadow(POLICY, True)
    shadow.keep(part, state, MONDAY, pendings(100, 20))
    assert (installed(), load()) == (True, None)
    monkeypatch.setattr(booster_fit, "import_module", broken)
    assert load() == "libgomp.so.1: cannot open shared object file"
    assert run(shadow.due(part, state, MONDAY, MONDAY + WEEK)) == 0
    assert (shadow.present, state.fitted) == (False, None)
    assert shadow.due(part, state, MONDAY, MONDAY + WEEK) is None


@pytest.mark.parametrize("lost", [False, True])
def test_a_fit_that_fails_takes_the_booster_away_and_nothing_else(lost: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    part, state, shadow = table(), Boosting(), Shadow(POLICY, True)
    shadow.keep(part, state, MONDAY, pendings(100, 20))
    if lost:
        part.delete(f"\x00labels:{MONDAY}")
    else:
        monkeypatch.setattr(booster_fit, "_RECIPE", {**booster_fit._RECIPE, "objective": "poisson", "num_leaves": 0})
    run(shadow.due(part, state, MONDAY, MONDAY + WEEK))
    assert (shadow.present, state.fitted) == (False, None)
    assert shadow.problem is not None
    assert shadow.due(part, state, MONDAY, MONDAY + WEEK) is None


def test_a_package_that_is_not_installed_is_seen_without_loading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booster_fit, "find_spec", lambda name: None)
    assert not installed()


@pytest.mark.parametrize("ahead", [False, True])
def test_trees_that_this_library_cannot_read_are_silent_until_the_next_monday(ahead: bool) -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    shadow.keep(part, state, MONDAY, pendings(100, 20))
    run(shadow.due(part, state, MONDAY, MONDAY + WEEK))
    part.put(TREES_KEY, CustomerRecords(kept=Trees(NAMES, "of another release")))
    taken = [Pending(0, pack({"nps": -50.0}), 0.1, 1)]
    assert shadow.due(part, state, MONDAY + WEEK, MONDAY + WEEK + 6) is None  # not before the week is over
    if not ahead:
        shadow.test(part, state, taken)
        assert taken[0].others == {}
    assert run(shadow.due(part, state, MONDAY + WEEK, MONDAY + 2 * WEEK)) > 0
    assert state.fitted == MONDAY + 2 * WEEK
    shadow.test(part, state, taken)
    assert NAME in taken[0].others
    assert shadow.problem is None


def test_trees_that_cannot_be_read_back_are_not_fitted_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    shadow, part, state = Shadow(POLICY, True), table(), Boosting()
    shadow.keep(part, state, MONDAY, pendings(100, 20))
    sums = count()
    monkeypatch.setattr(booster_fit, "_checksum", lambda text: next(sums))
    assert run(shadow.due(part, state, MONDAY, MONDAY + WEEK)) > 0
    assert shadow.due(part, state, MONDAY, MONDAY + WEEK) is None


@pytest.mark.parametrize("error", [ValueError("numpy.dtype size changed"), AttributeError(), RuntimeError("x")])
@pytest.mark.parametrize("when", ["fitted", "asked", "due"])
def test_a_library_that_fails_in_any_way_puts_the_booster_away(
    error: Exception, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> ModuleType:
        raise error

    part, state, taken = table(), Boosting(), [Pending(0, pack({"nps": -50.0}), 0.1, 1)]
    Shadow(POLICY, True).keep(part, state, MONDAY, pendings(100, 20))
    if when != "fitted":
        run(Shadow(POLICY, True).due(part, state, MONDAY, MONDAY + WEEK))
    monkeypatch.setattr(booster_fit, "import_module", broken)
    shadow = Shadow(POLICY, True)
    if when == "asked":
        shadow.test(part, state, taken)
    else:
        assert run(shadow.due(part, state, MONDAY + WEEK, MONDAY + 2 * WEEK)) == 0
    assert (shadow.present, taken[0].others) == (False, {})
    assert load() == (str(error) or "AttributeError")


@pytest.mark.parametrize("broken", ["Booster", "names"])
def test_sound_trees_that_cannot_be_asked_put_the_booster_away(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part, state, taken = table(), Boosting(), [Pending(0, pack({"nps": -50.0}), 0.1, 1)]
    Shadow(POLICY, True).keep(part, state, MONDAY, pendings(100, 20))
    run(Shadow(POLICY, True).due(part, state, MONDAY, MONDAY + WEEK))
    if broken == "names":
        kept_trees = part.get(TREES_KEY)
        assert kept_trees is not None
        assert isinstance(kept_trees.kept, Trees)
        part.put(TREES_KEY, CustomerRecords(kept=replace(kept_trees.kept, names=NAMES)))
    else:
        monkeypatch.setattr(import_module("lightgbm"), "Booster", lambda model_str: 1 / 0)
    shadow = Shadow(POLICY, True)
    shadow.test(part, state, taken)
    assert (shadow.present, taken[0].others) == (False, {})
    assert shadow.problem
    assert shadow.due(part, state, MONDAY + WEEK, MONDAY + 3 * WEEK) is None


def test_trees_that_are_gone_are_silent() -> None:
    taken = [Pending(0, pack({"nps": -50.0}), 0.1, 1)]
    Shadow(POLICY, True).test(table(), Boosting(fitted=MONDAY), taken)
    assert taken[0].others == {}


# the contest


def judged(contest: Contest, day: int, said: float, rls: float = 0.08) -> Any:
    """A week of 400 mature labels, 20 left: what was said of those; the others got a twentieth from all."""
    for i in range(400):
        pending = Pending(day, pack({}), rls if i < 20 else 0.05, 1, others={NAME: said if i < 20 else 0.05})
        contest.count(pending, i < 20, 0.05)
    verdict = contest.judge(day, POLICY)
    return verdict, contest.outdone(day, POLICY)


def test_a_booster_that_keeps_the_rule_is_told_once_and_never_serves() -> None:
    contest = Contest()
    contest.shadowed(True, 0, 0)
    contest.shadowed(True, 7, 0)
    assert [(c.name, c.kind, c.since) for c in contest.challengers] == [("booster", "booster", 0)]
    told = [judged(contest, day, 0.3) for day in range(7, 56, 7)]
    assert [verdict for verdict, _ in told] == [None] * 7
    assert [change is not None for _, change in told] == [False, False, False, True, False, False, False]
    change = told[3][1]
    assert isinstance(change, ModelChange)
    assert (change.kind, change.before, change.after, change.day) == ("booster_better", "rls", "booster", 28)
    assert change.figures["labelled"] == 1600.0
    assert change.figures["log_loss"] < change.figures["champion_log_loss"]
    assert contest.seat.name == "rls"
    assert contest.told()[0].weeks_better == 7


def test_a_booster_is_told_again_after_it_had_fallen_behind() -> None:
    contest = Contest()
    contest.shadowed(True, 0, 0)
    days = iter(range(7, 700, 7))
    assert sum(judged(contest, next(days), 0.3)[1] is not None for _ in range(4)) == 1
    assert sum(judged(contest, next(days), 0.02)[1] is not None for _ in range(6)) == 0
    assert not contest.challengers[0].told
    assert sum(judged(contest, next(days), 0.3)[1] is not None for _ in range(9)) == 1


def test_a_booster_told_again_and_again_pushes_no_change_of_what_serves_out() -> None:
    contest = Contest()
    promotion = ModelChange(day=1, kind="promotion", before="rls", after="adagrad")
    contest.record(promotion)
    for turn in range(30):
        contest.record(ModelChange(day=100 + turn, kind="booster_better", before="adagrad", after="booster"))
    assert [(one.kind, one.day) for one in contest.changes] == [("promotion", 1), ("booster_better", 129)]
    assert changed_day(contest.changes) == 1
    for turn in range(30):
        contest.record(ModelChange(day=125 + turn, kind="calibration_on", before="adagrad", after="adagrad"))
    days = [one.day for one in contest.changes]
    assert days == sorted(days)
    assert [one.day for one in contest.changes if one.kind != "booster_better"] == list(range(135, 155))
    assert contest.changes[0].day == 129


def test_a_new_champion_is_compared_with_anew() -> None:
    contest = Contest()
    contest.shadowed(True, 0, 0)
    for day in range(7, 35, 7):
        judged(contest, day, 0.3)
    contest.roll_back(None, 35, 0)
    (booster,) = contest.challengers
    assert (booster.kind, booster.told, booster.weeks_better, booster.score.labelled) == ("booster", False, 0, 0)


def test_a_booster_that_is_gone_leaves_the_challengers_and_no_other() -> None:
    contest = Contest()
    contest.enter("adagrad", "adagrad", 0, 0)
    contest.shadowed(True, 0, 0)
    contest.shadowed(False, 7, 0)
    contest.shadowed(False, 14, 0)
    assert [c.name for c in contest.challengers] == ["adagrad"]
    assert contest.outdone(14, POLICY) is None
