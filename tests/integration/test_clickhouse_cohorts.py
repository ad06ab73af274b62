"""Views of how customers begin and what they read, on data worked out by hand; all rows are put in twice on purpose."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from archive_rig import Put, View
from sink_samples import Rec, movement, record, values

from schemas import registry
from schemas.metrics import AccountValues, MetricValues, UsageValues
from schemas.usage_events import ResourceRated, ResourceViewed
from streams.metrics.days import DAY_MS, from_date

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

JANUARY, MARCH = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
LAST_DAY = date(2024, 4, 30)  # closed: 121 days after the first of January, 61 after that of March


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def account(customer: str, signed_up: datetime | None) -> Rec:
    about = AccountValues(name=customer, signed_up_at=None if signed_up is None else ms(signed_up))
    message = MetricValues(customer_id=customer, kind="live", as_of=0, day=0, values=about)
    return record(registry.METRICS, message, key=customer.encode())


def usage(customer: str, last: date = LAST_DAY, **at: Any) -> Rec:
    told = {name: ms(when) if isinstance(when, datetime) else when for name, when in at.items()}
    return values(UsageValues(**told), day=from_date(last), customer=customer)


def customers(start: datetime, activated: list[float | None]) -> Iterator[Rec]:
    """Customers of a month that were activated after so many days; None: not yet."""
    for number, days in enumerate(activated):
        name = f"{start:%b}-{number}"
        yield account(name, start)
        yield usage(name, activated_at=None if days is None else start + timedelta(days=days))


def test_activation_by_cohort_with_the_median_of_kaplan_and_meier(put: Put, view: View) -> None:
    # January is watched for 121 days. March for 61: of its four, one is activated after 10 days and one after 20.
    put(*customers(JANUARY, [5.0, 10.0, 95.0, None]), *customers(MARCH, [10.0, 20.0, None, None]))
    january, march = view("v_activation_cohorts")
    assert january == {
        "month": date(2024, 1, 1),
        "customers": 4,
        "activated": 3,
        "inside_window": 0,
        "activated_in_window": 2,  # the third took longer than the window
        "activation_rate": 0.5,
        "median_days_to_activate": 10.0,
    }
    assert (march["customers"], march["activated"], march["inside_window"]) == (4, 2, 4)
    assert (march["activation_rate"], march["median_days_to_activate"]) == (None, 20.0)


def test_who_is_watched_for_less_time_is_neither_a_failure_nor_left_out(put: Put, view: View) -> None:
    # All of April, watched until its end. By hand: 5 at risk, one activated after 2 days: 4/5 open. Two are watched for
    # 5 and 4 days only. 2 at risk after 10 days, one activated: 4/5 * 1/2 = 2/5: the median. A mean of those who made
    # it would say 6 days, a median that takes the two for failures none at all.
    april = datetime(2024, 4, 1, tzinfo=UTC)
    end = datetime(2024, 5, 1, tzinfo=UTC)
    for name, start, days in (
        ("a", april, 2),
        ("b", april, 10),
        ("c", april, None),
        ("d", end - timedelta(days=5), None),
        ("e", end - timedelta(days=4), None),
    ):
        put(account(name, start), usage(name, activated_at=None if days is None else start + timedelta(days=days)))
    curve = [(row["days"], row["at_risk"], row["reached"], row["still_open"]) for row in view("v_beginning_curves")]
    assert curve == [(2.0, 5, 1, pytest.approx(0.8)), (10.0, 2, 1, pytest.approx(0.4))]
    (cohort,) = view("v_activation_cohorts")
    assert (cohort["median_days_to_activate"], cohort["activation_rate"]) == (10.0, None)


def test_a_customer_begins_with_its_signup_else_its_first_payment_else_its_first_fact(put: Put, view: View) -> None:
    put(
        account("signed", JANUARY),
        movement("new", 100, 0, ms(MARCH), "signed"),
        usage("signed", first_used_at=MARCH, activated_at=JANUARY - timedelta(days=3)),  # used before it signed up
        account("paid", None),
        movement("new", 100, 0, ms(MARCH), "paid"),
        usage("paid", onboarding_started_at=JANUARY, activated_at=MARCH + timedelta(hours=36)),
        usage("written to", onboarding_started_at=MARCH),
        account("unknown", None),
        account("tomorrow", datetime(2024, 5, 1, tzinfo=UTC)),
        account("silent", MARCH),
    )
    found = {row["customer_id"]: (row["month"].month, row["days_to_activate"]) for row in view("v_beginnings")}
    assert found == {"signed": (1, 0.0), "paid": (3, 1.5), "written to": (3, None), "silent": (3, None)}
    assert {row["days_known"] for row in view("v_beginnings")} == {121.0, 61.0}


def test_onboarding_by_cohort(put: Put, view: View) -> None:
    for name, days, overdue in (("a", 10, False), ("b", 100, False), ("c", None, True)):
        done = None if days is None else JANUARY + timedelta(days=days)
        put(account(name, JANUARY), usage(name, onboarded_at=done, onboarding_overdue=overdue))
    put(account("d", MARCH), usage("d", onboarding_overdue=False))
    january, march = view("v_onboarding_cohorts")
    assert (january["customers"], january["onboarded"], january["overdue"], january["inside_window"]) == (3, 2, 1, 0)
    assert (january["onboarded_in_window"], january["onboarding_rate"]) == (1, 1 / 3)
    assert january["median_days_to_onboard"] == 100.0
    assert (march["onboarding_rate"], march["median_days_to_onboard"], march["inside_window"]) == (None, None, 1)


def test_the_newest_day_of_a_customer_counts(put: Put, view: View) -> None:
    put(
        account("a", JANUARY),
        usage("a", last=date(2024, 1, 10)),
        usage("a", activated_at=JANUARY + timedelta(days=30)),
    )
    (cohort,) = view("v_activation_cohorts")
    assert (cohort["activated"], cohort["activation_rate"]) == (1, 1.0)


def test_cohorts_equal_a_recount(put: Put, view: View) -> None:
    chance = Random(3)
    watched: dict[int, list[tuple[float, float | None]]] = {}
    for number in range(60):
        start = JANUARY + timedelta(days=chance.randrange(120))
        known = (datetime(2024, 5, 1, tzinfo=UTC) - start) / timedelta(days=1)
        days = chance.choice([None, float(chance.randrange(1, 60))])
        days = None if days is None or days >= known else days
        watched.setdefault(start.month, []).append((known, days))
        at = None if days is None else start + timedelta(days=days)
        put(account(f"c{number}", start), usage(f"c{number}", activated_at=at))
    for row in view("v_activation_cohorts"):
        cohort = watched.pop(row["month"].month)
        still, median = 1.0, None
        for days in sorted({days for _, days in cohort if days is not None}):
            at_risk = sum((known if d is None else d) >= days for known, d in cohort)
            still *= 1 - sum(d == days for _, d in cohort) / at_risk
            median = days if median is None and still < 0.5 + 1e-9 else median
        ripe = [d for known, d in cohort if known >= 90]
        rate = sum(d is not None and d < 90 for d in ripe) / len(ripe) if ripe else None
        assert (row["customers"], row["median_days_to_activate"]) == (len(cohort), median)
        assert row["activation_rate"] == (None if rate is None else pytest.approx(rate))
    assert watched == {}


def looked(
    number: int, customer: str, resource: str, at: datetime, user: str | None = None, offset: int | None = None
) -> Rec:
    event = ResourceViewed(
        event_id=f"v{number}", customer_id=customer, occurred_at=ms(at), resource=resource, user_id=user
    )
    return record(registry.USAGE, event, key=customer.encode(), offset=offset or number)


def rated(number: int, customer: str, resource: str, at: datetime, helpful: bool) -> Rec:
    event = ResourceRated(
        event_id=f"r{number}", customer_id=customer, occurred_at=ms(at), resource=resource, helpful=helpful
    )
    return record(registry.USAGE, event, key=customer.encode(), offset=number)


def test_resources_by_month(put: Put, view: View) -> None:
    put(
        looked(1, "a", "guide", JANUARY, "ana"),
        looked(2, "a", "guide", JANUARY + timedelta(days=1), "ana"),
        looked(3, "a", "guide", JANUARY, "bia"),
        looked(4, "b", "guide", JANUARY),  # somebody
        looked(5, "a", "guide", MARCH, "ana"),
        rated(6, "a", "guide", JANUARY, helpful=True),
        rated(7, "b", "guide", JANUARY, helpful=True),
        rated(8, "b", "guide", JANUARY, helpful=False),
        rated(9, "b", "video", MARCH, helpful=False),
        looked(10, "a", "guide", JANUARY + timedelta(milliseconds=DAY_MS), "ana"),
        looked(10, "a", "video", MARCH, "ana", offset=11),  # the same event once more, with another day
    )
    columns = ("views", "customers", "viewers", "ratings", "helpful_share")
    found = {(row["resource"], row["month"].month): tuple(row[name] for name in columns) for row in view("v_resources")}
    assert found == {
        ("guide", 1): (5, 2, 2, 3, pytest.approx(2 / 3)),
        ("guide", 3): (1, 1, 1, 0, None),
        ("video", 3): (0, 0, 0, 1, 0.0),
    }
