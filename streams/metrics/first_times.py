"""First times: when each member (feature, day, user) was first seen, of which the n smallest are kept.

The n-th smallest is when n of them had been seen; keeping the n smallest is enough for it, in whatever order they come.
"""

Progress = dict[str, dict[str, int]]  # key of a criterion's facts -> member -> first time, the n smallest


def keep_smallest(progress: Progress, key: str, member: str, at: int, n: int) -> None:
    """Keeps the first times of the `n` members that were first.

    What is left out is never needed again: the n-th smallest only falls, and an earlier event of a member
    left out brings it back by itself.
    """
    members = progress.get(key)
    if members is None:
        members = progress[key] = {}
    if len(members) >= n:
        last = max(members.values())
        if at >= last:
            return  # nearly always, whoever the member is
        if member not in members:
            del members[next(name for name in members if members[name] == last)]
    known = members.get(member)
    if known is None or at < known:
        members[member] = at


def smallest(members: dict[str, int], n: int) -> int | None:
    """The n-th of the first times, None where there are fewer."""
    if len(members) < n:
        return None
    if len(members) == n:
        return max(members.values())
    return min(members.values()) if n == 1 else sorted(members.values())[n - 1]
