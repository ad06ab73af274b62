"""Properties run without coverage, as being measured doubles their time; but for those that alone reach some lines."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "covers: a property whose examples alone reach some lines, so it is measured")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if drawn and item.path.is_relative_to(_HERE) and item.get_closest_marker("covers") is None:
            item.add_marker("no_cover")
