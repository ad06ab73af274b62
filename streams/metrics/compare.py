"""One set of billing facts under every revenue preset, and which policy is behind each difference. Pure.

A figure of a preset that differs from the default's is explained by switching one policy at a time: those that change
it when they alone are taken over are its causes. Where none does alone, the causes are those without which the preset
would not have it: several policies act together.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from streams.metrics.portfolio import FIGURES, Books, MonthFigures, by_month
from streams.metrics.revenue_policy import PRESETS, SWITCHES, PresetName, RevenuePolicy, preset

_Figures = Mapping[tuple[str, str], MonthFigures]


class Difference(Struct, frozen=True, kw_only=True):
    """A figure that is not the default's, and the policies that cause it."""

    preset: PresetName
    currency: str
    month: str
    figure: str
    default: int | float | None
    value: int | float | None
    causes: tuple[str, ...]


class Comparison(Struct, frozen=True, kw_only=True):
    """The same facts under every preset; differences in the order of presets, currencies, months and figures."""

    policies: dict[PresetName, RevenuePolicy]
    figures: dict[PresetName, Sequence[MonthFigures]]
    differences: list[Difference]


def compare(books: Books) -> Comparison:
    """Every preset's figures, side by side with the default's."""
    policies: dict[PresetName, RevenuePolicy] = {name: preset(name) for name in PRESETS}
    asked: dict[RevenuePolicy, _Figures] = {}

    def figures(policy: RevenuePolicy) -> _Figures:
        policy = replace(policy, preset="default")
        if policy not in asked:
            asked[policy] = {(line.currency, line.month): line for line in by_month(books, policy)}
        return asked[policy]

    base = policies["default"]
    differences: list[Difference] = []
    for name, policy in policies.items():
        switched = [one for one in SWITCHES if getattr(policy, one) != getattr(base, one)]
        alone = {one: figures(_with(base, policy, one)) for one in switched}
        without = {one: figures(_with(policy, base, one)) for one in switched}
        for currency, month, figure in _differing(figures(base), figures(policy)):
            default = _value(figures(base), currency, month, figure)
            value = _value(figures(policy), currency, month, figure)
            causes = [one for one in switched if _value(alone[one], currency, month, figure) != default]
            causes = causes or [one for one in switched if _value(without[one], currency, month, figure) != value]
            differences.append(
                Difference(
                    preset=name,
                    currency=currency,
                    month=month,
                    figure=figure,
                    default=default,
                    value=value,
                    causes=tuple(causes or switched),
                )
            )
    tables: dict[PresetName, Sequence[MonthFigures]] = {
        name: list(figures(policy).values()) for name, policy in policies.items()
    }
    return Comparison(policies=policies, figures=tables, differences=differences)


def _with(policy: RevenuePolicy, other: RevenuePolicy, switch: str) -> RevenuePolicy:
    return replace(policy, **{switch: getattr(other, switch)})


def _differing(base: _Figures, other: _Figures) -> list[tuple[str, str, str]]:
    return [
        (currency, month, figure)
        for currency, month in sorted({*base, *other})
        for figure in FIGURES
        if _value(base, currency, month, figure) != _value(other, currency, month, figure)
    ]


def _value(figures: _Figures, currency: str, month: str, figure: str) -> int | float | None:
    line = figures.get((currency, month))
    found: int | float | None = None if line is None else getattr(line, figure)
    return found
