"""What `zelo generate` says it planted is what folding its file finds."""

import gzip
import json
from pathlib import Path

import pytest
from cli_rig import Zelo, clean_environment, command_line

ZONE = {"ZELO_TIMEZONE": "Europe/Madrid"}
SIZE = ("--customers", "40", "--days", "100", "--seed", "7")


@pytest.fixture
def zelo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    return command_line(monkeypatch, capsys)


def test_duplicates_and_late_events_are_found_as_planted(zelo: Zelo, tmp_path: Path) -> None:
    file = str(tmp_path / "company.jsonl.gz")
    told = zelo("generate", *SIZE, "--report", "--output", file)
    assert told.status == 0, told.err
    report = json.loads(told.out)
    planted = report["planted"]
    assert report["events"] == len(gzip.decompress(Path(file).read_bytes()).splitlines())
    assert planted["late_beyond_horizon"] > 0

    as_arrived = json.loads(zelo("fold", file, "--format", "jsonl", "--as-arrived", **ZONE).out)
    by_time = json.loads(zelo("fold", file, "--format", "jsonl", **ZONE).out)
    repeated = planted["duplicate"] + planted["duplicate_other_bytes"]
    assert as_arrived["events"]["late"] == planted["late_beyond_horizon"]
    assert by_time["events"]["late"] == 0
    for found in (as_arrived, by_time):
        assert found["events"]["duplicate"] == repeated
        assert found["events"]["dead"] == 0
        assert found["customers"] == 40
    # Money, answers and bands do not depend on when their events came.
    for figure in ("mrr_minor", "nps", "movements"):
        assert as_arrived[figure] == by_time[figure]


def test_the_same_arguments_write_the_same_bytes(zelo: Zelo, tmp_path: Path) -> None:
    for suffix in (".jsonl", ".jsonl.gz"):
        files = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
        for file in files:
            shown = zelo("generate", "--customers", "3", "--days", "10", "-o", str(file))
            assert shown.status == 0, shown.err
            assert shown.out.endswith(f"events in {file}")
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--start", "soon"), "expected --start as YYYY-MM-DD"),
        (("--customers", "0"), "at least 1 customer"),
        (("--timezone", "Nowhere"), "IANA time zone"),
    ],
)
def test_wrong_arguments_end_with_status_2(zelo: Zelo, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    shown = zelo("generate", *arguments, "-o", str(tmp_path / "x.jsonl"))
    assert (shown.status, words in shown.err) == (2, True), shown.err


def test_a_file_that_cannot_be_written_is_said_in_words(zelo: Zelo, tmp_path: Path) -> None:
    shown = zelo("generate", "--customers", "1", "--days", "1", "-o", str(tmp_path / "none" / "x.jsonl"))
    assert (shown.status, "can be written" in shown.err) == (2, True)
