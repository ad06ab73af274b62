"""What a message of an alert is written from, and its words."""

from typing import NamedTuple

from schemas.scores import HealthScore
from streams.alerts.episodes import Episode, Step
from streams.alerts.rules import Course, Facts


class Telling(NamedTuple):
    """What is to be told.

    Attributes:
        facts: of the rule; of a resolved episode also `ended`, how, and what was last told.
        episode: as it is after this step.
    """

    rule: Course
    step: Step
    score: HealthScore
    facts: Facts
    episode: Episode


class Words(NamedTuple):
    """A message in words; `todo` is empty at the end of an episode."""

    title: str
    body: str
    todo: str
