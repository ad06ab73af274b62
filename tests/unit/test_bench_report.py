"""What the benchmark reports and keeps: ratios, the table, the summary that is committed, the regression check."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import check, results
from bench.check import Ratios
from bench.contestants import BASELINE, CONTESTANTS
from bench.measures import Recount
from bench.pipeline import Pipeline
from bench.recovery import Recovery
from bench.report import FLOOR, Row, pipeline_line, ratios, recovery_line, table
from bench.results import Latest, summary
from bench.trials import Latency, Throughput

RATE, DELAY = Throughput(100, 1_000.0, 5.0), Latency(10, 100.0, 200.0)
PIPELINE = Pipeline(1_000, 10, 2, 50.0, 4.0, 30.0, {"stream": 20.0, "archive": 10.0}, 2.0, 3.0, {"health.v1": 4.5})


def measured() -> Latest:
    """A run in which everything was measured."""
    exact = Recount(events=10, counted_twice=0, lost=0, differing=0)
    rows = [Row(one.name, 10, [RATE] * 3, [DELAY] * 3, [exact]) for one in CONTESTANTS]
    return Latest("embedded", rows=rows, pipelines=[PIPELINE], checks=[Ratios(1.5, 60.0)])


def test_ratios_are_taken_to_the_baseline_with_as_many_customers() -> None:
    rows = [
        Row("zelo", 10, [RATE], [DELAY]),
        Row("faust", 10, [Throughput(100, 100.0, 50.0)], [Latency(10, 200.0, 800.0)]),
        Row("faust", 99, [Throughput(100, 1.0, 5_000.0)]),
    ]
    assert ratios(rows[0], rows) == {
        "events_per_second": 10.0,
        "cpu_seconds_per_million": 10.0,
        "p50_ms": 2.0,
        "p99_ms": 4.0,
    }
    assert ratios(rows[0], rows[:1]) == {}
    assert rows[1].cpu_of(rows, "zelo") == 10.0
    assert rows[2].cpu_of(rows, "zelo") is None


def test_a_table_has_a_row_for_every_contestant_and_says_what_others_used() -> None:
    shown = table(measured().rows, 0.25)
    assert shown.row_count == len(CONTESTANTS)
    assert "0.25 of" in str(shown.caption)


def test_a_contestant_that_did_not_run_stands_in_the_table_with_the_reason() -> None:
    rows = [Row("pathway", 10, faults=["no wheel for this Python"])]
    last = table(rows, 0.0).columns[-1]
    assert list(last.cells) == ["not run: no wheel for this Python"]


def test_the_line_of_a_recovery_names_rate_cost_and_size() -> None:
    said = recovery_line(Recovery(2_000_000, 964.0, 10.0, 3.5, 4.0, 2.0 * 2**30))
    assert said.startswith("Recovery: 200,000 keys/s, 3.50 CPU s per million keys, 2.00 more of the broker")
    assert "2,000,000 keys with values of 964 bytes in 10.0 s, afterwards 2,048 MB resident" in said


def test_the_line_of_the_pipeline_names_its_load_and_its_roles() -> None:
    said = pipeline_line(PIPELINE)
    assert "30.0 CPU s per million events (stream 20.0, archive 10.0), 1 of the stream role" in said
    assert "50 per customer and day; 250 events/s" in said
    assert said.endswith("sent per customer: health.v1 4.5")


def test_a_summary_has_medians_ratios_and_what_a_kill_left() -> None:
    found = summary(measured())
    assert found["baseline"] == BASELINE
    assert [row["contestant"] for row in found["rows"]] == [one.name for one in CONTESTANTS]
    first = found["rows"][0]
    assert first["medians"]["cpu_seconds_per_million"] == 5.0
    assert first["times_better_than_baseline"]["p99_ms"] == 1.0
    assert first["cpu_of_floor"] == 1.0
    assert first["after_kill"] == ["exact"]
    assert found["check"] == {"engine_to_aiokafka": 1.5, "faust_to_engine": 60.0}
    assert found["pipeline"]["by_role"]["stream"] == 20.0


def test_only_a_complete_run_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "LATEST", tmp_path / "results" / "latest.json")
    monkeypatch.setattr(results, "SUMMARY", tmp_path / "results.json")
    spread, partial = measured(), measured()
    spread.pipelines.append(replace(PIPELINE, workers=2))  # what several workers take is no run beside the others
    partial.rows = partial.rows[1:]
    assert not results.write(spread)
    assert not results.write(partial)
    assert results.read_latest() == partial
    assert not (tmp_path / "results.json").exists()
    assert results.write(measured())
    assert (tmp_path / "results.json").exists()


def test_a_run_that_goes_on_adds_to_its_rows_and_weighs_the_load_of_others_by_time() -> None:
    latest = Latest("embedded")
    latest.row("confluent", 10).throughputs.append(RATE)
    latest.row("zelo", 10).throughputs.append(RATE)
    latest.row("zelo", 10).throughputs.append(RATE)
    assert [(row.name, len(row.throughputs)) for row in latest.rows] == [("zelo", 2), ("confluent", 1)]
    latest.took(30.0, 1.0)
    latest.took(10.0, 0.0)
    assert (latest.seconds, latest.others_cores) == (40.0, 0.75)


@pytest.mark.parametrize(
    "found, said",
    [
        (Ratios(1.5, 60.0), []),
        (Ratios(2.9, 25.0), []),
        (Ratios(3.1, 60.0), ["bare aiokafka"]),
        (Ratios(1.5, 23.0), ["stock Faust"]),
    ],
)
def test_the_check_complains_only_beyond_its_bounds(found: Ratios, said: list[str]) -> None:
    faults = check.faults(found, Ratios(1.5, 60.0))
    assert len(faults) == len(said)
    assert all(name in fault for name, fault in zip(said, faults, strict=True))


def test_the_committed_results_are_complete_and_name_every_contestant() -> None:
    kept = check.committed()
    assert kept.engine_to_aiokafka > 0
    assert kept.faust_to_engine > 1
    assert FLOOR in {one.name for one in CONTESTANTS}
