"""What one profile said of a history: bands by day, alerts, spells of warning, who left.

Only daily scores count. They are a function of the log, while live ones depend on when they were published.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

from schemas.alerts import Alert
from schemas.metrics import Movement
from schemas.scores import Band, HealthScore
from streams.metrics.days import Days

RED = "red"


class Spell(NamedTuple):
    """Days `[start, end)` on which a customer stood under a warning; `end` is None while it lasts."""

    customer_id: str
    start: int
    end: int | None


class Churned(NamedTuple):
    """A customer whose last subscription ended on `day`."""

    day: int
    customer_id: str


class Track:
    """Takes in what the machines of one profile publish.

    Args:
        days: the company's calendar.
        until: last day whose scores may become `standing`; None for no limit.

    Attributes:
        bands: customers by day and band.
        standing: each customer's newest daily score up to `until`.
    """

    def __init__(self, days: Days, until: int | None = None) -> None:
        self.bands: defaultdict[int, Counter[Band]] = defaultdict(Counter)
        self.standing: dict[str, HealthScore] = {}
        self._days = days
        self._until = until
        self._red: dict[str, int] = {}
        self._red_over: list[Spell] = []
        self._opened: dict[str, Alert] = {}
        self._resolved: dict[str, int] = {}
        self._movements: dict[tuple[str, str, int], Movement] = {}

    def score(self, score: HealthScore) -> None:
        """Takes a daily score; those of a customer come in the order of their days."""
        self.bands[score.day][score.band] += 1
        if self._until is None or score.day <= self._until:
            self.standing[score.customer_id] = score
        # Red without paying is what leaving looks like afterwards, no warning of it.
        if score.band == "red" and score.paying:
            self._red.setdefault(score.customer_id, score.day)
        elif (start := self._red.pop(score.customer_id, None)) is not None:
            self._red_over.append(Spell(score.customer_id, start, score.day))

    def alert(self, alert: Alert) -> None:
        """Takes a step of an episode."""
        if alert.status == "opened":
            self._opened.setdefault(alert.episode_id, alert)
        elif alert.status == "resolved":
            self._resolved[alert.episode_id] = self._day(alert.at)

    def movement(self, movement: Movement) -> None:
        """Takes a movement; the newest of its key stands."""
        self._movements[movement.customer_id, movement.currency, movement.effective_at] = movement

    def alerts(self) -> dict[str, list[Spell]]:
        """Episodes by rule, in the order they opened."""
        found: dict[str, list[Spell]] = {}
        for episode, alert in self._opened.items():
            spell = Spell(alert.customer_id, self._day(alert.at), self._resolved.get(episode))
            found.setdefault(alert.rule, []).append(spell)
        return {rule: sorted(spells, key=_by_start) for rule, spells in found.items()}

    def warnings(self) -> dict[str, list[Spell]]:
        """Spells by signal: `red` (in the red band while paying) and each alert rule, by its own name."""
        lasting = [Spell(customer, start, None) for customer, start in self._red.items()]
        return {RED: sorted([*self._red_over, *lasting], key=_by_start), **self.alerts()}

    def churned(self) -> list[Churned]:
        """Who left and when, once per customer and day, in the order of the days."""
        return sorted(
            {
                Churned(self._days.of(movement.effective_at), movement.customer_id)
                for movement in self._movements.values()
                if movement.movement == "churn" and not movement.removed
            }
        )

    def _day(self, at: int) -> int:
        """The day that a score of the instant `at`, which ends a day, speaks of."""
        return self._days.of(at - 1)


def _by_start(spell: Spell) -> tuple[int, str]:
    return spell.start, spell.customer_id
