"""How often waiting outputs are published."""

import pytest

from streams.engine.services import publication_pause


@pytest.mark.parametrize(
    "took, pause",
    [(0.0, 0.0625), (0.002, 0.0625), (0.015, 0.15), (0.025, 0.25), (2.0, 0.25)],
)
def test_the_pause_between_publications_grows_with_what_they_take_up_to_the_interval(took: float, pause: float) -> None:
    assert publication_pause(took, 0.25) == pytest.approx(pause)


def test_without_an_interval_there_is_no_pause() -> None:
    assert publication_pause(1.0, 0.0) == 0.0
