"""The cost of the catalogue in the benchmark: what is counted for which part, and what is compared."""

import pickle
import sys
from pathlib import Path

import pytest

from bench.catalogue import FOLDS, PARTITIONS, least, lines, run
from bench.catalogue_cost import Watch
from bench.product_stream import product_stream

TREE = Path(__file__).resolve().parents[2]


def test_the_time_of_a_part_is_without_that_of_the_parts_it_calls() -> None:
    now = 0.0

    def passes(seconds: float) -> None:
        nonlocal now
        now += seconds

    watch = Watch(lambda: now)
    scored = watch.around(lambda: passes(5.0), "score")

    def step() -> None:
        passes(1.0)
        scored()
        passes(2.0)

    watch.around(step, "step")()
    passes(4.0)
    watch.around(lambda: None, "step")()
    assert watch.seconds == {"rest": 4.0, "step": 3.0, "score": 5.0}


def test_a_part_that_fails_is_counted_all_the_same() -> None:
    ticks = iter((0.0, 2.0, 3.0, 3.0))
    watch = Watch(ticks.__next__)
    with pytest.raises(ZeroDivisionError):
        watch.around(lambda: 1 / 0, "step")()
    watch.around(lambda: None, "score")()
    assert watch.seconds == {"rest": 1.0, "step": 2.0, "score": 0.0}


def test_the_least_of_the_repeats_counts_and_folds_are_taken_from_one_run() -> None:
    runs = [
        {"whole": 4.0, "parts": {"decode": 1.0, "step": 3.0, "score": 2.0}},
        {"whole": 5.0, "parts": {"decode": 2.0, "step": 1.5, "day close": 0.25}},
    ]
    assert least(runs, 1_000_000) == {
        "decode": 1.0,
        "step": 1.5,
        "score": 2.0,
        "day close": 0.25,
        "folds": 3.75,
        "all": 4.0,
    }


def test_a_part_that_was_not_there_before_has_no_ratio() -> None:
    head, old, new = lines({"step": 8.0}, {"step": 12.0, "day close": 1.0})
    assert head.split() == ["us", "per", "event", "before", "now", "ratio"]
    assert old.split() == ["step", "8.00", "12.00", "1.50"]
    assert new.split() == ["day", "close", "0.00", "1.00", "-"]


def test_a_run_measures_the_tree_it_is_told_part_by_part(tmp_path: Path) -> None:
    path = tmp_path / "records.pickle"
    records = product_stream(300, 5, 2, PARTITIONS)
    path.write_bytes(pickle.dumps([(one.topic, one.partition, one.key, one.value) for one in records]))
    found = run(TREE, path, 100)
    assert Path(found["tree"]) == TREE
    assert found["whole"] > 0
    assert {*FOLDS, "score"} <= found["parts"].keys()


def test_another_tree_than_the_one_told_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "import json; print(json.dumps({'tree': '/elsewhere', 'whole': 1, 'parts': {}}))"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{told}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(SystemExit, match="got that of /elsewhere"):
        run(TREE, tmp_path / "records", 100)
