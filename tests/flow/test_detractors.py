"""Several NPS answers of one customer in one day: every detractor is told once, however the records come."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from offline_rig import NOW, PARTITIONS, folded, interleaved, one_topic_after_the_other

from schemas import registry
from schemas.alerts import Alert
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import Record, prepare
from streams.offline import Offline

LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)
NOW_AT = datetime.fromtimestamp(NOW / 1000, UTC)
Answer = tuple[str, str, str, float, dict[str, Any]]

#: customer, response, respondent, hour of the day, and what was said
ANSWERS: tuple[Answer, ...] = (
    ("two", "r1", "ana", 9, {"score": 3}),
    ("two", "r2", "bia", 9.5, {"score": 2, "reason": "slow"}),
    ("mixed", "r3", "caio", 10, {"score": 4}),
    ("mixed", "r4", "rui", 11, {"score": 10}),
    ("completed", "r5", "dora", 12, {"score": 5}),
    ("completed", "r5", "dora", 13, {"score": 5, "reason": "dear"}),
    ("corrected", "r6", "eva", 14, {"score": 1}),
    ("corrected", "r6", "eva", 15, {"score": 9}),
    ("turned", "r7", "gil", 16, {"score": 0}),
    ("turned", "r8", "gil", 17, {"score": 9}),
    ("turned", "r9", "rui", 18, {"score": 8}),
)
DETRACTORS = {("two", "r1"), ("two", "r2"), ("mixed", "r3"), ("completed", "r5"), ("turned", "r7")}


def imported(folder: Path, answers: Sequence[Answer], day: datetime, days_after: int = 20) -> list[Record]:
    """The records of an import of the answers of a day, and of the quiet days after it."""
    events: list[dict[str, Any]] = [
        {
            "type": "survey_answered",
            "event_id": f"{response} {hour}",
            "customer_id": customer,
            "occurred_at": (day + timedelta(hours=hour)).isoformat(),
            "survey": "nps",
            "response_id": response,
            "respondent_id": respondent,
        }
        | said
        for customer, response, respondent, hour, said in answers
    ]
    for number in range(days_after + 1):
        at = (day + timedelta(days=number, hours=23)).isoformat()
        about = {"customer_id": "quiet", "occurred_at": at, "feature": "export"}
        events.append({"type": "feature_used", "event_id": f"u{number}", **about})
    file = folder / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)))
    return list(prepare(JsonLines(), file, PARTITIONS))


def alerts(offline: Offline) -> list[Alert]:
    return [msgspec.structs.replace(m, version=0) for m in offline.messages(registry.ALERTS) if m.rule == "detractor"]


def by_id(found: list[Alert]) -> list[Alert]:
    return sorted(found, key=lambda alert: alert.alert_id)


def opened(found: list[Alert]) -> list[tuple[str, Any]]:
    return sorted((a.customer_id, a.facts["response"]) for a in found if a.status == "opened")


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return imported(tmp_path, ANSWERS, LONG_AGO)


def test_every_detractor_of_a_replayed_day_is_told_once(records: list[Record]) -> None:
    found = alerts(folded(records))
    assert opened(found) == sorted(DETRACTORS)
    assert len({alert.alert_id for alert in found}) == len(found)
    endings = {alert.facts["response"]: alert.facts["ended"] for alert in found if alert.status == "resolved"}
    assert endings == {"r1": "expired", "r2": "expired", "r3": "expired", "r5": "expired", "r7": "answered_better"}
    assert [alert.status for alert in found if alert.status == "updated"] == []
    (completed,) = [a for a in found if (a.customer_id, a.status) == ("completed", "opened")]
    assert completed.facts["reason"] == "dear"


@pytest.mark.parametrize("flush_every", [1, 7, None])
def test_batches_interleavings_and_repetitions_change_no_alert(records: list[Record], flush_every: int | None) -> None:
    expected = by_id(alerts(folded(records)))
    for other in (records, interleaved(records, 4), one_topic_after_the_other(records, 2), [*records, *records]):
        assert by_id(alerts(folded(other, flush_every))) == expected


def test_an_answer_that_comes_days_late_is_told_though_a_newer_one_was(tmp_path: Path) -> None:
    records = imported(tmp_path, ANSWERS[:2], LONG_AGO)
    first = next(record for record in records if b"r1 9" in record.value)
    later = records.index(first) + len(records) // 3
    late = [record for record in records[:later] if record is not first] + [first] + records[later:]
    found = alerts(folded(late))
    assert opened(found) == [("two", "r1"), ("two", "r2")]
    days = {alert.facts["response"]: alert.at for alert in found if alert.status == "opened"}
    assert days["r1"] > days["r2"]


@pytest.mark.parametrize("flush_every", [1, None])
def test_live_scores_lose_none_however_seldom_they_are_published(tmp_path: Path, flush_every: int | None) -> None:
    """A flush at the end is the worst of all conflations: one score speaks for all answers."""
    yesterday = NOW_AT.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    end = int((yesterday + timedelta(days=1)).timestamp()) * 1000
    some = [answer for answer in ANSWERS if answer[0] in ("two", "mixed", "turned")]
    still_open = [record for record in imported(tmp_path, some, yesterday, 0) if record.timestamp_ms < end]
    offline = folded(still_open, flush_every)
    assert end not in {score.as_of for score in offline.messages(registry.HEALTH)}
    found = alerts(offline)
    assert opened(found) == [("mixed", "r3"), ("turned", "r7"), ("two", "r1"), ("two", "r2")]
    assert {a.facts["response"]: a.facts["ended"] for a in found if a.status == "resolved"} == {"r7": "answered_better"}
