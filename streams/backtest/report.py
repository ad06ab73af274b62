"""Two tracks side by side: bands by day, who stands in another band and why, alerts, foresight."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import chain

from msgspec import Struct

from schemas.scores import Band, Factor, FactorName, HealthScore
from streams.backtest.foresight import Foresight, Span, Windows, foresight
from streams.backtest.track import Track
from streams.metrics.days import to_date

BANDS: tuple[Band, ...] = ("red", "yellow", "green", "unknown")


class Side(Struct, frozen=True, kw_only=True):
    """What one profile said.

    Attributes:
        profile: name and version.
        bands: customers by day and band; all that have a score, paying or not.
        alerts: episodes opened in the span, by rule.
        churns: how many left in the span, by this profile's revenue policy.
        foresight: for each signal, see `Foresight`.
    """

    profile: str
    bands: dict[date, dict[Band, int]]
    alerts: dict[str, int]
    churns: int
    foresight: list[Foresight]


class Standing(Struct, frozen=True, kw_only=True):
    """Score and band of a customer on the last day; None and `unknown` while it has none."""

    score: float | None
    band: Band
    coverage: float


class FactorMove(Struct, frozen=True, kw_only=True):
    """What one factor gives under each profile: value 0-100, effective weight, points earned.

    `moved` is the changed profile's points less the present one's; over all factors it sums to the difference of the
    scores, up to rounding.
    """

    factor: FactorName
    present_value: float | None
    changed_value: float | None
    present_weight: float
    changed_weight: float
    present_points: float
    changed_points: float
    moved: float


class Moved(Struct, frozen=True, kw_only=True):
    """A customer whose band differs on the last day; the factors that moved most come first."""

    customer_id: str
    name: str | None
    mrr_minor: int
    currency: str | None
    paying: bool
    present: Standing
    changed: Standing
    factors: list[FactorMove]


class Report(Struct, frozen=True, kw_only=True):
    """A backtest.

    Attributes:
        since, until: first and last day judged; `known` the last day of the history.
        notes: what figures are undefined, and why, in words.
    """

    since: date
    until: date
    known: date
    customers: int
    windows: Windows
    present: Side
    changed: Side
    moved: list[Moved]
    notes: list[str]


def scored_days(tracks: Sequence[Track]) -> tuple[int, int] | None:
    """First and last day with a score; None without any."""
    days = [day for track in tracks for day in track.bands]
    return (min(days), max(days)) if days else None


def compare(names: tuple[str, str], tracks: tuple[Track, Track], span: Span, windows: Windows) -> Report:
    """Both tracks over a span.

    Args:
        names: of the present and the changed profile, with versions.
        tracks: what they said; `standing` must end with the span.
        span: days to judge, within those scored.
        windows: how far a warning and a churn may lie apart.
    """
    signals = sorted(set(chain.from_iterable(track.warnings() for track in tracks)))
    present, changed = (_side(name, track, signals, span, windows) for name, track in zip(names, tracks, strict=True))
    return Report(
        since=to_date(span.since),
        until=to_date(span.until),
        known=to_date(span.known),
        customers=len(tracks[0].standing.keys() | tracks[1].standing.keys()),
        windows=windows,
        present=present,
        changed=changed,
        moved=_moved(tracks[0].standing, tracks[1].standing),
        notes=_notes(present, changed, windows),
    )


def _side(name: str, track: Track, signals: Sequence[str], span: Span, windows: Windows) -> Side:
    warnings, churned = track.warnings(), track.churned()
    opened: Counter[str] = Counter()
    for rule, spells in track.alerts().items():
        opened[rule] += sum(span.since <= spell.start <= span.until for spell in spells)
    return Side(
        profile=name,
        bands={
            to_date(day): {band: track.bands[day][band] for band in BANDS}
            for day in sorted(track.bands)
            if span.since <= day <= span.until
        },
        alerts=dict(sorted(opened.items())),
        churns=sum(span.since <= one.day <= span.until for one in churned),
        foresight=[foresight(signal, warnings.get(signal, []), churned, span, windows) for signal in signals],
    )


def _moved(present: dict[str, HealthScore], changed: dict[str, HealthScore]) -> list[Moved]:
    """Customers in another band, those whose score moved most first."""
    found = [
        _move(customer, present.get(customer), changed.get(customer))
        for customer in sorted(present.keys() | changed.keys())
    ]
    apart = [move for move in found if move.present.band != move.changed.band]
    return sorted(apart, key=lambda move: (-abs((move.changed.score or 0.0) - (move.present.score or 0.0)),))


def _move(customer: str, before: HealthScore | None, after: HealthScore | None) -> Moved:
    who = after or before
    assert who is not None  # the customer comes from one of both
    old, new = _factors(before), _factors(after)
    names: list[FactorName] = [*old, *(name for name in new if name not in old)]
    moves = [_factor_move(name, old.get(name), new.get(name)) for name in names]
    return Moved(
        customer_id=customer,
        name=who.name,
        mrr_minor=who.mrr_minor,
        currency=who.currency,
        paying=who.paying,
        present=_standing(before),
        changed=_standing(after),
        factors=sorted(moves, key=lambda move: (-abs(move.moved), move.factor)),
    )


def _standing(score: HealthScore | None) -> Standing:
    if score is None:
        return Standing(score=None, band="unknown", coverage=0.0)
    return Standing(score=score.score, band=score.band, coverage=score.coverage)


def _factors(score: HealthScore | None) -> dict[FactorName, Factor]:
    return {} if score is None else {factor.factor: factor for factor in score.factors}


def _factor_move(name: FactorName, old: Factor | None, new: Factor | None) -> FactorMove:
    before, after = (0.0 if factor is None else factor.earned for factor in (old, new))
    return FactorMove(
        factor=name,
        present_value=None if old is None else old.value,
        changed_value=None if new is None else new.value,
        present_weight=0.0 if old is None else old.weight,
        changed_weight=0.0 if new is None else new.weight,
        present_points=before,
        changed_points=after,
        moved=after - before,
    )


def _notes(present: Side, changed: Side, windows: Windows) -> list[str]:
    """What could not be measured."""
    notes: list[str] = []
    for side in (present, changed):
        if side.churns == 0:
            notes.append(f"{side.profile}: nobody left in these days, so recall and lead time are undefined")
        if side.foresight and all(found.mature == 0 for found in side.foresight):
            notes.append(
                f"{side.profile}: no warning began {windows.horizon_days} days or more before the history ends, "
                "so precision is undefined"
            )
    if present.churns != changed.churns:
        notes.append("the profiles count churn differently, so their recall and precision do not speak of the same")
    return notes
