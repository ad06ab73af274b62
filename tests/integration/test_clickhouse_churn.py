"""`zelo churn status` and `explain` beside an archive whose every row is known."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cli_rig import Outcome, Zelo, clean_environment, command_line
from clickhouse_server import running
from msgspec.structs import replace
from sink_samples import AT, DAY, MODEL, PREFIX, QUALITY, Rec, health, labelled, record, rows, used, values

from schemas import registry
from schemas.codec import encode
from schemas.metrics import RevenueValues
from schemas.models import Calibration, Challenger, Drift, DriftAlarm, ModelChange, ModelSnapshot, Quality
from schemas.scores import ChurnScore, Reason
from streams.churn.features import CONSTANTS, PRIOR
from streams.churn.model import ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.config import Settings
from streams.embedded.ports import free_port
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.migrate import migrate

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

FALLING = Reason(
    code="usage_falling",
    family="usage",
    contribution=0.4,
    odds_ratio=1.4918,
    values={"usage_change": -0.54, "typical": 0.0, "events_14d": 180, "events_prev_14d": 310},
    text="el uso bajó",
)
HAPPY = Reason(
    code="feedback_pattern", family="feedback", contribution=-0.2, odds_ratio=0.8187, values={"csat": 0.95}, text="CSAT"
)
SCORE = ChurnScore(
    customer_id="c1",
    as_of=AT,
    horizon_days=30,
    probability=0.12,
    band="medium",
    raising=[FALLING],
    protecting=[HAPPY],
    no_data=["support"],
    model="churn-rls",
    model_version=3,
    is_prior=True,
    quality=replace(QUALITY, log_loss=0.1, log_loss_constant=0.11, mean_predicted=0.03, mean_observed=0.025),
    name="Acme [bold]",
    currency="USD",
    horizons={"30": 0.12, "90": 0.3185, "60": 0.2256},
    calibrated=True,
    champion="rls",
    baseline=-2.2,
    contributions={"usage": 0.4, "feedback": -0.2},
    previous_day=DAY - 5,
    previous_probability=0.08,
    changed_by_customer=0.43,
    changed_by_model=-0.02,
    changes={"usage": 0.434, "feedback": -0.004},
    locale="es",
)
WEIGHTS = {**dict(PRIOR), "csat": 0.5, "renewal_due": -0.1}  # both learned against the expert
LEARNED: ModelSnapshot = replace(
    MODEL,
    model="churn-rls",
    model_version=7,
    trained_through=DAY,
    is_prior=False,
    quality=Quality(
        observations=40,
        labelled=30,
        positives=4,
        customers_churned=3,
        roc_auc=0.75,
        log_loss=0.1,
        log_loss_constant=0.12,
        mean_predicted=0.14,
        mean_observed=0.13333,
        ece=0.0123,
    ),
    parameters={"constants": [list(row) for row in CONSTANTS], "weights": [-3.0, *(WEIGHTS[n] for n, *_ in CONSTANTS)]},
    champion="twin@19990",
    champion_kind="twin",
    champion_since_day=DAY - 3,
    calibration=Calibration(on=True, since_day=DAY - 2, slope=0.9, intercept=-0.25, labels=1000, ratio=1.3),
    drift=Drift(
        alarms=[DriftAlarm(day=DAY - 10, direction="more_leave", before=0.001, after=0.035, labels=800)],
        count=1,
        muted_until_day=DAY - 100,
        labels=900,
        residual=0.03,
    ),
    challengers=[
        Challenger(
            name="adagrad",
            kind="adagrad",
            since_day=DAY - 200,
            labelled=500,
            log_loss=0.105,
            champion_log_loss=0.101,
            weeks_better=1,
        ),
        Challenger(name="booster", kind="booster", since_day=DAY - 100),
    ],
    changes=[
        ModelChange(day=DAY - 3, kind="promotion", before="rls", after="twin@19990", figures={"log_loss": 0.1}),
        ModelChange(day=DAY - 2, kind="calibration_on", before="off", after="on"),
        ModelChange(
            day=DAY - 1, kind="booster_better", before="twin@19990", after="booster", figures={"log_loss": 0.09}
        ),
    ],
    counts={"learned": 44, "censored": 1},
)
FIRST = replace(
    MODEL,
    calibration=Calibration(),
    drift=Drift(),
    challengers=[],
    changes=[],
    counts={},
    parameters=ChurnModel.prior(ChurnPolicy()).to_parameters(),
)
CUSTOMERS = ("c1", "gone", "paused", "fresh")
RECORDS = [
    *(used("e" + customer, offset=n, customer=customer) for n, customer in enumerate(CUSTOMERS)),
    *(health("live", offset=n, customer=one, paying=one in ("c1", "fresh")) for n, one in enumerate(CUSTOMERS)),
    values(RevenueValues(subscriptions_paused=1), offset=7, customer="gone", day=DAY - 9),
    values(RevenueValues(), offset=8, customer="gone"),
    values(RevenueValues(subscriptions_paused=1), offset=9, customer="paused"),
    record(registry.CHURN, SCORE, offset=9),
    Rec(PREFIX + registry.CHURN.name, encode(replace(SCORE, customer_id="gone")), b"gone", offset=3),
    record(registry.MODELS, FIRST, key=b"churn", offset=1),
    *(labelled(0.01 * n, n > 27, DAY - 30, customer=f"l{n}") for n in range(1, 31)),
    *(labelled(0.5, True, DAY - 23, customer=f"early{n}") for n in range(2)),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    async with running(tmp_path_factory.mktemp("clickhouse")) as settings:
        migrate(settings)
        yield settings


def put(settings: Settings, *records: Rec) -> None:
    backend = ClickHouse(settings)
    for number, row in enumerate(rows(*records)):
        backend.insert(row.table, [row.values], f"{len(records)} {number}")
    backend.close()


@pytest.fixture
def zelo(clickhouse: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", clickhouse.clickhouse_url)
    return command_line(monkeypatch, capsys)


def fine(outcome: Outcome) -> str:
    assert outcome.status == 0, outcome.err
    return outcome.out


def test_before_the_first_model_there_is_nothing_to_show(zelo: Zelo) -> None:
    shown = zelo("churn", "status")
    assert shown.status == 2
    assert "no churn model yet" in shown.err


def test_a_risk_is_explained_with_its_reasons_in_the_readers_language(clickhouse: Settings, zelo: Zelo) -> None:
    put(clickhouse, *RECORDS)
    shown = fine(zelo("churn", "explain", "c1"))
    for words in (
        "c1 (Acme [bold]): 12.0% within 30 days, medium",
        "within 30 days 12.0%, 60 days 22.6%, 90 days 31.9%",
        "as of 2024-10-04 12:00:00 UTC",
        "was 8.0% at the end of 2024-09-29; since then, in log-odds: "
        "the customer +0.43 (use of the product +0.43), the model -0.02",
        "associated with a higher risk ×1.49 usage down 42% against the previous two weeks (310 to 180 events)",
        "associated with a lower risk ×0.82 counts, but not in the expected direction: CSAT: 95%",
        "typical customer -2.20 10.0%",
        "use of the product +0.40 ×1.49",
        "no data on support (which does not mean that all is well) –",
        "model churn-rls v3 (rls, calibrated)",
        "of 10 weekly snapshots the outcome of 4 is known: 1 were followed by churn, of 1 customers",
        "still a prior",
        "ROC AUC 0.750, log loss 0.1000 (a constant guess 0.1100), predicted / observed 1.20",
    ):
        assert words in shown, words
    assert "because" not in shown


def test_a_risk_is_explained_as_json_in_any_language(zelo: Zelo) -> None:
    found = json.loads(fine(zelo("churn", "explain", "c1", "--locale", "pt", "--json")))
    assert found["raising"][0]["text"] == (
        "uso em queda de 42% em relação às duas semanas anteriores (de 310 para 180 eventos)"
    )
    assert (found["locale"], found["previous_day"], found["no_data"]) == ("pt", "2024-09-29", ["support"])
    assert found["contributions"] == {"usage": 0.4, "feedback": -0.2}


@pytest.mark.parametrize(
    "customer, said",
    [
        ("gone", "gone does not pay: there is nothing left to lose"),
        ("paused", "paused pays nothing while it is paused"),
        ("fresh", "fresh has no churn score yet"),
        ("C", "no event of a customer 'C' is known; there is c1"),
    ],
)
def test_what_cannot_be_explained_is_said_in_words(zelo: Zelo, customer: str, said: str) -> None:
    stopped = zelo("churn", "explain", customer)
    assert stopped.status == 2
    assert said in stopped.err


def test_without_clickhouse_both_say_so(zelo: Zelo) -> None:
    for command in (("status",), ("explain", "c1")):
        stopped = zelo("churn", *command, ZELO_CLICKHOUSE_URL=f"http://127.0.0.1:{free_port()}")
        assert stopped.status == 2
        assert "ClickHouse" in stopped.err
        assert "Traceback" not in stopped.err


def test_a_first_model_is_shown_without_what_it_has_not(zelo: Zelo) -> None:
    shown = fine(zelo("churn", "status", "--top", "0"))
    assert "churn v0, nothing learned yet, speaks of 30 days" in shown
    assert "still a prior" in shown
    assert "Drift 0 alarms; not begun" in shown
    assert "Calibration dormant" in shown
    assert "Challengers" not in shown


def test_the_model_is_shown_with_its_quality_drift_and_challengers(clickhouse: Settings, zelo: Zelo) -> None:
    put(clickhouse, record(registry.MODELS, LEARNED, key=b"churn-rls", offset=20))
    shown = fine(zelo("churn", "status", "--top", "3"))
    for words in (
        "churn-rls v7, trained through 2024-10-04, speaks of 30 days",
        "of 40 weekly snapshots the outcome of 30 is known: 4 were followed by churn, of 3 customers",
        "2 snapshots wait for their outcome",  # left early: their week is not over
        "calibration error (ECE) 0.0123",
        "2024-09-04 30 3 1.000",
        "1.0% to 2.0% 2 1.50% 0.00%",
        "29.0% to 30.0% 2 29.50% 100.00%",
        "Calibration on since 2024-10-02: slope 0.900, intercept -0.250; "
        "raw predicted / observed of the newest 1,000 labels 1.30",
        "Heaviest 3 of",
        "learned against the expert's expectation: csat, renewal_due",
        "Drift 1 alarms; watching since 2024-06-26",
        "2024-09-24 more leave than predicted: +0.10% before, +3.50% in the 800 newest labels",
        "Champion twin@19990 (twin) since 2024-10-01",
        "adagrad adagrad 2024-03-18 500 0.1050 0.1010 1",
        "2024-10-01 promotion: rls to twin@19990 (log_loss 0.1)",
        "booster booster 2024-06-26 0 – – 0",
        "2024-10-02 calibration on: off to on",
        "2024-10-03 booster better: booster than twin@19990 (log_loss 0.09)",
        "examples: learned 44, censored 1",
    ):
        assert words in shown, words
    assert "still a prior" not in shown


def test_the_model_as_json_has_its_features_by_weight(zelo: Zelo) -> None:
    found: dict[str, Any] = json.loads(fine(zelo("churn", "status", "--json", "--weeks", "1")))
    weights = [abs(one["weight"]) for one in found["features"]]
    assert weights == sorted(weights, reverse=True)
    assert len(weights) == len(CONSTANTS)
    assert [one["feature"] for one in found["features"] if one["against_expectation"]] == ["csat", "renewal_due"]
    assert found["weeks"][0]["roc_auc"] == 1.0
    assert len(found["reliability"]) == 15
    assert found["model"]["challengers"][0]["name"] == "adagrad"
