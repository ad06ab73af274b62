"""MRR steps with short pauses taken as none, kept up while steps come and go at the end. Pure."""

from streams.metrics.movements import Step


class Merged:
    """What `merge_gaps` makes of the first so many steps of a customer.

    Args:
        allowed_gap_ms: pauses of at most so many ms are taken as if paying had gone on.
    """

    def __init__(self, allowed_gap_ms: int) -> None:
        self.allowed_gap_ms = allowed_gap_ms
        self._merged: list[Step] = []
        self._lengths: list[int] = []  # of the list behind each step that is in it

    def cut(self, first: int) -> None:
        """The steps from the one at `first` on are others now."""
        del self._lengths[first:]

    def of(self, steps: list[Step], count: int) -> list[Step]:
        """The first `count` steps merged; good until the next call."""
        self.cut(count)
        merged, lengths = self._merged, self._lengths
        if not lengths:
            merged.clear()
        elif (last := steps[len(lengths) - 1]).mrr:
            del merged[lengths[-1] :]
        else:
            merged[lengths[-1] - 1 :] = [last]  # what followed may have taken its place
        for index in range(len(lengths), count):
            step = steps[index]
            if merged and not merged[-1].mrr and step.at - merged[-1].at <= self.allowed_gap_ms:
                merged.pop()
            if not merged or step.mrr != merged[-1].mrr:
                merged.append(step)
            lengths.append(len(merged))
        return merged
