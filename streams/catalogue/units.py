"""The units of figures, and the range of values each allows unless an entry says otherwise."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_RANGE = re.compile(r"^(?P<low>-?\d+(?:\.\d+)?)?\.\.(?P<high>-?\d+(?:\.\d+)?)?$")


class Range(NamedTuple):
    """The values a number can have, both ends included; None for no bound."""

    low: float | None = None
    high: float | None = None

    def holds(self, number: float) -> bool:
        """Whether a number lies in it.

        Example:
            >>> Range(0, 1).holds(1.0), Range(0).holds(-0.5), Range(0).holds(float("nan"))
            (True, False, False)
        """
        if self.low is None and self.high is None:
            return number == number  # all but NaN
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)

    def words(self) -> str:
        """The range as people read it, empty for none.

        Example:
            >>> Range(-100, 100).words(), Range(0).words(), Range().words()
            ('-100 to 100', 'from 0', '')
        """
        if self.low is None:
            return "" if self.high is None else f"up to {self.high:g}"
        return f"from {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"


def parse_range(text: str) -> Range:
    """A range written `LOW..HIGH`.

    Raises:
        ValueError: it is not written so, or is empty.

    Example:
        >>> parse_range("0..1"), parse_range("0.."), parse_range("..")
        (Range(low=0.0, high=1.0), Range(low=0.0, high=None), Range(low=None, high=None))
    """
    found = _RANGE.match(text)
    if found is None:
        raise ValueError(f"expected a range like 0..1, 0.. or .., got {text!r}")
    low, high = (None if found[end] is None else float(found[end]) for end in ("low", "high"))
    if low is not None and high is not None and low >= high:
        raise ValueError(f"expected the lower end of a range first, got {text!r}")
    return Range(low, high)


_ANY, _COUNT, _SHARE, _POINTS = Range(), Range(0), Range(0, 1), Range(0, 100)

UNITS: Mapping[str, Range] = {
    # counts
    **dict.fromkeys(
        (
            "answers", "cancellations", "contracts", "customers", "errors", "escalations", "events", "features",
            "invitations", "milestones", "payments", "ratings", "reopenings", "reports", "respondents", "resources",
            "responses", "seats", "sessions", "steps", "subscriptions", "tickets", "tickets by name", "users", "uses",
            "views", "e-mails", "facts", "labels", "alarms", "number", "customers by currency",
        ),
        _COUNT,
    ),
    # lengths of time
    **dict.fromkeys(("seconds", "minutes", "hours", "days", "months", "months by currency"), _COUNT),
    # shares and scores
    "ratio": _COUNT,
    "ratio by currency": _COUNT,
    "share": _SHARE,
    "share by currency": _SHARE,
    "probability": _SHARE,
    "points": _POINTS,
    "log loss": _COUNT,
    "log-odds": _ANY,
    # money, in minor units
    "money": _COUNT,
    "money by currency": _COUNT,
    # what is no number
    **dict.fromkeys(("instant", "day", "name", "names", "text", "yes or no", "answer"), _ANY),
}  # fmt: skip
