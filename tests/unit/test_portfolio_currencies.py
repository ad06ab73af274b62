"""Figures of all customers where customers change their currency, leave in one, or come back in another."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import BillingEvent, SubscriptionEnded, SubscriptionSet
from schemas.portfolio import PortfolioValues
from streams.metrics.days import DAY_MS, Days
from streams.metrics.portfolio import by_month, open_books
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.revenue_state import RevenueState
from streams.metrics.sums import add_values, figures, new_sums

START = 19_700
DAYS = Days()
FOLD = RevenueFold(RevenuePolicy(), DAYS)
_UP = ("new", "expansion", "reactivation", "currency_change")
_DOWN = ("contraction", "churn")


def terms(event_id: str, day: int, subscription: str, amount: int, currency: str, **more: Any) -> SubscriptionSet:
    return SubscriptionSet(
        event_id=event_id,
        customer_id=more.pop("customer", "c"),
        occurred_at=(START + day) * DAY_MS,
        subscription_id=subscription,
        amount_minor=amount,
        currency=currency,
        **more,
    )


def end(event_id: str, day: int, subscription: str, customer: str = "c") -> SubscriptionEnded:
    at = (START + day) * DAY_MS
    return SubscriptionEnded(event_id=event_id, customer_id=customer, occurred_at=at, subscription_id=subscription)


def states(*events: BillingEvent) -> dict[str, RevenueState]:
    found: dict[str, RevenueState] = {}
    for event in events:
        FOLD.apply(found.setdefault(event.customer_id, FOLD.new()), event, int(event.occurred_at))  # type: ignore[arg-type]
    return found


def portfolio(day: int, *events: BillingEvent) -> PortfolioValues:
    sums = new_sums()
    for state in states(*events).values():
        add_values(sums, FOLD.values(state, START + day, DAYS.start(START + day + 1)))
    return figures(sums)


def assert_exact(found: PortfolioValues) -> None:
    """What was there and what moved make what is there, in every currency."""
    moved = {name: getattr(found, f"{name}_28d_minor") for name in (*_UP, *_DOWN)}
    for currency in {*found.mrr_minor, *found.mrr_28d_ago_minor, *[code for one in moved.values() for code in one]}:
        up = sum(moved[name].get(currency, 0) for name in _UP)
        down = sum(moved[name].get(currency, 0) for name in _DOWN)
        assert found.mrr_28d_ago_minor.get(currency, 0) + up - down == found.mrr_minor.get(currency, 0), currency


CHANGED = (terms("a", 0, "s", 1_000, "EUR"), terms("b", 30, "s", 1_100, "USD"))


def test_a_customer_that_changed_its_currency_paid_then_and_is_not_lost() -> None:
    found = portfolio(39, *CHANGED)
    assert (found.paying_customers_28d_ago, found.lost_customers_28d, found.customer_churn_28d) == (1, 0, 0.0)
    assert found.mrr_28d_ago_minor == {"EUR": 1_000}
    assert found.currency_change_28d_minor == {"EUR": -1_000, "USD": 1_100}
    assert (found.nrr_28d, found.grr_28d) == ({}, {})
    assert_exact(found)


def test_what_it_took_away_leaves_the_retention_of_the_others_alone() -> None:
    """Of 1,000 + 400 in euros 1,000 went over to dollars; 400 became 300: 300 / 400."""
    found = portfolio(
        39, *CHANGED, terms("c", 0, "s", 400, "EUR", customer="d"), terms("d", 35, "s", 300, "EUR", customer="d")
    )
    assert (found.nrr_28d, found.grr_28d) == ({"EUR": 0.75}, {"EUR": 0.75})
    assert_exact(found)


def test_one_that_leaves_after_a_change_of_currency_is_lost_in_the_currency_of_then() -> None:
    found = portfolio(39, *CHANGED, end("c", 36, "s"))
    assert (found.paying_customers_28d_ago, found.lost_customers_28d, found.customer_churn_28d) == (1, 1, 1.0)
    assert (found.nrr_28d, found.grr_28d) == ({"EUR": 0.0}, {"EUR": 0.0})
    assert found.churn_28d_minor == {"USD": 1_100}
    assert_exact(found)


def test_months_count_such_a_customer_as_lost_too() -> None:
    """Euros in December, dollars from 3 January, nothing from the 8th."""
    events = (terms("a", 0, "s", 1_000, "EUR"), terms("b", 25, "s", 1_100, "USD"), end("c", 30, "s"), end("d", 60, "s"))
    months = {(one.month, one.currency): one for one in by_month(open_books(events, DAYS), RevenuePolicy())}
    euros = months["2024-01", "EUR"]
    assert (euros.customers_lost, euros.nrr, euros.grr) == (1, 0.0, 0.0)


def test_one_that_comes_back_in_another_currency_has_that() -> None:
    events = (terms("a", 0, "s", 1_000, "EUR"), end("b", 5, "s"), terms("c", 9, "t", 1_100, "USD"))
    (state,) = states(*events).values()
    found = [FOLD.values(state, START + day, DAYS.start(START + day + 1)) for day in (4, 7, 60)]
    assert [one.currency for one in found] == ["EUR", "EUR", "USD"]
    assert [one.mrr_minor for one in found] == [1_000, 0, 1_100]
    later = portfolio(60, *events)
    assert (later.paying_customers_28d_ago, later.nrr_28d, later.arpa_minor) == (1, {"USD": 1.0}, {"USD": 1_100.0})


def test_a_trial_in_one_currency_does_not_hold_what_is_paid_in_another() -> None:
    (state,) = states(terms("a", 0, "s", 0, "EUR", trial=True), terms("b", 3, "t", 900, "USD")).values()
    values = [FOLD.values(state, START + day, DAYS.start(START + day + 1)) for day in (1, 4)]
    assert [(one.currency, one.mrr_minor) for one in values] == [("EUR", 0), ("USD", 900)]


def test_what_is_paid_in_a_second_currency_counts_in_it() -> None:
    found = portfolio(
        39, terms("a", 0, "s", 1_000, "EUR"), terms("b", 0, "t", 500, "USD"), terms("c", 20, "t", 400, "USD")
    )
    assert found.mrr_28d_ago_minor == {"EUR": 1_000, "USD": 500}
    assert found.contraction_28d_minor == {"USD": 100}
    assert found.nrr_28d == {"EUR": 1.0, "USD": 0.8}
    assert found.arpa_minor == {"EUR": 1_000.0, "USD": 400.0}
    assert found.paying_customers_28d_ago == 1
    assert_exact(found)


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from("st"),
        st.integers(0, 50),
        st.sampled_from([0, 700, 900, None]),
        st.sampled_from(["EUR", "GBP", "USD"]),
    ),
    max_size=14,
)


@given(_EVENTS, st.integers(27, 80))
def test_every_currency_adds_up_whatever_customers_do(drawn: list[Any], day: int) -> None:
    events = [
        end(f"e{n}", at, subscription, customer)
        if amount is None
        else terms(f"e{n}", at, subscription, amount, currency, customer=customer)
        for n, (customer, subscription, at, amount, currency) in enumerate(drawn)
    ]
    found = portfolio(day, *events)
    assert_exact(found)
    assert all(share <= 1 for share in found.grr_28d.values())
    assert found.lost_customers_28d <= found.paying_customers_28d_ago <= 2
    for state in states(*events).values():
        values = FOLD.values(state, START + day, DAYS.start(START + day + 1))
        assert values.paying == bool(values.mrr_minor or values.mrr_other_minor)
