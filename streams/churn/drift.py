"""Drift: has the relation of what was predicted and what came changed?

ADWIN on the residual, label - probability, of mature labels: of the signals that were compared it alone found the
known drift within a week of the first affected label, once; on log loss it is late and false, Page-Hinkley alarms all
the time (measured; how often it is late or false itself: docs/churn.md). Probabilities before calibration are watched,
so that the calibration's coming and going is no drift. The weekly windows of a customer overlap, so its labels are not
independent, as ADWIN takes them to be: leavers come in waves, and waves were taken for drift. An alarm is for people,
and starts a challenger; it resets nothing.
"""

from msgspec import Struct, field

from schemas.models import Drift, DriftAlarm, DriftDirection
from streams.churn.adwin import Adwin
from streams.churn.policy import ChurnPolicy

_KEPT = 20
# How many labels are about one; measured: two false alarms in twelve simulated years instead of many, and leavers
# that double (3 % to 6 %, 800 labels a week) are seen about 12 days after the first label wholly behind the change.
_REPEATS = 2.0


class DriftWatch(Struct):
    """State of the detector.

    Attributes:
        window: ADWIN's; first: day of the first mature label.
        alarms: the newest; count: all there ever were.
    """

    window: Adwin = field(default_factory=Adwin)
    first: int | None = None
    alarms: list[DriftAlarm] = []
    count: int = 0

    def learn(self, day: int, residuals: list[float], policy: ChurnPolicy) -> bool:
        """Takes the residuals of a day's mature labels in; whether that raised an alarm."""
        if self.first is None and residuals:
            self.first = day
        raised = False
        for residual in residuals:
            cut = self.window.update(residual, policy.drift_delta, _REPEATS)
            if cut is None or day < self._muted_until(policy):
                continue
            raised = True
            self.count += 1
            direction: DriftDirection = "more_leave" if cut.after > cut.before else "fewer_leave"
            alarm = DriftAlarm(day=day, direction=direction, before=cut.before, after=cut.after, labels=cut.width)
            self.alarms = [*self.alarms, alarm][-_KEPT:]
        return raised

    def _muted_until(self, policy: ChurnPolicy) -> int:
        return (self.first or 0) + policy.drift_muted_days

    def told(self, policy: ChurnPolicy) -> Drift:
        """As published."""
        return Drift(
            alarms=self.alarms,
            count=self.count,
            muted_until_day=None if self.first is None else self._muted_until(policy),
            labels=self.window.width,
            residual=self.window.mean,
        )
