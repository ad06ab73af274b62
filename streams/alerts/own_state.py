"""What the alerts table holds for a profile's own rules (own.py)."""

from msgspec import Struct

from streams.alerts.episodes import Episode


class Known(Struct, frozen=True, array_like=True):
    """A rule as a partition knows it: what decides whether it holds, and the first day it was looked at so."""

    fingerprint: str
    since: int


class Stand(Struct):
    """How a customer stands with a rule: the run of days on which it has held, and the newest episode."""

    since: int = -1
    days: int = 0
    episode: Episode | None = None


class Trail(Struct, array_like=True):
    """A figure by the end of the newest days, `day` the last of them; None where it was not defined."""

    day: int
    values: list[float | None]

    def on(self, day: int) -> float | None:
        """The figure of a day; None where it was not defined, or is not kept."""
        place = len(self.values) - 1 - (self.day - day)
        return self.values[place] if 0 <= place < len(self.values) else None

    def add(self, day: int, value: float | None, kept: int) -> None:
        """Takes the figure of a later day in, and keeps so many days."""
        skipped = min(kept, day - self.day - 1)
        self.values = [*self.values, *[None] * skipped, value][-kept:]
        self.day = day


class Own(Struct):
    """What the rules need of a customer.

    Attributes:
        day: last day taken in.
        rules: by name, those that hold or that have an episode.
        trails: by figure, where a rule asks how it changed.
    """

    day: int = -1
    rules: dict[str, Stand] = {}
    trails: dict[str, Trail] = {}
