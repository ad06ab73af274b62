"""Views of feedback and upsell readiness, worked by hand and against the fold; all rows are put in twice on purpose."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from archive_rig import Put, View
from clickhouse_server import running
from sink_samples import Rec, profile, record, upsell, values

from schemas import registry
from schemas.events import SurveyAnswered, SurveyInvited
from schemas.metrics import FeedbackValues
from streams.metrics.days import DAY_MS, Days, from_date
from streams.metrics.feedback import FeedbackFold, FeedbackPolicy
from streams.metrics.nps import nps_interval
from streams.sinks import migrate as migrations
from streams.sinks.clickhouse import connect
from streams.sinks.migrate import MIGRATIONS, migrate

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]


def at(month: int, day: int, second: int = 0) -> int:
    return int(datetime(2024, month, day, tzinfo=UTC).timestamp() * 1000) + second * 1000


class Surveys:
    """Events of surveys as records, with ids and offsets in the order they are made."""

    def __init__(self) -> None:
        self.records: list[Rec] = []
        self.events: list[tuple[str, Any]] = []

    def add(self, cls: Any, when: int, customer: str, **fields: Any) -> "Surveys":
        number = len(self.records)
        event = cls(event_id=f"e{number:04}", customer_id=customer, occurred_at=when, **fields)
        self.records.append(record(registry.SURVEYS, event, key=customer.encode(), offset=number))
        self.events.append((customer, event))
        return self

    def invite(self, invitation: str, when: int, customer: str = "a", survey: Any = "nps", **fields: Any) -> "Surveys":
        return self.add(SurveyInvited, when, customer, survey=survey, invitation_id=invitation, **fields)

    def answer(self, response: str, when: int, customer: str = "a", survey: Any = "nps", **fields: Any) -> "Surveys":
        said: dict[str, Any] = {
            "survey": survey,
            "response_id": response,
            "score": 9.0,
            "scale_min": 0.0,
            "scale_max": 10.0,
        }
        return self.add(SurveyAnswered, when, customer, **said, **fields)


def test_response_rates_by_survey_channel_and_month_of_the_invitation(put: Put, view: View) -> None:
    surveys = Surveys()
    # E-mail, February: i1 answered by name, twice; i2 by its respondent; i3 by nobody. Sent again, i3 stays one.
    surveys.invite("i1", at(2, 1), channel="email").invite("i2", at(2, 2), channel="email", respondent_id="ana")
    surveys.invite("i3", at(2, 3), channel="email").invite("i3", at(2, 9), channel="email")
    surveys.answer("r1", at(2, 4), invitation_id="i1").answer("r2", at(2, 5), invitation_id="i1")
    surveys.answer("r3", at(3, 9), respondent_id="ana")
    # SMS, March: two to ana; the answer belongs to the second. The first version of r4 names nobody.
    surveys.invite("i4", at(3, 10), channel="sms", respondent_id="ana")
    surveys.invite("i5", at(3, 12), channel="sms", respondent_id="ana")
    surveys.answer("r4", at(3, 12), channel="web").answer("r4", at(3, 14), respondent_id="ana", reason="fast")
    # The same ids on another survey and of another customer are others; what names nobody belongs to none.
    surveys.invite("i1", at(2, 1), survey="csat").invite("i1", at(2, 1), customer="b", channel="email")
    surveys.answer("r9", at(2, 2), customer="b").answer("r8", at(2, 2), survey="csat", invitation_id="other")
    put(*surveys.records)
    found = view("v_response_rates")
    assert list(found[0]) == ["survey", "channel", "month", "invitations", "responses", "response_rate"]
    assert {(row["survey"], row["channel"], row["month"]): tuple(row.values())[3:] for row in found} == {
        ("nps", "email", date(2024, 2, 1)): (4, 2, 0.5),
        ("nps", "sms", date(2024, 3, 1)): (2, 1, 0.5),
        ("csat", None, date(2024, 2, 1)): (1, 0, 0.0),
    }


def test_an_event_sent_twice_is_that_of_its_first_sending(put: Put, view: View) -> None:
    surveys = Surveys().invite("i1", at(2, 1)).answer("r1", at(2, 2))
    again = SurveyAnswered(
        event_id="e0001",
        customer_id="a",
        occurred_at=at(2, 3),
        survey="nps",
        response_id="r1",
        score=9.0,
        invitation_id="i1",
    )
    put(*surveys.records, record(registry.SURVEYS, again, key=b"a", offset=7))
    assert [row["responses"] for row in view("v_response_rates")] == [0]


def test_response_rates_are_those_the_fold_counts(put: Put, view: View) -> None:
    chance, surveys = Random(5), Surveys()
    start, people = at(2, 1), [None, "ana", "bia"]
    for _ in range(250):
        when, customer = start + chance.randrange(80) * DAY_MS, chance.choice("abc")
        survey, person = chance.choice(["nps", "csat"]), chance.choice(people)
        if chance.random() < 0.5:
            surveys.invite(f"i{chance.randrange(40)}", when, customer, survey, respondent_id=person)
        else:
            named = chance.choice([None, None, f"i{chance.randrange(40)}"])
            response = f"r{chance.randrange(90)}"
            surveys.answer(response, when, customer, survey, respondent_id=person, invitation_id=named)
    put(*surveys.records)
    fold, counted = FeedbackFold(FeedbackPolicy(), Days()), Counter[str]()
    for name in "abc":
        state = fold.new()
        for customer, event in surveys.events:
            if customer == name:
                fold.apply(state, event, event.occurred_at)
        end = start + 85 * DAY_MS
        told = fold.values(state, end // DAY_MS - 1, end)
        counted.update(sent=told.invitations_90d, answered=told.invited_answered_90d)
    found = view("v_response_rates")
    assert sum(row["invitations"] for row in found) == counted["sent"]
    assert sum(row["responses"] for row in found) == counted["answered"]
    assert counted["sent"] > counted["answered"] > 20


def day(number: int) -> int:
    return from_date(date(2024, 1, number))


def said(customer: str, promoters: int, passives: int, detractors: int, of: int = 5, revision: int = 0) -> Rec:
    answers = FeedbackValues(promoters_90d=promoters, passives_90d=passives, detractors_90d=detractors)
    return values(answers, day=day(of), customer=customer, revision=revision)


def account(customer: str, segment: str | None) -> Rec:
    known = profile("x")
    value = (known.value or b"").replace(b'"c1"', f'"{customer}"'.encode())
    told = b"null" if segment is None else f'"{segment}"'.encode()
    return Rec(known.topic, value.replace(b'"segment":null', b'"segment":' + told), customer.encode())


def test_nps_by_segment_has_the_interval_of_the_fold(put: Put, view: View) -> None:
    put(account("a", "smb"), account("b", "smb"), account("c", "big"), account("d", None))
    put(said("a", 5, 2, 0), said("b", 0, 1, 2), said("c", 1, 0, 0), said("d", 0, 0, 0), said("e", 0, 0, 4))
    put(said("a", 6, 2, 0, revision=1))
    found = {row["segment"]: row for row in view("v_nps_segments")}
    assert {name: (row["promoters"], row["passives"], row["detractors"]) for name, row in found.items()} == {
        "smb": (6, 3, 2),
        "big": (1, 0, 0),
        None: (0, 0, 4),
    }
    for row in [*found.values(), *view("v_nps_rolling_90d")]:
        interval = nps_interval(row["promoters"], row["passives"], row["detractors"])
        assert (row["nps_low"], row["nps_high"]) == pytest.approx(interval, abs=1e-3)
    assert (found["big"]["nps"], found["big"]["nps_high"]) == (100.0, 100.0)
    assert len(view("v_nps_rolling_90d")) == 1


def test_nobody_asked_has_no_nps_in_any_segment(put: Put, view: View) -> None:
    put(account("a", "smb"), said("a", 0, 0, 0))
    (row,) = view("v_nps_segments")
    assert (row["responses"], row["nps"], row["nps_low"], row["nps_high"]) == (0, None, None, None)


def test_upsell_readiness_of_the_newest_day(put: Put, view: View) -> None:
    put(
        upsell(day(3), 1, "a"),
        upsell(day(4), 2, "a", upsell_ready=0.0, gate="payment_late"),
        upsell(day(4), 3, "b", upsell_ready=None, name=None, license_utilization=None),
    )
    late, unknown = sorted(view("v_upsell"), key=lambda row: row["customer_id"])
    assert (late["day"], late["upsell_ready"], late["gate"]) == (date(2024, 1, 4), 0.0, "payment_late")
    assert (late["components"], late["component_values"]) == (["seats", "tenure"], [62.5, None])
    assert (late["component_earned"], late["license_utilization"]) == ([62.5, 0.0], 0.75)
    assert (unknown["upsell_ready"], unknown["name"], unknown["license_utilization"]) == (None, None, None)


async def test_days_stored_before_the_columns_came_have_their_respondents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    for path in MIGRATIONS.glob("*.sql"):
        if path.name < "0010":
            (before / path.name).write_text(path.read_text())
    async with running(tmp_path / "clickhouse") as settings:
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "MIGRATIONS", before)
            migrate(settings)
        with connect(settings) as client:
            client.command(
                "INSERT INTO feedback_daily (customer_id, day, promoters_90d, passives_90d, detractors_90d) "
                "VALUES ('a', '2024-01-05', 3, 2, 1)"
            )
            migrate(settings)
            found = client.query(
                "SELECT nps_respondents_90d, nps_low, response_rate_90d FROM feedback_daily"
            ).result_rows
    assert found == [(6, None, None)]
