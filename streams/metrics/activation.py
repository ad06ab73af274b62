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
from operator import itemgetter
from typing import Annotated, assert_never

from msgspec import Meta, Struct

from schemas.envelope import NO_CONTROL, Name
from streams.metrics.days import DAY_MS
from streams.metrics.first_times import Progress, keep_smallest, smallest

_Name = Annotated[Name, Meta(pattern=NO_CONTROL)]  # here the decoder itself looks
Former = list[tuple[str, int, str]]  # kind, number and key of facts
Formula = Callable[[Sequence[int | None]], int | None]

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
    """Several criteria over one customer's `Progress`; those that need the same facts share them."""

    def __init__(self, criteria: Sequence[AnyCriterion]) -> None:
        leaves = list(dict.fromkeys(leaf for criterion in criteria for leaf in _leaves(criterion)))
        self._needed = _needed(leaves)
        self._keys = frozenset(map(self._key, leaves))
        self._facts = tuple(map(self._facts_of, leaves))
        self._formulas = tuple(_formula(criterion, leaves) for criterion in criteria)
        self._features = {leaf.feature: self._key(leaf) for leaf in leaves if isinstance(leaf, FeatureUse)}
        self._milestones = {leaf.milestone: self._key(leaf) for leaf in leaves if isinstance(leaf, Milestone)}
        self._distinct, self._distinct_n = self._shared(DistinctFeatures, leaves)
        self._days, self._days_n = self._shared(ActiveDays, leaves)
        self._users = {
            self._key(leaf): (leaf.feature, self._most(leaf)) for leaf in leaves if isinstance(leaf, UsersDid)
        }
        #: So many kinds of facts stand in the progress of whoever has used a feature.
        self._always = (self._distinct_n > 0) + (self._days_n > 0)
        self._day, self._day_name = 0, "0"  # the last one asked for

    def used(self, progress: Progress, feature: str | None, user: str | None, day: int, at: int) -> None:
        """Takes in that the product was used at `at`, which lies in `day`."""
        if feature is not None and self._distinct_n:
            keep_smallest(progress, self._distinct, feature, at, self._distinct_n)
        if self._days_n:
            if day != self._day:
                self._day, self._day_name = day, str(day)
            keep_smallest(progress, self._days, self._day_name, at, self._days_n)
        if self._features or self._users:
            self._used_by(progress, feature, user, at)
        if (feature is None or len(progress) > self._always) and not self._keys.issuperset(progress):
            self._used_too(progress, feature, user, day, at)

    def is_settled(self, progress: Progress, day: int, at: int) -> bool:
        """Whether `used` would change nothing, whatever of the product was used on `day` from `at` on."""
        if self._features or self._users:
            return False
        if self._distinct_n and not _is_full(progress.get(self._distinct), self._distinct_n, at):
            return False
        if self._days_n:
            members = progress.get(self._days)
            if members is None:
                return False
            if day != self._day:
                self._day, self._day_name = day, str(day)
            if members.get(self._day_name, at + 1) > at and not _is_full(members, self._days_n, at):
                return False
        return len(progress) == self._always or self._keys.issuperset(progress)

    def _used_by(self, progress: Progress, feature: str | None, user: str | None, at: int) -> None:
        """The same for the criteria that name a feature or ask for users."""
        if feature is not None and feature in self._features:
            keep_smallest(progress, self._features[feature], feature, at, 1)
        if user is not None:
            for key, (wanted, n) in self._users.items():
                if wanted is None or wanted == feature:
                    keep_smallest(progress, key, user, at, n)

    def _used_too(self, progress: Progress, feature: str | None, user: str | None, day: int, at: int) -> None:
        """The same for facts that were kept for criteria as they were."""
        for kind, n, key in self._former(progress):
            if kind == "active_days":
                keep_smallest(progress, key, str(day), at, n)
            elif kind == "distinct_features":
                if feature is not None:
                    keep_smallest(progress, key, feature, at, n)
            elif user is not None and kind in ("users_did/any", f"users_did/={feature}"):
                keep_smallest(progress, key, user, at, n)

    def _former(self, progress: Progress) -> Former:
        """Kind, number and key of the facts that were kept for criteria of today's kinds as they were."""
        former = [(*_kind_of(key), key) for key in progress if key not in self._keys]
        return [one for one in former if one[0] in self._needed]

    def reached(self, progress: Progress, milestone: str, at: int) -> None:
        """Takes in that a milestone was reached."""
        key = self._milestones.get(milestone)
        if key is not None:
            keep_smallest(progress, key, milestone, at, 1)

    def _shared(self, kind: type[Leaf], leaves: Iterable[Leaf]) -> tuple[str, int]:
        """The key of the facts that all criteria of a kind share, and how many are kept; 0 without such criteria."""
        return next(((self._key(leaf), self._most(leaf)) for leaf in leaves if isinstance(leaf, kind)), ("", 0))

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

    def instants(self, progress: Progress, first_used_at: int | None) -> list[int | None]:
        """For each criterion when it first held; None while it has not."""
        former = [] if self._keys.issuperset(progress) else self._former(progress)
        held = [one.held(progress, first_used_at, former) for one in self._facts]
        return [formula(held) for formula in self._formulas]

    def _facts_of(self, leaf: Leaf) -> "_Facts":
        n = 1 if isinstance(leaf, FeatureUse | Milestone) else leaf.n
        within_days = leaf.within_days if isinstance(leaf, UsersDid) else None
        return _Facts(_kind(leaf), self._key(leaf), n, None if within_days is None else within_days * DAY_MS)


def _is_full(members: dict[str, int] | None, n: int, at: int) -> bool:
    """Whether so many first times are kept that nothing from `at` on is among them."""
    return members is not None and len(members) >= n and at >= max(members.values())


class _Facts(Struct, frozen=True):
    """What a criterion without parts asks: when `n` of the facts of a kind were there, under `key`, and how soon."""

    kind: str
    key: str
    n: int
    within_ms: int | None

    def held(self, progress: Progress, first_used_at: int | None, former: Former) -> int | None:
        members = progress.get(self.key)
        at = None if members is None else smallest(members, self.n)
        for kind, _, key in former:
            # Facts kept since later only miss some, so of several the earliest is the nearest.
            found = smallest(progress[key], self.n) if kind == self.kind else None
            at = found if at is None or (found is not None and found < at) else at
        if self.within_ms is None or at is None or first_used_at is None:
            return at
        return at if at < first_used_at + self.within_ms else None


def _formula(criterion: AnyCriterion, leaves: Sequence[Leaf]) -> Formula:
    """The function that finds a criterion's instant from those of all leaves."""
    if isinstance(criterion, AllOf | AnyOf):
        parts = tuple(_formula(part, leaves) for part in criterion.of)
        return _last(parts) if isinstance(criterion, AllOf) else _first(parts)
    return itemgetter(leaves.index(criterion))


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


def _last(parts: tuple[Formula, ...]) -> Formula:
    def instant(held: Sequence[int | None]) -> int | None:
        latest = 0
        for part in parts:
            at = part(held)
            if at is None:
                return None
            latest = max(latest, at)
        return latest

    return instant


def _first(parts: tuple[Formula, ...]) -> Formula:
    def instant(held: Sequence[int | None]) -> int | None:
        instants = (part(held) for part in parts)
        return min((at for at in instants if at is not None), default=None)

    return instant
