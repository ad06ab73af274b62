"""What the importer finds in the shipped RavenStack files, against a golden file and an independent recount.

Rewrite the golden file after a change that is meant, from the top of the repository:
`python -m tests.golden.test_ravenstack_golden --rewrite`.
"""

import csv
import hashlib
import json
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.codec import EventDecoder
from schemas.envelope import LATEST_MS, Event
from schemas.registry import INPUT_TOPICS
from streams.intake.generated_nps import GENERATED
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import PreparedImport, prepare
from streams.intake.ravenstack import ravenstack_events

GOLDEN = Path(__file__).with_name("ravenstack_report.json")
DEMO = Path(__file__).parents[2] / "demo" / "ravenstack"
PARTITIONS = 4


@pytest.fixture(scope="module")
def prepared() -> PreparedImport:
    return ravenstack_events(DEMO, PARTITIONS)


@pytest.fixture(scope="module")
def seen(prepared: PreparedImport) -> dict[str, Any]:
    return picture(prepared)


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return loaded


def picture(prepared: PreparedImport) -> dict[str, Any]:
    """Everything the golden file holds."""
    digest = hashlib.sha256()
    ends: dict[str, dict[str, Any]] = {}
    for record in prepared:
        digest.update(b"%s %d %s %s %d\n" % (record.topic.encode(), *record[1:]))
    for record in prepared.events:
        event = json.loads(record.value)
        ends.setdefault(record.topic, {"first": event})["last"] = event
    return {
        "report": json.loads(msgspec.json.encode(prepared.report)),
        "records_with_heartbeats": len(prepared),
        "sha256_of_records": digest.hexdigest(),
        "first_and_last_event": dict(sorted(ends.items())),
    }


def test_report_is_the_golden_one(seen: dict[str, Any], golden: dict[str, Any]) -> None:
    assert seen["report"] == golden["report"]


def test_first_and_last_event_of_each_topic_are_the_golden_ones(seen: dict[str, Any], golden: dict[str, Any]) -> None:
    assert seen["first_and_last_event"] == golden["first_and_last_event"]


def test_the_record_sequence_is_the_golden_one_to_the_byte(seen: dict[str, Any], golden: dict[str, Any]) -> None:
    assert seen["records_with_heartbeats"] == golden["records_with_heartbeats"]
    assert seen["sha256_of_records"] == golden["sha256_of_records"]


def test_every_record_passes_the_decoder_of_its_topic(prepared: PreparedImport) -> None:
    decoders: dict[str, EventDecoder[Event]] = {t.name: EventDecoder(t.message) for t in INPUT_TOPICS}
    for record in prepared:
        decoders[record.topic](record.key, record.value, (), LATEST_MS)


def test_every_row_became_events_or_is_a_bad_row(prepared: PreparedImport) -> None:
    report = prepared.report
    events = {kind: count for kinds in report.events.values() for kind, count in kinds.items()}
    leading = {
        "accounts": events["account_set"],
        "subscriptions": events["subscription_set"],
        "feature_usage": events["feature_used"],
        "support_tickets": events["ticket_opened"],
        "churn_events": events["cancellation_reported"],
    }
    for table, count in leading.items():
        file = f"ravenstack_{table}.csv"
        assert count + report.bad_rows.get(file, 0) == report.rows[file], table


def test_generated_answers_are_all_that_is_not_in_the_files(prepared: PreparedImport) -> None:
    sources = Counter(json.loads(record.value)["source"] for record in prepared.events)
    assert sources == {
        "ravenstack": prepared.report.event_count - prepared.report.rules["nps_generated"].count,
        GENERATED: prepared.report.rules["nps_generated"].count,
    }


def test_the_records_written_to_a_file_and_imported_again_are_the_same(
    prepared: PreparedImport, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"".join(record.value + b"\n" for record in prepared))
    again = prepare(JsonLines(), file, PARTITIONS)
    assert again.events == prepared.events
    assert again.report.rules["heartbeat_left_out"].count == len(prepared) - len(prepared.events)


def test_counts_agree_with_an_independent_recount(prepared: PreparedImport) -> None:
    counts = {name: rule.count for name, rule in prepared.report.rules.items()}
    for name, expected in Recount().rules().items():
        assert counts[name] == expected, name


def test_mrr_of_the_events_is_the_mrr_of_the_file(prepared: PreparedImport) -> None:
    cents = 0
    for record in prepared.events:
        event = json.loads(record.value)
        if event["type"] == "subscription_set":
            cents += event["amount_minor"] // {"month": 1, "year": 12}[event["interval"]]
    assert cents == 100 * sum(int(row["mrr_amount"]) for row in table("subscriptions"))


def table(name: str) -> list[dict[str, str]]:
    with (DEMO / f"ravenstack_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def date(text: str) -> datetime:
    return datetime.strptime(text, "%d-%m-%Y")  # noqa: DTZ007 - compared with its like only


class Recount:
    """The same questions asked of the files in the plainest way."""

    def __init__(self) -> None:
        self.accounts = {row["account_id"]: row for row in table("accounts")}
        self.subscriptions = {row["subscription_id"]: row for row in table("subscriptions")}
        self.usage = [row for row in table("feature_usage") if row["usage_count"] != "0"]
        self.terms_of: dict[str, list[dict[str, str]]] = {}
        for row in self.subscriptions.values():
            self.terms_of.setdefault(row["account_id"], []).append(row)
        self.tickets = table("support_tickets")
        self.churn = table("churn_events")

    def rules(self) -> dict[str, int]:
        return {
            **self._about_accounts(),
            **self._about_terms(),
            **self._about_usage(),
            **self._about_tickets(),
        } | (self._about_churn())

    def _about_accounts(self) -> dict[str, int]:
        cancelled = {row["account_id"] for row in self.churn}
        rows = self.accounts.values()
        return {
            "country_uk_is_gb": sum(row["country"] == "UK" for row in rows),
            "account_says_kept_but_cancelled": sum(
                row["churn_flag"] == "FALSE" and row["account_id"] in cancelled for row in rows
            ),
            "account_says_churned_but_pays": sum(
                row["churn_flag"] == "TRUE" and self.pays(row["account_id"], "31-12-2024") for row in rows
            ),
        }

    def _about_terms(self) -> dict[str, int]:
        rows = self.subscriptions.values()
        return {
            "subscription_without_end": sum(not row["end_date"] for row in rows),
            "subscription_ends_on_its_first_day": sum(row["end_date"] == row["start_date"] for row in rows),
            "annual_price_is_not_twelve_months": sum(
                float(row["arr_amount"]) != 12 * float(row["mrr_amount"]) for row in rows
            ),
            "plan_change_without_terms": sum("TRUE" in (row["upgrade_flag"], row["downgrade_flag"]) for row in rows),
            "subscription_flag_contradicts_end": sum(
                (row["churn_flag"] == "TRUE") != bool(row["end_date"]) for row in rows
            ),
        }

    def _about_usage(self) -> dict[str, int]:
        terms = [self.subscriptions[row["subscription_id"]] for row in self.usage]
        days = [date(row["usage_date"]) for row in self.usage]
        pairs = list(zip(days, terms, strict=True))
        return {
            "id_reused": len(self.usage) - len({row["usage_id"] for row in self.usage}),
            "row_repeated": 0,
            "usage_before_subscription": sum(day < date(term["start_date"]) for day, term in pairs),
            "usage_after_subscription": sum(
                bool(term["end_date"]) and day > date(term["end_date"]) for day, term in pairs
            ),
            "usage_before_signup": sum(
                day < date(self.accounts[term["account_id"]]["signup_date"]) for day, term in pairs
            ),
        }

    def _about_tickets(self) -> dict[str, int]:
        opened = [date(row["submitted_at"]) for row in self.tickets]
        closed = [
            datetime.strptime(row["closed_at"], "%d-%m-%Y %H:%M")  # noqa: DTZ007 - compared with its like only
            for row in self.tickets
        ]
        replied = [
            at + timedelta(minutes=int(row["first_response_time_minutes"]))
            for at, row in zip(opened, self.tickets, strict=True)
        ]
        return {
            "ticket_closed_before_opened": sum(end < start for start, end in zip(opened, closed, strict=True)),
            "ticket_reply_after_close": sum(reply > end for reply, end in zip(replied, closed, strict=True)),
            "ticket_without_score": sum(not row["satisfaction_score"] for row in self.tickets),
            "ticket_escalated_at_no_time": sum(row["escalation_flag"] == "TRUE" for row in self.tickets),
            "ticket_before_signup": sum(
                at < date(self.accounts[row["account_id"]]["signup_date"])
                for at, row in zip(opened, self.tickets, strict=True)
            ),
        }

    def _about_churn(self) -> dict[str, int]:
        ends = Counter((row["account_id"], row["end_date"]) for row in self.subscriptions.values() if row["end_date"])
        reasons = {(row["account_id"], row["churn_date"]): row["reason_code"] for row in reversed(self.churn)}
        known = sum(count for end, count in ends.items() if reasons.get(end, "unknown") != "unknown")
        return {
            "cancellation_of_paying_customer": sum(
                self.pays(row["account_id"], row["churn_date"]) for row in self.churn
            ),
            "cancellation_before_subscription": sum(
                all(date(term["start_date"]) > date(row["churn_date"]) for term in self.terms_of[row["account_id"]])
                for row in self.churn
            ),
            "cancellation_called_reactivation": sum(row["is_reactivation"] == "TRUE" for row in self.churn),
            "cancellation_reason_unknown": sum(row["reason_code"] == "unknown" for row in self.churn),
            "subscription_end_without_reason": sum(ends.values()) - known,
        }

    def pays(self, account_id: str, day: str) -> bool:
        return any(
            row["is_trial"] == "FALSE"
            and date(row["start_date"]) <= date(day)
            and (not row["end_date"] or date(day) < date(row["end_date"]))
            for row in self.terms_of[account_id]
        )


if __name__ == "__main__" and "--rewrite" in sys.argv:
    content = json.dumps(picture(ravenstack_events(DEMO, PARTITIONS)), indent=2, ensure_ascii=False)
    GOLDEN.write_text(content + "\n", encoding="utf-8")
