"""Random numbers that are the same on every machine and in every version of Python."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A source of choices, all made of `random()`: of its methods the only one promised to stay the same.

    Args:
        seed: the same text gives the same choices.
    """

    def __init__(self, seed: str) -> None:
        self.share = random.Random(seed).random  # noqa: S311 - made-up data, no secret

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.share() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely."""
        return choices[int(self.share() * len(choices))]

    def between(self, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        return least + int(self.share() * (most - least + 1))
