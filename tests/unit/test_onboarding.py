"""The checklist of the first weeks, its limit, and who took part."""

from typing import Any

import pytest

from schemas.events import UsageEvent
from schemas.metrics import UsageValues
from schemas.usage_events import EmailOpened, EmailSent, FeatureUsed, MilestoneReached, ResourceViewed
from streams.engine.states import ShapeCodec
from streams.errors import ConfigurationError
from streams.metrics.activation import FeatureUse, Milestone, UsersDid
from streams.metrics.days import DAY_MS, Days
from streams.metrics.onboarding import OnboardingPolicy, Step
from streams.metrics.profile import load_profile, parse_profile
from streams.metrics.usage import UsageFold, UsagePolicy
from streams.metrics.usage_state import UsageState

DAY = 19_800
HOUR_MS = 3_600_000
#: Written to on day 0, must import and go live and bring two people, within ten days.
CHECKLIST = OnboardingPolicy(
    limit_days=10,
    steps=(
        Step(name="import", criterion=FeatureUse(feature="import")),
        Step(name="team", criterion=UsersDid(n=2)),
        Step(name="live", criterion=Milestone(milestone="live")),
    ),
)


class Customer:
    """A customer whose history is told by day and hour."""

    def __init__(self, policy: OnboardingPolicy = CHECKLIST) -> None:
        self.fold = UsageFold(UsagePolicy(onboarding=policy), Days())
        self.state: UsageState = self.fold.new()
        self._number = 0

    def did(self, kind: type[UsageEvent], day: int, hour: float = 12.0, **fields: Any) -> None:
        self._number += 1
        at = (DAY + day) * DAY_MS + round(hour * HOUR_MS)
        event = kind(event_id=f"e{self._number}", customer_id="c", occurred_at=at, **fields)
        self.fold.apply(self.state, event, at)

    def at_end_of(self, day: int) -> UsageValues:
        return self.fold.values(self.state, DAY + day, (DAY + day + 1) * DAY_MS)


def steps(values: UsageValues) -> tuple[int | None, int | None, float | None, bool | None]:
    return (
        values.onboarding_steps_done,
        values.onboarding_steps_total,
        values.onboarding_progress,
        values.onboarding_overdue,
    )


def test_a_worked_onboarding() -> None:
    acme = Customer()
    acme.did(EmailSent, 0, email_id="welcome")
    acme.did(FeatureUsed, 2, user_id="ana", feature="import")
    acme.did(FeatureUsed, 4, user_id="bia")
    acme.did(MilestoneReached, 11, hour=0.0, milestone="live")
    assert [steps(acme.at_end_of(day)) for day in (-1, 0, 2, 8, 9, 10, 11)] == [
        (None, None, None, None),
        (0, 3, 0.0, False),
        (1, 3, pytest.approx(1 / 3), False),
        (2, 3, pytest.approx(2 / 3), False),
        (2, 3, pytest.approx(2 / 3), True),  # ten days have passed
        (2, 3, pytest.approx(2 / 3), True),
        (3, 3, 1.0, False),  # late, and done
    ]
    done = acme.at_end_of(11)
    assert done.onboarding_started_at == DAY * DAY_MS + 12 * HOUR_MS
    assert done.onboarded_at == (DAY + 11) * DAY_MS
    assert done.time_to_onboard_days == 10.5
    assert acme.at_end_of(10).time_to_onboard_days is None


@pytest.mark.parametrize(
    "kind, fields",
    [
        (EmailOpened, {"email_id": "welcome"}),
        (ResourceViewed, {"resource": "guide"}),
        (MilestoneReached, {"milestone": "signed"}),
    ],
)
def test_a_customer_that_never_used_the_product_is_overdue_too(kind: type[UsageEvent], fields: dict[str, str]) -> None:
    silent = Customer()
    silent.did(kind, 0, **fields)
    assert steps(silent.at_end_of(8)) == (0, 3, 0.0, False)
    assert steps(silent.at_end_of(9)) == (0, 3, 0.0, True)
    assert silent.at_end_of(9).events_28d == 0
    assert silent.at_end_of(9).days_since_last_use is None


def test_without_steps_there_is_no_progress_and_no_limit_but_people_are_counted() -> None:
    free = Customer(OnboardingPolicy(steps=(), limit_days=10))
    free.did(FeatureUsed, 0, user_id="ana")
    values = free.at_end_of(100)
    assert (steps(values), values.onboarded_at) == ((None, None, None, None), None)
    assert (values.onboarding_users, values.onboarding_started_at) == (1, DAY * DAY_MS + 12 * HOUR_MS)


def test_people_and_emails_of_the_window_alone_count() -> None:
    acme = Customer()
    acme.did(FeatureUsed, 3, user_id="ana")
    acme.did(FeatureUsed, 12, user_id="bia")  # the tenth day
    acme.did(FeatureUsed, 13, user_id="caio")
    acme.did(EmailSent, 12, hour=23.9, email_id="a")
    acme.did(EmailSent, 12, email_id="a")  # the same again
    acme.did(EmailOpened, 14, email_id="a")  # opened too late
    acme.did(EmailSent, 13, hour=0.0, email_id="b")
    values = acme.at_end_of(40)
    assert (values.onboarding_users, values.onboarding_emails_sent, values.onboarding_emails_opened) == (2, 1, 0)
    assert [acme.at_end_of(day).onboarding_users for day in (3, 11, 12, 13)] == [1, 1, 2, 2]
    assert [acme.at_end_of(day).onboarding_emails_sent for day in (11, 12, 13)] == [None, 1, 1]
    acme.did(FeatureUsed, 2)  # late: the window ends a day earlier
    values = acme.at_end_of(40)
    assert (values.onboarding_users, values.onboarding_emails_sent, values.onboarding_emails_opened) == (1, None, None)


def test_who_uses_the_product_again_keeps_the_first_day() -> None:
    acme = Customer()
    for day in (4, 2, 5):
        acme.did(FeatureUsed, day, user_id="ana")
    assert [acme.at_end_of(day).onboarding_users for day in (1, 2, 5)] == [None, 1, 1]


def test_what_was_opened_was_sent() -> None:
    acme = Customer()
    acme.did(EmailOpened, 0, email_id="a")
    acme.did(EmailSent, 1, email_id="b")
    acme.did(EmailSent, 1, email_id="a")
    values = acme.at_end_of(1)
    assert (values.onboarding_emails_sent, values.onboarding_emails_opened) == (2, 1)


def test_figures_of_a_window_that_passed_outlive_its_names() -> None:
    acme = Customer()
    acme.did(FeatureUsed, 0, user_id="ana")
    acme.did(EmailSent, 1, email_id="a")
    acme.did(EmailOpened, 2, email_id="a")
    told = acme.at_end_of(200)
    acme.fold.forget(acme.state, DAY + 9)
    assert acme.state.beginning is not None
    assert acme.state.beginning.users == {"ana": DAY}  # the tenth day may still bring somebody
    for before in (10, 50, 150):
        acme.fold.forget(acme.state, DAY + before)
        assert (acme.state.beginning.users, acme.state.beginning.emails) == ({}, {})
        assert acme.at_end_of(200) == told
    assert (told.onboarding_users, told.onboarding_emails_sent, told.onboarding_emails_opened) == (1, 1, 1)
    codec: ShapeCodec[UsageState] = ShapeCodec(UsageState, "a state")
    assert codec.decode(codec.encode(acme.state)) == acme.state


def test_emails_are_no_use() -> None:
    acme = Customer()
    acme.did(FeatureUsed, 0, user_id="ana")
    before = acme.at_end_of(5)
    acme.did(EmailSent, 3, email_id="a", user_id="bia")
    after = acme.at_end_of(5)
    unmoved = ("active_users_28d", "events_28d", "active_days_28d", "last_used_at", "engagement_score")
    assert [getattr(after, name) for name in unmoved] == [getattr(before, name) for name in unmoved]


def test_a_checklist_is_read_from_a_profile() -> None:
    text = b"""
    name = "acme"
    version = 1
    [onboarding]
    limit_days = 14
    steps = [{ name = "live", criterion = { rule = "milestone", milestone = "live" } }]
    """
    profile = parse_profile(text, "acme.toml")
    assert profile.usage.onboarding == OnboardingPolicy(
        limit_days=14, steps=(Step(name="live", criterion=Milestone(milestone="live")),)
    )
    assert profile.usage.sessions == load_profile("default").sessions


def test_two_steps_of_one_name_are_refused() -> None:
    step = '{ name = "live", criterion = { rule = "active_days", n = 1 } }'
    text = f'name = "acme"\nversion = 1\n[onboarding]\nsteps = [{step}, {step}]'
    with pytest.raises(ConfigurationError, match="a name of its own for every step, got 'live' twice"):
        parse_profile(text.encode(), "acme.toml")
