"""Another `horizon_days` after a restart: what was learned for one window is not told or judged as another's."""

import msgspec
import pytest
from msgspec import structs
from test_churn_labels import POLICY, Bench

from schemas.alerts import Alert
from schemas.models import ModelSnapshot
from streams.alerts.model_machine import ModelAlerts
from streams.alerts.policy import ModelAlertPolicy
from streams.churn.booster import Boosting, KeptDay
from streams.churn.labels import CustomerRecords
from streams.churn.ledger import TrainerLedger
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer
from streams.churn.trainer import TrainerMachine

SUNDAYS = range(3, 400, 7)


def policy(horizon_days: int) -> ChurnPolicy:
    return structs.replace(POLICY, horizon_days=horizon_days)


class Life(Bench):
    """A trainer whose policy may change between two records; people are told."""

    def again(self, horizon_days: int) -> "Life":
        """Another process, with what the table kept as bytes."""
        encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
        self.part.meta = decode(encode(self.part.meta), type=TrainerLedger)
        states = self.part.states.items()
        self.part.states = {key: decode(encode(state), type=CustomerRecords) for key, state in states}
        self.machine = TrainerMachine(
            policy(horizon_days), 1, alerts=ModelAlerts("alerts.v1", "en", ModelAlertPolicy())
        )
        self.part._render = self.machine.render
        return self

    def weeks(self, first: int, last: int) -> "Life":
        """Forty customers each Sunday; two of them leave on the Wednesday after the first, and come back."""
        for day in [day for day in SUNDAYS if first <= day <= last]:
            for i in range(40):
                self.snapshot(day, f"c{i:02d}", nps=-60.0 if i < 10 else 50.0 + i)
            self.close(day)
            self.outcome(day + 3, f"c{day % 10:02d}").outcome(day + 3, f"c{(day + 3) % 10:02d}").close(day + 3)
        return self

    def published(self) -> ModelSnapshot:
        return self.machine.snapshot(self.part)

    def told(self) -> list[Alert]:
        alerts = [one for one in self.sent if one.topic == "alerts.v1"]
        return [msgspec.json.decode(one.value or b"", type=Alert) for one in alerts]

    def essence(self) -> tuple[bytes, object]:
        states = {key: msgspec.msgpack.encode(state) for key, state in self.part.states.items()}
        return msgspec.json.encode(self.part.meta), sorted(states.items())


def lived(horizon_days: int = 30) -> Life:
    return Life(policy(horizon_days)).again(horizon_days).weeks(100, 234)


@pytest.fixture
def life() -> Life:
    return lived()


@pytest.mark.parametrize("days", [14, 90])
def test_the_model_begins_anew_at_the_prior_for_another_window(life: Life, days: int) -> None:
    before = life.published()
    assert (before.horizon_days, before.is_prior, before.quality.labelled > 0) == (30, False, True)
    life.again(days).close(244)
    after = life.published()
    assert (after.horizon_days, after.is_prior, after.quality.labelled, after.weeks) == (days, True, 0, [])
    assert after.counts == {"learned": 0, "refused": 0, "censored": 0}
    assert after.parameters == ChurnModelPrior.of(days)
    assert (after.tested, after.drift.labels, after.calibration.labels) == ([], 0, 0)
    assert (after.model_version, after.trained_through) == (before.model_version + 1, 244)
    scorer = ChurnScorer(policy(days), before)
    assert scorer.load(after)
    assert (scorer.horizon_days, scorer.is_prior) == (days, True)


class ChurnModelPrior:
    """Parameters of the expert's model."""

    @staticmethod
    def of(days: int) -> dict[str, object]:
        return TrainerMachine(policy(days), 1).snapshot(Bench(policy(days)).part).parameters


def test_the_new_model_is_published_at_once_and_the_change_recorded(life: Life) -> None:
    life.part.flush()
    sent = len(life.sent)
    life.again(90).outcome(250)
    life.part.flush()
    model = msgspec.json.decode(life.sent[sent].value or b"", type=ModelSnapshot)
    assert (life.sent[sent].topic, model.horizon_days, model.trained_through) == ("models.v1", 90, 237)
    change = model.changes[-1]
    assert (change.day, change.kind, change.before, change.after) == (238, "horizon_changed", "rls", "prior")
    assert change.figures == {"days": 90.0, "days_before": 30.0}
    assert (model.champion, model.champion_since_day) == ("rls", 238)


def test_people_are_told_once_with_the_next_day_taken(life: Life) -> None:
    life.again(90)
    assert [one.rule for one in life.told()] == []
    life.weeks(241, 260)
    (told,) = [one for one in life.told() if one.rule == "model_horizon_changed"]
    assert (told.facts["day"], told.facts["days"], told.facts["days_before"]) == (241, 90, 30)


def test_no_day_is_taken_twice_and_none_goes_backwards(life: Life) -> None:
    taken: list[int] = []
    open_day = type(life.machine._learner(life.part)).open

    def watched(self: object, day: int, *more: object) -> None:
        taken.append(day)
        open_day(self, day, *more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("streams.churn.learner.Learner.open", watched)
        life.again(14).weeks(245, 300)
    assert taken == sorted(set(taken))
    assert taken[0] > 237
    assert life.ledger.evaluation.labelled > 0
    assert [label for label in life.labels() if label[0] <= 237 < label[2]] == []
    weeks = [week.day for week in life.published().weeks]
    assert weeks == sorted(set(weeks))
    assert all(label[2] - label[0] <= 14 for label in life.labels() if label[0] > 237)


def test_who_churned_before_counts_anew_and_what_was_not_taken_yet_stays(life: Life) -> None:
    life.snapshot(245, "c00", nps=1.0).snapshot(245, "new", nps=2.0).outcome(248, "c00")
    life.again(14).close(270)
    assert life.ledger.evaluation.labelled == 2
    assert (life.ledger.evaluation.positives, life.ledger.evaluation.customers_churned) == (1, 1)
    assert set(life.part.states) == {"c00"}


@pytest.mark.parametrize("cut", [1, 30, 300])
def test_it_is_the_same_bits_in_pieces(cut: int) -> None:
    whole, pieces = lived().again(90), lived().again(90)
    records = [(day, i) for day in SUNDAYS if 245 <= day <= 300 for i in range(40)]
    for number, (day, i) in enumerate(records):
        for one in (whole, pieces):
            one.snapshot(day, f"c{i:02d}", nps=float(i))
            if i == 39:
                one.outcome(day + 1, "c07").close(day + 2)
        if number % cut == 0:
            pieces.again(90)
    assert pieces.essence() == whole.essence()


def test_the_same_window_begins_nothing(life: Life) -> None:
    other = lived().again(30).weeks(245, 260)
    assert life.weeks(245, 260).essence() == other.essence()
    assert life.published().changes == []


def test_before_anything_was_learned_another_window_is_no_change() -> None:
    life = Life(policy(30)).again(30)
    life.snapshot(100, "a", nps=1.0).close(99)
    life.again(90).close(100)
    published = life.machine.snapshot(life.part)
    assert (published.horizon_days, published.changes, published.quality.observations) == (90, [], 1)


def test_until_the_first_record_it_is_told_with_the_window_it_was_learned_for(life: Life) -> None:
    before = life.published()
    assert structs.replace(life.again(90).published(), horizons=before.horizons) == before


def test_what_an_earlier_release_stored_is_taken_to_be_of_the_policy(life: Life) -> None:
    life.ledger.horizon_days = None
    version = life.ledger.model_version
    life.again(30).close(242)
    assert (life.ledger.horizon_days, life.ledger.model_version) == (30, version)
    assert life.published().changes == []


def test_unless_snapshots_wait_in_it_that_would_not_any_more(life: Life) -> None:
    life.ledger.horizon_days = None
    life.again(14).close(242)
    (change,) = life.published().changes
    assert (change.kind, change.figures) == ("horizon_changed", {"days": 14.0})
    assert life.ledger.pending == []


def test_what_a_booster_kept_is_thrown_away(life: Life) -> None:
    life.part.put("\x00labels:231", CustomerRecords(churned=True))
    life.part.put("\x00trees", CustomerRecords(churned=True))
    life.ledger.learning.boosting = Boosting(days=[KeptDay(231, 5, 1)], fitted=228)
    life.again(90).close(242)
    assert [key for key in life.part.states if key.startswith("\x00")] == []
    assert life.ledger.learning.boosting == Boosting()
