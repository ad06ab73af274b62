"""The boosted challenger in whole streams: it moves nothing of the champion's, and nothing moves it but the log."""

import math
import random
from collections import deque
from collections.abc import Iterable

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_churn_stream import EVENTFUL, HORIZON, SCRIPTS, Run, Script, interleaved, with_repetitions

from schemas.models import Challenger
from schemas.scores import Observation, ObservationsClosed, Outcome, Snapshot
from streams.alerts.model_machine import ModelAlerts
from streams.alerts.policy import ModelAlertPolicy
from streams.churn.booster import NAME, TREES_KEY
from streams.churn.labels import CustomerRecords
from streams.churn.ledger import TrainerLedger
from streams.churn.policy import ChurnPolicy
from streams.churn.trainer import TrainerMachine

ALL = interleaved(SCRIPTS, random.Random(0))
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Shadowed(Run):
    """A trainer with a booster, as long as `boosted`; runs through the pieces that come before a record."""

    def __init__(self, partitions: int, policy: ChurnPolicy = EVENTFUL, boosted: bool = True) -> None:
        super().__init__(partitions, policy)
        self.pieces = 0
        self._use(boosted)

    def _use(self, boosted: bool) -> None:
        alerts = ModelAlerts("alerts.v1", "en", ModelAlertPolicy())
        self.machine = TrainerMachine(self.policy, self.partitions, alerts=alerts, boosted=boosted)

    def feed(self, records: Iterable[Observation]) -> "Shadowed":
        for record in records:
            before, offset = self.part.meta.read, self.part.offset
            while (pieces := self.machine.step(self.part, self.part.offset + 1, record)) is not None:
                assert self.part.meta.read == before
                assert self.part.offset == offset  # a model published between two pieces does not tell the record
                self.pieces += sum(1 for _ in pieces)
            ledger = self.part.meta
            taken = ledger.applied + ledger.duplicate + ledger.late + ledger.dead + ledger.own
            assert ledger.read == taken == before + 1
        return self

    def again(self, boosted: bool = True) -> "Shadowed":
        """Another process: a new machine over what the table kept as bytes."""
        encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
        self.part.meta = decode(encode(self.part.meta), type=TrainerLedger)
        states = self.part.states.items()
        self.part.states = {key: decode(encode(state), type=CustomerRecords) for key, state in states}
        self._use(boosted)
        return self

    def booster(self) -> Challenger | None:
        told = self.machine.snapshot(self.part).challengers
        return next((one for one in told if one.kind == "booster"), None)

    def without_booster(self) -> object:
        """All there is, but for the booster."""
        snapshot = self.machine.snapshot(self.part)
        changes = [one for one in snapshot.changes if one.kind != "booster_better"]
        challengers = [one for one in snapshot.challengers if one.kind != "booster"]
        customers = {key: state for key, state in self.part.states.items() if not key.startswith("\x00")}
        return (
            msgspec.json.encode(msgspec.structs.replace(snapshot, version=0, changes=changes, challengers=challengers)),
            [msgspec.structs.replace(label, version=0) for label in self.labels()],
            [alert for alert in self.alerts() if alert.rule != "model_booster_better"],
            sorted((key, _without(state)) for key, state in customers.items()),
        )


def _without(state: CustomerRecords) -> bytes:
    for pending in state.pending:
        pending.others.pop(NAME, None)
    return msgspec.msgpack.encode(state)


REFERENCE = Shadowed(3).feed(ALL)
ESSENCE = REFERENCE.essence()


def test_the_reference_has_fitted_and_been_compared() -> None:
    told = REFERENCE.booster()
    assert told is not None
    assert told.labelled > 0
    assert REFERENCE.pieces > 3 * 60
    assert REFERENCE.part.meta.learning.boosting.fitted is not None
    assert TREES_KEY in REFERENCE.part.states
    assert {"promotion", "rollback"} <= {change.kind for change in REFERENCE.machine.snapshot(REFERENCE.part).changes}


def test_champion_challengers_labels_and_alerts_are_the_same_bits_with_and_without_it() -> None:
    assert Shadowed(3).feed(ALL).without_booster() == Shadowed(3, boosted=False).feed(ALL).without_booster()


@few
@given(seed=st.integers(0, 2**32))
def test_it_is_the_same_bits_in_any_interleaving_with_repetitions(seed: int) -> None:
    source = random.Random(seed)
    again = interleaved([with_repetitions(script, source) for script in SCRIPTS], source)
    assert Shadowed(3).feed(again).essence() == ESSENCE


@few
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 1800), min_size=1, max_size=4))
def test_it_is_the_same_bits_in_pieces_each_in_a_process_of_its_own(seed: int, cuts: list[int]) -> None:
    records, run, start = interleaved(SCRIPTS, random.Random(seed)), Shadowed(3), 0
    for cut in [*sorted(cuts), len(records)]:
        run.again().feed(records[start:cut])
        start = max(start, cut)
    assert run.essence() == ESSENCE


def test_a_process_that_dies_in_the_middle_of_each_fit_leaves_no_trace() -> None:
    run, died = Shadowed(3), 0
    for record in ALL:
        while (pieces := run.machine.step(run.part, run.part.offset + 1, record)) is not None:
            for _ in range(25):
                next(pieces)
            del pieces
            run.again()
            died += 1
            work = run.machine.step(run.part, run.part.offset + 1, record)
            assert work is not None
            deque(work, maxlen=0)
    assert died > 3
    assert run.essence() == ESSENCE


def test_days_that_become_ready_all_at_once_are_taken_with_the_same_fits() -> None:
    late = [*SCRIPTS[0], *SCRIPTS[1], *(r for r in SCRIPTS[2] if not isinstance(r, ObservationsClosed))]
    run = Shadowed(3).feed([*late, SCRIPTS[2][-1]])
    assert run.essence() == ESSENCE
    assert run.pieces == 0  # the first day of a marker alone is fitted for in pieces, and nothing was kept before it


@few
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 1800), min_size=1, max_size=6))
def test_workers_with_and_without_the_extra_in_turn_do_the_champion_no_harm(seed: int, cuts: list[int]) -> None:
    records, run, start = interleaved(SCRIPTS, random.Random(seed)), Shadowed(3), 0
    boosted = True
    for cut in [*sorted(cuts), len(records)]:
        boosted = not boosted
        run.again(boosted).feed(records[start:cut])
        start = max(start, cut)
    assert run.without_booster() == Shadowed(3, boosted=False).feed(ALL).without_booster()


def test_a_state_of_before_there_was_a_booster_is_taken_up() -> None:
    half = len(ALL) // 2
    run = Shadowed(3, boosted=False).feed(ALL[:half])
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(run.part.meta))
    del plain["learning"]["boosting"]
    for contender in plain["learning"]["contest"]["challengers"]:
        del contender["told"]
    run.part.meta = msgspec.convert(plain, TrainerLedger)
    run.again(boosted=True).feed(ALL[half:])
    told = run.booster()
    assert told is not None
    assert told.labelled > 0


def test_who_has_no_extra_tells_of_no_booster_from_the_next_day_on() -> None:
    half = len(ALL) // 2
    run = Shadowed(3).feed(ALL[:half])
    assert run.booster() is not None
    run.again(boosted=False).feed(ALL[half : half + 200])
    assert run.booster() is None


def of_two(seed: int, customers: int, weeks: int) -> Script:
    """Customers leave whose silence and tickets are both high or both low: no line tells who, two cuts do."""
    source, script = random.Random(seed), list[Observation]()
    present = [f"c{i:04d}" for i in range(customers)]
    kinds = {key: (source.choice([0.3, 20.0]), source.choice([0.0, 6.0])) for key in present}
    for day in range(weeks * 7):
        if day % 7 == 3:
            for place, key in enumerate(present):
                silence, tickets = kinds[key]
                features = {"days_since_last_use": silence, "tickets_open": tickets}
                script.append(Snapshot(customer_id=key, day=day, features=features))
                if source.random() < (0.02 if (silence > 1) == (tickets > 1) else 0.001):
                    script.append(Outcome(customer_id=key, day=day + 3))
                    present[place] = f"{key}'"
                    kinds[present[place]] = (source.choice([0.3, 20.0]), source.choice([0.0, 6.0]))
        script.append(ObservationsClosed(partition=0, day=day))
    return script


def test_it_learns_what_no_line_can_and_people_are_told_that_something_is_left_on_the_table() -> None:
    run = Shadowed(1, ChurnPolicy(horizon_days=HORIZON)).feed(of_two(seed=4, customers=300, weeks=45))
    told = run.booster()
    assert told is not None
    assert told.log_loss is not None
    assert told.champion_log_loss is not None
    assert told.log_loss < 0.9 * told.champion_log_loss
    snapshot = run.machine.snapshot(run.part)
    changes = [change for change in snapshot.changes if change.kind == "booster_better"]
    assert [(change.before, change.after) for change in changes] == [("rls", "booster")]
    assert math.isfinite(changes[0].figures["log_loss"])
    assert snapshot.champion == "rls"
    (alert,) = [one for one in run.alerts() if one.rule == "model_booster_better" and one.status == "opened"]
    assert alert.severity == "info"
    assert alert.text.startswith("Churn model: a model of trees predicts better than rls. Log loss 0.")
