"""bench/churn/booster: the costs are of a fit that took place, in pieces, on as many labels as asked for."""

import pytest

from bench.churn.booster import costs, main
from streams.churn.features import BY_NAME


def test_costs_are_those_of_a_fit_in_pieces() -> None:
    found = costs(weeks=3, customers=400)
    assert 0 < found.longest_ms <= found.fit_ms
    assert found.test_us > 0
    assert found.keep_us > 0
    assert 400 * 4 * len(BY_NAME) < found.day_bytes < 500 * 4 * len(BY_NAME)
    assert found.trees_bytes > 10_000


def test_the_command_prints_them(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["booster", "--weeks", "2", "--customers", "300"])
    main()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(costs(2, 300)._fields)
