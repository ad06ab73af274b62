"""`zelo reconcile` recounts what views add up and divide, and names the figure of one that does so otherwise."""

from datetime import date, timedelta
from typing import Any

import pytest
from archive_rig import Put
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from dirty_company import START, company
from msgspec.structs import replace
from reconcile_rig import Reconcile
from sink_samples import RATE, record
from test_reconcile_views import VIEWS, changed

from schemas import registry
from streams.cli import reconcile as command
from streams.metrics.days import DAY_MS
from streams.reconcile import reconciler
from streams.reconcile.asking import Asking
from streams.reconcile.recount import Recount
from streams.reconcile.recounts import RECOUNTS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

#: A figure of each view that is one too many, by the recount that looks at it. Each is behind `AS` in its view.
ONE_MORE = {
    "monthly": "mrr_minor",
    "retention": "start_customers",
    "acquisition": "new_customers",
    "channels": "payments",
    "payback": "margin_to_date_minor",
    "targets": "churn_target",
    "leaving": "customers",
    "renewals": "terms_renewed",
    "currencies": "fx_minor",
    "bridge": "churn_minor",
    "beginnings": "days_known",
    "curves": "still_open",
    "activation": "activated",
    "onboarding": "onboarded",
    "nps": "responses",
    "nps_segments": "responses",
    "board": "falling",
    "resources": "views",
    "responses": "invitations",
}

#: Views with rows of each customer, which are compared some months at a time.
BY_CUSTOMER = ("--domain", "monthly", "--domain", "payback", "--domain", "beginnings")

#: What a company may have set for all who ask.
SET = {
    "aggregate_functions_null_for_empty": 1,
    "join_default_strictness": "ANY",
    "join_use_nulls": 1,
    "enable_global_with_statement": 0,
    "output_format_json_quote_64bit_floats": 1,
    "empty_result_for_aggregation_by_empty_set": 1,
    "prefer_column_name_to_alias": 1,
    "transform_null_in": 1,
}

TARGET = 'name = "aims"\nversion = 1\n[revenue]\nchurn_target = 0.02\ngross_margin = 0.8\n'


def test_a_view_that_divides_otherwise_is_found(
    client: Client, fill: Any, put: Put, reconcile: Reconcile, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "aims.toml"
    profile.write_text(TARGET)
    fill(company(1), profile=str(profile))
    for place, day in enumerate((3, 40)):
        said = replace(
            RATE, event_id=f"x{place}", occurred_at=START + day * DAY_MS + DAY_MS // 2, rate=0.2 + place / 100
        )
        put(record(registry.SPEND, said, key=b"_company", offset=place))
    views = {one.domain: one.table for one in RECOUNTS if one.is_view and one.domain not in VIEWS}
    assert views.keys() == ONE_MORE.keys()
    options = [part for name in views for part in ("--domain", name)]
    found = reconcile.json(*options, ZELO_PROFILE=str(profile))
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    assert [name for name, one in found.items() if not one["rows"] or one["not_recounted"]] == []
    for domain, figure in ONE_MORE.items():
        with changed(client, views[domain], f" AS {figure}", f" + 1 AS {figure}"):
            told = reconcile.json("--domain", domain, "--limit", "1", ZELO_PROFILE=str(profile))[domain]
        assert figure in told["differing"], domain
        definition = client.query(f"SELECT as_select FROM system.tables WHERE name = '{views[domain]}'").result_rows[0][
            0
        ]
        with changed(client, views[domain], definition, f"SELECT * FROM ({definition}) UNION ALL ({definition})"):
            told = reconcile.json("--domain", domain, "--limit", "1", ZELO_PROFILE=str(profile))[domain]
        assert told["differing"] == {"(row)": found[domain]["rows"]}, domain
        assert (told["shown"][0]["published"], told["shown"][0]["recounted"]) == ("2 rows", "a row"), domain
    with monkeypatch.context() as patch:
        patch.setattr(reconciler, "DAYS_A_TURN", 20)  # less than a month
        asked: list[timedelta] = []
        recounted = Asking.recounted

        def of_some_days(self: Asking, recount: Recount, parameters: Any) -> Any:
            asked.append(parameters["until"] - max(parameters["since"], date(2024, 1, 1)))
            return recounted(self, recount, parameters)

        patch.setattr(Asking, "recounted", of_some_days)
        turns = reconcile.json(*BY_CUSTOMER, ZELO_PROFILE=str(profile))
    assert len(asked) >= 3 * 4
    assert sorted(asked)[-10] < timedelta(days=20)  # but for the first, which reach back behind the first event
    assert turns == {name: one for name, one in found.items() if name in BY_CUSTOMER}
    later = reconcile("--domain", "nps", "--since", "2024-08-01", ZELO_PROFILE=str(profile))
    assert (later.status, "v_nps_rolling_90d" in later.out) == (0, False)


def test_rates_where_nobody_has_paid_yet_make_no_days(
    client: Client, fill: Any, put: Put, reconcile: Reconcile
) -> None:
    """There is no first movement to count days from then, and 1970 is none."""
    fill(company(1))
    said = replace(RATE, event_id="x", occurred_at=START + 7 * DAY_MS // 2)
    put(record(registry.SPEND, said, key=b"_company", offset=1))
    client.command("TRUNCATE TABLE mrr_movements")
    views = ("rates", "converted", "currencies", "bridge")
    found = reconcile.json(*(part for name in views for part in ("--domain", name)))
    assert {name: one["differing"] for name, one in found.items()} == {name: {} for name in views}
    assert [name for name in views if found[name]["rows"]] == ["rates"]


def test_without_temporary_tables_a_recount_is_one_statement(
    client: Client, fill: Any, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(company(1))
    asked: list[str] = []
    command = type(client).command

    def refused(self: Client, text: str, *arguments: Any, **options: Any) -> Any:
        if "TEMPORARY" not in text:
            return command(self, text, *arguments, **options)
        asked.append(text)
        raise DatabaseError("Not enough privileges")

    whole = reconcile.json("--domain", "movements", "--domain", "cohorts")
    with monkeypatch.context() as patch:
        patch.setattr(type(client), "command", refused)
        found = reconcile.json("--domain", "movements", "--domain", "cohorts")
    assert len(asked) == 1
    assert found == whole
    assert found["movements"]["rows"] > 50


def test_what_a_server_has_set_changes_nothing(
    fill: Any, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(company(1))
    made = command.connect

    def connected(*arguments: Any, **options: Any) -> Client:
        client = made(*arguments, **options)
        for name, value in SET.items():
            client.set_client_setting(name, value)
        return client

    monkeypatch.setattr(command, "connect", connected)
    names = ("health", "snapshots", "churn", "spend", "feedback", "responses", "economics", "activation", "payback")
    found = reconcile.json(*(part for name in names for part in ("--domain", name)))
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in names}
    assert min(one["rows"] for one in found.values()) > 2


def test_no_step_of_a_recount_keeps_what_events_say_word_for_word(client: Client) -> None:
    (said,) = [sql for one in RECOUNTS if one.domain == "responses" for name, sql in one.steps.tables if name == "said"]
    columns = dict(row[:2] for row in client.query(f"DESCRIBE ({said})").result_rows)
    assert columns.keys() >= {"survey", "invitation", "at_ms"}
    assert [name for name, kind in columns.items() if kind.startswith("Tuple")] == []


def test_the_recount_of_curves_keeps_no_square_of_a_cohort(client: Client) -> None:
    """A month of 20,000 customers, each after a time of its own: a square of them would be gigabytes."""
    (curves,) = [one.sql for one in RECOUNTS if one.domain == "curves"]
    began = (
        "(SELECT toString(number) AS customer_id, toDate('2024-01-01') AS month, toNullable(number / 7) "
        "AS days_to_activate, CAST(NULL, 'Nullable(Float64)') AS days_to_onboard, 9000. AS days_known "
        "FROM numbers(20000))"
    )
    (row,) = client.query(
        f"SELECT count(), max(at_risk), min(still_open), max(abs(still_open - (at_risk - 1) / 20000)) < 1e-12 "
        f"FROM ({curves.replace('v_beginnings', began)})",
        parameters={"since": date(2024, 1, 1), "until": date(2024, 1, 1)},
        settings={"max_memory_usage": 200_000_000},
    ).result_rows
    assert row == (20000, 20000, 0, True)
