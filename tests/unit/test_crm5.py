"""crm5: what its files say as events, in time order; dirt by rule; bad rows with file, line and field."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from crm5_files import ONE_ACCOUNT, ONE_PERIOD, read, write

from schemas.events import AccountSet, SubscriptionEnded, SubscriptionSet
from schemas.usage_events import FeatureUsed
from streams.errors import ConfigurationError
from streams.intake.crm5 import Crm5
from streams.intake.crm5.facts import END_AT, START_AT, USAGE_AT
from streams.intake.importer import ImportReport
from streams.metrics.days import DAY_MS, from_date

LATE = ONE_PERIOD + "7,basic_mthly,2022-03-01,2022-04-01,200.0,10,users,1,0.0\n"


def at(month: int, day: int, time: int) -> int:
    return from_date(date(2022, month, day)) * DAY_MS + time


def hits(report: ImportReport) -> dict[str, int]:
    return {name: rule.count for name, rule in report.rules.items() if rule.count}


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_period_says_price_seats_term_and_what_was_paid_without_the_discount(tmp_path: Path) -> None:
    periods = "7,basic_annual,2022-01-15,2023-01-15,90.0,10,users,12,0.5\n"
    events, _ = read(write(tmp_path, periods=periods))
    (account,), (terms,) = of(events, AccountSet), of(events, SubscriptionSet)
    assert (account.customer_id, account.segment, account.country, account.seats) == ("7", "web", None, None)
    assert (terms.amount_minor, terms.interval, terms.interval_count) == (9_000 * 12, "month", 12)
    assert (terms.list_amount_minor, terms.seats, terms.currency, terms.auto_renews) == (18_000 * 12, 10, "USD", None)
    assert terms.term_ends_at == from_date(date(2023, 1, 15)) * DAY_MS + START_AT
    assert terms.occurred_at == at(1, 15, START_AT)


def test_an_add_on_is_a_subscription_of_its_own_without_seats_or_discount(tmp_path: Path) -> None:
    added = "7,meetings,2022-01-15,2022-02-15,300.0,5000,schedule_meeting,1,0.1\n"
    events, _ = read(write(tmp_path, periods=ONE_PERIOD + added))
    plan, addon = of(events, SubscriptionSet)
    assert (plan.subscription_id, addon.subscription_id) == ("7:users", "7:schedule_meeting")
    assert (addon.amount_minor, addon.list_amount_minor, addon.seats) == (30_000, None, 0)


def test_a_renewal_sets_the_terms_again_and_ends_nothing(tmp_path: Path) -> None:
    renewed = ONE_PERIOD + "7,premier_mthly,2022-02-15,2022-03-15,2000.0,100,users,1,0.0\n"
    events, report = read(write(tmp_path, periods=renewed))
    assert [event.plan for event in of(events, SubscriptionSet)] == ["basic_mthly", "premier_mthly"]
    assert (of(events, SubscriptionEnded), hits(report)) == ([], {})


def test_a_gap_ends_the_subscription_in_between(tmp_path: Path) -> None:
    events, report = read(write(tmp_path, periods=LATE))
    (ended,) = of(events, SubscriptionEnded)
    assert (ended.occurred_at, ended.subscription_id) == (at(2, 15, END_AT), "7:users")
    assert hits(report) == {"subscription_interrupted": 1}


@pytest.mark.parametrize(
    "left,ended,rules",
    [
        ("2022-02-15", (2, 15), {}),
        ("2022-02-01", (2, 1), {"churn_inside_a_period": 1}),
        ("2022-03-01", (2, 15), {"subscription_ends_before_churn": 1}),
    ],
)
def test_who_leaves_ends_every_subscription(
    tmp_path: Path, left: str, ended: tuple[int, int], rules: dict[str, int]
) -> None:
    events, report = read(write(tmp_path, accounts=ONE_ACCOUNT.replace(",,", f",{left},")))
    (end,) = of(events, SubscriptionEnded)
    assert (end.occurred_at, hits(report)) == (at(*ended, END_AT), rules)


def test_daily_counts_are_one_event_for_each_feature_and_name_numbered_users_in_turn(tmp_path: Path) -> None:
    counts = [
        (7, "2022-01-15", "active_users", 2),
        (7, "2022-01-15", "search", 5),
        (7, "2022-01-15", "add_lead", 1),
        (7, "2022-01-15", "quote", 3),
    ]
    events, report = read(write(tmp_path, counts))
    uses = of(events, FeatureUsed)
    assert [(use.feature, use.quantity, use.user_id) for use in uses] == [
        ("add_lead", 1, "user-1"),
        ("quote", 3, "user-2"),
        ("search", 5, "user-1"),
    ]
    assert {use.occurred_at for use in uses} == {at(1, 15, USAGE_AT)}
    assert hits(report) == {"users_numbered": 1}
    assert report.rows["daily_counts.parquet"] == 4


def test_users_come_in_turn_over_the_days_so_that_a_month_names_the_busiest_days_count(tmp_path: Path) -> None:
    days = [f"2022-01-{day:02d}" for day in range(15, 21)]
    counts = [row for day in days for row in ((7, day, "active_users", 4), (7, day, "search", 1))]
    events, _ = read(write(tmp_path, counts, periods=LATE))
    assert [use.user_id for use in of(events, FeatureUsed)] == [f"user-{n}" for n in (1, 2, 3, 4, 1, 2)]


def test_active_users_without_counts_are_one_use_each_and_counts_without_users_name_nobody(tmp_path: Path) -> None:
    counts = [(7, "2022-01-15", "active_users", 3), (7, "2022-01-16", "search", 2)]
    events, report = read(write(tmp_path, counts, periods=LATE))
    assert [(use.feature, use.quantity, use.user_id) for use in of(events, FeatureUsed)] == [
        (None, 3, "user-1"),
        ("search", 2, None),
    ]
    assert hits(report)["active_without_counts"] == 1


def test_what_was_used_after_the_tables_end_is_left_out(tmp_path: Path) -> None:
    counts = [(7, "2022-03-01", "search", 2), (7, "2022-03-02", "search", 2)]
    events, report = read(write(tmp_path, counts, periods=LATE))
    assert [use.occurred_at for use in of(events, FeatureUsed)] == [at(3, 1, USAGE_AT)]
    assert hits(report)["usage_after_the_end"] == 1


def test_customers_without_an_account_are_sent_without_a_profile(tmp_path: Path) -> None:
    periods = LATE + ONE_PERIOD.replace("7,", "8,", 1)
    events, report = read(write(tmp_path, [(9, "2022-01-20", "search", 2)] * 2, periods=periods))
    assert {event.customer_id for event in events} == {"7", "8", "9"}
    assert {event.customer_id for event in of(events, AccountSet)} == {"7"}
    assert [example.detail for example in report.rules["customer_without_account"].examples] == ["8", "9"]


def test_events_come_in_the_order_of_time_over_all_files_and_months(tmp_path: Path) -> None:
    accounts = ONE_ACCOUNT + "8,web,WA,2022-02-20,2022-03-20,18\n"
    periods = LATE + "8,basic_mthly,2022-02-20,2022-03-20,200.0,10,users,1,0.0\n"
    counts = [(who, f"2022-{month:02d}-{day:02d}", "search", 1) for month, day, who in _DAYS]
    events, report = read(write(tmp_path, counts, accounts, periods))
    times = [event.occurred_at for event in events]
    assert times == sorted(times)
    assert len(of(events, FeatureUsed)) == len(counts)
    assert report.event_count == len(events)


_DAYS = [(3, 15, 8), (1, 31, 7), (2, 1, 7), (2, 28, 8), (3, 1, 7), (1, 15, 7)]


def test_a_period_within_another_does_not_end_the_subscription_early(tmp_path: Path) -> None:
    within = "7,basic_mthly,2022-01-20,2022-01-25,180.0,10,users,1,0.1\n"
    events, report = read(
        write(tmp_path, accounts=ONE_ACCOUNT.replace(",,", ",2022-02-15,"), periods=ONE_PERIOD + within)
    )
    (ended,) = of(events, SubscriptionEnded)
    assert (ended.occurred_at, hits(report)) == (at(2, 15, END_AT), {})
    (tmp_path / "daily_counts.parquet").unlink()
    renewed = within + "7,basic_mthly,2022-02-15,2022-03-15,180.0,10,users,1,0.1\n"
    events, report = read(write(tmp_path, periods=ONE_PERIOD + renewed))
    assert (of(events, SubscriptionEnded), hits(report)) == ([], {})


def test_a_share_takes_the_same_customers_every_time_and_a_smaller_one_some_of_them(tmp_path: Path) -> None:
    accounts = "".join(f"{n},web,WA,2022-01-15,,18\n" for n in range(200))
    periods = "".join(f"{n},basic_mthly,2022-01-15,2022-02-15,200.0,10,users,1,0.0\n" for n in range(200))
    directory = write(tmp_path, [(n, "2022-01-15", "search", 1) for n in range(200)], accounts, periods)

    def chosen(share: float) -> set[str]:
        events, report = read(directory, share)
        assert {e.customer_id for e in of(events, AccountSet)} == {e.customer_id for e in of(events, FeatureUsed)}
        assert report.rows["accounts.csv"] == 200
        return {event.customer_id for event in events}

    half, tenth = chosen(0.5), chosen(0.1)
    assert chosen(0.5) == half > tenth
    assert 80 <= len(half) <= 120
    assert 8 <= len(tenth) <= 35


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ConfigurationError, match="share of the customers above 0 and at most 1"):
        Crm5(share)


@pytest.mark.parametrize(
    "cells,field,reason",
    [
        ((None, "2022-01-15", "search", 1), "account_id", "expected an account, got none"),
        ((7, None, "search", 1), "day", "expected a date, got none"),
        ((7, "2022-01-15", None, 1), "event", "expected a name, got none"),
        ((7, "2022-01-15", "", 1), "event", "expected a name, got none"),
        ((7, "2022-01-15", "search", None), "n", "expected a whole number of at least 1, got none"),
        ((7, "2022-01-15", "search", 0), "n", "expected a whole number of at least 1, got 0"),
        ((7, "2022-01-15", "search", -4), "n", "expected a whole number of at least 1, got -4"),
        ((7, "2022-01-15", "search", 2 * 10**9), "quantity", "Expected `int` <= 1000000000"),
        ((7, "2022-01-15", "x" * 201, 1), "event_id", "Expected `str` of length <= 200"),
    ],
)
def test_a_count_no_event_can_be_made_of_is_bad(tmp_path: Path, cells: Any, field: str, reason: str) -> None:
    events, report = read(write(tmp_path, [(7, "2022-01-15", "add_lead", 1), cells]))
    (bad,) = report.first_bad_rows
    assert (bad.file, bad.line, bad.field, bad.reason) == ("daily_counts.parquet", 2, field, reason)
    assert len(of(events, FeatureUsed)) == 1


@pytest.mark.parametrize(
    "accounts,periods,file,field,reason",
    [
        ("7,web,WA,15-01-2022,,18\n", ONE_PERIOD, "accounts.csv", "start", "expected a date yyyy-mm-dd"),
        ("7,web,WA,2022-02-30,,18\n", ONE_PERIOD, "accounts.csv", "start", "expected a date yyyy-mm-dd"),
        (",web,WA,2022-01-15,,18\n", ONE_PERIOD, "accounts.csv", "account_id", "expected a value, got none"),
        ("7,web,WA,1022-01-15,,18\n", ONE_PERIOD, "accounts.csv", "occurred_at", "Expected `int` >= 946684800000"),
        (ONE_ACCOUNT, ONE_PERIOD.replace("2022-02-15", "2022-01-15"), "subscriptions.csv", "end", "after start"),
        (ONE_ACCOUNT, ONE_PERIOD.replace("180.0", "-1"), "subscriptions.csv", "mrr", "expected an amount"),
        (ONE_ACCOUNT, ONE_PERIOD.replace(",1,0.1", ",0,0.1"), "subscriptions.csv", "bill_period", "at least 1"),
        (ONE_ACCOUNT, ONE_PERIOD.replace("0.1\n", "a lot\n"), "subscriptions.csv", "discount", "a share like 0.25"),
        (ONE_ACCOUNT, ONE_PERIOD.replace("0.1\n", "1\n"), "subscriptions.csv", "discount", "from 0 to under 1, got"),
        (ONE_ACCOUNT, ONE_PERIOD.replace("0.1\n", "nan\n"), "subscriptions.csv", "discount", "expected a share"),
    ],
)
def test_a_row_no_event_can_be_made_of_is_bad(
    tmp_path: Path, accounts: str, periods: str, file: str, field: str, reason: str
) -> None:
    _, report = read(write(tmp_path, accounts=accounts, periods=periods))
    bad = next(row for row in report.first_bad_rows if row.file == file)
    assert (bad.line, bad.field) == (2, field)
    assert reason in bad.reason


def test_a_line_that_is_no_row_is_bad_and_the_rest_is_read(tmp_path: Path) -> None:
    events, report = read(write(tmp_path, accounts="1,2\n" + ONE_ACCOUNT))
    assert report.bad_rows == {"accounts.csv": 1}
    assert len(of(events, AccountSet)) == 1


def test_empty_tables_give_nothing(tmp_path: Path) -> None:
    events, report = read(write(tmp_path, accounts="", periods=""))
    assert (events, report.bad_row_count) == ([], 0)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected the file daily_counts\.parquet in"):
        read(tmp_path)


def test_a_file_that_is_no_parquet_or_lacks_a_column_is_told(tmp_path: Path) -> None:
    wanted = r"expected Parquet with the columns account_id, day, event, n in daily_counts\.parquet"
    with pytest.raises(ConfigurationError, match=wanted):
        read(write(tmp_path, [(7, "2022-01-15", "search", 1)], columns="account_id, day, event"))
    (tmp_path / "daily_counts.parquet").write_bytes(b"not this")
    with pytest.raises(ConfigurationError, match=wanted):
        read(tmp_path)


def test_without_chdb_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr("streams.intake.crm5.daily.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'zelo\[embedded\]'"):
        read(tmp_path)


def test_counts_that_are_no_whole_number_are_bad_rows_and_no_failed_import(tmp_path: Path) -> None:
    counts = [(7, "2022-01-15", f"f{number}", number) for number in range(1, 6)]
    odd = "if(n = 1, 1., if(n = 2, nan, if(n = 3, inf, if(n = 4, 2.5, 1e300))))"
    events, report = read(write(tmp_path, counts, columns=f"account_id, day, event, {odd} AS n"))
    assert [use.quantity for use in of(events, FeatureUsed)] == [1]
    assert [
        row.reason.removeprefix("expected a whole number of at least 1, got ") for row in report.first_bad_rows
    ] == [
        "nan",
        "inf",
        "2.5",
        "1e300",
    ]


@pytest.mark.parametrize("name", ["crm{1,2}", "crm*", "crm?", "a::b"])
def test_a_folder_whose_name_would_be_a_pattern_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "daily_counts.parquet").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"expected a directory without \* \? \{ \} or :: in its path, got "):
        read(tmp_path / name)


def test_a_folder_whose_name_has_quotes_is_read(tmp_path: Path) -> None:
    directory = tmp_path / "it's"
    directory.mkdir()
    write(tmp_path)
    for file in tmp_path.glob("*.*"):
        file.rename(directory / file.name)
    assert len(read(directory)[0]) == 2
