"""Leaves a group in its first generation, too.

A member that stops tells its group, so that nobody waits for its session to end. aiokafka says nothing in generation 0,
which it takes for none: Apache Kafka counts from 1. The embedded broker counts from 0, so who stopped a worker there,
and started another one, waited for a session.
"""

from contextlib import suppress
from typing import Any

from aiokafka.consumer.group_coordinator import LeaveGroupRequest
from aiokafka.errors import KafkaError


def leave_from_the_first(coordinator: Any) -> None:
    """Lets an aiokafka group coordinator leave whatever the number of its generation; twice is as good as once."""
    leave = coordinator._maybe_leave_group
    if getattr(leave, "zelo", False):
        return

    async def leave_group() -> None:
        if coordinator.generation == 0 and coordinator._group_instance_id is None:
            with suppress(KafkaError):  # its session will end
                await coordinator._send_req(LeaveGroupRequest(coordinator.group_id, coordinator.member_id))
        await leave()

    leave_group.zelo = True  # type: ignore[attr-defined]
    coordinator._maybe_leave_group = leave_group
