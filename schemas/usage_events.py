"""The input events of the usage topic: product use, milestones, e-mails that help, educational resources.

Their union stands in `schemas.events`, beside those of the other topics.
"""

from schemas.envelope import Count, Event, Id, Name, Quantity, Seconds


class FeatureUsed(Event, frozen=True, kw_only=True, tag="feature_used"):
    """A feature was used `quantity` times; one event may stand for a day's count."""

    user_id: Id | None = None
    feature: Name | None = None
    quantity: Quantity = 1
    duration_seconds: Seconds | None = None
    errors: Count = 0
    session_id: Id | None = None
    subscription_id: Id | None = None


class MilestoneReached(Event, frozen=True, kw_only=True, tag="milestone_reached"):
    """The customer reached a named step of value, as the company defines it."""

    milestone: Name
    user_id: Id | None = None


class EmailSent(Event, frozen=True, kw_only=True, tag="email_sent"):
    """An e-mail that helps with the product (onboarding, tips) was sent; sent again, it carries the same `email_id`."""

    email_id: Id
    user_id: Id | None = None


class EmailOpened(Event, frozen=True, kw_only=True, tag="email_opened"):
    """Such an e-mail was opened; that it was sent follows, whether or not `email_sent` came."""

    email_id: Id
    user_id: Id | None = None


class ResourceViewed(Event, frozen=True, kw_only=True, tag="resource_viewed"):
    """Somebody looked at an educational resource: an article, a video, a course. It is no use of the product."""

    resource: Name
    user_id: Id | None = None


class ResourceRated(Event, frozen=True, kw_only=True, tag="resource_rated"):
    """Somebody said whether an educational resource helped."""

    resource: Name
    helpful: bool
    user_id: Id | None = None
