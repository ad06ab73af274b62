"""Alert rules of a company's own: over which figure of a customer, when, and of whom (docs/alerts.md)."""

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from schemas.alerts import ModelRuleId, Severity
from schemas.envelope import Minor, Name
from streams.catalogue.metric import Metric
from streams.catalogue.registry import catalogue
from streams.metrics.health_variants import Stage

Against = Literal["limit", "difference", "share"]
Comparison = Literal[
    "above",
    "at_least",
    "below",
    "at_most",
    "is",
    "is_not",
    "rises_by",
    "falls_by",
    "rises_by_share",
    "falls_by_share",
]
#: Chapters of the catalogue whose figures every customer has at the end of every day, from the log alone.
CHAPTERS = ("usage", "support", "revenue", "feedback", "account", "health", "upsell")
BUILT_IN = ("health_red", "detractor", *get_args(ModelRuleId))
MOST_RULES = 50
#: Name, among a score's figures, of the stage of the journey.
STAGE = "stage"

_EQUALITY = ("is", "is_not")
_CHANGES = ("rises_by", "falls_by", "rises_by_share", "falls_by_share")
_MOST_DAYS = 90
_MOST = 10**15  # as of amounts of money in events
_MAPS = ("tickets by name", "money by currency")
_WORDS = ("name", "text")
_A_NUMBER = "a number from -10^15 to 10^15"
_NEVER = ("instant", "day", "names", "answer", "answers")
_Days = Annotated[int, Meta(ge=1, le=_MOST_DAYS)]


class OwnRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A rule over one figure of a customer, looked at by the end of each day.

    Attributes:
        name: of the rule; alerts, tables and the backtest call it so.
        metric: id of the figure, or `DOMAIN.ID`.
        key: of a figure that is a map, which of its names or currencies.
        when: how the figure is compared with `limit`: as it stands, or its change in `against_days`.
        limit: number, name or yes/no, in the figure's unit (money in minor units, shares from 0 to 1).
        for_days: it has to hold by the end of so many days in a row; days without a figure are passed over.
        against_days: how far back a change is measured; by default the length of the figure's own window.
        ends_at: an open alert ends once the comparison with this no longer holds; by default `limit`.
        worse_by: an open alert is told again when the figure (or its change) is so much further; None for never.
        enabled, severity, min_mrr_minor, segments: as in `HealthRedPolicy`.
        stages: told of customers in these stages of the journey; empty for all.
        paying: told of customers that pay, alone.
        cooldown_days: after the end of an episode none opens for so long.

    Raises:
        ValueError: there is no such figure, or the settings do not fit it; begins with the setting's name.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    metric: Name
    when: Comparison
    limit: bool | int | float | str
    key: Name | None = None
    for_days: _Days = 1
    against_days: _Days | None = None
    ends_at: float | None = None
    worse_by: Annotated[float, Meta(gt=0)] | None = None
    enabled: bool = True
    severity: Severity = "warning"
    min_mrr_minor: Minor = 0
    segments: tuple[Name, ...] = ()
    stages: tuple[Stage, ...] = ()
    paying: bool = True
    cooldown_days: Annotated[int, Meta(ge=0, le=365)] = 7

    def __post_init__(self) -> None:
        if self.name in BUILT_IN:
            raise ValueError(f"name: expected one of your own, got that of a built-in rule: {self.name}")
        figure = self.figure
        if (self.key is not None) != (figure.unit in _MAPS):
            raise ValueError(
                f"key: expected one of the names of {figure.name}, got none"
                if self.key is None
                else f"key: {figure.name} is one figure and has no names"
            )
        _check_limit(self, figure)
        _check_change(self, figure)
        _check_end(self)

    @cached_property
    def figure(self) -> Metric:
        """The catalogue's entry."""
        return _figure(self.metric)

    @property
    def source(self) -> str:
        """The figure's name among those that come with a score.

        Example:
            >>> OwnRule(name="a", metric="tickets_open_by_priority", key="urgent", when="above", limit=2).source
            'support.tickets_open_by_priority:urgent'
        """
        return self.figure.name if self.key is None else f"{self.figure.name}:{self.key}"

    @property
    def measures(self) -> Against:
        """What is compared: the figure itself, how much it changed, or which share of itself."""
        if self.when not in _CHANGES:
            return "limit"
        return "share" if self.when.endswith("_share") else "difference"

    @property
    def back(self) -> int:
        """How many days back a change is measured; 0 for a figure that is compared as it stands."""
        return 0 if self.measures == "limit" else self.against_days or _window_days(self.figure) or 0

    @property
    def fingerprint(self) -> str:
        """What decides whether it holds, as text: with another one it is another rule of the same name."""
        whom = (self.min_mrr_minor, sorted(self.segments), sorted(self.stages), self.paying)
        return json.dumps([self.source, self.when, self.limit, self.for_days, self.back, *whom])


def _figure(name: str) -> Metric:
    found = [metric for metric in catalogue().named(name) if metric.domain in CHAPTERS]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"metric: {name} is the id of several figures: expected {_either(one.name for one in found)}")
    if known := catalogue().named(name):
        raise ValueError(
            f"metric: expected a figure every customer has by the end of a day, of {', '.join(CHAPTERS)}; "
            f"got {known[0].name}"
        )
    near = catalogue().near(name)
    raise ValueError(f"metric: there is no figure {name}" + (f"; did you mean {_either(near)}?" if near else ""))


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)


def _check_limit(rule: OwnRule, figure: Metric) -> None:
    unit, limit = figure.unit, rule.limit
    if unit in _NEVER:
        raise ValueError(f"metric: expected a number, a name or a yes or no, {figure.name} is {unit}")
    if (rule.when in _EQUALITY) != (unit in (*_WORDS, "yes or no")):
        expected = ", ".join(_EQUALITY) if unit in (*_WORDS, "yes or no") else "a comparison of numbers"
        raise ValueError(f"when: expected {expected} for {figure.name}, which is {unit}, got {rule.when}")
    kind, fits = _fits(unit, limit)
    if not fits:
        raise ValueError(f"limit: expected {kind} for {figure.name}, got {limit!r}")
    if figure.one_of and limit not in figure.one_of:
        raise ValueError(f"limit: expected one of {', '.join(figure.one_of)}, got {limit!r}")


def _fits(unit: str, limit: object) -> tuple[str, bool]:
    if unit == "yes or no":
        return "true or false", isinstance(limit, bool)
    if unit in _WORDS:
        return "a name", isinstance(limit, str)
    return _A_NUMBER, isinstance(limit, int | float) and not isinstance(limit, bool) and -_MOST <= limit <= _MOST


def _check_change(rule: OwnRule, figure: Metric) -> None:
    if rule.measures == "limit":
        if rule.against_days is not None:
            raise ValueError(f"against_days: expected it with {', '.join(_CHANGES)} alone, got it with {rule.when}")
    elif not rule.back:
        raise ValueError(f"against_days: expected how far back, {figure.name} has no window of so many days")
    elif not isinstance(rule.limit, bool | str) and rule.limit <= 0:
        raise ValueError(f"limit: expected by how much, above 0, got {rule.limit}")


def _check_end(rule: OwnRule) -> None:
    for name, value in (("ends_at", rule.ends_at), ("worse_by", rule.worse_by)):
        if value is not None and rule.when in _EQUALITY:
            raise ValueError(f"{name}: expected it with numbers alone, got it with {rule.when}")
        if value is not None and not -_MOST <= value <= _MOST:
            raise ValueError(f"{name}: expected {_A_NUMBER}, got {value:g}")
    if rule.ends_at is None or isinstance(rule.limit, bool | str):
        return
    if rule.ends_at < rule.limit if rule.when in ("below", "at_most") else rule.ends_at > rule.limit:
        raise ValueError(f"ends_at: expected it on the good side of the limit {rule.limit}, got {rule.ends_at:g}")


def _window_days(figure: Metric) -> int | None:
    first, last = figure.days(_MOST_DAYS * 2)
    length = None if first is None else last - first + 1
    return length if length is not None and length <= _MOST_DAYS else None
