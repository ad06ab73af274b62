"""Calendar days of the company: an integer of days since 1970-01-01 in its time zone.

A day is half-open, `[start(day), start(day + 1))`; around clock changes it is 23 or 25 hours long.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
_EPOCH = date(1970, 1, 1)


class Days:
    """Day arithmetic in one time zone.

    Example:
        >>> days = Days("America/Sao_Paulo")
        >>> days.of(1_704_067_200_000) == Days().of(1_704_067_200_000) - 1  # still the evening before
        True
    """

    def __init__(self, zone: str = "UTC") -> None:
        self.zone = zone
        self._zone = None if zone == "UTC" else ZoneInfo(zone)
        self._start = lru_cache(maxsize=4096)(self._start_uncached)

    def of(self, at: int) -> int:
        """The day an instant (epoch ms) falls on."""
        if self._zone is None:
            return at // DAY_MS
        day = at // DAY_MS
        if at < self.start(day):
            return day - 1
        return day if at < self.start(day + 1) else day + 1

    def start(self, day: int) -> int:
        """First instant of a day, epoch ms."""
        return day * DAY_MS if self._zone is None else self._start(day)

    def _start_uncached(self, day: int) -> int:
        midnight = datetime.combine(to_date(day), datetime.min.time(), tzinfo=self._zone)
        return int(midnight.timestamp()) * 1000


def to_date(day: int) -> date:
    """The calendar date of a day number.

    Example:
        >>> to_date(19_723)
        datetime.date(2024, 1, 1)
    """
    return _EPOCH + timedelta(days=day)


def from_date(value: date) -> int:
    """The day number of a calendar date."""
    return (value - _EPOCH).days


def is_sunday(day: int) -> bool:
    """True on Sundays; 1970-01-01 was a Thursday."""
    return day % 7 == 3  # 1970-01-04, the first Sunday, is day 3
