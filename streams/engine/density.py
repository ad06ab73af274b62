"""How many records of a partition come to a span of event time, of late.

Whoever keeps topics abreast (gate.py) does so between batches: one of thousands of records of a sparse topic would take
it months ahead of its siblings.
"""

from math import inf

#: Records that a batch may always have, and that it takes to tell.
_LEAST = 500


class Density:
    """Of one partition.

    Args:
        span_ms: of event time.
    """

    __slots__ = ("_in_span", "_since", "_span_ms")

    def __init__(self, span_ms: int) -> None:
        self._span_ms = span_ms
        self._since: tuple[int, int] | None = None
        self._in_span: float = _LEAST

    def note(self, offset: int, watermark_ms: int) -> None:
        """The partition has been worked off up to `offset`, and so far has time come with it."""
        if self._since is None or offset < self._since[0]:
            self._since = offset, watermark_ms
            return
        records, passed = offset - self._since[0], watermark_ms - self._since[1]
        if records >= _LEAST:
            self._in_span = records * self._span_ms / passed if passed > 0 else inf
            self._since = offset, watermark_ms

    def batch(self, most: int) -> int:
        """So many records are within the span, as it has been of late; `most` at most.

        Example:
            >>> density = Density(span_ms=86_400_000)
            >>> density.note(0, 0)
            >>> density.note(1000, 43_200_000)
            >>> density.batch(5000), density.batch(1500)
            (2000, 1500)
        """
        return int(min(most, max(_LEAST, self._in_span)))
