"""ADWIN: a window over a stream that grows while its mean stands still, and begins anew when it moved.

After Bifet & Gavalda, Learning from time-changing data with adaptive windowing, SDM 2007 (ADWIN2 with the normal
bound). The window is an exponential histogram: buckets of 1, 2, 4 ... values, at most five of each size, each with
its sum and its squared deviations, so a window of a million values takes about a hundred buckets. As in River one
change is one alarm: the window is emptied. River's own cannot be saved and restored, and its logarithm is the C
library's; this one is plain numbers, gives the same bits on every machine, and is tested against River's.
"""

import math

from msgspec import Struct

from streams.churn.exact import log

_SAME_SIZE = 5  # buckets of one size; one more, and the two oldest become one of the next
_CLOCK = 32  # values between two looks
_LEAST = 5  # shorter parts are not compared
_GRACE = 10


class Cut(Struct, frozen=True):
    """A change: the mean of the `older` values, and of the `width` newer ones."""

    before: float
    after: float
    width: int
    older: int


class Adwin(Struct):
    """The window.

    Attributes:
        rows: buckets of 2**row values as (sum, squared deviations from their mean), oldest first.
        width: values in the window; total: their sum; deviations: their squared deviations from their mean.

    Example:
        >>> window = Adwin()
        >>> cuts = [window.update(float(i >= 320), delta=0.002) for i in range(640)]
        >>> [(i, cut.before, cut.after, cut.width) for i, cut in enumerate(cuts) if cut]
        [(351, 0.0, 1.0, 32)]
    """

    rows: list[list[tuple[float, float]]] = []
    width: int = 0
    total: float = 0.0
    deviations: float = 0.0

    @property
    def mean(self) -> float | None:
        """Of the window; None while it is empty."""
        return self.total / self.width if self.width else None

    def update(self, value: float, delta: float, repeats: float = 1.0, look: bool = True) -> Cut | None:
        """Takes a finite value in; tells a change, which is looked for at every 32nd.

        Args:
            value: of the stream, by convention within a few units.
            delta: confidence, in (0, 1): about the chance of a false alarm at a look.
            repeats: how many neighbouring values are about one: the variance of their mean is so much larger.
            look: False to take it in only; a change is found when it is looked for again.
        """
        if self.width:
            self.deviations += (value - self.total / self.width) ** 2 * self.width / (self.width + 1)
        self.width += 1
        self.total += value
        self._insert(value)
        if not (look and self._looks):
            return None
        cut = self._cut(delta, repeats)
        if cut is not None:
            self.rows, self.width, self.total, self.deviations = [], 0, 0.0, 0.0
        return cut

    @property
    def _looks(self) -> bool:
        """Whether the newest value is one at which is looked."""
        return self.width > _GRACE and self.width % _CLOCK == 0

    def is_off_zero(self, delta: float, repeats: float = 1.0) -> bool:
        """Whether the mean is beyond its bound from 0, a level known without error; looked for as a change is."""
        if not self._looks:
            return False
        share = 1.0 / (self.width - _LEAST + 1)
        twice_variance, evidence = self._spread(delta, repeats)
        return abs(self.total / self.width) > _bound(twice_variance, evidence, share)

    def _spread(self, delta: float, repeats: float) -> tuple[float, float]:
        evidence = log(2.0 * log(self.width) / delta)
        return 2.0 * repeats * self.deviations / self.width * evidence, evidence

    def _insert(self, value: float) -> None:
        joined, size = (value, 0.0), 1
        for row in self.rows:
            row.append(joined)
            if len(row) <= _SAME_SIZE:
                return
            (sum_a, dev_a), (sum_b, dev_b) = row[:2]
            del row[:2]
            joined = sum_a + sum_b, dev_a + dev_b + (sum_a - sum_b) ** 2 / (2 * size)
            size *= 2
        self.rows.append([joined])

    def _cut(self, delta: float, repeats: float) -> Cut | None:
        """The place where the two parts differ by most beyond their bound; None where they agree everywhere."""
        twice_variance, evidence = self._spread(delta, repeats)
        older, older_sum = 0, 0.0
        found, beyond = None, 0.0
        for power in range(len(self.rows) - 1, -1, -1):
            for bucket_sum, _ in self.rows[power]:
                older += 1 << power
                older_sum += bucket_sum
                newer = self.width - older
                if older < _LEAST or newer < _LEAST:
                    continue
                share = 1.0 / (older - _LEAST + 1) + 1.0 / (newer - _LEAST + 1)
                bound = _bound(twice_variance, evidence, share)
                before, after = older_sum / older, (self.total - older_sum) / newer
                if abs(before - after) - bound > beyond:
                    found, beyond = Cut(before, after, newer, older), abs(before - after) - bound
        return found


def _bound(twice_variance: float, evidence: float, share: float) -> float:
    return math.sqrt(twice_variance * share) + evidence * share * 2.0 / 3.0
