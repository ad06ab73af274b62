"""Log lines: ours and those of the libraries have the same fields, in both forms."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streams.logs import LogFormat, configure_logging


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Leaves logging as it was; a process that has configured none is made by clearing the handlers of the root."""
    root, aiokafka = logging.getLogger(), logging.getLogger("aiokafka")
    level, theirs, configuration = root.level, aiokafka.level, structlog.get_config()
    yield
    root.handlers.clear()
    root.setLevel(level)
    aiokafka.setLevel(theirs)
    structlog.configure(**configuration)


def told(capsys: pytest.CaptureFixture[str], form: LogFormat, level: str = "INFO") -> list[str]:
    """The lines of one event of ours, one of a library, one error of each."""
    logging.getLogger().handlers.clear()
    configure_logging(level, form)
    ours, library = structlog.get_logger("ours"), logging.getLogger("faust.app")
    ours.info("worker_starting", role="stream", path="a b", ready=True)
    library.info('ready: %s of "%s"\nand more', 3, "x")
    try:
        raise ValueError("boom")
    except ValueError:
        ours.exception("stopped", partition=3)
        library.exception("crashed")
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def test_json_is_one_object_a_line_with_the_traceback_inside(capsys: pytest.CaptureFixture[str]) -> None:
    found: list[dict[str, Any]] = [json.loads(line) for line in told(capsys, "json")]
    assert all(re.fullmatch(TIME, line.pop("timestamp")) for line in found)
    traces = [line.pop("exception", None) for line in found]
    assert found == [
        {"level": "info", "event": "worker_starting", "role": "stream", "path": "a b", "ready": True},
        {"level": "info", "logger": "faust.app", "event": 'ready: 3 of "x"\nand more'},
        {"level": "error", "event": "stopped", "partition": 3},
        {"level": "error", "logger": "faust.app", "event": "crashed"},
    ]
    assert traces[:2] == [None, None]
    assert all(str(trace).endswith("ValueError: boom") for trace in traces[2:])


def test_logfmt_is_one_line_an_event_with_the_traceback_below(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "logfmt")
    heads = [re.sub(f"^timestamp={TIME} ", "", line) for line in lines if line.startswith("timestamp=")]
    assert heads == [
        'level=info event=worker_starting role=stream path="a b" ready=true',
        r'level=info logger=faust.app event="ready: 3 of \"x\"\nand more"',
        "level=error event=stopped partition=3",
        "level=error logger=faust.app event=crashed",
    ]
    assert lines.count("ValueError: boom") == 2


def test_less_than_the_level_is_not_told_and_aiokafka_only_warns(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line for line in told(capsys, "json", "ERROR") if '"info"' in line] == []
    logging.getLogger().handlers.clear()
    configure_logging("INFO")
    logging.getLogger("aiokafka.conn").info("connecting")
    logging.getLogger("aiokafka.conn").warning("gone")
    assert "connecting" not in (said := capsys.readouterr().err)
    assert "event=gone" in said
