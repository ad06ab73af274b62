"""Which customers have something to do on a day: an index over the trainer's table, rebuilt when it is lost.

Without it every day that has one customer to do would read the records of all.
"""

from collections import defaultdict
from typing import Any

from streams.churn.labels import CustomerRecords
from streams.metrics.partition import Partition

#: With which keys begin that are no customer's.
_NO_CUSTOMER = "\x00"


class Agenda:
    """Customers by the day on which something of theirs is due: a snapshot, an outcome, the end of a window.

    Args:
        part: the table to build it from.
        horizon_days: length of the window.
    """

    def __init__(self, part: Partition[CustomerRecords, Any], horizon_days: int) -> None:
        self._due: dict[int, set[str]] = defaultdict(set)
        for key in list(part.keys()):
            if key.startswith(_NO_CUSTOMER):
                continue
            records = part.get(key) or CustomerRecords()
            for day in (*records.snapshots, *records.outcomes, *records.censored):
                self.add(day, key)
            for pending in records.pending:
                self.add(pending.day + horizon_days, key)

    def add(self, day: int, key: str) -> None:
        """Something of the customer is due on `day`."""
        self._due[day].add(key)

    def take(self, day: int) -> list[str]:
        """Takes out the customers due up to `day`, by id."""
        due = [self._due.pop(of) for of in [of for of in self._due if of <= day]]
        return sorted(set[str]().union(*due))
