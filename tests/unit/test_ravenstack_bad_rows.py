"""Rows no event can be made of: told with file, line, field and reason; the rest goes on."""

from pathlib import Path

import pytest
from ravenstack_files import CLEAN, Cells, read_files

from streams.errors import ConfigurationError
from streams.intake.importer import collect
from streams.intake.ravenstack import Ravenstack


@pytest.mark.parametrize(
    "table, cells, field, reason",
    [
        (
            "accounts",
            {"signup_date": "01-13-2024"},
            "signup_date",
            "expected a date dd-mm-yyyy, got '01-13-2024'",
        ),
        ("accounts", {"account_id": ""}, "account_id", "expected a value, got none"),
        ("accounts", {"country": "Brazil"}, "country", "Expected `str` matching regex"),
        ("accounts", {"signup_date": "13-01-1024"}, "occurred_at", "Expected `int` >= 946684800000"),
        ("subscriptions", {"mrr_amount": "-5"}, "mrr_amount", "expected an amount"),
        (
            "subscriptions",
            {"billing_frequency": "weekly"},
            "billing_frequency",
            "expected monthly, annual, got 'weekly'",
        ),
        ("feature_usage", {"usage_count": "0"}, "usage_count", "expected at least 1, got 0"),
        (
            "feature_usage",
            {"subscription_id": "S-9"},
            "subscription_id",
            "expected a known subscription, got 'S-9'",
        ),
        (
            "support_tickets",
            {"priority": "asap"},
            "priority",
            "expected low, medium, high, urgent, got 'asap'",
        ),
        ("support_tickets", {"satisfaction_score": "6"}, "score", "expected a score from 1 to 5, got 6"),
        ("support_tickets", {"closed_at": "21-01-2024"}, "closed_at", "expected dd-mm-yyyy HH:MM"),
        (
            "churn_events",
            {"is_reactivation": "maybe"},
            "is_reactivation",
            "expected TRUE or FALSE, got 'MAYBE'",
        ),
    ],
)
def test_a_row_no_event_can_be_made_of_is_bad_and_gives_none(
    tmp_path: Path, table: str, cells: Cells, field: str, reason: str
) -> None:
    events, report = read_files(tmp_path, None, **{table: cells})
    bad = report.first_bad_rows[0]
    assert (bad.file, bad.line, bad.field) == (f"ravenstack_{table}.csv", 2, field)
    assert reason in bad.reason
    first_id = CLEAN[table].split(",")[0]
    assert not any(event.event_id.split(":")[0] == first_id for event in events)


def test_a_missing_file_stops_the_import_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected the file ravenstack_accounts\.csv"):
        collect(Ravenstack(), tmp_path)
