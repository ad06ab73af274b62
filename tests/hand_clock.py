"""A clock of monotonic seconds that a test sets: `now` is what it says."""


class HandClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now
