"""What the usage topic says of a customer beside its use: milestones, e-mails, educational resources, onboarding.

A customer can have all of it without ever having used the product.
"""

from typing import TypedDict

from schemas.usage_events import EmailOpened, EmailSent, MilestoneReached, ResourceRated, ResourceViewed
from streams.metrics.activation import ActivationPolicy, Criteria
from streams.metrics.days import DAY_MS, Days
from streams.metrics.engagement import WINDOW_DAYS
from streams.metrics.onboarding import Beginning, Checklist, OnboardingPolicy
from streams.metrics.resources import ResourceFigures, Resources
from streams.metrics.usage_state import UsageState

BesideEvent = MilestoneReached | EmailSent | EmailOpened | ResourceViewed | ResourceRated


class BesideFigures(TypedDict, total=False):
    """Figures that a customer can have that never used the product; what is left out is undefined."""

    milestones: int
    activated_at: int | None
    onboarding_started_at: int | None
    onboarding_steps_done: int | None
    onboarding_steps_total: int | None
    onboarding_progress: float | None
    onboarded_at: int | None
    time_to_onboard_days: float | None
    onboarding_overdue: bool | None
    onboarding_users: int | None
    onboarding_emails_sent: int | None
    onboarding_emails_opened: int | None
    resource_views_28d: int | None
    resources_viewed_28d: int | None
    resource_ratings_28d: int | None
    resource_helpful_28d: float | None


class BesideUse:
    """Applies the profile's criteria to a customer's whole history, and keeps the facts that are no use."""

    def __init__(self, activation: ActivationPolicy, onboarding: OnboardingPolicy, days: Days) -> None:
        self.criteria = Criteria((activation.criterion, *(step.criterion for step in onboarding.steps)))
        self._checklist = Checklist(onboarding.limit_days, days)
        #: So long after the first use the onboarding window has passed, whatever the days' lengths.
        self.young_ms = (onboarding.limit_days + 2) * DAY_MS
        self._days = days

    def apply(self, state: UsageState, event: BesideEvent, at: int) -> None:
        """Takes an event in."""
        if isinstance(event, MilestoneReached):
            known = state.milestones.get(event.milestone)
            if known is None or at < known:
                state.milestones[event.milestone] = at
            self.criteria.reached(state.progress, event.milestone, at)
        elif isinstance(event, EmailSent | EmailOpened):
            self._email(state, event, at)
        else:
            self._resource(state, event, at)

    def used(self, state: UsageState, user: str, day: int, at: int) -> None:
        """Takes in that a person used the product; `first_used_at` knows of it.

        It changes nothing `young_ms` after the first use, and where `beginning` has that person by then.
        """
        if day < self.onboarded_by(state, at):
            beginning = state.beginning = state.beginning or Beginning()
            beginning.used(user, day)

    def _email(self, state: UsageState, event: EmailSent | EmailOpened, at: int) -> None:
        beginning = state.beginning = state.beginning or Beginning()
        if beginning.first_email_at is None or at < beginning.first_email_at:
            beginning.first_email_at = at
        day = self._days.of(at)
        if day < self.onboarded_by(state, at):
            beginning.email(event.email_id, day, opened=isinstance(event, EmailOpened))

    def _resource(self, state: UsageState, event: ResourceViewed | ResourceRated, at: int) -> None:
        resources = state.resources = state.resources or Resources(at)
        resources.first_at = min(resources.first_at, at)
        if isinstance(event, ResourceViewed):
            resources.viewed(event.resource, self._days.of(at))
        else:
            resources.rated(event.helpful, self._days.of(at))

    def onboarded_by(self, state: UsageState, at: int) -> int:
        """First day after the onboarding window of a customer that started at `at` at the latest."""
        started = started_at(state)
        return self._checklist.end(at if started is None else started)

    def figures(self, state: UsageState, day: int, as_of: int) -> BesideFigures:
        """The figures of what happened before `as_of`, which lies in `day` or is its end."""
        activated, *steps_done = self.criteria.instants(state.progress, state.first_used_at)
        found: BesideFigures = {}
        if state.milestones:
            found["milestones"] = sum(at < as_of for at in state.milestones.values())
        if activated is not None and activated < as_of:
            found["activated_at"] = activated
        started = started_at(state)
        if started is None or started >= as_of:
            return found
        found["onboarding_started_at"] = started
        steps = self._checklist.figures(steps_done, started, as_of)
        if steps.total is not None:
            found["onboarding_steps_done"] = steps.done
            found["onboarding_steps_total"] = steps.total
            found["onboarding_progress"] = steps.progress
            found["onboarded_at"] = steps.onboarded_at
            found["time_to_onboard_days"] = steps.days
            found["onboarding_overdue"] = steps.overdue
        if state.beginning is not None:
            users, sent, opened = state.beginning.figures(self._checklist.end(started), day)
            found["onboarding_users"] = users
            found["onboarding_emails_sent"] = sent
            found["onboarding_emails_opened"] = opened
        if state.resources is not None:
            _add_resources(found, state.resources.figures(day, as_of))
        return found

    def forget(self, state: UsageState, before: int) -> None:
        """Drops what no value of a day >= `before` needs."""
        if state.resources is not None:
            state.resources.forget(before - WINDOW_DAYS + 1)
        started = started_at(state)
        if state.beginning is not None and started is not None and self._checklist.end(started) <= before:
            state.beginning.settle(self._checklist.end(started))


def _add_resources(found: BesideFigures, resources: ResourceFigures) -> None:
    found["resource_views_28d"] = resources.views
    found["resources_viewed_28d"] = resources.viewed
    found["resource_ratings_28d"] = resources.ratings
    found["resource_helpful_28d"] = resources.helpful


def started_at(state: UsageState) -> int | None:
    """The first fact of whatever kind, epoch ms."""
    first = state.first_used_at
    others = list(state.milestones.values())
    if state.beginning is not None and state.beginning.first_email_at is not None:
        others.append(state.beginning.first_email_at)
    if state.resources is not None:
        others.append(state.resources.first_at)
    if others:
        other = min(others)
        return other if first is None else min(first, other)
    return first
