"""One invoice: when it was to be paid, and whether it still is."""

from msgspec import Struct


class Invoice(Struct, array_like=True):
    """The facts about one invoice; amounts do not matter, but whether there is one does.

    Attributes:
        issued: time, event id and due time of every issue, sorted; due None where nothing was owed.
        settled_at: the earliest settlement, epoch ms; it holds for good, even if issued (again) later.
    """

    issued: list[tuple[int, str, int | None]] = []
    settled_at: int | None = None

    def owed_since(self, as_of: int) -> int | None:
        """When the invoice fell due, if it is owed and past due at `as_of`."""
        if self.settled_at is not None and self.settled_at < as_of:
            return None
        due = next((due for at, _, due in reversed(self.issued) if at < as_of), None)
        return due if due is not None and due < as_of else None

    def is_done(self, cutoff: int) -> bool:
        """True when nothing is owed and the newest fact lies before `cutoff`."""
        newest = max([issue[0] for issue in self.issued], default=0)
        if self.settled_at is not None:
            return max(newest, self.settled_at) < cutoff
        return newest < cutoff and self.issued[-1][2] is None
