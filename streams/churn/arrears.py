"""What a state that is gone back to has still to hear of who left, told to it at the pace at which it would have come.

A running model is in balance: snapshots are learned as staying at once, and what comes in beside them are those who
left of the snapshots of the weeks before. A state that was saved and serves again has lost that inflow: for a whole
horizon it would learn who stays, hardly who left, and say too little until it has forgotten that (14 to 32 % too little
in a simulation). So a saved state goes on learning who left of its own snapshots. Served at once with all of them it
would say too much for as long: they belong to snapshots that are yet to come. What they moved is therefore held back,
and let in within a horizon.
"""

from collections.abc import Container, Mapping

from msgspec import Struct

#: The name under which the intercept stands among the weights.
INTERCEPT = ""


class Arrears(Struct):
    """By how much weights are still to be moved.

    Attributes:
        since: day from which on the state serves again.
        weights: by feature, all of it.
        paid: which share was let in.
    """

    since: int = 0
    weights: dict[str, float] = {}
    paid: float = 0.0

    def due(self, day: int, horizon_days: int) -> dict[str, float]:
        """What is to be let in on a day, by feature; nothing when all of it was.

        Of a steady stream of snapshots the part 1 - t / horizon of the windows is still open after t days, so the
        share 1 - (1 - t / horizon)^2 of who leaves has left by then.
        """
        if not self.weights:
            return {}
        open_ = max(0.0, 1.0 - (day - self.since) / horizon_days)
        share = 1.0 - open_ * open_
        due = {name: (share - self.paid) * weight for name, weight in self.weights.items()}
        self.paid = share
        if not open_:
            self.weights = {}
        return due

    def keep(self, names: Container[str]) -> None:
        """Nothing more is let in of other weights."""
        self.weights = {name: weight for name, weight in self.weights.items() if name in names}

    def owed(self) -> dict[str, float]:
        """What is still to be let in, by feature."""
        return {name: (1.0 - self.paid) * weight for name, weight in self.weights.items()}


def moved(then: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """From the weights a state had when it was saved to those it has; what it did not have then was not moved."""
    steps = {name: weight - then[name] for name, weight in now.items() if name in then}
    return {name: step for name, step in steps.items() if step}


def arrears(since: int, held_back: Mapping[str, float], owed: Mapping[str, float]) -> Arrears:
    """Of a state that serves again: what it `moved`, and what was still owed to it when it was saved."""
    names = sorted(held_back.keys() | owed.keys())
    return Arrears(since, {name: held_back.get(name, 0.0) + owed.get(name, 0.0) for name in names})
