"""The figures that a profile's own alert rules look at, read where all domains of a day are together."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from schemas.metrics import DOMAINS
from schemas.scores import UpsellScore
from streams.alerts.own_policy import STAGE, OwnRule
from streams.metrics.health import Health
from streams.metrics.health_factors import started_at
from streams.metrics.health_variants import Journey, stage_of
from streams.scoring.risk import View

Figure = bool | int | float | str | None


class _Scored(NamedTuple):
    """A customer by the end of a day, with the scores made of it."""

    view: View
    health: Health
    upsell: UpsellScore


_Read = Callable[[_Scored], Any]


class Figures:
    """Reads what the rules need of a customer by the end of a day.

    Args:
        rules: of the profile.
        journey: where the stages of a customer end.
    """

    def __init__(self, rules: Iterable[OwnRule] = (), journey: Journey | None = None) -> None:
        self._reads = {rule.source: _read(rule) for rule in rules}
        self._journey = (journey or Journey()) if any(rule.stages for rule in rules) else None

    def of(self, view: View, health: Health, upsell: UpsellScore) -> dict[str, Figure]:
        """By the names rules have for them; None where a figure is not defined.

        Those of a domain are what it told, so what stands in its table of the day.
        """
        scored = _Scored(view, health, upsell)
        found: dict[str, Figure] = {name: read(scored) for name, read in self._reads.items()}
        if self._journey is not None:
            found[STAGE] = stage_of(self._journey, view.values, started_at(view.values), view.as_of)
        return found


def _read(rule: OwnRule) -> _Read:
    read, key = _whole(rule), rule.key
    if key is None:
        return read

    def of_key(scored: _Scored) -> Figure:
        names: Mapping[str, int] | None = read(scored)
        return None if names is None else names.get(key, 0)  # of what nobody has there are none

    return of_key


def _whole(rule: OwnRule) -> _Read:
    metric = rule.figure
    domain, field, part = metric.domain, metric.id, metric.part
    if domain in DOMAINS:
        return lambda one: getattr(getattr(one.view.told, domain), field, None)
    if part is not None and domain == "health":
        return lambda scored: next((one.value for one in scored.health.factors if one.factor == part), None)
    if part is not None:
        return lambda scored: next((one.value for one in scored.upsell.components if one.component == part), None)
    column = metric.column or field
    if domain == "health":
        return lambda one: getattr(one.health, column)
    return lambda one: getattr(one.upsell, column)
