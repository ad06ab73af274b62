"""What a domain's fold is: the seam between the domain machine and the metrics.

Invariants (METRICS.md section 9, property-tested for every fold):
 F1 the order in which events are applied does not change the state's figures;
 F2 `values(state, day, as_of)` speaks of what happened before `as_of` only, whatever else the state holds;
 F3 `forget(state, before)` changes no value of a day >= `before`.
Each event is applied once: the machine removes duplicates.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from schemas.envelope import Event
from schemas.metrics import Domain, Movement, Values

S = TypeVar("S")
E = TypeVar("E", bound=Event, contravariant=True)


class Fold(Protocol[S, E]):
    """A domain's pure logic over one customer's state."""

    domain: Domain
    state_type: type[S]
    moves_money: bool  # False: `movements` is always empty, and is not asked
    daily: bool  # False: day values are published on days that changed them only (account)

    def new(self) -> S:
        """State of a customer nothing is known of."""
        ...

    def apply(self, state: S, event: E, at: int) -> None:
        """Takes an event in; `at` is its `occurred_at` in epoch ms."""
        ...

    def values(self, state: S, day: int, as_of: int) -> Values:
        """The domain's values at the instant `as_of` (exclusive), which lies in `day` or is its end."""
        ...

    def forget(self, state: S, before: int) -> None:
        """Drops facts that no value of a day >= `before` needs."""
        ...

    def movements(self, customer_id: str, state: S, since: int = 0) -> list[Movement]:
        """The customer's MRR steps from `since` on, epoch ms; empty for every domain but revenue."""
        ...


@runtime_checkable
class TakesRuns(Protocol):
    """A fold to which several events of a customer and a day cost less than one after the other."""

    def apply_run(self, state: Any, events: Sequence[Any], times: Sequence[int], day: int) -> None:
        """Does with the events what `apply` does with each in turn, to the bit.

        Args:
            state: of one customer.
            events: in the order of the log.
            times: of each, epoch ms.
            day: in which all of them lie.
        """
        ...


@runtime_checkable
class MovesWithTime(Protocol):
    """A fold some of whose figures no event changes: time does (MRR long past due), or another policy."""

    def may_move(self, state: Any, event: Any) -> bool:
        """Whether an event may change movements, or finds the state under another policy.

        Otherwise the methods below, asked around it, would find nothing to tell and nothing to do.
        """
        ...

    def is_due(self, state: Any, until: int) -> bool:
        """Whether there are movements before `until` that are not told, or the state follows another policy."""
        ...

    def pass_time(self, state: Any, until: int) -> None:
        """Lets those be told by `movements`."""
        ...

    def first_moved(self, state: Any, at: int) -> int:
        """From when on an event of `at` may change movements, epoch ms."""
        ...

    def follow(self, state: Any) -> tuple[Any, int] | None:
        """Takes up the policy, if the state was told under another.

        Returns:
            The state as it was told, good until the next event, and the instant (epoch ms) from which on values
            differ; None where none do.
        """
        ...
