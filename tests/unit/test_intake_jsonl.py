"""Files of our own events: each line goes to its topic or is a bad row with its number."""

import gzip
from pathlib import Path

import pytest

from schemas.codec import MAX_EVENT_BYTES
from schemas.envelope import Heartbeat
from schemas.registry import INPUT_TOPICS
from streams.errors import ConfigurationError
from streams.intake.importer import BadRow, FileRead, Importer, Item, Produced, RuleHit
from streams.intake.jsonl import TOPIC_OF_TYPE, JsonLines

USE = (
    b'{"type":"feature_used","event_id":"e1","customer_id":"c1",'
    b'"occurred_at":"2024-01-01T00:00:00Z","feature":"export"}\n'
)
ANSWER = (
    b'{"type":"survey_answered","event_id":"e2","customer_id":"c1","occurred_at":1704067200000,'
    b'"response_id":"r","survey":"nps","score":%s}\n'
)


def read(path: Path) -> list[Item]:
    importer: Importer = JsonLines()
    return list(importer.read(path))


def read_lines(tmp_path: Path, content: bytes) -> list[Item]:
    file = tmp_path / "events.jsonl"
    file.write_bytes(content)
    return read(file)


def test_topic_follows_from_the_type(tmp_path: Path) -> None:
    items = read_lines(tmp_path, USE + ANSWER % b"9")
    assert [item.topic for item in items if isinstance(item, Produced)] == ["usage.v1", "surveys.v1"]
    assert items[-1] == FileRead("events.jsonl", 2)


def test_every_type_but_heartbeat_belongs_to_one_topic() -> None:
    assert set(TOPIC_OF_TYPE.values()) == {topic.name for topic in INPUT_TOPICS}
    assert Heartbeat.__struct_config__.tag not in TOPIC_OF_TYPE


@pytest.mark.parametrize(
    "line, field, reason",
    [
        (b"not json\n", "row", "JSON is malformed"),
        (b"[1]\n", "row", "Expected `object`, got `array`"),
        (b'{"type":"feature_used"}\n', "row", "missing required field `customer_id`"),
        (
            b'{"type":"unheard_of","customer_id":"c"}\n',
            "type",
            "expected a known type of event, got 'unheard_of'",
        ),
        (ANSWER % b"11", "score", "expected a score from 0 to 10, got 11"),
        (ANSWER % b'"9"', "score", "Expected `float`, got `str`"),
        (ANSWER % b"NaN", "row", "JSON is malformed"),
        (b'{"type":"\xff","customer_id":"c"}\n', "row", ""),
        (b'{"deep":' + b"[" * 100_000 + b"\n", "row", "expected a flat object, got one nested too deeply"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, field: str, reason: str
) -> None:
    items = read_lines(tmp_path, USE + line + USE)
    bad = [item for item in items if isinstance(item, BadRow)]
    assert [(row.line, row.field) for row in bad] == [(2, field)]
    assert reason in bad[0].reason
    assert sum(isinstance(item, Produced) for item in items) == 2
    assert items[-1] == FileRead("events.jsonl", 3)


def test_a_line_beyond_the_limit_is_skipped_without_being_held(tmp_path: Path) -> None:
    items = read_lines(tmp_path, b"x" * (3 * MAX_EVENT_BYTES) + b"\n" + USE)
    assert items[0] == BadRow("events.jsonl", 1, "row", f"expected at most {MAX_EVENT_BYTES} bytes in a line")
    assert isinstance(items[1], Produced)


def test_blank_lines_are_no_rows_and_the_last_line_needs_no_end(tmp_path: Path) -> None:
    items = read_lines(tmp_path, USE + b"\n  \n" + USE.rstrip())
    assert items[-1] == FileRead("events.jsonl", 2)


def test_heartbeats_are_left_out_and_counted(tmp_path: Path) -> None:
    line = b'{"type":"heartbeat","event_id":"h","customer_id":"_clock","occurred_at":1704067200000}\n'
    assert read_lines(tmp_path, line)[0] == RuleHit("heartbeat_left_out", "events.jsonl", 1)


def test_gzip_is_read_like_plain(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(USE))
    assert isinstance(read(tmp_path / "a.jsonl.gz")[0], Produced)


def test_a_cut_gzip_file_is_told_at_the_line_it_breaks(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(USE)[:-9])
    bad = [item for item in read(tmp_path / "a.jsonl.gz") if isinstance(item, BadRow)]
    assert len(bad) == 1
    assert "cannot be read on from here" in bad[0].reason


def test_a_directory_is_read_file_by_file_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "notes.txt"):
        (tmp_path / name).write_bytes(USE)
    assert [item.file for item in read(tmp_path) if isinstance(item, FileRead)] == ["a.jsonl", "b.jsonl"]


def test_nothing_to_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected files \*\.jsonl"):
        read(tmp_path)
    with pytest.raises(ConfigurationError, match="found nothing at"):
        read(tmp_path / "none.jsonl")
