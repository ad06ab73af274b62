"""When a newer model arrives, everybody is scored again, but not more often than a setting allows."""

from collections.abc import Iterable

from schemas.scores import ModelSnapshot
from streams.metrics.partition import Partition
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card
from streams.scoring.machine import ScoringMachine


class Rescoring:
    """Takes models in and asks for all customers to be published with the newest.

    Args:
        machine: whose model takes up newer ones.
        every_seconds: at most this often.
    """

    def __init__(self, machine: ScoringMachine, every_seconds: float) -> None:
        self._machine = machine
        self._every_ms = round(every_seconds * 1000)
        self._due = False
        self._last_ms = -self._every_ms

    def load(self, snapshot: ModelSnapshot) -> None:
        """Takes a model; one that is not newer changes nothing."""
        self._due |= self._machine.model.load(snapshot)

    def run(self, partitions: Iterable[Partition[Card, Alignment]], now_ms: int) -> None:
        """Marks every customer for publication when a new model waits and the time has come."""
        if not self._due or now_ms - self._last_ms < self._every_ms:
            return
        self._due, self._last_ms = False, now_ms
        for part in partitions:
            for key in list(part.keys()):
                part.publish(key)
