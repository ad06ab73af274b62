"""When a newer model arrives, everybody is scored again, but not more often than a setting allows.

A partition that comes from another worker is scored again too: the other one may have died with the scores of the
newest model still unpublished.
"""

from collections.abc import Iterable
from typing import Any

from schemas.codec import MessageDecoder, SchemaError
from schemas.models import ModelSnapshot
from streams.errors import PoisonError
from streams.metrics.partition import Partition
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card
from streams.scoring.machine import ScoringMachine

_PRIOR = 0  # version of the model everybody starts with

_DECODE = MessageDecoder[ModelSnapshot](ModelSnapshot)


class Rescoring:
    """Takes models in and asks for all customers to be published with the newest.

    Args:
        machine: whose model takes up newer ones.
        every_seconds: at most this often.
    """

    def __init__(self, machine: ScoringMachine, every_seconds: float) -> None:
        self._machine = machine
        self._every_ms = round(every_seconds * 1000)
        self._last_ms = -self._every_ms
        self._scored: dict[int, tuple[Any, int]] = {}

    def offer(self, value: bytes) -> str | None:
        """Takes a record of the models topic in; gives the reason when it cannot be used: the present model stays."""
        try:
            self.load(_DECODE(value))
        except (SchemaError, PoisonError) as error:
            return str(error)
        return None

    def load(self, snapshot: ModelSnapshot) -> None:
        """Takes a model; one that is not newer changes nothing."""
        self._machine.model.load(snapshot)

    def run(self, partitions: Iterable[Partition[Card, Alignment]], now_ms: int) -> bool:
        """Marks the customers of partitions not yet scored with the newest model; whether there were any.

        Args:
            partitions: those this worker owns.
            now_ms: the present.
        """
        version = self._machine.model.model_version
        # a clock that was set back must not keep customers from the newest model
        if version == _PRIOR or 0 <= now_ms - self._last_ms < self._every_ms:
            return False
        found = {part.number: part for part in partitions}
        waiting = [part for part in found.values() if not self._is_scored(part, version)]
        for part in waiting:
            for key in list(part.keys()):
                part.publish(key)
        self._scored = {number: (part, version) for number, part in found.items()}
        if waiting:
            self._last_ms = now_ms
        return bool(waiting)

    def _is_scored(self, part: Partition[Card, Alignment], version: int) -> bool:
        seen, scored = self._scored.get(part.number, (None, _PRIOR))
        return seen is part and scored == version
