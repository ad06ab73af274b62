"""Onboarding (METRICS.md section 2): the profile's checklist, its time limit, and what happened within it.

Theory of operation. Onboarding starts with the first fact the usage topic has of a customer, of whatever kind: a
customer that was written to and never came is overdue too. (The usage topic knows no sign-up; cohorts by sign-up are
views over `accounts`.) The onboarding window is the day of the start and the days after it, `limit_days` in all. A late
event can only move the start, and so the end, to earlier, hence what lies beyond the end known so far is never needed:
people and e-mails are kept with their first day while the window may still change, and as counts afterwards.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from schemas.envelope import NO_CONTROL, Name
from streams.metrics.activation import ActiveDays, AnyCriterion, DistinctFeatures
from streams.metrics.days import DAY_MS, Days


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of the checklist; its criterion speaks the language of activation."""

    name: Annotated[Name, Meta(pattern=NO_CONTROL)]
    criterion: AnyCriterion


_STEPS = (
    Step(name="first_use", criterion=ActiveDays(n=1)),
    Step(name="three_features", criterion=DistinctFeatures(n=3)),
    Step(name="three_days", criterion=ActiveDays(n=3)),
)


class ChecklistFigures(NamedTuple):
    """Steps done, all steps, their share, when the last one was done and after how many days, whether it is overdue.

    `overdue` is False from the last step on, however late that came: `days` tells.
    """

    done: int | None = None
    total: int | None = None
    progress: float | None = None
    onboarded_at: int | None = None
    days: float | None = None
    overdue: bool | None = None


NO_CHECKLIST = ChecklistFigures()


class OnboardingPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a customer has to do in the beginning, and until when. The defaults are chosen, not measured.

    Attributes:
        limit_days: calendar days, that of the start included; a customer that takes longer is overdue.
        steps: the checklist; empty leaves progress undefined.
    """

    limit_days: Annotated[int, Meta(ge=1, le=3650)] = 45
    steps: Annotated[tuple[Step, ...], Meta(max_length=50)] = _STEPS

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"expected a name of its own for every step, got {twice[0]!r} twice")


class Checklist:
    """The steps of a policy and their time limit.

    Args:
        limit_days: see `OnboardingPolicy`.
        days: the company's calendar.
    """

    def __init__(self, limit_days: int, days: Days) -> None:
        self._limit_days = limit_days
        self._days = days

    def end(self, started_at: int) -> int:
        """First day after the onboarding window of a customer that started then."""
        return self._days.of(started_at) + self._limit_days

    def figures(self, instants: Sequence[int | None], started_at: int, as_of: int) -> ChecklistFigures:
        """How far a customer is that started before `as_of`, by the instants of all steps; undefined without steps."""
        total, done, last = len(instants), 0, 0
        for at in instants:
            if at is not None and at < as_of:
                done += 1
                last = max(last, at)
        if not total:
            return NO_CHECKLIST
        if done == total:
            return ChecklistFigures(total, total, 1.0, last, (last - started_at) / DAY_MS, False)
        overdue = as_of >= self._days.start(self.end(started_at))
        return ChecklistFigures(done, total, done / total, None, None, overdue)


class Beginning(Struct, array_like=True):
    """People and e-mails of a customer's onboarding window.

    Attributes:
        first_email_at: first e-mail fact, epoch ms.
        users: by name, day of the first use within the window.
        emails: by id, day of the first fact about an e-mail.
        opened: by id, day it was first opened.
        counted: users, e-mails, opened ones, once no event can change them any more; the names are dropped then.
    """

    first_email_at: int | None = None
    users: dict[str, int] = {}
    emails: dict[str, int] = {}
    opened: dict[str, int] = {}
    counted: tuple[int, int, int] | None = None

    def used(self, user: str, day: int) -> None:
        """Takes in that a person used the product on a day of the window."""
        _keep_first(self.users, user, day)

    def email(self, email_id: str, day: int, opened: bool) -> None:
        """Takes in a fact about an e-mail; whatever was opened was sent."""
        _keep_first(self.emails, email_id, day)
        if opened:
            _keep_first(self.opened, email_id, day)

    def figures(self, end: int, day: int) -> tuple[int | None, int | None, int | None]:
        """Distinct users, e-mails sent and opened from the start to `day`, in the window that ends before `end`.

        None where nobody was named, and where no e-mail is known of.
        """
        if self.counted is not None:
            users, emails, opened = self.counted
        else:
            last = min(day, end - 1)
            users, emails, opened = _until(self.users, last), _until(self.emails, last), _until(self.opened, last)
        return users or None, emails or None, opened if emails else None

    def settle(self, end: int) -> None:
        """Keeps the counts alone of a window that ended before `end` and that no event can change any more."""
        if self.counted is None:
            users, emails, opened = (_until(first, end - 1) for first in (self.users, self.emails, self.opened))
            self.counted = users, emails, opened
        self.users, self.emails, self.opened = {}, {}, {}


def _keep_first(days: dict[str, int], name: str, day: int) -> None:
    known = days.get(name)
    if known is None or day < known:
        days[name] = day


def _until(days: dict[str, int], last: int) -> int:
    return len([day for day in days.values() if day <= last]) if days else 0
