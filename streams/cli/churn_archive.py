"""Churn scores and models as ClickHouse has them; nothing is computed here that analysts could not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.cli.explaining import Row, stranger
from streams.config import Settings
from streams.errors import ConfigurationError
from streams.sinks.clickhouse import connect, translated

_SCORE = "SELECT * FROM churn_current FINAL WHERE customer_id = {customer:String}"
_PAYING = "SELECT paying FROM health_current FINAL WHERE customer_id = {customer:String}"
_PAUSED = (
    "SELECT subscriptions_paused FROM revenue_daily FINAL WHERE customer_id = {customer:String} "
    "ORDER BY day DESC LIMIT 1"
)
_MODEL = "SELECT * FROM churn_models FINAL ORDER BY model_version DESC LIMIT 1"
_WEEKS = (
    "SELECT day, observations, labelled, positives, customers_churned, roc_auc, log_loss, log_loss_base_rate, "
    "mean_predicted, mean_observed FROM v_churn_quality_weekly WHERE labelled > 0 "
    "ORDER BY day DESC LIMIT {limit:UInt32}"
)
_RELIABILITY = "SELECT * FROM v_churn_reliability ORDER BY bin"
# Those of customers that were censored are never labelled: they wait only as long as all others of their day.
_WAITING = (
    "SELECT count() AS waiting FROM v_churn_labels WHERE day > (SELECT max(day) FROM v_churn_labels WHERE label = 0)"
)
#: Columns that hold JSON.
_JSON = (
    "raising",
    "protecting",
    "parameters",
    "reliability",
    "weeks",
    "drift_alarms",
    "challengers",
    "changes",
    "horizons",
    "counts",
    "tested",
)


@dataclass(frozen=True)
class Standing:
    """The newest model and how good the probabilities have been.

    Attributes:
        model: the newest published model, its JSON read.
        weeks: quality of the snapshots of each day, newest first, mature ones alone.
        reliability: bins of equal size by the probability given.
        waiting: snapshots whose window is not over.
    """

    model: Row
    weeks: list[Row]
    reliability: list[Row]
    waiting: int


class ChurnArchive:
    """Questions to ClickHouse; `client` is one of clickhouse-connect."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def score(self, customer_id: str) -> Row:
        """The newest churn score of a customer, its JSON read.

        Raises:
            ConfigurationError: there is none; says why.
        """
        paying = self._rows(_PAYING, customer=customer_id)
        if not paying or not paying[0]["paying"]:
            unknown = stranger(self._rows, customer_id)
            raise ConfigurationError(unknown or f"{customer_id} {self._why_not(customer_id)}")
        found = self._rows(_SCORE, customer=customer_id)
        if not found:
            raise ConfigurationError(f"{customer_id} has no churn score yet: wait for the next one")
        return found[0]

    def _why_not(self, customer_id: str) -> str:
        """Why one that pays nothing has no score."""
        standing = self._rows(_PAUSED, customer=customer_id)
        if standing and standing[0]["subscriptions_paused"]:
            return "pays nothing while it is paused: it is scored again when it pays again"
        return "does not pay: there is nothing left to lose"

    def standing(self, weeks: int) -> Standing:
        """The newest model, with the newest `weeks` weeks.

        Raises:
            ConfigurationError: no model was published yet.
        """
        model = self._rows(_MODEL)
        if not model:
            raise ConfigurationError("no churn model yet: until a first Sunday is closed, the expert prior scores")
        return Standing(
            model=model[0],
            weeks=self._rows(_WEEKS, limit=weeks),
            reliability=self._rows(_RELIABILITY),
            waiting=self._rows(_WAITING)[0]["waiting"],
        )

    def _rows(self, sql: str, **parameters: Any) -> list[Row]:
        result = self._client.query(sql, parameters=parameters)
        rows = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
        return [{name: _read(name, value) for name, value in row.items()} for row in rows]


@contextmanager
def churn_archive(settings: Settings) -> Iterator[ChurnArchive]:
    """The archive while it is asked.

    Raises:
        ZeloError: in place of the driver's errors.
    """
    try:
        client = connect(settings)
        try:
            yield ChurnArchive(client)
        finally:
            client.close()
    except ClickHouseError as error:
        raise translated(error) from error


def _read(name: str, value: Any) -> Any:
    """A value as it was published; of rows from before there was such a column nothing is known."""
    if name not in _JSON or not isinstance(value, str):
        return value
    return orjson.loads(value) if value else []
