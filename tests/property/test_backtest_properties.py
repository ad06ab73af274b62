"""Backtest: a profile against itself changes nothing, and warnings are judged as a slow count of days judges them."""

from collections.abc import Sequence
from itertools import pairwise

from backtest_samples import PARTITIONS, START, used
from hypothesis import given
from hypothesis import strategies as st

from streams.backtest.foresight import Span, Windows, foresight
from streams.backtest.replay import Replay
from streams.backtest.report import compare, scored_days
from streams.backtest.track import Churned, Spell
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import load_profile

CUSTOMERS = "abc"
LAST = 40


uses = st.lists(st.tuples(st.sampled_from(CUSTOMERS), st.integers(0, 12 * DAY_MS)), min_size=1, max_size=40)


@given(uses)
def test_a_profile_against_itself_changes_nothing(uses: list[tuple[str, int]]) -> None:
    profile = load_profile("default")
    replay = Replay((profile, profile), PARTITIONS, TimePolicy(), Days(), START + 100 * DAY_MS)
    replay.feed(used(uses))
    days = scored_days(replay.tracks)
    assert days is not None
    report = compare(("one", "one"), (replay.tracks[0], replay.tracks[1]), Span(*days, days[1]), Windows())
    assert report.moved == []
    assert report.present == report.changed
    assert replay.unread == 0


@st.composite
def spells(draw: st.DrawFn) -> list[Spell]:
    """Spells of a customer neither touch nor overlap, as days in a band do not."""
    found: list[Spell] = []
    for customer in CUSTOMERS:
        edges = sorted(draw(st.sets(st.integers(0, LAST), max_size=8)))
        found += [Spell(customer, start, end) for start, end in list(pairwise(edges))[::2]]
    return found


@given(
    spells(),
    st.lists(st.builds(Churned, st.integers(0, LAST), st.sampled_from(CUSTOMERS)), max_size=8, unique=True),
    st.builds(lambda a, b: Span(min(a, b), max(a, b), LAST), st.integers(0, LAST), st.integers(0, LAST)),
    st.builds(Windows, lookback_days=st.integers(1, 15), horizon_days=st.integers(1, 15)),
)
def test_figures_are_those_of_a_count_day_by_day(
    spells: list[Spell], churned: list[Churned], span: Span, windows: Windows
) -> None:
    found = foresight("red", spells, churned, span, windows)
    under = {(s.customer_id, day) for s in spells for day in range(s.start, LAST + 1 if s.end is None else s.end)}
    leads = []
    for day, customer in churned:
        if span.since <= day <= span.until:
            warned = [d for d in range(day - windows.lookback_days, day) if (customer, d) in under]
            leads.append(day - min(warned) if warned else None)
    assert (found.churns, found.lead_days) == (len(leads), sorted(lead for lead in leads if lead is not None))
    mature = [s for s in spells if span.since <= s.start <= min(span.until, LAST - windows.horizon_days)]
    right = [s for s in mature if _left_within(s, churned, windows.horizon_days)]
    assert (found.mature, found.followed) == (len(mature), len(right))
    assert found.customers_churned == len({s.customer_id for s in right})
    assert found.recall is None or 0 <= found.recall <= 1
    assert found.precision is None or 0 <= found.precision <= 1


def _left_within(spell: Spell, churned: Sequence[Churned], horizon_days: int) -> bool:
    return any(one.customer_id == spell.customer_id and 1 <= one.day - spell.start <= horizon_days for one in churned)
