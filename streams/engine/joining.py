"""Joins a group anew however long its coordinator was away, and not for ever when it only says that it will.

Between two memberships nobody polls: the flow stops with the revocation and goes on with the assignment. aiokafka takes
a consumer that does not poll for stuck, and no longer joins once the poll interval is over. So a worker whose
coordinator was away for so long in the middle of a rebalance waited for ever.

A coordinator that answers, and gives no partitions, is another matter: the embedded broker does so for ever when the
leader of a group leaves while another member joins. aiokafka would ask again without end, and nobody would know why
nothing moves; so the worker ends and says it.
"""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from streams.errors import TransientError

#: A pause longer than this is not between two tries: somebody who can be asked was looked for.
_AWAY_SECONDS = 5.0


class NoPartitionsError(TransientError):
    """The group lets us join and never says what is ours."""


def join_however_late(
    coordinator: Any,
    patience_seconds: float,
    give_up: Callable[[NoPartitionsError], Awaitable[object]],
    clock: Callable[[], float] = monotonic,
) -> None:
    """Lets an aiokafka group coordinator go on with a join it has begun; twice is as good as once.

    Args:
        coordinator: asks the group, as long as somebody is there to be asked.
        patience_seconds: with joins that bring no partitions, one right after the other.
        give_up: ends the worker.
        clock: monotonic seconds.
    """
    join = coordinator.ensure_active_group
    if getattr(join, "zelo", False):
        return
    since = ended = clock()

    async def ensure_active_group(subscription: Any, previous: Any) -> Any:
        nonlocal since, ended
        began, leaving = clock(), not coordinator._performed_join_prepare
        if began - ended > _AWAY_SECONDS:
            since = began
        # the previous assignment is for those who still have it to give back, and for the look at the last poll
        assignment = await join(subscription, None if coordinator._performed_join_prepare else previous)
        ended = clock()
        if leaving or assignment is not None:  # the end of a membership may take long, and asks nobody
            since = ended
        if assignment is None and ended - since > patience_seconds:
            await give_up(NoPartitionsError(f"the group has given us no partitions for {ended - since:.0f} s"))
        return assignment

    ensure_active_group.zelo = True  # type: ignore[attr-defined]
    coordinator.ensure_active_group = ensure_active_group
