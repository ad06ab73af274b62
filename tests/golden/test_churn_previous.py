"""The risk a customer is compared with is the one its weekly snapshot was given, and is judged by."""

from math import log

import pytest
from changelog_rig import Tables, records

from schemas import registry
from schemas.scores import ChurnScore


def log_odds(probability: float) -> float:
    return log(probability / (1.0 - probability))


def test_scores_are_compared_with_the_probability_their_snapshot_is_judged_by() -> None:
    tables, inputs = Tables(), records()
    given: dict[tuple[str, int], float] = {}
    for start in range(0, len(inputs), 50):
        tables.fold(inputs[start : start + 50])
        (trainer,) = tables.tables["trainer"]
        for key in trainer.states():
            for pending in trainer.get(key).pending:
                given[key, pending.day] = pending.probability
    scores: list[ChurnScore] = tables.messages(registry.CHURN)
    compared = [one for one in scores if one.previous_day is not None]
    known = [one for one in compared if (one.customer_id, one.previous_day) in given]
    assert len(known) > 20
    for score in known:
        assert score.previous_day is not None
        assert score.previous_probability == pytest.approx(given[score.customer_id, score.previous_day], rel=1e-9)
        change = (score.changed_by_customer or 0.0) + (score.changed_by_model or 0.0)
        before = log_odds(score.previous_probability or 0.5)
        if 0.0011 < score.probability < 0.9989 and 0.0011 < (score.previous_probability or 0.5) < 0.9989:
            assert log_odds(score.probability) - before == pytest.approx(change, abs=1e-9)
    assert any(score.changed_by_model for score in known)
    assert any(score.changed_by_customer for score in known)
