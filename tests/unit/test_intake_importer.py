"""The report is the exact fold of an importer's items, and the gate lets nothing invalid out."""

import pytest

from schemas.envelope import Event
from schemas.events import AccountSet, SubscriptionSet
from streams.intake.fields import FieldError
from streams.intake.gate import Gate
from streams.intake.importer import (
    KEPT_BAD_ROWS,
    KEPT_EXAMPLES,
    BadRow,
    FileRead,
    Produced,
    Rule,
    RuleHit,
    Tally,
)

AT = 1_700_000_000_000


def account(**changes: object) -> Event:
    given = {"event_id": "A-1", "customer_id": "A-1", "occurred_at": AT, "name": "Acme", **changes}
    return AccountSet(**given)  # type: ignore[arg-type]


def test_report_counts_every_item_once() -> None:
    tally = Tally([Rule("used", ""), Rule("unused", "")])
    for item in (
        FileRead("a.csv", 3),
        Produced("accounts.v1", account()),
        Produced("accounts.v1", account()),
        BadRow("a.csv", 4, "name", "expected a value, got none"),
        RuleHit("used", "a.csv", 2, "detail"),
    ):
        tally.add(item)
    report = tally.report()
    assert report.rows == {"a.csv": 3}
    assert report.events == {"accounts.v1": {"account_set": 2}}
    assert (report.event_count, report.bad_row_count) == (2, 1)
    assert report.first_bad_rows[0].line == 4
    assert {name: rule.count for name, rule in report.rules.items()} == {"used": 1, "unused": 0}
    assert report.rules["used"].examples[0].detail == "detail"


def test_examples_and_bad_rows_are_kept_within_bounds_and_counted_beyond() -> None:
    tally = Tally([Rule("used", "")])
    for line in range(KEPT_BAD_ROWS + 5):
        tally.add(BadRow("a.csv", line, "f", "reason"))
        tally.add(RuleHit("used", "a.csv", line))
    report = tally.report()
    assert len(report.first_bad_rows) == KEPT_BAD_ROWS
    assert report.bad_row_count == KEPT_BAD_ROWS + 5
    assert [example.line for example in report.rules["used"].examples] == list(range(KEPT_EXAMPLES))


def test_a_rule_that_is_not_listed_cannot_be_counted() -> None:
    with pytest.raises(KeyError):
        Tally([]).add(RuleHit("unknown", "a.csv", 1))


def test_gate_lets_valid_events_pass() -> None:
    Gate().check([Produced("accounts.v1", account(country="BR"))])


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"country": "Brazil"}, "country"),
        ({"name": ""}, "name"),
        ({"customer_id": "a\nb"}, "customer_id"),
        ({"customer_id": "\ud800"}, "customer_id"),
        ({"occurred_at": 32_503_680_000_000}, "occurred_at"),
    ],
)
def test_gate_refuses_what_the_stream_would_and_names_the_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(FieldError) as caught:
        Gate().check([Produced("accounts.v1", account(**changes))])
    assert caught.value.field == field


def test_gate_knows_rules_that_span_fields() -> None:
    event = SubscriptionSet(
        event_id="S",
        customer_id="A",
        occurred_at=AT,
        subscription_id="S",
        amount_minor=10**15,
        currency="USD",
        quantity=2,
    )
    with pytest.raises(FieldError) as caught:
        Gate().check([Produced("billing.v1", event)])
    assert caught.value.field == "quantity"
