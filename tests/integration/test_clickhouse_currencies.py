"""MRR of several currencies in one, on figures worked out by hand: what customers did apart from what rates did."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest
from archive_rig import Put
from babel.numbers import list_currencies
from clickhouse_connect.driver.client import Client
from sink_samples import Rec, movement, record, values

from schemas import registry
from schemas.events import ExchangeRateSet
from schemas.metrics import RevenueValues
from streams.alerts.amounts import minor_digits
from streams.metrics.days import from_date

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

Days = Callable[..., dict[int, Any]]
_NUMBERS = count()
FLOWS = ("new_minor", "expansion_minor", "contraction_minor", "churn_minor", "reactivation_minor", "fx_minor")


@pytest.fixture
def days(client: Client) -> Days:
    """Some columns of a view of January by the number of the day."""

    def days(view: str, *columns: str, to: str = "USD") -> dict[int, Any]:
        sql = f"SELECT day, {', '.join(columns)} FROM {view} WHERE to = '{to}' ORDER BY day"
        found, with_nulls = (client.query(sql, settings={"join_use_nulls": nulls}).result_rows for nulls in (0, 1))
        assert found == with_nulls  # whatever the server's own setting is
        return {row[0].day: row[1] if len(columns) == 1 else row[1:] for row in found}

    return days


def on(day: int, hour: int = 12) -> int:
    return int(datetime(2024, 1, day, hour, tzinfo=UTC).timestamp() * 1000)


def rate(currency: str, to: str, said: float, day: int, hour: int = 9, name: str | None = None) -> Rec:
    number = next(_NUMBERS)
    event = ExchangeRateSet(
        event_id=name or f"rate-{number:06}",
        customer_id="_company",
        occurred_at=on(day, hour),
        currency=currency,
        to=to,
        rate=said,
    )
    return record(registry.SPEND, event, key=b"_company", offset=number)


def closed(day: int) -> Rec:
    """A day of revenue that has closed."""
    return values(RevenueValues(mrr_minor=0), day=from_date(date(2024, 1, day)), customer="a")


#: 100.00 reais and 50.00 euros a month from the first of January; the fifth is closed.
BOOK = (
    movement("new", 10_000, 0, on(1), "br", currency="BRL"),
    movement("new", 5_000, 0, on(1), "eu", currency="EUR"),
    closed(5),
)


def test_rates_hold_until_the_next_and_the_newest_of_a_day_holds(put: Put, days: Days) -> None:
    put(
        closed(5),
        rate("BRL", "USD", 0.2, 2, 8),
        rate("BRL", "USD", 0.25, 4, 8),
        rate("BRL", "USD", 0.3, 4, 23),
        rate("BRL", "USD", 9.0, 6),  # that day is not closed yet
        rate("BRL", "EUR", 0.5, 3),
    )
    given = "(SELECT * FROM v_exchange_rates WHERE through IS NULL)"
    assert days(given, "rate") == {2: 0.2, 3: 0.2, 4: 0.3, 5: 0.3}
    assert days(given, "rate", to="EUR") == {3: 0.5, 4: 0.5, 5: 0.5}


def test_a_rate_that_nobody_gave_is_turned_round_or_goes_over_a_third_currency(put: Put, client: Client) -> None:
    """Reais and pesos have one in dollars, pounds in euros: they meet once dollars have one in euros."""
    put(
        closed(3),
        rate("BRL", "USD", 0.2, 1),
        rate("MXN", "USD", 0.05, 1),
        rate("GBP", "EUR", 1.25, 1),
        rate("USD", "EUR", 0.8, 2),
        rate("USD", "BRL", 4.0, 3),  # given for both directions now: neither is turned round
    )
    sql = "SELECT day, currency, to, rate, through FROM v_exchange_rates ORDER BY day, to, currency"
    found = {(row[0].day, *row[1:3]): row[3:] for row in client.query(sql).result_rows}
    close = pytest.approx
    assert {key[1:]: value for key, value in found.items() if key[0] == 1} == {
        ("BRL", "USD"): (0.2, None),
        ("MXN", "USD"): (0.05, None),
        ("GBP", "EUR"): (1.25, None),
        ("USD", "BRL"): (close(5.0), "BRL"),  # somebody gives rates into reais, if only later
        ("MXN", "BRL"): (close(0.25), "USD"),
    }
    assert {key[1:]: value for key, value in found.items() if key[0] == 2 and key[2] != "BRL"} == {
        ("BRL", "EUR"): (close(0.16), "USD"),
        ("GBP", "EUR"): (1.25, None),
        ("MXN", "EUR"): (close(0.04), "USD"),
        ("USD", "EUR"): (0.8, None),
        ("BRL", "USD"): (0.2, None),
        ("EUR", "USD"): (close(1.25), "USD"),
        ("GBP", "USD"): (close(1.5625), "EUR"),  # 1.25 / 0.8
        ("MXN", "USD"): (0.05, None),
    }
    assert found[3, "USD", "BRL"] == (4.0, None)
    assert found[3, "BRL", "USD"] == (0.2, None)
    assert found[3, "MXN", "BRL"] == (close(0.2), "USD")  # 0.05 x 4
    assert (3, "EUR", "MXN") not in found  # nobody gave any rate into pesos


def test_rates_over_a_third_currency_take_little_memory(put: Put, client: Client) -> None:
    """Thirty currencies into three, two years long: pairs are found by a join, not by lists of lists of each day."""
    currencies = sorted(code for code in list_currencies() if len(code) == 3)[:30]
    bases = ("BRL", "EUR", "USD")
    assert not {*currencies} & {*bases}
    put(
        values(RevenueValues(mrr_minor=0), day=from_date(date(2025, 12, 31)), customer="a"),
        *(rate(code, to, 2.0 + place, 1) for place, to in enumerate(bases) for code in currencies),
    )
    sql = "SELECT uniqExact(day), count(), countIf(through IS NULL) FROM v_exchange_rates"
    limits = {"max_memory_usage": 300_000_000, "max_threads": 2}
    # Into each base thirty given rates, and two of the other bases over the first of the thirty.
    assert client.query(sql, settings=limits).result_rows == [(731, 731 * 3 * 32, 731 * 90)]


def test_money_without_a_rate_of_its_own_is_converted_over_a_third_currency(put: Put, days: Days) -> None:
    put(*BOOK, rate("BRL", "USD", 0.2, 1), rate("EUR", "USD", 1.25, 1), rate("GBP", "EUR", 1.2, 1))
    assert days("v_mrr_converted_daily", "mrr_minor", to="EUR")[2] == 5_000 + 1_600  # 100.00 x 0.2 / 1.25
    assert set(days("v_mrr_converted_daily", "unconverted_customers", to="EUR").values()) == {0}


def test_a_rate_that_comes_late_holds_from_its_own_instant_and_a_repeated_event_counts_once(
    put: Put, days: Days
) -> None:
    put(
        closed(4),
        rate("BRL", "USD", 0.3, 3),
        rate("BRL", "USD", 0.2, 1),
        rate("BRL", "USD", 0.5, 4, name="x"),
        rate("BRL", "USD", 0.6, 4, 22, name="x"),
    )
    assert days("v_exchange_rates", "rate") == {1: 0.2, 2: 0.2, 3: 0.3, 4: 0.5}


def test_a_changed_rate_without_a_movement_is_fx_alone(put: Put, days: Days) -> None:
    put(*BOOK, rate("BRL", "USD", 0.2, 1), rate("EUR", "USD", 1.1, 1), rate("BRL", "USD", 0.25, 3))
    assert days("v_mrr_converted_daily", "mrr_minor") == {1: 7_500, 2: 7_500, 3: 8_000, 4: 8_000, 5: 8_000}
    found = days("v_mrr_bridge_daily", "mrr_before_minor", *FLOWS, "mrr_after_minor")
    assert found[1] == (0, 7_500, 0, 0, 0, 0, 0, 7_500)  # 20.00 + 55.00
    assert found[2] == (7_500, 0, 0, 0, 0, 0, 0, 7_500)
    assert found[3] == (7_500, 0, 0, 0, 0, 0, 500, 8_000)  # 100.00 x 0.05
    assert found[4] == (8_000, 0, 0, 0, 0, 0, 0, 8_000)


def test_movements_at_the_same_rate_are_no_fx(put: Put, days: Days) -> None:
    put(
        *BOOK,
        rate("BRL", "USD", 0.2, 1),
        rate("EUR", "USD", 1.1, 1),
        movement("expansion", 2_500, 10_000, on(2), "br", currency="BRL"),
        movement("contraction", -1_000, 5_000, on(3), "eu", currency="EUR"),
        movement("churn", -12_500, 12_500, on(4), "br", currency="BRL"),
        movement("reactivation", 500, 0, on(5), "br", currency="BRL"),
    )
    found = days("v_mrr_bridge_daily", "mrr_before_minor", *FLOWS, "mrr_after_minor")
    assert found[2] == (7_500, 0, 500, 0, 0, 0, 0, 8_000)
    assert found[3] == (8_000, 0, 0, 1_100, 0, 0, 0, 6_900)
    assert found[4] == (6_900, 0, 0, 0, 2_500, 0, 0, 4_400)
    assert found[5] == (4_400, 0, 0, 0, 0, 100, 0, 4_500)
    assert days("v_mrr_converted_daily", "customers") == {1: 2, 2: 2, 3: 2, 4: 1, 5: 2}


def test_a_change_of_currency_is_what_it_came_to_at_the_rates_of_the_day(put: Put, days: Days) -> None:
    put(
        *BOOK,
        rate("BRL", "USD", 0.2, 1),
        rate("EUR", "USD", 1.1, 1),
        movement("currency_change", -10_000, 10_000, on(3), "br", currency="BRL"),
        movement("currency_change", 2_000, 0, on(3), "br", currency="EUR"),
    )
    columns = ("mrr_before_minor", *FLOWS, "currency_change_minor", "mrr_after_minor")
    found = days("v_mrr_bridge_daily", *columns)
    assert found[3] == (7_500, 0, 0, 0, 0, 0, 0, 200, 7_700)  # 20.00 x 1.1 less 100.00 x 0.2
    assert found[4] == (7_700, 0, 0, 0, 0, 0, 0, 0, 7_700)
    assert days("v_mrr_converted_daily", "customers") == dict.fromkeys(range(1, 6), 2)


def test_both_on_one_day_are_told_apart(put: Put, days: Days) -> None:
    put(
        *BOOK,
        rate("BRL", "USD", 0.2, 1),
        rate("EUR", "USD", 1.1, 1),
        rate("BRL", "USD", 0.25, 2),
        movement("expansion", 2_000, 10_000, on(2), "br", currency="BRL"),
    )
    found = days("v_mrr_bridge_daily", "mrr_before_minor", *FLOWS, "mrr_after_minor")
    assert found[2] == (7_500, 0, 500, 0, 0, 0, 500, 8_500)  # 20.00 x 0.25, and 100.00 x 0.05


def test_customers_without_a_rate_are_counted_and_come_in_by_fx(put: Put, days: Days) -> None:
    put(
        *BOOK,
        movement("new", 700, 0, on(2), "us"),
        movement("new", 300, 0, on(2), "br"),  # a second currency of the same customer
        rate("BRL", "USD", 0.2, 4),
    )
    columns = ("customers", "mrr_minor", "unconverted_customers")
    assert days("v_mrr_converted_daily", *columns) == {
        1: (0, 0, 2),
        2: (2, 1_000, 2),  # br's 3.00 dollars are in, its reais are not
        3: (2, 1_000, 2),
        4: (2, 3_000, 1),
        5: (2, 3_000, 1),
    }
    assert days("v_mrr_bridge_daily", "fx_minor") == {1: 0, 2: 0, 3: 0, 4: 2_000, 5: 0}


def test_who_left_before_the_first_rate_is_in_no_count(put: Put, days: Days) -> None:
    put(*BOOK, movement("churn", -10_000, 10_000, on(2), "br", currency="BRL"), rate("BRL", "USD", 0.2, 4))
    assert days("v_mrr_converted_daily", "customers", "unconverted_customers") == {
        1: (0, 2),
        2: (0, 1),
        3: (0, 1),
        4: (0, 1),
        5: (0, 1),
    }
    assert set(days("v_mrr_bridge_daily", "fx_minor").values()) == {0}


def test_minor_units_follow_the_digits_of_the_currencies(put: Put, days: Days) -> None:
    put(
        closed(1),
        movement("new", 15_000, 0, on(1), "jp", currency="JPY"),  # 15,000 yen have no minor unit
        movement("new", 2_000, 0, on(1), "bh", currency="BHD"),  # 2.000 dinars
        rate("JPY", "USD", 0.007, 1),
        rate("BHD", "USD", 2.65, 1),
        rate("BHD", "JPY", 380.0, 1),
    )
    assert days("v_mrr_converted_daily", "mrr_minor") == {1: 10_500 + 530}  # 105.00 + 5.30 dollars
    assert days("v_mrr_converted_daily", "mrr_minor", to="JPY") == {1: 15_000 + 760}


def test_rounding_never_leaks_into_fx_and_everything_adds_up(put: Put, days: Days) -> None:
    put(
        closed(5),
        movement("new", 333, 0, on(1), "a", currency="BRL"),
        movement("new", 7, 0, on(1), "b", currency="BRL"),
        movement("expansion", 1, 333, on(2), "a", currency="BRL"),
        movement("contraction", -2, 334, on(3), "a", currency="BRL"),
        movement("churn", -7, 7, on(3), "b", currency="BRL"),
        movement("reactivation", 1, 0, on(4), "b", currency="BRL"),
        rate("BRL", "USD", 0.19137, 1),
        rate("BRL", "USD", 0.19139, 5),
        rate("BRL", "EUR", 0.17731, 1),
    )
    assert [days("v_mrr_bridge_daily", "fx_minor")[day] for day in (1, 2, 3, 4)] == [0, 0, 0, 0]
    assert days("v_mrr_converted_daily", "mrr_minor")[5] == round(333 * 0.19139)
    for to in ("USD", "EUR"):
        found = days("v_mrr_bridge_daily", "mrr_before_minor", *FLOWS, "mrr_after_minor", to=to)
        before = 0
        for start, new, expansion, contraction, churn, reactivation, fx, end in found.values():
            assert start == before
            assert min(new, expansion, contraction, churn, reactivation) >= 0
            assert start + new + expansion + reactivation - contraction - churn + fx == end
            before = end


def test_what_a_currency_without_a_rate_is_worth_is_not_said(put: Put, client: Client) -> None:
    put(*BOOK, rate("BRL", "USD", 0.2, 1))
    columns = "currency, mrr_before_minor, mrr_after_minor, fx_minor"
    sql = f"SELECT {columns} FROM v_mrr_currencies_daily WHERE day = '2024-01-02'"
    found = [tuple(row) for row in client.query(f"{sql} ORDER BY currency").result_rows]
    assert found == [("BRL", 2_000, 2_000, 0), ("EUR", None, None, None)]


def test_digits_are_those_of_the_alerts_for_every_currency(put: Put, client: Client) -> None:
    currencies = sorted(code for code in list_currencies() if len(code) == 3 and code != "USD")
    put(closed(1), *(rate(code, "USD", 1.0, 1) for code in currencies))
    rated = client.query("SELECT currency, minor_rate FROM v_exchange_rates ORDER BY currency").result_rows
    assert [row[0] for row in rated] == currencies
    assert [row[1] for row in rated] == [pytest.approx(10.0 ** (2 - minor_digits(code))) for code in currencies]


def test_rates_survive_as_they_were_given(put: Put, client: Client) -> None:
    put(closed(1), rate("BRL", "USD", 0.19876543210987, 1), rate("KWD", "IRR", 137_000.0, 1))
    found = client.query("SELECT currency, rate FROM v_exchange_rates ORDER BY currency").result_rows
    assert [tuple(row) for row in found] == [("BRL", 0.19876543210987), ("KWD", 137_000.0)]
