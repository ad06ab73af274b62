"""The window that what was learned speaks of, and how the trainer begins anew for another.

A probability of leaving within 30 days says nothing of 90, and labels of one window are none of the other. So a trainer
whose policy asks for another window drops the models, the snapshots that wait for a label and all figures, and starts
at the expert prior. Observations that were not taken yet stay: they have no window. No day is taken twice, and versions
go on counting, for scorers take up newer ones alone.
"""

from msgspec import structs

from schemas.models import ModelChange
from streams.churn.booster import forget_all
from streams.churn.contest import Contest
from streams.churn.evaluation import Evaluation
from streams.churn.labels import CustomerRecords
from streams.churn.learner import Learning
from streams.churn.ledger import TrainerPartition
from streams.churn.policy import ChurnPolicy
from streams.churn.seats import Seat


def begun_anew(part: TrainerPartition, policy: ChurnPolicy) -> bool:
    """Makes the window of the policy that of the state; whether anything learned for another was dropped for it.

    What an earlier release stored without its window is taken to be of the policy's, unless snapshots wait in it that
    would not any more.
    """
    ledger, days = part.meta, policy.horizon_days
    before, ledger.horizon_days = ledger.horizon_days, days
    through = ledger.trained_through
    if before == days or through is None or not ledger.model_version:
        return False
    if before is None and all(day + days > through for day in ledger.pending):
        return False
    forget_all(part, ledger.learning.boosting)
    for key in list(part.keys()):
        _keep_waiting(part, key)
    ledger.learning = _learning_from(ledger.learning, through + 1, before, days)
    ledger.parameters, ledger.evaluation, ledger.censored, ledger.pending = None, Evaluation(), 0, []
    ledger.model_version += 1
    ledger.untold = ledger.learning.contest.changes[-1]
    return True


def _keep_waiting(part: TrainerPartition, key: str) -> None:
    """Leaves of a customer what is not taken yet."""
    records = part.get(key) or CustomerRecords()
    if not (records.pending or records.churned):
        return
    kept = structs.replace(records, pending=[], churned=False)
    if kept.forgettable:
        part.delete(key)
    else:
        part.put(key, kept)


def _learning_from(old: Learning, day: int, before: int | None, days: int) -> Learning:
    contest = Contest(seat=Seat(since=day), changes=old.contest.changes)
    figures = {"days": float(days)} | ({} if before is None else {"days_before": float(before)})
    change = ModelChange(day=day, kind="horizon_changed", before=old.contest.seat.name, after="prior", figures=figures)
    contest.record(change)
    return Learning(contest=contest)
