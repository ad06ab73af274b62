"""Tests marked `no_cover` are not measured, also where several processes share them (tests/conftest.py)."""

import sys

import pytest


@pytest.mark.no_cover
def test_nothing_looks_on() -> None:
    assert sys.gettrace() is None
