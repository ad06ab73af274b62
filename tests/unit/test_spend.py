from schemas.envelope import Heartbeat
from schemas.events import ExchangeRateSet, SpendRecorded
from schemas.metrics import SpendValues
from streams.metrics.days import DAY_MS, Days
from streams.metrics.spend import SpendFold

DAYS = Days()
FOLD = SpendFold(DAYS)
DAY = 19_800


def spent(event_id, day, amount, currency="BRL"):
    fields = {"customer_id": "_company", "amount_minor": amount, "currency": currency}
    return SpendRecorded(event_id=event_id, occurred_at=day * DAY_MS, **fields)


def folded(*events):
    state = FOLD.new()
    for event in events:
        FOLD.apply(state, event, event.occurred_at)
    return state


def values(state, day=DAY):
    return FOLD.values(state, day, DAYS.start(day + 1))


def test_sums_by_window_and_currency():
    state = folded(
        spent("a", DAY, 1),
        spent("b", DAY, 20, "USD"),
        spent("c", DAY - 1, 300),
        spent("d", DAY - 27, 4_000),
        spent("e", DAY - 28, 50_000),
        spent("f", DAY - 89, 600_000),
        spent("g", DAY - 90, 7_000_000),
        spent("later", DAY + 1, 9),
    )
    assert values(state) == SpendValues(
        spend_1d_minor={"BRL": 1, "USD": 20},
        spend_28d_minor={"BRL": 4_301, "USD": 20},
        spend_90d_minor={"BRL": 654_301, "USD": 20},
        spend_total_minor={"BRL": 7_654_301, "USD": 20},
    )


def test_before_the_first_payment_nothing_was_spent():
    assert values(folded(spent("a", DAY, 1)), DAY - 1) == SpendValues()


def test_the_instant_asked_for_is_left_out():
    state = folded(spent("a", DAY, 5))
    assert FOLD.values(state, DAY, DAY * DAY_MS) == SpendValues()
    assert FOLD.values(state, DAY, DAY * DAY_MS + 1).spend_1d_minor == {"BRL": 5}


def test_heartbeats_spend_nothing_and_spend_moves_no_revenue():
    assert folded(Heartbeat(event_id="h", customer_id="_clock", occurred_at=0)) == FOLD.new()
    assert FOLD.movements("_company", FOLD.new()) == []


def test_exchange_rates_move_no_figure_of_spend():
    paid = [spent("a", DAY, 1), spent("b", DAY - 40, 20, "USD")]
    said = {"customer_id": "_company", "currency": "BRL", "to": "USD", "rate": 0.2}
    rates = [ExchangeRateSet(event_id=f"r{day}", occurred_at=day * DAY_MS, **said) for day in (DAY - 40, DAY)]
    assert folded(rates[0], *paid, rates[1]) == folded(*paid)
    assert folded(*rates) == FOLD.new()


def test_forgetting_keeps_windows_and_totals_and_drops_the_rest():
    state = folded(spent("a", DAY - 90, 1), spent("b", DAY - 89, 2), spent("c", DAY, 4))
    before = values(state)
    FOLD.forget(state, DAY)
    assert values(state) == before
    assert [payment.event_id for payment in state.payments] == ["b", "c"]
    FOLD.forget(state, DAY + 1)
    assert values(state, DAY + 1).spend_total_minor == {"BRL": 7}
    assert [payment.event_id for payment in state.payments] == ["c"]
