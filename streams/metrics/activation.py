"""Activation (METRICS.md `activated_at`): the first instant at which a company's own criteria hold.

Criteria are data. Every one is monotone in time (once true it stays true) and its instant is an order
statistic: the n-th smallest of the first times of distinct members (features, days, users). Keeping the n
smallest is therefore enough, is bounded, and comes out the same in any order; a late event moves the instant
to where it always was.

Criteria that ask for the same facts (three features, five features) share them. State is kept for the profile's
criteria alone: one added later, or one that asks for more than before, starts empty until the log is replayed. Facts
of which fewer were kept before a criterion asked for more go on being kept, so the others that share them lose nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Annotated, assert_never

from msgspec import Meta, Struct

from schemas.envelope import NO_CONTROL, Name
from streams.metrics.days import DAY_MS

_Name = Annotated[Name, Meta(pattern=NO_CONTROL)]  # here the decoder itself looks
Progress = dict[str, dict[str, int]]  # criterion key -> member -> first time, the n smallest
Instant = Callable[[Progress, int | None], int | None]

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


class Criteria:
    """Several criteria over one customer's `Progress`; those that need the same facts share them.

    Attributes:
        instants: for each criterion, from the progress and the first use, when it first held; None while it has not.
    """

    def __init__(self, criteria: Sequence[AnyCriterion]) -> None:
        leaves = [leaf for criterion in criteria for leaf in _leaves(criterion)]
        self._needed = _needed(leaves)
        self._keys = frozenset(map(self._key, leaves))
        self.instants: tuple[Instant, ...] = tuple(self._compile(criterion) for criterion in criteria)
        self._features = {leaf.feature: self._key(leaf) for leaf in leaves if isinstance(leaf, FeatureUse)}
        self._milestones = {leaf.milestone: self._key(leaf) for leaf in leaves if isinstance(leaf, Milestone)}
        self._distinct = {self._key(leaf): self._most(leaf) for leaf in leaves if isinstance(leaf, DistinctFeatures)}
        self._days = {self._key(leaf): self._most(leaf) for leaf in leaves if isinstance(leaf, ActiveDays)}
        self._users = {
            self._key(leaf): (leaf.feature, self._most(leaf)) for leaf in leaves if isinstance(leaf, UsersDid)
        }

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
            for key, (wanted, n) in self._users.items():
                if wanted is None or wanted == feature:
                    _keep_smallest(progress, key, user, at, n)
        self._used_too(progress, feature, user, day, at)

    def _used_too(self, progress: Progress, feature: str | None, user: str | None, day: int, at: int) -> None:
        """The same for facts that were kept for criteria as they were."""
        for kind, n, key in self._former(progress):
            if kind == "active_days":
                _keep_smallest(progress, key, str(day), at, n)
            elif kind == "distinct_features":
                if feature is not None:
                    _keep_smallest(progress, key, feature, at, n)
            elif user is not None and kind in ("users_did/any", f"users_did/={feature}"):
                _keep_smallest(progress, key, user, at, n)

    def _former(self, progress: Progress) -> list[tuple[str, int, str]]:
        """Kind, number and key of the facts that were kept for criteria of today's kinds as they were."""
        if self._keys.issuperset(progress):
            return []  # nearly always
        former = [(*_kind_of(key), key) for key in progress if key not in self._keys]
        return [one for one in former if one[0] in self._needed]

    def reached(self, progress: Progress, milestone: str, at: int) -> None:
        """Takes in that a milestone was reached."""
        key = self._milestones.get(milestone)
        if key is not None:
            _keep_smallest(progress, key, milestone, at, 1)

    def _most(self, leaf: Leaf) -> int:
        return self._needed[_kind(leaf)]

    def _key(self, leaf: Leaf) -> str:
        """Name of the facts a criterion needs in the state."""
        match leaf:
            case FeatureUse() | Milestone():
                return _kind(leaf)
            case DistinctFeatures() | ActiveDays():
                return f"{_kind(leaf)}/{self._most(leaf)}"
            case UsersDid():
                rule, _, feature = _kind(leaf).partition("/")
                return f"{rule}/{self._most(leaf)}/{feature}"
            case _:
                assert_never(leaf)

    def _compile(self, criterion: AnyCriterion) -> Instant:
        """The function that finds a criterion's instant."""
        match criterion:
            case AllOf():
                return _last(tuple(map(self._compile, criterion.of)))
            case AnyOf():
                return _first(tuple(map(self._compile, criterion.of)))
            case FeatureUse() | Milestone():
                return self._nth(criterion, 1, None)
            case DistinctFeatures() | ActiveDays():
                return self._nth(criterion, criterion.n, None)
            case UsersDid():
                days = criterion.within_days
                return self._nth(criterion, criterion.n, None if days is None else days * DAY_MS)
            case _:
                assert_never(criterion)

    def _nth(self, leaf: Leaf, n: int, within_ms: int | None) -> Instant:
        kind, own = _kind(leaf), self._key(leaf)

        def instant(progress: Progress, first_used_at: int | None) -> int | None:
            at = _smallest(progress.get(own), n)
            # Facts kept since later only miss some, so of several the earliest is the nearest.
            for its, _, key in self._former(progress):
                found = _smallest(progress[key], n) if its == kind else None
                at = found if at is None or (found is not None and found < at) else at
            if at is None or (within_ms is not None and first_used_at is not None and at >= first_used_at + within_ms):
                return None
            return at

        return instant


def _needed(leaves: Iterable[Leaf]) -> dict[str, int]:
    """How many first times are kept of each kind of facts: as many as the criterion that asks for most."""
    needed: dict[str, int] = {}
    for leaf in leaves:
        n = 1 if isinstance(leaf, FeatureUse | Milestone) else leaf.n
        needed[_kind(leaf)] = max(n, needed.get(_kind(leaf), 1))
    return needed


@lru_cache(maxsize=1024)
def _kind_of(key: str) -> tuple[str, int]:
    """The kind of facts under a key, and how many are kept."""
    rule, _, rest = key.partition("/")
    n, _, feature = rest.partition("/")
    if rule == "users_did":
        return f"{rule}/{feature}", int(n)
    return (rule, int(n)) if rule in ("distinct_features", "active_days") else (key, 1)


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


def _kind(leaf: Leaf) -> str:
    """What facts a criterion is about; `=` before a name, so that no name can look like "any"."""
    match leaf:
        case FeatureUse():
            return f"feature_used/={leaf.feature}"
        case DistinctFeatures():
            return "distinct_features"
        case ActiveDays():
            return "active_days"
        case UsersDid():
            return "users_did/" + ("any" if leaf.feature is None else f"={leaf.feature}")
        case Milestone():
            return f"milestone/={leaf.milestone}"
        case _:
            assert_never(leaf)


def _last(parts: tuple[Instant, ...]) -> Instant:
    def instant(progress: Progress, first_used_at: int | None) -> int | None:
        latest = 0
        for part in parts:
            at = part(progress, first_used_at)
            if at is None:
                return None
            latest = max(latest, at)
        return latest

    return instant


def _first(parts: tuple[Instant, ...]) -> Instant:
    def instant(progress: Progress, first_used_at: int | None) -> int | None:
        instants = (part(progress, first_used_at) for part in parts)
        return min((at for at in instants if at is not None), default=None)

    return instant


def _smallest(members: dict[str, int] | None, n: int) -> int | None:
    """The n-th of the first times, None where there are fewer."""
    if members is None or len(members) < n:
        return None
    return max(members.values()) if len(members) == n else sorted(members.values())[n - 1]
