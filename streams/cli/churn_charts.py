"""An evaluation of the churn model as pictures, SVG: reliability, ROC AUC over time, lift. Drawn by leather."""

import leather

from streams.backtest.churn.baselines import BOOSTER, LOGISTIC
from streams.backtest.churn.report import Evaluation
from streams.backtest.churn.targets import MODEL
from streams.metrics.days import from_date, to_date

_COLOURS = {MODEL: "#2c6fbb", LOGISTIC: "#c0392b", BOOSTER: "#27803b"}
_GREY = "#7f8c8d"
_WIDTH, _HEIGHT = 900, 420
_TICKS = 8


def charts(evaluation: Evaluation) -> dict[str, str]:
    """SVG documents by file name; ROC AUC over time only where two periods have one."""
    found = {"reliability.svg": _reliability(evaluation), "lift.svg": _lift(evaluation)}
    if (over_time := _over_time(evaluation)) is not None:
        found["auc.svg"] = over_time
    return found


def _reliability(evaluation: Evaluation) -> str:
    """What was said against what came, a dot a bin; on the grey line they are equal."""
    chart = leather.Chart("Reliability: share that was lost, by probability said")
    shown = {name: bins for name, bins in evaluation.reliability.items() if name in _COLOURS}
    highest = max(max(b.predicted, b.observed) for bins in shown.values() for b in bins)
    chart.add_line([(0.0, 0.0), (highest, highest)], name="as said", stroke_color=_GREY, width=1)
    for name, bins in shown.items():
        points = [(b.predicted, b.observed) for b in bins]
        chart.add_line(points, name=name, stroke_color=_COLOURS[name], width=2 if name == MODEL else 1)
        chart.add_dots(points, fill_color=_COLOURS[name])
    chart.add_x_scale(0.0, highest)
    chart.add_y_scale(0.0, highest)
    chart.add_x_axis(name="mean probability", tick_formatter=_percent)
    chart.add_y_axis(name="share lost", tick_formatter=_percent)
    return str(chart.to_svg(width=_WIDTH, height=_HEIGHT))


def _over_time(evaluation: Evaluation) -> str | None:
    chart = leather.Chart("ROC AUC of snapshots, by eight weeks")
    lines = {
        name: [(from_date(p.since), auc) for p in evaluation.periods if (auc := p.roc_auc.get(name)) is not None]
        for name in _COLOURS
    }
    if len(lines[MODEL]) <= 1:
        return None
    for name, line in lines.items():
        if line:
            chart.add_line(line, name=name, stroke_color=_COLOURS[name], width=2 if name == MODEL else 1)
    first, last = lines[MODEL][0][0], lines[MODEL][-1][0]
    chart.add_x_scale(first, last)
    chart.add_y_scale(0.0, 1.0)
    chart.add_x_axis(ticks=list(range(first, last + 1, max(1, -(-(last - first) // _TICKS)))), tick_formatter=_day)
    chart.add_y_axis(name="ROC AUC")
    return str(chart.to_svg(width=_WIDTH, height=_HEIGHT))


def _lift(evaluation: Evaluation) -> str:
    """Share of the lost customers' snapshots found when the riskiest are looked at first; grey: in no order."""
    chart = leather.Chart("Lift: share of the positives among the riskiest snapshots")
    chart.add_line([(0.0, 0.0), (1.0, 1.0)], name="in no order", stroke_color=_GREY, width=1)
    for name in evaluation.lift[0].found:
        line = [(point.share, point.found[name]) for point in evaluation.lift]
        chart.add_line(line, name=name, stroke_color=_COLOURS[name], width=2 if name == MODEL else 1)
    chart.add_x_scale(0.0, 1.0)
    chart.add_y_scale(0.0, 1.0)
    chart.add_x_axis(name="riskiest snapshots", tick_formatter=_percent)
    chart.add_y_axis(name="positives found", tick_formatter=_percent)
    return str(chart.to_svg(width=_WIDTH, height=_HEIGHT))


def _percent(value: float, _index: int, _count: int) -> str:
    return f"{float(value):.0%}"


def _day(value: int, _index: int, _count: int) -> str:
    return to_date(value).isoformat()
