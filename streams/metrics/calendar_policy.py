"""When a company works, as data: hours of each weekday, its time zone, its holidays.

Whose holidays, and when they are, says the library `holidays`; a company adds its own days and takes others away.
"""

import re
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from holidays import version as release
from msgspec import Meta, Struct

#: Minutes of a day from which work begins and at which it ends, in the time of the place.
Span = tuple[int, int]

_SPAN = re.compile(r"^(\d\d):(\d\d)-(\d\d):(\d\d)$")
_DAY_MINUTES = 24 * 60


def _spans(day: str, texts: tuple[str, ...]) -> tuple[Span, ...]:
    spans = [_span(day, text) for text in texts]
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise ValueError(f"expected spans of {day} in order and apart, got {', '.join(texts)}")
    return tuple(spans)


def _span(day: str, text: str) -> Span:
    found = _SPAN.match(text)
    if found is not None:
        hour, minute, end_hour, end_minute = map(int, found.groups())
        start, end = hour * 60 + minute, end_hour * 60 + end_minute
        if minute < 60 and end_minute < 60 and start < end <= _DAY_MINUTES:
            return start, end
    raise ValueError(f"expected hours of {day} like 09:00-18:00, the end after the start, got {text!r}")


class WeekHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Working hours by weekday, each a list of spans like `09:00-12:30`; an empty list is a day off.

    The defaults are chosen, not measured. A shift over midnight is written as `22:00-24:00` and, on the day after,
    `00:00-06:00`.
    """

    monday: tuple[str, ...] = ("09:00-18:00",)
    tuesday: tuple[str, ...] = ("09:00-18:00",)
    wednesday: tuple[str, ...] = ("09:00-18:00",)
    thursday: tuple[str, ...] = ("09:00-18:00",)
    friday: tuple[str, ...] = ("09:00-18:00",)
    saturday: tuple[str, ...] = ()
    sunday: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.spans()

    def spans(self) -> tuple[tuple[Span, ...], ...]:
        """Spans of each weekday in minutes of the day, Monday first.

        Raises:
            ValueError: a text is no span, or a day's spans are not in order.
        """
        return tuple([_spans(day, getattr(self, day)) for day in self.__struct_fields__])


class CalendarPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The company's working calendar.

    Without any working hours there is none: business time is not defined, and every day counts as a working day.

    Attributes:
        time_zone: IANA name; without it the time zone that days are cut in.
        hours: working hours by weekday.
        country, subdivision: whose public holidays are days off, like `BR` and `SP`; without a country nobody's.
        extra_holidays: further days off, `2026-12-24`.
        worked_holidays: public holidays that are worked all the same.
    """

    hours: WeekHours = WeekHours()
    time_zone: str | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    subdivision: str | None = None
    extra_holidays: tuple[date, ...] = ()
    worked_holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if self.time_zone is not None:
            _check_zone(self.time_zone)
        if self.subdivision is not None and self.country is None:
            raise ValueError("expected a country beside the subdivision, got none")
        if self.country is not None:
            _check_country(self.country, self.subdivision)

    @property
    def works(self) -> bool:
        """Whether there are any working hours."""
        return any(self.hours.spans())


class DaysOff:
    """Which dates are holidays of a calendar; years are worked out as they are asked for.

    Example:
        >>> off = DaysOff(CalendarPolicy(country="BR", extra_holidays=(date(2024, 12, 24),)))
        >>> date(2024, 12, 25) in off, date(2024, 12, 24) in off, date(2024, 12, 26) in off
        (True, True, False)
    """

    def __init__(self, policy: CalendarPolicy) -> None:
        self._policy = policy

    @cached_property
    def _public(self) -> holidays.HolidayBase | frozenset[date]:
        country = self._policy.country
        return frozenset() if country is None else holidays.country_holidays(country, subdiv=self._policy.subdivision)

    def __contains__(self, day: date) -> bool:
        policy = self._policy
        return day in policy.extra_holidays or (day in self._public and day not in policy.worked_holidays)


def holidays_version(policy: CalendarPolicy) -> str:
    """What the holidays rest on: another release of the library may know others."""
    return "" if policy.country is None else release.__version__


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"expected time_zone to be an IANA name like America/Sao_Paulo, got {name!r}") from error


def _check_country(country: str, subdivision: str | None) -> None:
    known = holidays.list_supported_countries().get(country)
    if known is None:
        raise ValueError(f"expected country to be an ISO 3166 code whose holidays are known, like BR, got {country!r}")
    if subdivision is not None and subdivision not in known:
        choices = ", ".join(known) or "none"
        raise ValueError(f"expected subdivision to be one of {country} ({choices}), got {subdivision!r}")
