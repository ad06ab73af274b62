"""What the demo tells: read from ClickHouse with SQL anybody could type, as one value.

Every figure comes from the tables and views that analysts have; nothing is computed here that they could not.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.clock import SystemClock
from streams.config import Settings
from streams.sinks.clickhouse import connect, translated
from streams.sinks.slack import oldest_told

_ACCOUNTING = (
    "SELECT toInt64(sum(read)) AS read, toInt64(sum(applied)) AS applied, toInt64(sum(duplicate)) AS duplicate, "
    "toInt64(sum(late)) AS late, toInt64(sum(dead)) AS dead FROM accounting FINAL"
)


@dataclass(frozen=True)
class Board:
    """The state of all customers.

    Attributes:
        events: accounting, `read` = `applied` + `duplicate` + `late` + `dead`.
        bands: customers by health band.
        worst, falling: customers with the lowest score, and the largest fall in 28 days.
        nps: portfolio NPS with the number of answers behind it and how many are generated.
        mrr_minor: by the last closed day, in `currency`.
        movements: MRR movements by class: number and signed amount.
        risks: highest churn probabilities with their reasons.
        quality: the churn model's test-then-train quality.
        alerts: alerts opened by rule; `slack` the newest messages.
        slack_messages: messages the notify role posts for them, or would with a token.
        rows: rows by ClickHouse table.
    """

    as_of: str | None
    events: dict[str, int]
    customers: int
    bands: dict[str, int]
    worst: list[dict[str, Any]]
    falling: list[dict[str, Any]]
    nps: dict[str, Any]
    mrr_minor: int
    currency: str | None
    movements: dict[str, dict[str, int]]
    risks: list[dict[str, Any]]
    quality: dict[str, Any]
    alerts: dict[str, int]
    slack: list[dict[str, Any]]
    slack_messages: int
    rows: dict[str, int]

    def to_json(self, seconds: float) -> dict[str, Any]:
        """The object `zelo demo --json` prints."""
        quality = self.quality
        return {
            "events": self.events,
            "customers": self.customers,
            "bands": self.bands,
            "nps": shown_nps(self.nps["nps"]),
            "mrr_minor": self.mrr_minor,
            "movements": {name: step["amount_minor"] for name, step in self.movements.items()},
            "churn": {name: quality.get(name) for name in ("observations", "labelled", "roc_auc", "log_loss")},
            "alerts": self.alerts,
            "slack_messages": self.slack_messages,
            "clickhouse_rows": self.rows,
            "seconds": round(seconds, 1),
        }


def shown_nps(nps: float | None) -> float | None:
    """NPS in points as people are told it."""
    return None if nps is None else round(nps, 1)


def read_board(settings: Settings) -> Board:
    """Reads the board; blocking."""
    client = connect(settings)
    try:
        return _read(_Rows(client), oldest_told(settings, SystemClock())())
    finally:
        client.close()


class _Rows:
    """Query results as dictionaries."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, sql: str) -> list[dict[str, Any]]:
        result = self._client.query(sql)
        return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def one(self, sql: str) -> dict[str, Any]:
        """The first row, empty when there is none."""
        return next(iter(self(sql)), {})


def _read(rows: _Rows, oldest_told_ms: int) -> Board:
    mrr = rows.one(
        "SELECT sum(r.mrr_minor) AS mrr_minor, anyIf(r.currency, r.mrr_minor > 0) AS currency, "
        "if(count() = 0, NULL, toString(max(r.day))) AS as_of FROM revenue_daily AS r FINAL "
        "WHERE r.day = (SELECT max(day) FROM revenue_daily)"
    )
    return Board(
        as_of=mrr.get("as_of"),
        events=rows.one(_ACCOUNTING),
        customers=rows.one("SELECT count() AS n FROM health_current FINAL").get("n", 0),
        bands=_pairs(rows("SELECT band AS k, count() AS v FROM health_current FINAL GROUP BY band ORDER BY band")),
        worst=_worst(rows),
        falling=_falling(rows),
        nps=_nps(rows),
        mrr_minor=mrr.get("mrr_minor") or 0,
        currency=mrr.get("currency"),
        movements={
            row["movement"]: {"count": row["n"], "amount_minor": row["amount_minor"]}
            for row in rows(
                "SELECT movement, count() AS n, sum(amount_minor) AS amount_minor FROM mrr_movements FINAL "
                "GROUP BY movement ORDER BY movement"
            )
        },
        risks=_risks(rows),
        quality=rows.one(
            "SELECT quality_observations AS observations, quality_labelled AS labelled, "
            "quality_positives AS positives, quality_customers_churned AS customers_churned, "
            "quality_roc_auc AS roc_auc, quality_log_loss AS log_loss, "
            "quality_log_loss_constant AS log_loss_constant, quality_mean_predicted AS mean_predicted, "
            "quality_mean_observed AS mean_observed, is_prior, model_version "
            "FROM churn_models FINAL ORDER BY model_version DESC LIMIT 1"
        ),
        alerts=_pairs(
            rows("SELECT rule AS k, count() AS v FROM alerts FINAL WHERE status = 'opened' GROUP BY rule ORDER BY rule")
        ),
        slack=rows(
            "SELECT rule, customer_id, text, toString(at) AS at FROM alerts FINAL WHERE status = 'opened' "
            "ORDER BY at DESC, alert_id LIMIT 1 BY rule, locale"
        ),
        slack_messages=_slack_messages(rows, oldest_told_ms),
        rows=_counts(rows),
    )


def _pairs(found: list[dict[str, Any]]) -> dict[str, int]:
    return {row["k"]: row["v"] for row in found}


def _worst(rows: _Rows) -> list[dict[str, Any]]:
    return rows(
        "SELECT customer_id, name, score, band, mrr_minor, currency, "
        "arrayZip(factors.factor, factors.missed) AS missed FROM health_current FINAL "
        "WHERE paying AND score IS NOT NULL ORDER BY score, customer_id LIMIT 5"
    )


def _falling(rows: _Rows) -> list[dict[str, Any]]:
    return rows(
        "SELECT customer_id, now.name AS name, past.score AS score_before, now.score AS score, now.band AS band, "
        "now.score - past.score AS change, arrayZip(now.factors.factor, "
        "arrayMap((n, p) -> n - p, now.factors.earned, past.factors.earned)) AS changes "
        "FROM (SELECT * FROM health_daily FINAL WHERE day = (SELECT max(day) FROM health_daily)) AS now "
        "INNER JOIN (SELECT * FROM health_daily FINAL "
        "WHERE day = (SELECT max(day) - 28 FROM health_daily)) AS past "
        "USING customer_id WHERE now.paying AND now.score < past.score ORDER BY change, customer_id LIMIT 5"
    )


def _nps(rows: _Rows) -> dict[str, Any]:
    return rows.one(
        "SELECT sum(promoters_90d) AS promoters, sum(passives_90d) AS passives, sum(detractors_90d) AS detractors, "
        "promoters + passives + detractors AS answers, "
        "if(answers = 0, NULL, 100 * (promoters - detractors) / answers) AS nps, "
        "countIf(last_nps_generated AND answers_here > 0) AS generated_customers FROM "
        "(SELECT *, promoters_90d + passives_90d + detractors_90d AS answers_here FROM feedback_daily FINAL "
        "WHERE day = (SELECT max(day) FROM feedback_daily))"
    ) or {"nps": None, "answers": 0, "generated_customers": 0}


def _risks(rows: _Rows) -> list[dict[str, Any]]:
    found = rows(
        "SELECT customer_id, name, probability, band, raising, protecting, mrr_minor, currency, is_prior "
        "FROM churn_current FINAL WHERE customer_id IN (SELECT customer_id FROM health_current FINAL WHERE paying) "
        "ORDER BY probability DESC, customer_id LIMIT 5"
    )
    return [
        {**row, "raising": orjson.loads(row["raising"]), "protecting": orjson.loads(row["protecting"])} for row in found
    ]


def _slack_messages(rows: _Rows, oldest_told_ms: int) -> int:
    """One per episode that people are told of: an update or an end renews its message, no end posts one."""
    found = rows.one(
        "SELECT uniqExact(episode_id) AS n FROM alerts FINAL WHERE status != 'resolved' "  # noqa: S608 - a number
        f"AND toUnixTimestamp64Milli(at) >= {oldest_told_ms:d}"
    )
    return int(found["n"])


def _counts(rows: _Rows) -> dict[str, int]:
    tables = rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE 'Replacing%' "
        "AND name != 'schema_versions' ORDER BY name"
    )
    return {row["name"]: rows.one(f"SELECT count() AS n FROM {row['name']} FINAL")["n"] for row in tables}  # noqa: S608


def read_accounting(settings: Settings) -> dict[str, int]:
    """Records read and what became of them, over all input topics; blocking.

    Raises:
        ZeloError: ClickHouse does not answer, or has no such table.
    """
    try:
        client = connect(settings)
        try:
            return _Rows(client).one(_ACCOUNTING)
        finally:
            client.close()
    except ClickHouseError as error:
        raise translated(error) from error


def read_summary(settings: Settings) -> str:
    """One line for `zelo up`; blocking."""
    client = connect(settings)
    try:
        rows = _Rows(client)
        events = rows.one(_ACCOUNTING)
        bands = _pairs(rows("SELECT band AS k, count() AS v FROM health_current FINAL GROUP BY band ORDER BY band"))
        alerts = rows.one("SELECT count() AS n FROM alerts FINAL WHERE status = 'opened'")
    finally:
        client.close()
    health = " ".join(f"{band} {n}" for band, n in bands.items()) or "no customers yet"
    return f"read {events['read']:,}  dead {events['dead']:,}  {health}  alerts {alerts['n']:,}"
