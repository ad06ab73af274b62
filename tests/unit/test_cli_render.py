"""The board in words and as JSON, whatever is missing from it."""

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from streams.cli.board import Board
from streams.cli.render import print_board
from streams.intake.importer import ImportReport, RuleCount

JSON_KEYS = [
    "events",
    "customers",
    "bands",
    "nps",
    "mrr_minor",
    "movements",
    "churn",
    "alerts",
    "slack_messages",
    "clickhouse_rows",
    "seconds",
]
QUALITY: dict[str, Any] = {
    "observations": 21_315,
    "labelled": 19_346,
    "positives": 23,
    "customers_churned": 8,
    "roc_auc": 0.8486,
    "log_loss": 0.00928,
    "log_loss_constant": 0.0094,
    "mean_predicted": 0.003,
    "mean_observed": 0.0012,
    "is_prior": True,
    "model_version": 209,
}
WORST: dict[str, Any] = {
    "customer_id": "A-1",
    "name": "Acme",
    "score": 41.96,
    "band": "red",
    "missed": [("support", 4.0), ("engagement", 23.5), ("billing", 10.8)],
}
FALLING: dict[str, Any] = {
    "customer_id": "A-2",
    "name": "Bolt",
    "score": 50.0,
    "score_before": 70.5,
    "change": -20.5,
    "band": "yellow",
    "changes": [("support", 1.0), ("engagement", -15.25), ("trend", -6.25)],
}
RISK: dict[str, Any] = {
    "customer_id": "A-3",
    "name": "Core",
    "probability": 0.1234,
    "raising": [{"code": "usage_silent", "odds_ratio": 1.402, "values": {"days_since_last_use": 17.0}}],
    "currency": "USD",
}
EMPTY = Board(
    as_of=None,
    events={"read": 0, "applied": 0, "duplicate": 0, "late": 0, "dead": 0},
    customers=0,
    bands={},
    worst=[],
    falling=[],
    nps={"nps": None, "answers": 0, "generated_customers": 0},
    mrr_minor=0,
    currency=None,
    movements={},
    risks=[],
    quality={},
    alerts={},
    slack=[],
    slack_messages=0,
    rows={},
)
FULL = Board(
    as_of="2024-12-31",
    events={"read": 48_118, "applied": 48_000, "duplicate": 100, "late": 10, "dead": 8},
    customers=500,
    bands={"green": 120, "red": 20, "unknown": 1, "yellow": 359},
    worst=[WORST],
    falling=[FALLING],
    nps={"nps": 12.5, "promoters": 30, "passives": 30, "detractors": 20, "answers": 80, "generated_customers": 78},
    mrr_minor=1_134_567,
    currency="USD",
    movements={"churn": {"count": 3, "amount_minor": -9_900}, "new": {"count": 5, "amount_minor": 120_000}},
    risks=[RISK],
    quality=QUALITY,
    alerts={"detractor": 4, "health_red": 7},
    slack=[
        {"rule": "health_red", "customer_id": "A-1", "text": "Acme: health fell to red.", "at": "2024-12-31 00:00:00"}
    ],
    slack_messages=9,
    rows={"alerts": 15, "events": 39_334},
)
NO_REPORT = ImportReport(rows={}, events={}, bad_rows={}, first_bad_rows=(), rules={})
REPORT = ImportReport(
    rows={"a.csv": 10},
    events={},
    bad_rows={"a.csv": 2},
    first_bad_rows=(),
    rules={"id_reused": RuleCount(21), "row_repeated": RuleCount(0)},
)


def said(board: Board, report: ImportReport = NO_REPORT) -> str:
    """What is printed, with all white space made single."""
    console = Console(file=StringIO(), width=200)
    print_board(console, board, report, seconds=93.4)
    assert isinstance(console.file, StringIO)
    return " ".join(console.file.getvalue().split())


def test_a_full_board_says_everything() -> None:
    text = said(FULL, REPORT)
    for expected in (
        "Health at the end of 2024-12-31, 500 customers",
        "green 120 red 20 unknown 1 yellow 359",
        "A-1 Acme 42.0 red engagement loses 23.5, billing loses 10.8",
        "A-2 Bolt 50.0 yellow -20.5 from 70.5: engagement -15.2, trend -6.2",
        "NPS +12.5 (95 %: -5 to +29) from 80 answers in 90 days; those of 78 customers are made up",
        "MRR $11,345.67",
        "churn 3 × -$99.00",
        "A-3 Core 12.3% not used for 17 days ×1.40",
        "model v209, still the expert prior: too few labels",
        "8 customers are the sample size",
        "23 were followed by churn, of 8 customers",
        "ROC AUC 0.849, log loss 0.0093 (a constant guess 0.0094)",
        "detractor 4 health_red 7",
        "Slack, 2024-12-31: Acme: health fell to red.",
        "21 id_reused",
        "2 bad rows",
        "alerts 15 events 39,334",
        "read 48,118 = applied 48,000 + duplicate 100 + late 10 + dead 8",
        "all of it in 93 s",
    ):
        assert expected in text
    assert "row_repeated" not in text


def test_an_empty_board_says_what_is_missing() -> None:
    text = said(EMPTY)
    for expected in (
        "no day is closed yet",
        "no scores",
        "Worst, paying: nobody",
        "NPS: nobody answered in 90 days",
        "MRR –",
        "no movements",
        "nobody pays",
        "no model yet",
        "Alerts opened none",
        "no tables",
        "read 0 = applied 0",
    ):
        assert expected in text
    assert "None" not in text


@pytest.mark.parametrize(
    "field", ["worst", "falling", "movements", "risks", "quality", "alerts", "slack", "rows", "bands"]
)
def test_any_part_may_be_missing(field: str) -> None:
    said(replace(FULL, **{field: type(getattr(FULL, field))()}))


@pytest.mark.parametrize(
    "board",
    [
        replace(FULL, worst=[{**WORST, "name": None, "score": None, "band": "unknown", "missed": []}]),
        replace(FULL, falling=[{**FALLING, "name": None, "changes": []}]),
        replace(FULL, risks=[{**RISK, "name": None, "raising": []}]),
        replace(FULL, nps=EMPTY.nps, currency=None, as_of=None),
        replace(
            FULL,
            nps={"nps": -100.0, "promoters": 0, "passives": 0, "detractors": 1, "answers": 1, "generated_customers": 0},
        ),
        replace(FULL, bands={"purple": 1}),
    ],
    ids=["worst", "falling", "risk", "nothing said", "nothing made up", "new band"],
)
def test_any_value_may_be_missing(board: Board) -> None:
    assert "None" not in said(board)


def test_quality_without_both_outcomes_is_not_a_number() -> None:
    undefined = dict.fromkeys(("roc_auc", "log_loss", "log_loss_constant", "mean_predicted", "mean_observed"))
    text = said(replace(FULL, quality={**QUALITY, **undefined, "positives": 0}))
    assert "quality is not defined before both outcomes were seen" in text
    assert "AUC" not in text


def test_texts_of_customers_are_shown_as_they_are() -> None:
    hostile = "[/bold] [red]x[/] :smile:"
    board = replace(
        FULL,
        worst=[{**WORST, "customer_id": "[/a]", "name": hostile}],
        risks=[{**RISK, "name": hostile}],
        slack=[{**FULL.slack[0], "text": hostile}],
    )
    assert said(board).count("[/bold] [red]x[/]") == 3


def test_the_json_object_has_exactly_the_promised_keys() -> None:
    for board in (EMPTY, FULL):
        shown = board.to_json(93.44)
        assert list(shown) == JSON_KEYS
        assert list(shown["events"]) == ["read", "applied", "duplicate", "late", "dead"]
        assert list(shown["churn"]) == ["observations", "labelled", "roc_auc", "log_loss"]
        assert shown["seconds"] == 93.4


def test_the_json_object_has_the_figures_of_the_board() -> None:
    shown = FULL.to_json(1.0)
    assert shown["movements"] == {"churn": -9_900, "new": 120_000}
    assert shown["nps"] == 12.5
    assert shown["mrr_minor"] == 1_134_567
    assert shown["churn"]["labelled"] == 19_346
    assert shown["alerts"] == {"detractor": 4, "health_red": 7}
    assert shown["slack_messages"] == 9
    assert shown["clickhouse_rows"] == {"alerts": 15, "events": 39_334}
    assert EMPTY.to_json(1.0)["churn"] == dict.fromkeys(("observations", "labelled", "roc_auc", "log_loss"))
