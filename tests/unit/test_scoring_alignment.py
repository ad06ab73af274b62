"""When a day of all domains may be spoken of."""

import pytest

from schemas.metrics import DOMAINS, Domain
from streams.metrics.acquisition import EDITION, WITH_CHURN
from streams.scoring.alignment import Alignment

DAY = 19_700
SLOW: Domain = "account"


def close(alignment: Alignment, domain: Domain, day: int) -> list[int]:
    ready = list(alignment.ready(domain, day))
    for each in ready:
        alignment.score(each)
    alignment.close(domain, day)
    return ready


def closed(until: int, *domains: Domain, start: int = DAY) -> Alignment:
    alignment = Alignment()
    for domain in domains:
        for day in range(start, until + 1):
            close(alignment, domain, day)
    return alignment


FAST = [domain for domain in DOMAINS if domain != SLOW]


def test_days_an_older_release_had_closed_in_any_domain_may_hold_what_it_took_in() -> None:
    upgraded = closed(DAY, *DOMAINS)
    close(upgraded, "revenue", DAY + 2)
    close(upgraded, "usage", DAY + 1)
    for _ in range(2):
        upgraded.begin()
        close(upgraded, "usage", DAY + 9)
    assert [upgraded.edition(day) for day in (DAY, DAY + 2, DAY + 3)] == [0, 0, EDITION]
    fresh = Alignment()
    fresh.begin()
    close(fresh, "usage", DAY)
    fresh.begin()
    assert fresh.edition(0) == EDITION


def test_days_that_two_older_releases_took_in_tell_what_each_of_them_did() -> None:
    """The first tallied less than the second, which had noted where it began and tallied no costs of campaigns."""
    upgraded = closed(DAY + 2, *DOMAINS)
    upgraded.older = DAY
    upgraded.begin()
    assert [upgraded.edition(DAY + place) for place in range(4)] == [0, WITH_CHURN, WITH_CHURN, EDITION]
    assert (upgraded.older, upgraded.uncosted) == (DAY, DAY + 2)


def test_nothing_is_ready_before_the_last_domain_has_closed_its_first_day() -> None:
    alignment = closed(DAY + 50, *FAST)
    assert alignment.aligned is None
    assert close(alignment, SLOW, DAY) == [DAY]


def test_the_first_aligned_day_is_the_latest_of_the_first_closed_days() -> None:
    alignment = closed(DAY + 50, *FAST)
    assert close(alignment, SLOW, DAY + 20) == [DAY + 20]
    assert close(alignment, SLOW, DAY + 21) == [DAY + 21]


def test_a_domain_that_begins_behind_the_others_waits_for_their_first_day() -> None:
    alignment = closed(DAY + 5, *FAST, start=DAY + 3)
    assert close(alignment, SLOW, DAY) == []
    assert close(alignment, SLOW, DAY + 1) == []
    assert alignment.aligned is None
    assert close(alignment, SLOW, DAY + 3) == [DAY + 3]


def test_days_that_waited_are_ready_together_and_in_order() -> None:
    alignment = closed(DAY, *DOMAINS)
    for day in range(DAY + 1, DAY + 4):
        for domain in FAST:
            assert not close(alignment, domain, day)
    assert close(alignment, SLOW, DAY + 1) == [DAY + 1]
    assert close(alignment, SLOW, DAY + 3) == [DAY + 2, DAY + 3]
    assert alignment.aligned == DAY + 3


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("ago", [0, 1, 30])
def test_a_marker_that_comes_again_makes_nothing_ready(domain: Domain, ago: int) -> None:
    alignment = closed(DAY + 30, *DOMAINS)
    assert not close(alignment, domain, DAY + 30 - ago)
    assert alignment == closed(DAY + 30, *DOMAINS)


def test_a_first_marker_that_comes_again_does_not_move_the_first_day() -> None:
    alignment = closed(DAY + 3, *FAST)
    close(alignment, "usage", DAY)
    assert close(alignment, SLOW, DAY) == [DAY]
