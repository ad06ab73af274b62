"""The account fold: a customer's profile, as the company's own systems tell it.

An event carries the whole profile, so the newest one before an instant is the profile at it; of several
at once the one with the greatest event id.
"""

from bisect import insort
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from schemas.envelope import optional_ms
from schemas.events import AccountEvent, AccountSet
from schemas.metrics import AccountValues, Domain, Movement
from streams.metrics.days import Days

_ORDER = attrgetter("at", "event_id")


class Profile(Struct, frozen=True, array_like=True):
    """A profile as it was set at `at`, epoch ms."""

    at: int
    event_id: str
    name: str
    segment: str | None
    industry: str | None
    country: str | None
    owner: str | None
    locale: Literal["pt", "es", "en"] | None
    plan: str | None
    seats: int | None
    signed_up_at: int | None


class AccountState(Struct, array_like=True):
    """Profiles sorted by time and event id."""

    profiles: list[Profile] = []


class AccountFold:
    """Folds profiles into `AccountValues`.

    Args:
        days: calendar of the company.
    """

    domain: Domain = "account"
    state_type: type[AccountState] = AccountState
    daily: bool = False
    moves_money: bool = False

    def __init__(self, days: Days) -> None:
        self._start = days.start

    def new(self) -> AccountState:
        """State of a customer without a profile."""
        return AccountState()

    def apply(self, state: AccountState, event: AccountEvent, at: int) -> None:
        """Takes a profile in; heartbeats say nothing about it."""
        if isinstance(event, AccountSet):
            insort(state.profiles, _profile(event, at), key=_ORDER)

    def values(self, state: AccountState, day: int, as_of: int) -> AccountValues:
        """The profile before `as_of`; before the first one, a profile with an empty name."""
        profile = next((profile for profile in reversed(state.profiles) if profile.at < as_of), None)
        if profile is None:
            return AccountValues(name="")
        return AccountValues(
            name=profile.name,
            segment=profile.segment,
            industry=profile.industry,
            country=profile.country,
            owner=profile.owner,
            locale=profile.locale,
            plan=profile.plan,
            seats=profile.seats,
            signed_up_at=profile.signed_up_at,
        )

    def forget(self, state: AccountState, before: int) -> None:
        """Drops profiles that were replaced before the start of day `before`."""
        cutoff = self._start(before)
        older = sum([profile.at < cutoff for profile in state.profiles])
        state.profiles = state.profiles[max(0, older - 1) :]

    def movements(self, customer_id: str, state: AccountState, since: int = 0) -> list[Movement]:
        """A profile moves no revenue."""
        return []


def _profile(event: AccountSet, at: int) -> Profile:
    return Profile(
        at=at,
        event_id=event.event_id,
        name=event.name,
        segment=event.segment,
        industry=event.industry,
        country=event.country,
        owner=event.owner,
        locale=event.locale,
        plan=event.plan,
        seats=event.seats,
        signed_up_at=optional_ms(event.signed_up_at),
    )
