"""What is marked in the tables, rendered in slices and portions, so that everything else goes on in between.

A round is what was marked when it began; what agents mark on the way is left to the next one, or a busy worker would
never be through.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from math import inf
from time import monotonic
from typing import Any

from streams.engine.outbox import Output
from streams.engine.partition import Partition
from streams.engine.table import StateTable

#: Keys rendered in one go; at some 100 us each as long as a run of an agent.
_SLICE = 200


class Rendering:
    """Renders the live partitions of an app's tables.

    Args:
        room_records: outputs that make a portion, to be written before more is rendered.
        tables: gives the app's tables.
        turn: lets everything else of the worker go on.

    Attributes:
        turn, room_records: as given.
        until: when time is up, in seconds of `time.monotonic()`.
        begun: called when a round begins, with whether it is also of the tables that come last.
    """

    def __init__(
        self, room_records: int, tables: Callable[[], Iterable[Any]], turn: Callable[[], Awaitable[None]]
    ) -> None:
        self.turn = turn
        self.until = inf
        self.begun: Callable[[bool], object] = bool
        self.room_records = room_records
        self._tables = tables
        self._round: dict[Partition[Any, Any], int] = {}  # marks still to be rendered before it is whole
        self._last = True  # also of the tables that come last

    @property
    def under_way(self) -> bool:
        """Whether a round has begun and is not whole."""
        return bool(self._round)

    @property
    def leaves_last(self) -> bool:
        """Whether the last round that began was without the tables that come last."""
        return not self._last

    def tables(self) -> list[StateTable[Any, Any]]:
        """Those with states."""
        return [table for table in self._tables() if isinstance(table, StateTable)]

    def live(self) -> Iterator[tuple[StateTable[Any, Any], Partition[Any, Any]]]:
        """The partitions that are ours and recovered, with their tables."""
        for table in self.tables():
            for part in table.partitions_here():
                if part.live:
                    yield table, part

    def begin(self, last: bool = True) -> None:
        """Begins a round; without the tables that come last if told so."""
        self._last = last
        self._round = {part: part.marks for table, part in self.live() if last or not table.last}
        self.begun(last)

    def end(self) -> None:
        """Forgets the round."""
        self._round = {}

    async def go_on(self, whole: bool) -> bool:
        """Renders the marks of the round, in slices.

        Args:
            whole: all of them; else the last slice of each partition is left to who takes the outputs.

        Returns:
            Whether that was all; False when there is enough to be written before, or time is up.
        """
        least = 0 if whole else _SLICE
        for _, part in self.live():
            while (left := self._round.get(part, 0)) > least:
                part.render_marked(_SLICE)
                self._round[part] = left - _SLICE
                await self.turn()
                if monotonic() >= self.until or self._is_portion:
                    return False
        self.end()
        return True

    def outputs(self, marked: bool) -> list[Output]:
        """Takes what waits, with what is marked rendered, if told so, in the tables that the last round was of.

        Raises:
            UnsavedError: a table must not be saved.
        """
        found: list[Output] = []
        for table in self.tables():
            table.check_whole()
            found += table.take_outputs(marked and (self._last or not table.last))
        return found

    @property
    def waits(self) -> bool:
        """Whether something waits to be sent that does not come last."""
        return any(part.outputs or (part.marks and not table.last) for table, part in self.live())

    @property
    def _is_portion(self) -> bool:
        return sum(table.outputs_waiting for table in self.tables()) >= self.room_records
