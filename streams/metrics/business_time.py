"""Business time: how much of the time between two instants the company works, and when so much of it has passed.

An instant is working time when the clock on the wall of the company's place shows working hours and the day is no
holiday. So a working hour that a clock change leaves out is not worked, and one that it repeats is worked twice.

Working spans are laid out in blocks of instants, with the work before each of them summed up, so that a length is two
searches in sorted lists. A block is made when an instant in it is first asked for; nothing here depends on a clock.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.metrics.calendar_policy import CalendarPolicy, DaysOff, Span
from streams.metrics.days import DAY_MS, MINUTE_MS, Days, to_date

_BLOCK_MS = 512 * DAY_MS


class _Block(NamedTuple):
    """Working spans [start, end) within a block, epoch ms, and the work before each of them and in all of it."""

    starts: list[int]
    ends: list[int]
    before: list[int]
    total: int

    def worked(self, at: int) -> int:
        """Work of the block that lies before an instant, ms."""
        place = bisect_right(self.starts, at) - 1
        if place < 0:
            return 0
        return self.before[place] + min(at, self.ends[place]) - self.starts[place]


class BusinessTime:
    """A company's working calendar.

    Args:
        policy: hours and holidays.
        zone: time zone where the policy names none.

    Example:
        >>> time = BusinessTime(CalendarPolicy(), "UTC")  # Monday to Friday, 9 to 18
        >>> friday_17h, monday_10h = 1_704_474_000_000, 1_704_708_000_000
        >>> time.between(friday_17h, monday_10h) // MINUTE_MS
        120
    """

    def __init__(self, policy: CalendarPolicy, zone: str) -> None:
        self.works = policy.works
        self.zone = policy.time_zone or zone
        self._days = Days(self.zone)
        self._place = ZoneInfo(self.zone)
        self._week = policy.hours.spans()
        self._off = DaysOff(policy)
        self._block = lru_cache(maxsize=None)(self._build)  # of instants from 2000 to 2100 there are 72
        self._end_of = lru_cache(maxsize=4096)(self._end_of_uncached)

    def between(self, start: int, end: int) -> int:
        """Working milliseconds of [start, end), two instants in epoch ms with start <= end."""
        first, last = start // _BLOCK_MS, end // _BLOCK_MS
        block = self._block(first)
        if first == last:
            return block.worked(end) - block.worked(start)
        between = sum([self._block(number).total for number in range(first, last)])
        return self._block(last).worked(end) - block.worked(start) + between

    def after(self, start: int, length_ms: int) -> int:
        """The last instant up to which no more than `length_ms` have been worked since `start`.

        Defined where there are working hours. A length that is used up at the end of a day lasts until the next one
        begins: whoever answers in between has not worked longer.
        """
        number = start // _BLOCK_MS
        length_ms += self._block(number).worked(start)
        while length_ms >= self._block(number).total:
            length_ms -= self._block(number).total
            number += 1
        block = self._block(number)
        place = bisect_right(block.before, length_ms) - 1
        return block.starts[place] + length_ms - block.before[place]

    def days_after(self, at: int, count: int) -> int:
        """End of the `count`-th working day that begins after an instant, epoch ms; any day without working hours."""
        return self._end_of(self._days.of(at), count)

    def _end_of_uncached(self, day: int, count: int) -> int:
        while count > 0:
            day += 1
            count -= bool(not self.works or self._spans(day))
        return self._days.start(day + 1)

    def _spans(self, day: int) -> tuple[Span, ...]:
        spans = self._week[(day + 3) % 7]  # 1970-01-01 was a Thursday
        return () if spans and to_date(day) in self._off else spans

    def _build(self, number: int) -> _Block:
        start, end = number * _BLOCK_MS, (number + 1) * _BLOCK_MS
        starts: list[int] = []
        ends: list[int] = []
        for day in range(self._days.of(start), self._days.of(end - 1) + 1):
            for opens, closes in self._instants(day):
                if max(opens, start) < min(closes, end):
                    starts.append(max(opens, start))
                    ends.append(min(closes, end))
        before = list(accumulate([closes - opens for opens, closes in zip(starts, ends, strict=True)], initial=0))
        return _Block(starts, ends, before[:-1], before[-1])

    def _instants(self, day: int) -> list[tuple[int, int]]:
        """Working spans of a day in epoch ms, in order; around a clock change there may be more than on paper."""
        found: list[tuple[int, int]] = []
        spans = self._spans(day)
        if not spans:
            return found
        for start, end, offset in self._pieces(self._days.start(day), self._days.start(day + 1)):
            midnight = day * DAY_MS - offset
            for opens, closes in spans:
                begin, stop = max(midnight + opens * MINUTE_MS, start), min(midnight + closes * MINUTE_MS, end)
                if begin < stop:
                    found.append((begin, stop))
        return found

    def _pieces(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """A day cut where its clocks change: from, to, and what the clocks are ahead of UTC, all in ms."""
        ahead, ahead_at_end = self._ahead(start), self._ahead(end - 1)
        if ahead == ahead_at_end:
            return [(start, end, ahead)]
        before, changed = start, end - 1
        while changed - before > 1:
            middle = (before + changed) // 2
            if self._ahead(middle) == ahead:
                before = middle
            else:
                changed = middle
        return [(start, changed, ahead), (changed, end, ahead_at_end)]

    def _ahead(self, at: int) -> int:
        """What the clocks on the wall are ahead of UTC at an instant, ms."""
        offset = datetime.fromtimestamp(at // 1000, UTC).astimezone(self._place).utcoffset()
        assert offset is not None  # every ZoneInfo has one
        return offset // timedelta(milliseconds=1)
