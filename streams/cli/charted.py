"""A backtest as pictures, SVG: customers by band over time, and how early churn was seen.

Drawn by leather. A signal without any warned churn has no histogram.
"""

from collections import Counter
from collections.abc import Sequence

import leather

from schemas.scores import Band
from streams.backtest.foresight import Foresight
from streams.backtest.report import BANDS, Report, Side
from streams.metrics.days import from_date, to_date

_COLOURS: dict[Band, str] = {"red": "#c0392b", "yellow": "#d4a017", "green": "#27803b", "unknown": "#7f8c8d"}
_PRESENT, _CHANGED = "#7f8c8d", "#2c6fbb"
_WIDTH, _HEIGHT = 900, 420
_BARS = 10
_TICKS = 8


def charts(report: Report) -> dict[str, str]:
    """SVG documents by file name: `bands.svg`, and `lead-SIGNAL.svg` for each signal that warned of a churn."""
    found = {"bands.svg": _bands(report)}
    pairs = zip(report.present.foresight, report.changed.foresight, strict=True)
    for present, changed in pairs:
        if present.lead_days or changed.lead_days:
            found[f"lead-{present.signal}.svg"] = _leads(report, present, changed)
    return found


def _bands(report: Report) -> str:
    """A line per band and profile; the present one's are dashed. Bands nobody was ever in are left out."""
    chart = leather.Chart(f"Customers by band: {report.present.profile} (dashed), {report.changed.profile}")
    sides: Sequence[tuple[Side, str | None]] = ((report.present, "4 3"), (report.changed, None))
    for band in BANDS:
        for side, dashes in sides:
            line = [(from_date(day), counts[band]) for day, counts in side.bands.items()]
            if any(number for _, number in line):
                name = f"{band}, {side.profile}"
                chart.add_line(line, name=name, stroke_color=_COLOURS[band], stroke_dasharray=dashes, width=2)
    chart.add_y_scale(0, max(report.customers, 1))
    chart.add_y_axis(name="customers")
    # Days as numbers: the library's scale of time knows spans of many days only.
    first, last = from_date(report.since), from_date(report.until)
    chart.add_x_scale(first, max(last, first + 1))  # one of no length cannot be drawn
    ticks = list(range(first, last + 1, max(1, -(-(last - first) // _TICKS))))
    chart.add_x_axis(ticks=ticks, tick_formatter=_day)
    return str(chart.to_svg(width=_WIDTH, height=_HEIGHT))


def _leads(report: Report, present: Foresight, changed: Foresight) -> str:
    """Warned churns by days of lead, the profiles side by side on the same axes."""
    step = max(1, -(-report.windows.lookback_days // _BARS))
    found = [_counts(one.lead_days, step, report.windows.lookback_days) for one in (present, changed)]
    highest = max(number for counts in found for _, number in counts)
    grid = leather.Grid()
    names = (report.present.profile, report.changed.profile)
    for name, counts, colour in zip(names, found, (_PRESENT, _CHANGED), strict=True):
        chart = leather.Chart(f"{present.signal}: days from the warning to the churn, {name}")
        chart.add_columns(counts, fill_color=colour)
        chart.add_y_scale(0, highest)
        chart.add_y_axis(name="churns")
        grid.add_one(chart)
    return str(grid.to_svg(width=_WIDTH * 2, height=_HEIGHT))


def _counts(leads: Sequence[int], step: int, longest: int) -> list[tuple[str, int]]:
    """Numbers by class of `step` days, empty ones too."""
    numbers = Counter((lead - 1) // step for lead in leads)
    return [
        (f"{number * step + 1}-{min((number + 1) * step, longest)}", numbers[number])
        for number in range(-(-longest // step))
    ]


def _day(value: int, _index: int, _count: int) -> str:
    return to_date(value).isoformat()
