"""`zelo backtest` on a few events that can be followed by hand, and its errors in words."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_rig import Zelo, clean_environment, command_line

from schemas.envelope import CLOCK_CUSTOMER
from streams.cli.history import Stored, with_heartbeats
from streams.embedded.ports import free_port
from streams.metrics.days import DAY_MS, HOUR_MS, Days
from streams.offline import Input

HARSH = """
name = "harsh"
version = 2
[health]
yellow_from = 90.0
green_from = 96.0
hysteresis_points = 1.0
min_coverage = 0.1
"""
MILD = HARSH.replace("harsh", "mild").replace("90.0", "5.0").replace("96.0", "8.0")


@pytest.fixture
def zelo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", f"http://127.0.0.1:{free_port()}")
    return command_line(monkeypatch, capsys)


def events(tmp_path: Path, leaves: bool = True) -> str:
    """A customer that pays from January 2024 on, uses the product in its first days, and leaves in May."""
    subscription = {"type": "subscription_set", "subscription_id": "s", "amount_minor": 10_000, "currency": "EUR"}
    lines: list[dict[str, Any]] = [{**subscription, "occurred_at": "2024-01-01T00:00:00Z"}]
    lines += [
        {"type": "feature_used", "feature": f"f{day % 9}", "occurred_at": f"2024-01-{day:02}T10:00:00Z"}
        for day in range(1, 29)
    ]
    if leaves:
        lines.append({"type": "subscription_ended", "subscription_id": "s", "occurred_at": "2024-05-01T12:00:00Z"})
    lines.append({"type": "account_set", "name": "ACME [red]", "occurred_at": "2024-09-01T00:00:00Z"})
    path = tmp_path / "events.jsonl"
    rows = [{"event_id": str(n), "customer_id": "a", **line} for n, line in enumerate(lines)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def profile(tmp_path: Path, text: str) -> str:
    path = tmp_path / f"{text.splitlines()[1].split()[-1].strip(chr(34))}.toml"
    path.write_text(text)
    return str(path)


def arguments(tmp_path: Path, leaves: bool = True) -> tuple[str, ...]:
    present, changed = profile(tmp_path, MILD), profile(tmp_path, HARSH)
    return "backtest", changed, "--against", present, "--events", events(tmp_path, leaves)


def test_json_has_both_sides_and_what_moved(zelo: Zelo, tmp_path: Path) -> None:
    done = zelo(*arguments(tmp_path), "--json", "--until", "2024-04-30")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["until"], found["known"], found["customers"]) == ("2024-04-30", "2024-09-01", 1)
    assert (found["present"]["profile"], found["changed"]["profile"]) == ("mild@2", "harsh@2")
    assert found["changed"]["bands"]["2024-04-30"]["red"] == 1
    assert found["present"]["bands"]["2024-04-30"]["red"] == 0
    (moved,) = found["moved"]
    assert (moved["customer_id"], moved["present"]["band"], moved["changed"]["band"]) == ("a", "green", "red")
    assert moved["present"]["score"] == moved["changed"]["score"]
    assert {factor["moved"] for factor in moved["factors"]} == {0.0}
    assert found["present"]["churns"] == 0  # left on the day after the span
    (red,) = [one for one in found["changed"]["foresight"] if one["signal"] == "red"]
    assert red["recall"] is None
    assert red["precision"] is not None


def test_people_read_bands_customers_alerts_and_warnings(zelo: Zelo, tmp_path: Path) -> None:
    done = zelo(*arguments(tmp_path), "--lookback-days", "60")
    assert done.status == 0, done.err
    for words in (
        "mild@2 (present) and harsh@2 (changed)",
        "Customers by band, present > changed",
        "In another band on 2024-09-01",
        "same score, other bounds",
        "Alerts opened",
        # Red since January: on each of the 60 days before it left.
        "red harsh@2 1 100.0% (1 of 1) 60 (60-60)",
        "red mild@2 1 0.0% (0 of 1) –",
        "nothing was published or stored",
    ):
        assert words in done.out, words


def test_charts_are_written(zelo: Zelo, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "charts"
    assert zelo(*arguments(tmp_path), "--charts", str(folder)).status == 0
    assert sorted(path.name for path in folder.iterdir()) == ["bands.svg", "lead-red.svg"]
    (tmp_path / "file").write_text("")
    stopped = zelo(*arguments(tmp_path), "--charts", str(tmp_path / "file"))
    assert stopped.status == 2
    assert "--charts: expected a folder to write to" in stopped.err


def test_without_churn_the_figures_are_undefined_and_it_is_said(zelo: Zelo, tmp_path: Path) -> None:
    done = zelo(*arguments(tmp_path, leaves=False))
    assert done.status == 0
    assert "mild@2: nobody left in these days, so recall and lead time are undefined" in done.out
    assert "no warning began 90 days or more before the history ends, so precision is undefined" in done.out


def test_the_same_policies_twice_are_refused(zelo: Zelo, tmp_path: Path) -> None:
    renamed = profile(tmp_path, MILD.replace("mild", "other"))
    stopped = zelo("backtest", renamed, "--against", profile(tmp_path, MILD), "--events", events(tmp_path))
    assert stopped.status == 2
    assert "decides something otherwise than mild@2, got the same policies in other@2" in stopped.err


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the driver leaves the socket of a refused connection
def test_what_the_caller_can_mend_is_said_in_words(zelo: Zelo, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("no event\n")
    known = ("--events", events(tmp_path))
    harsh = profile(tmp_path, HARSH)
    for more, words in (
        (("--events", str(empty)), "found none (1 bad rows)"),
        (("--events", str(tmp_path / "none")), "found nothing at"),
        ((*known, "--since", "2024-05-01", "--until", "2024-04-01"), "expected --since up to --until"),
        ((*known, "--since", "2025-01-01"), "there are scores of no others"),
        ((*known, "--against", "nobody"), "got 'nobody'"),
        ((), "ClickHouse"),
    ):
        stopped = zelo("backtest", harsh, *more)
        assert stopped.status == 2, words
        assert words in stopped.err


def test_days_of_the_archive_end_when_events_have_passed_them_by_the_lateness() -> None:
    def stored(at: int) -> Stored:
        return Stored(Input("usage.v1", 0, b"a", str(at).encode()), at)

    times = [5 * DAY_MS + HOUR_MS, 6 * DAY_MS + HOUR_MS // 2, 6 * DAY_MS + 2 * HOUR_MS, 8 * DAY_MS]
    records = list(with_heartbeats(map(stored, times), 2, Days(), 3600.0))
    clock = CLOCK_CUSTOMER.encode()
    order = [record.value if record.key != clock else b"beat" for record in records]
    beats = [b"beat"] * 12  # six topics of two partitions
    event = [str(at).encode() for at in times]
    assert order == [*beats, *event[:2], *beats, event[2], *beats, event[3], *beats, *beats]
    assert list(with_heartbeats([], 2, Days(), 3600.0)) == []
