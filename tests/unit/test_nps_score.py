import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.metrics.nps import nps, nps_class, nps_interval

COUNTS = st.integers(0, 10_000)


@pytest.mark.parametrize(
    "score, expected",
    [(0, "detractor"), (6, "detractor"), (7, "passive"), (8, "passive"), (9, "promoter"), (10, "promoter")],
)
def test_classes_have_the_published_borders(score, expected):
    assert nps_class(score) == expected


def test_score_is_undefined_without_answers():
    assert nps(0, 0, 0) is None
    assert nps_interval(0, 0, 0) is None


def test_score_is_points_of_promoters_less_detractors():
    assert nps(10, 0, 0) == 100.0
    assert nps(0, 0, 4) == -100.0
    assert nps(1, 1, 1) == 0.0
    assert nps(7, 2, 1) == 60.0


@given(COUNTS, COUNTS, COUNTS)
def test_interval_holds_the_score_and_stays_on_the_scale(promoters, passives, detractors):
    score = nps(promoters, passives, detractors)
    if score is not None:
        low, high = nps_interval(promoters, passives, detractors)
        assert -100.0 <= low <= score <= high <= 100.0


@given(st.integers(1, 100), st.integers(1, 100), st.integers(1, 100))
def test_interval_narrows_with_answers(promoters, passives, detractors):
    low, high = nps_interval(promoters, passives, detractors)
    narrow_low, narrow_high = nps_interval(promoters * 9, passives * 9, detractors * 9)
    assert narrow_high - narrow_low < high - low


def test_interval_mirrors_when_promoters_and_detractors_change_places():
    low, high = nps_interval(30, 10, 5)
    assert nps_interval(5, 10, 30) == pytest.approx((-high, -low))


def test_interval_covers_the_truth_nineteen_times_in_twenty():
    """Exact coverage over all outcomes of 20 answers with shares 50/30/20 %."""
    from math import comb

    n, up, down, covered = 20, 0.5, 0.2, 0.0
    for promoters in range(n + 1):
        for detractors in range(n + 1 - promoters):
            passives = n - promoters - detractors
            low, high = nps_interval(promoters, passives, detractors)
            if low <= 30.0 <= high:
                ways = comb(n, promoters) * comb(n - promoters, detractors)
                covered += ways * up**promoters * down**detractors * (1 - up - down) ** passives
    assert covered == pytest.approx(0.95, abs=0.02)
