"""Metric values and weekly snapshots as cards store them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError, msgpack
from msgspec.structs import asdict

from schemas.metrics import (
    DOMAINS,
    AccountValues,
    FeedbackValues,
    NpsAnswer,
    RevenueValues,
    SupportValues,
    UsageValues,
    Values,
)
from streams.churn.features import BY_NAME
from streams.churn.places import PLACES
from streams.metrics.sums import add_values, new_sums
from streams.scoring import weekly
from streams.scoring.stored import NUMBERS, STORED, pack, unpack
from streams.scoring.weekly import Observed

#: What stands where in cards that are out there.
KNOWN = Path(__file__).parents[1] / "golden" / "stored_fields.json"
DAY = 19_700
ANSWER = NpsAnswer(
    response_id="r", event_id="e", score=9, nps_class="promoter", answered_at=7, respondent_id="u", reason="why"
)
FULL: list[Values] = [
    UsageValues(active_users_28d=3, stickiness=0.25, activated_at=1_702_252_800_000, engagement_band="good"),
    SupportValues(tickets_open=2, first_response_minutes_28d=30.5, tickets_open_by_priority={"high": 2}),
    RevenueValues(mrr_minor=5000, currency="BRL", paying=True, moved_other_28d_minor={"new:USD": 7}),
    FeedbackValues(nps=100.0, last_nps=ANSWER, recent_nps=[ANSWER, ANSWER]),
    AccountValues(name="n", locale="pt"),
]


@pytest.mark.parametrize("values", FULL, ids=lambda one: type(one).__name__)
def test_values_come_back_with_every_field_of_their_type(values: Any) -> None:
    again = unpack(pack(values))
    assert isinstance(again, type(values))
    assert again.__struct_fields__ == values.__struct_fields__
    assert asdict(again) == asdict(values)


def test_answers_come_back_as_they_are_published() -> None:
    again = unpack(pack(FeedbackValues(last_nps=ANSWER, recent_nps=[ANSWER])))
    assert isinstance(again, FeedbackValues)
    assert (type(again.last_nps), again.recent_nps) == (NpsAnswer, [ANSWER])
    only_recent = unpack(pack(FeedbackValues(recent_nps=[ANSWER])))
    assert isinstance(only_recent, FeedbackValues)
    assert (only_recent.last_nps, only_recent.recent_nps) == (None, [ANSWER])


def test_values_stored_before_a_field_was_appended_have_its_default() -> None:
    known = msgpack.decode(pack(UsageValues(active_users_1d=1, active_users_7d=2)))
    assert unpack(msgpack.encode(known[:2])) == unpack(pack(UsageValues(active_users_1d=1)))


@pytest.mark.parametrize("stored", [[9], [0, "many"], {"domain": "usage"}, [4]], ids=str)
def test_what_was_not_stored_here_is_refused(stored: Any) -> None:
    with pytest.raises(ValidationError):
        unpack(msgpack.encode(stored))


def test_every_domain_of_a_score_has_a_number() -> None:
    assert set(NUMBERS) == set(DOMAINS)


def test_fields_of_stored_values_are_only_ever_appended() -> None:
    """Those of the list stand where they stood; what is appended goes into it with the release that stores it."""
    lists = json.loads(KNOWN.read_text("utf-8"))
    for domain, values in STORED:
        known = lists[domain]
        assert list(values.__struct_fields__[: len(known)]) == known, domain
    answer = lists["answer"]  # those within feedback
    assert list(NpsAnswer.__struct_fields__[: len(answer)]) == answer
    domains = [name for name in lists if name not in {"answer", "features"}]
    assert list(NUMBERS)[: len(domains)] == domains


@pytest.mark.parametrize("values", FULL, ids=lambda one: type(one).__name__)
def test_stored_values_add_up_to_what_plain_ones_do(values: Values) -> None:
    plain, stored = new_sums(), new_sums()
    add_values(plain, values)
    add_values(stored, unpack(pack(values)))
    assert stored == plain
    assert bool(plain) is not isinstance(values, AccountValues)


NUMBERS_TO_STORE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**60), 2**60).map(float),
    st.sampled_from([0.0, -0.0, float(2**53), float(2**53 - 1), -3.0, 1e300]),
)


@given(
    st.lists(
        st.builds(
            Observed,
            st.integers(0, 30_000),
            st.dictionaries(st.sampled_from([*PLACES, "gone", "to_come"]), NUMBERS_TO_STORE),
        ),
        max_size=2,
    )
)
def test_snapshots_come_back_to_the_bit(snapshots: list[Observed]) -> None:
    assert bits(weekly.unpack(packed(snapshots))) == bits(snapshots)


def packed(snapshots: list[Observed]) -> bytes:
    stored = b""
    for one in reversed(snapshots):
        stored = weekly.added(stored, one, 2)
    return stored


def bits(snapshots: list[Observed]) -> list[tuple[int, dict[str, str]]]:
    return [(one.day, {name: value.hex() for name, value in one.features.items()}) for one in snapshots]


def test_the_snapshot_before_a_day() -> None:
    newer, older = Observed(DAY + 7, {"nps": 5.0}), Observed(DAY, {"nps": -0.0})
    stored = packed([newer, older])
    assert weekly.before(stored, DAY + 8) == (newer, None)
    found, behind = weekly.before(stored, DAY + 7)
    assert (found, behind) == (older, DAY + 7)
    assert found is not None
    assert math.copysign(1.0, found.features["nps"]) == -1.0
    assert weekly.before(stored, DAY) == (None, DAY)
    assert weekly.before(b"", DAY) == (None, None)


def test_so_many_snapshots_are_kept() -> None:
    first, second, third = (Observed(DAY + 7 * week, {"nps": float(week)}) for week in range(3))
    assert weekly.unpack(packed([third, second, first])) == [third, second]


def test_a_place_of_a_newer_release_is_passed_over() -> None:
    stored = msgpack.encode([[DAY, [[None] * len(PLACES) + [7], {"nps": 2.0}]]])
    assert weekly.unpack(stored) == [Observed(DAY, {"nps": 2.0})]


def test_features_have_a_place_each() -> None:
    """One without would be stored under its name, which takes ten times the bytes: append it to `PLACES`."""
    assert BY_NAME.keys() <= set(PLACES)
    assert len(set(PLACES)) == len(PLACES)


def test_places_are_only_ever_appended() -> None:
    known = json.loads(KNOWN.read_text("utf-8"))["features"]
    assert list(PLACES[: len(known)]) == known
