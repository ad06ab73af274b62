"""How a customer uses the product: on working days, by day more than by night, in the time zone of its users."""

from schemas.usage_events import EmailOpened, EmailSent, FeatureUsed, MilestoneReached, ResourceRated, ResourceViewed
from streams.intake.generate.customers import Customer, days_of
from streams.intake.generate.diary import Diary
from streams.intake.generate.draws import Draw
from streams.metrics.days import DAY_MS, HOUR_MS, MINUTE_MS, Days

FEATURES = (
    "board", "search", "report", "export", "import", "invite", "comment", "automation", "api", "dashboard", "share",
    "template",
)  # fmt: skip
_RESOURCES = ("first-steps", "automation-course", "api-guide", "video-reports")
_WEEKEND = 0.12  # of the use of a working day
_SHARE_AT_NIGHT = 0.05
_SHARE_UNMAPPED = 0.004
_SHARE_WITHOUT_USER = 0.01
_SHARE_OVER_MIDNIGHT = 0.003  # of the customer's days
_SHARE_TOO_LATE = 0.002


def tell_use(diary: Diary, customer: Customer, days: Days, draw: Draw) -> None:
    """All days of use of a customer; `days` is the company's calendar."""
    last = days.of((customer.leaves_at or diary.end) - 1)
    first, there = days.of(customer.joined_at), days_of(customer.zone)
    if there.zone != days.zone:
        diary.plant("user_in_another_zone")
    for day in range(first, last + 1):
        _tell_day(diary, customer, there.start(day), customer.level(day), day, draw)
        if draw.chance(_SHARE_OVER_MIDNIGHT):
            _tell_night(diary, days.start(day + 1), f"night-{day}")
        if draw.chance(_SHARE_TOO_LATE):
            at = days.start(day) + draw.between(0, DAY_MS // 2)
            diary.tell_too_late(FeatureUsed, at, user_id="u1", feature=draw.pick(FEATURES))
        if days.start(day + 1) - days.start(day) != DAY_MS:
            for at in (days.start(day) + 150 * MINUTE_MS, days.start(day + 1) - 30 * MINUTE_MS):
                diary.tell(FeatureUsed, at, "dst_day", user_id="u1", feature="board")
    _tell_first_steps(diary, customer, draw)


def _tell_day(diary: Diary, customer: Customer, start: int, level: float, day: int, draw: Draw) -> None:
    rate = level * (_WEEKEND if (day + 3) % 7 >= 5 else 1.0)  # 1970-01-01 was a Thursday
    for _ in range(int(customer.users * rate * (0.2 + 0.6 * draw.share()) + draw.share() * rate)):
        hour = 20 + 6 * draw.share() if draw.chance(_SHARE_AT_NIGHT) else 8 + 5 * (draw.share() + draw.share())
        at, user = start + int(hour * HOUR_MS), f"u{draw.between(1, customer.users)}"
        for _ in range(draw.between(1, 2)):
            _tell_one(diary, at, user, draw)
            at += draw.between(1, 40) * MINUTE_MS


def _tell_one(diary: Diary, at: int, user: str, draw: Draw) -> None:
    lot = draw.share()
    if lot < _SHARE_UNMAPPED:
        diary.tell(FeatureUsed, at, "unmapped_feature", user_id=user, feature="labs-canvas")
    elif lot < _SHARE_UNMAPPED + _SHARE_WITHOUT_USER:
        diary.tell(FeatureUsed, at, "use_without_user", feature=draw.pick(FEATURES), quantity=draw.between(1, 30))
    else:
        feature = FEATURES[int(draw.share() * draw.share() * len(FEATURES))]
        seconds, errors = float(draw.between(5, 900)), int(draw.chance(0.02))
        diary.tell(
            FeatureUsed,
            at,
            user_id=user,
            feature=feature,
            quantity=draw.between(1, 6),
            duration_seconds=seconds,
            errors=errors,
        )


def _tell_night(diary: Diary, midnight: int, session: str) -> None:
    for minutes in (-8, 7):
        case = "session_over_midnight" if minutes > 0 else None
        at = midnight + minutes * MINUTE_MS
        diary.tell(FeatureUsed, at, case, user_id="u1", feature="report", session_id=session)


def _tell_first_steps(diary: Diary, customer: Customer, draw: Draw) -> None:
    """Onboarding: e-mails, milestones, and what was read to get on."""
    at = customer.joined_at
    for number in range(1, 4):
        email = f"{customer.number}-welcome-{number}"
        diary.tell(EmailSent, at + number * DAY_MS, email_id=email, user_id="u1")
        if draw.chance(0.6):
            opened = at + number * DAY_MS + draw.between(1, 900) * MINUTE_MS
            diary.tell(EmailOpened, opened, email_id=email, user_id="u1")
    for number, milestone in enumerate(("first_board", "first_report", "team_invited")):
        if draw.chance(0.8 - 0.4 * customer.trouble):
            diary.tell(MilestoneReached, at + draw.between(1, 8 + 8 * number) * DAY_MS, milestone=milestone)
    for resource in _RESOURCES:
        if draw.chance(0.4):
            viewed = at + draw.between(1, 20 * 24) * HOUR_MS
            _tell_reading(diary, resource, viewed, draw)


def _tell_reading(diary: Diary, resource: str, at: int, draw: Draw) -> None:
    often = draw.chance(0.15)
    for number in range(6 if often else 1):
        case = "resource_viewed_often" if number == 5 else None
        diary.tell(ResourceViewed, at + number * HOUR_MS, case, resource=resource, user_id="u1")
    if draw.chance(0.4):
        helpful = draw.chance(0.3 if often else 0.8)
        diary.tell(ResourceRated, at + 6 * HOUR_MS, resource=resource, helpful=helpful, user_id="u1")
