"""Drift: has the relation of what was predicted and what came changed?

ADWIN on the residual, label - probability, of mature labels: of the signals that were compared it alone found the
known drift within a week of the first affected label, once; on log loss it is late and false, Page-Hinkley alarms all
the time (measured; how often it is late or false itself: docs/churn.md). Probabilities before calibration are watched,
so that the calibration's coming and going is no drift. The weekly windows of a customer overlap, so its labels are not
independent, as ADWIN takes them to be: leavers come in waves, and waves were taken for drift. An alarm is for people,
and starts a challenger; it resets nothing.

A residual that comes nearer to nothing is no alarm: the model has caught up with the world, be it in the first year of
a company, whose first leavers it told too low, or after a drift that was told. The window begins anew all the same.
Where it begins anew is not where the residual stays: one that goes on across 0, and farther than chance takes it, is
drift to the other side. While it is muted the window grows, and no change is looked for: one that stays is found later.
"""

from msgspec import Struct, field

from schemas.models import Drift, DriftAlarm, DriftDirection
from streams.churn.adwin import Adwin, Cut
from streams.churn.policy import ChurnPolicy

_KEPT = 20
# How many labels are about one; measured: two false alarms in twelve simulated years instead of many, and leavers
# that double (3 % to 6 %, 800 labels a week) are seen about 12 days after the first label wholly behind the change.
_REPEATS = 2.0


class DriftWatch(Struct):
    """State of the detector.

    Attributes:
        window: ADWIN's; first: day of the first mature label of what serves.
        alarms: the newest; count: all there ever were.
        nearer_from: the level from which the residual came nearer to 0 last; None when it did not, or an alarm came.
        muted: labels of the window that came while it was muted.
    """

    window: Adwin = field(default_factory=Adwin)
    first: int | None = None
    alarms: list[DriftAlarm] = []
    count: int = 0
    nearer_from: float | None = None
    muted: int = 0

    def learn(self, day: int, residuals: list[float], policy: ChurnPolicy) -> bool:
        """Takes the residuals of a day's mature labels in; whether that raised an alarm: away from 0, or across."""
        if self.first is None and residuals:
            self.first = day
        raised, muted = False, day < self._muted_until(policy)
        for residual in residuals:
            self.muted += muted
            cut = self.window.update(residual, policy.drift_delta, _REPEATS, look=not muted)
            cut = self._crossed(policy) if cut is None else self._away(cut)
            if cut is None:
                continue
            raised, self.nearer_from = True, None
            self.count += 1
            direction: DriftDirection = "more_leave" if cut.after > cut.before else "fewer_leave"
            alarm = DriftAlarm(day=day, direction=direction, before=cut.before, after=cut.after, labels=cut.width)
            self.alarms = [*self.alarms, alarm][-_KEPT:]
        return raised

    def begin_anew(self) -> None:
        """Another model serves: what was seen speaks of the one before, and this one's first months are muted, too."""
        self.window, self.first, self.nearer_from, self.muted = Adwin(), None, None, 0

    def _away(self, cut: Cut) -> Cut | None:
        """The change, when it goes away from 0; when it does not, the level it comes from is kept."""
        of_muted, self.muted = cut.older <= self.muted, 0
        if abs(cut.after) > abs(cut.before):
            return cut
        # What is told in the first months, too high as a rule, is far from 0 and no level to compare with.
        self.nearer_from = None if of_muted else cut.before
        return None

    def _crossed(self, policy: ChurnPolicy) -> Cut | None:
        """What came nearer to 0 and went on to the other side."""
        before, mean = self.nearer_from, self.window.mean
        if before is None or mean is None or mean * before >= 0.0:
            return None
        if not self.window.is_off_zero(policy.drift_delta, _REPEATS):
            return None
        crossed, self.window = Cut(before, mean, self.window.width, 0), Adwin()
        return crossed

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
