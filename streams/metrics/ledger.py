"""The book of one input topic-partition: how far its time has come, and what became of every record.

Accounting (principle 5): read = applied + duplicate + late + dead, always. The watermark moves by the log alone:
an event moves it to its own time less the allowed lateness, a heartbeat to its own time; it never goes back.
"""

from msgspec import Struct

#: Stands for the book where keys of customers are marked for publication.
PROGRESS = "\x00progress"


class Ledger(Struct, dict=True):
    """Partition-level state of a domain's table.

    Attributes:
        watermark: no event older than this is expected, epoch ms; None before the first record.
        closed_day: last day whose values were published as revision 0.
        changed: customers changed since the last close (domains that publish changes only); set by `note` and `keep`.
    """

    read: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    dead: int = 0
    watermark: int | None = None
    closed_day: int | None = None
    changed: list[str] = []

    @property
    def got_to(self) -> int | None:
        """The last day closed: what the engine takes for progress while days close in pieces."""
        return self.closed_day

    def note(self, key: str) -> None:
        """Notes that a customer changed."""
        noted: set[str] | None = vars(self).get("noted")
        if noted is None:  # not stored: looking through the list would take as long as there are customers
            noted = vars(self)["noted"] = set(self.changed)
        if key not in noted:
            noted.add(key)
            self.changed.append(key)

    def keep(self, changed: list[str]) -> None:
        """Forgets the noted changes but these."""
        self.changed = changed
        vars(self).pop("noted", None)

    def is_late(self, at: int, horizon_ms: int) -> bool:
        """True for an event so old that its days are restated no more."""
        return self.watermark is not None and at < self.watermark - horizon_ms
