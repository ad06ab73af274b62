"""The agent of scores: models that are read together score everybody once."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agents import scoring
from schemas.codec import encode
from schemas.models import ModelSnapshot, Quality
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.config import Settings
from streams.metrics.days import Days
from streams.metrics.profile import load_profile


def model(version: int) -> bytes:
    parameters = ChurnModel.prior(load_profile("default").churn).to_parameters()
    return encode(
        ModelSnapshot(
            model=MODEL_NAME,
            model_version=version,
            trained_through=100,
            horizon_days=30,
            is_prior=False,
            quality=Quality(),
            parameters=parameters,
            river_version=RIVER_VERSION,
        )
    )


def test_models_that_are_read_together_mark_everybody_once(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []
    given: list[Any] = []
    wanted = asyncio.Event()
    part = SimpleNamespace(number=0, live=True, keys=lambda: ["a", "b"], publish=marked.append)
    engine = SimpleNamespace(settling=SimpleNamespace(lasts=False), checkpoint=SimpleNamespace(wanted=wanted))
    settings = Settings(partitions=1)
    zelo: Any = SimpleNamespace(
        settings=settings,
        profile=load_profile(settings.profile),
        days=Days(),
        model=SimpleNamespace(refused=0),
        name=lambda topic: topic.name,
        app=SimpleNamespace(engine=engine, timer=lambda *_, **__: lambda look: look),
        table=lambda *_, **__: SimpleNamespace(partitions_here=lambda: [part]),
        clock=SimpleNamespace(now_ms=lambda: 1_000_000),
    )
    monkeypatch.setattr(scoring, "serve", lambda *_: None)
    monkeypatch.setattr(scoring, "Broadcast", lambda app, topic, on_value, on_read: given.extend((on_value, on_read)))
    scoring.register(zelo)
    on_value, on_read = given
    for offset in range(2):
        assert on_value(b"m", model(offset + 1), offset)
    assert (marked, wanted.is_set()) == ([], False)
    on_read()
    assert (marked, wanted.is_set()) == (["a", "b"], True)
    zelo.clock.now_ms = lambda: 2_000_000
    on_read()
    assert marked == ["a", "b"]
    assert on_value(b"m", b"none", 2) is False
    assert zelo.model.refused == 1
