"""Activation (METRICS.md `activated_at`): the first instant at which a company's own criteria hold.

Criteria are data. Every one is monotone in time (once true it stays true) and its instant is an order
statistic: the n-th smallest of the first times of distinct members (features, days, users). Keeping the n
smallest is therefore enough, is bounded, and comes out the same in any order; a late event moves the instant
to where it always was.

State is kept for the policy's criteria alone: one added later starts empty until the log is replayed.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, assert_never

from msgspec import Meta, Struct

from schemas.envelope import NO_CONTROL, Name
from streams.metrics.days import DAY_MS

_Name = Annotated[Name, Meta(pattern=NO_CONTROL)]  # here the decoder itself looks
Progress = dict[str, dict[str, int]]  # criterion key -> member -> first time, the n smallest
_Instant = Callable[[Progress, int | None], int | None]

Needed = Annotated[int, Meta(ge=1, le=1000)]


class Criterion(Struct, frozen=True, kw_only=True, tag_field="rule", forbid_unknown_fields=True):
    """Base of the criteria; `rule` in the profile names which."""


class FeatureUse(Criterion, frozen=True, kw_only=True, tag="feature_used"):
    """`feature` was used."""

    feature: _Name


class DistinctFeatures(Criterion, frozen=True, kw_only=True, tag="distinct_features"):
    """`n` different features were used."""

    n: Needed


class ActiveDays(Criterion, frozen=True, kw_only=True, tag="active_days"):
    """The product was used on `n` different days."""

    n: Needed


class UsersDid(Criterion, frozen=True, kw_only=True, tag="users_did"):
    """`n` different users used `feature` (any feature when None).

    `within_days` counts from the customer's first use, the only start the usage topic knows; None: no limit.
    """

    n: Needed
    feature: _Name | None = None
    within_days: Annotated[int, Meta(ge=1, le=3650)] | None = None


class Milestone(Criterion, frozen=True, kw_only=True, tag="milestone"):
    """`milestone` was reached."""

    milestone: _Name


class AllOf(Criterion, frozen=True, kw_only=True, tag="all"):
    """Every criterion in `of` holds."""

    of: Annotated[tuple["AnyCriterion", ...], Meta(min_length=1, max_length=50)]


class AnyOf(Criterion, frozen=True, kw_only=True, tag="any"):
    """At least one criterion in `of` holds."""

    of: Annotated[tuple["AnyCriterion", ...], Meta(min_length=1, max_length=50)]


Leaf = FeatureUse | DistinctFeatures | ActiveDays | UsersDid | Milestone
AnyCriterion = FeatureUse | DistinctFeatures | ActiveDays | UsersDid | Milestone | AllOf | AnyOf


class ActivationPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a customer counts as activated; the default (three features, three days) is chosen."""

    criterion: AnyCriterion = AllOf(of=(DistinctFeatures(n=3), ActiveDays(n=3)))


class Activation:
    """Applies a policy to a customer's `Progress`."""

    def __init__(self, policy: ActivationPolicy) -> None:
        self._instant = _compile(policy.criterion)
        leaves = list(_leaves(policy.criterion))
        # By the state's key: two criteria that need the same facts share them.
        self._features = {leaf.feature: _key(leaf) for leaf in leaves if isinstance(leaf, FeatureUse)}
        self._distinct = {_key(leaf): leaf.n for leaf in leaves if isinstance(leaf, DistinctFeatures)}
        self._days = {_key(leaf): leaf.n for leaf in leaves if isinstance(leaf, ActiveDays)}
        self._users = {_key(leaf): leaf for leaf in leaves if isinstance(leaf, UsersDid)}
        self._milestones = {leaf.milestone: _key(leaf) for leaf in leaves if isinstance(leaf, Milestone)}

    def used(self, progress: Progress, feature: str | None, user: str | None, day: int, at: int) -> None:
        """Takes in that the product was used at `at`, which lies in `day`."""
        if feature is not None:
            key = self._features.get(feature)
            if key is not None:
                _keep_smallest(progress, key, feature, at, 1)
            for key, n in self._distinct.items():
                _keep_smallest(progress, key, feature, at, n)
        for key, n in self._days.items():
            _keep_smallest(progress, key, str(day), at, n)
        if user is not None:
            for key, leaf in self._users.items():
                if leaf.feature is None or leaf.feature == feature:
                    _keep_smallest(progress, key, user, at, leaf.n)

    def reached(self, progress: Progress, milestone: str, at: int) -> None:
        """Takes in that a milestone was reached."""
        key = self._milestones.get(milestone)
        if key is not None:
            _keep_smallest(progress, key, milestone, at, 1)

    def activated_at(self, progress: Progress, first_used_at: int | None) -> int | None:
        """First instant at which the policy holds; None while it does not."""
        return self._instant(progress, first_used_at)


def _keep_smallest(progress: Progress, key: str, member: str, at: int, n: int) -> None:
    """Keeps the first times of the `n` members that were first.

    What is left out is never needed again: the n-th smallest only falls, and an earlier event of a member
    left out brings it back by itself.
    """
    members = progress.get(key)
    if members is None:
        members = progress[key] = {}
    known = members.get(member)
    if known is not None:
        if at < known:
            members[member] = at
        return
    if len(members) >= n:
        last = max(members.values())
        if at >= last:
            return
        del members[next(name for name in members if members[name] == last)]
    members[member] = at


def _leaves(criterion: AnyCriterion) -> Iterator[Leaf]:
    if isinstance(criterion, AllOf | AnyOf):
        for inner in criterion.of:
            yield from _leaves(inner)
    else:
        yield criterion


def _key(leaf: Leaf) -> str:
    """Name of a criterion's state; `=` before a name, so that no name can look like "any"."""
    match leaf:
        case FeatureUse():
            return f"feature_used/={leaf.feature}"
        case DistinctFeatures():
            return f"distinct_features/{leaf.n}"
        case ActiveDays():
            return f"active_days/{leaf.n}"
        case UsersDid():
            return f"users_did/{leaf.n}/" + ("any" if leaf.feature is None else f"={leaf.feature}")
        case Milestone():
            return f"milestone/={leaf.milestone}"
        case _:
            assert_never(leaf)


def _compile(criterion: AnyCriterion) -> _Instant:
    """The function that finds a criterion's instant."""
    match criterion:
        case AllOf():
            return _last(tuple(map(_compile, criterion.of)))
        case AnyOf():
            return _first(tuple(map(_compile, criterion.of)))
        case FeatureUse() | Milestone():
            return _nth(_key(criterion), 1, None)
        case DistinctFeatures() | ActiveDays():
            return _nth(_key(criterion), criterion.n, None)
        case UsersDid():
            days = criterion.within_days
            return _nth(_key(criterion), criterion.n, None if days is None else days * DAY_MS)
        case _:
            assert_never(criterion)


def _last(parts: tuple[_Instant, ...]) -> _Instant:
    def instant(progress: Progress, first_used_at: int | None) -> int | None:
        latest = 0
        for part in parts:
            at = part(progress, first_used_at)
            if at is None:
                return None
            latest = max(latest, at)
        return latest

    return instant


def _first(parts: tuple[_Instant, ...]) -> _Instant:
    def instant(progress: Progress, first_used_at: int | None) -> int | None:
        instants = (part(progress, first_used_at) for part in parts)
        return min((at for at in instants if at is not None), default=None)

    return instant


def _nth(key: str, n: int, within_ms: int | None) -> _Instant:
    def instant(progress: Progress, first_used_at: int | None) -> int | None:
        members = progress.get(key)
        if members is None or len(members) < n:
            return None
        at = max(members.values())
        if within_ms is not None and first_used_at is not None and at >= first_used_at + within_ms:
            return None
        return at

    return instant
