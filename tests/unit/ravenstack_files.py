"""Small RavenStack files for tests: one clean row per table, with changes."""

import csv
from pathlib import Path

from schemas.envelope import Event
from streams.intake.importer import ImportReport, collect
from streams.intake.ravenstack import Ravenstack

Cells = dict[str, str]

TABLES = {
    "accounts": "account_id account_name industry country signup_date plan_tier seats is_trial churn_flag",
    "subscriptions": "subscription_id account_id start_date end_date plan_tier seats mrr_amount arr_amount "
    "is_trial upgrade_flag downgrade_flag churn_flag billing_frequency auto_renew_flag",
    "feature_usage": "usage_id subscription_id usage_date feature_name usage_count usage_duration_secs error_count",
    "support_tickets": "ticket_id account_id submitted_at closed_at resolution_time_hours priority "
    "first_response_time_minutes satisfaction_score escalation_flag",
    "churn_events": "churn_event_id account_id churn_date reason_code refund_amount_usd is_reactivation feedback_text",
}
CLEAN = {
    "accounts": "A-1,Acme,EdTech,US,13-01-2024,Pro,10,FALSE,FALSE",
    "subscriptions": "S-1,A-1,15-01-2024,,Pro,10,490,5880,FALSE,FALSE,FALSE,FALSE,monthly,TRUE",
    "feature_usage": "U-1,S-1,20-01-2024,feature_1,3,120,0",
    "support_tickets": "T-1,A-1,21-01-2024,21-01-2024 05:00,5,high,30,4,FALSE",
    "churn_events": "C-1,A-1,14-01-2024,pricing,0,FALSE,too expensive",
}


def read_files(
    directory: Path, more: dict[str, list[Cells]] | None = None, **changes: Cells
) -> tuple[list[Event], ImportReport]:
    """Events (without generated ones) and report of clean tables with changed cells and added rows."""
    for table, header in TABLES.items():
        columns = header.split()
        clean = dict(zip(columns, CLEAN[table].split(","), strict=True))
        first = clean | changes.get(table, {})
        with (directory / f"ravenstack_{table}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows([first, *(clean | cells for cells in (more or {}).get(table, []))])
    produced, report = collect(Ravenstack(), directory)
    return [item.event for item in produced if item.event.source == "ravenstack"], report
