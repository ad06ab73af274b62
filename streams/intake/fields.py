"""Strict reading of text fields: a value, or a `FieldError` that says what was expected and what came.

Python's own `int` and `float` are too kind for data (`1_000`, ` 7`, `nan`, digits of other scripts): shapes
are checked first. Money never passes through a float.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from streams.metrics.days import DAY_MS, HOUR_MS, MINUTE_MS, from_date

_DAY_FIRST = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})")
_YEAR_FIRST = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_WHOLE = re.compile(r"[0-9]{1,15}")
_MONEY = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")
_LAST_AMBIGUOUS = 12  # a first number above 12 can only be a day
_SHOWN = 60


class FieldError(ValueError):
    """A field that cannot be read.

    Args:
        field: name of the column.
        reason: what was expected and what came.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Fields:
    """The fields of one row by column; an empty field is absent.

    Example:
        >>> Fields({"refund": "4.5"}).minor("refund")
        450
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, column: str) -> str:
        """Text that must be there."""
        text = self._values[column]
        if not text:
            raise FieldError(column, "expected a value, got none")
        return text

    def optional_text(self, column: str) -> str | None:
        """Text, or None when the field is empty."""
        return self._values[column] or None

    def whole(self, column: str, least: int = 0) -> int:
        """A whole number of at least `least`."""
        text = self._values[column]
        if not _WHOLE.fullmatch(text):
            raise FieldError(column, f"expected a whole number, got {_shown(text)}")
        number = int(text)
        if number < least:
            raise FieldError(column, f"expected at least {least}, got {number}")
        return number

    def optional_whole(self, column: str) -> int | None:
        """A whole number, or None when the field is empty."""
        return self.whole(column) if self._values[column] else None

    def minor(self, column: str) -> int:
        """An amount with at most two decimals, in minor units (cents), not negative."""
        text = self._values[column]
        found = _MONEY.fullmatch(text)
        if not found:
            raise FieldError(column, f"expected an amount like 19.90, got {_shown(text)}")
        return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))

    def flag(self, column: str) -> bool:
        """TRUE or FALSE in any case."""
        match self._values[column].upper():
            case "TRUE":
                return True
            case "FALSE":
                return False
            case other:
                raise FieldError(column, f"expected TRUE or FALSE, got {_shown(other)}")

    def day(self, column: str) -> int:
        """The day number of a dd-mm-yyyy date."""
        text = self._values[column]
        try:
            return _day(text)
        except ValueError as error:
            raise FieldError(column, f"expected a date dd-mm-yyyy, got {_shown(text)}") from error

    def optional_day(self, column: str) -> int | None:
        """The day number of a date, or None when the field is empty."""
        return self.day(column) if self._values[column] else None

    def iso_day(self, column: str) -> int:
        """The day number of a yyyy-mm-dd date."""
        text = self._values[column]
        try:
            return _iso_day(text)
        except ValueError as error:
            raise FieldError(column, f"expected a date yyyy-mm-dd, got {_shown(text)}") from error

    def optional_iso_day(self, column: str) -> int | None:
        """The day number of a yyyy-mm-dd date, or None when the field is empty."""
        return self.iso_day(column) if self._values[column] else None

    def optional_minute(self, column: str) -> int | None:
        """Epoch ms of `dd-mm-yyyy HH:MM` in UTC, or None when the field is empty."""
        text = self._values[column]
        if not text:
            return None
        day, _, time = text.partition(" ")
        found = _TIME.fullmatch(time)
        try:
            if not found:
                raise ValueError(text)
            return _day(day) * DAY_MS + int(found[1]) * HOUR_MS + int(found[2]) * MINUTE_MS
        except ValueError as error:
            raise FieldError(column, f"expected dd-mm-yyyy HH:MM, got {_shown(text)}") from error

    def has_two_readings(self, column: str) -> bool:
        """True when a date would be another valid date read month first."""
        found = _DAY_FIRST.match(self._values[column])
        if not found:
            return False
        return found[1] != found[2] and int(found[1]) <= _LAST_AMBIGUOUS and int(found[2]) <= _LAST_AMBIGUOUS


@lru_cache(maxsize=4096)
def _day(text: str) -> int:
    found = _DAY_FIRST.fullmatch(text)
    if not found:
        raise ValueError(text)
    return from_date(date(int(found[3]), int(found[2]), int(found[1])))


@lru_cache(maxsize=4096)
def _iso_day(text: str) -> int:
    if not _YEAR_FIRST.fullmatch(text):
        raise ValueError(text)
    return from_date(date.fromisoformat(text))


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…") if text else "none"
