"""Any policy over any history: the laws of folds hold, and MRR is what a plain reading of the facts gives."""

from fractions import Fraction

import pytest
from fold_laws import (
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    TIMES,
    assert_any_order,
    assert_forgetting_changes_nothing,
    assert_past_only,
    folded,
    histories,
    instants,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    CancellationReported,
    CancellationScheduled,
    CancellationWithdrawn,
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionSet,
)
from streams.metrics.days import DAY_MS
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.revenue_state import policy_steps

NAMES = ("a", "b")
MOMENTS = st.lists(instants(), min_size=1, max_size=4)
POLICIES = [
    RevenuePolicy(gross_margin=0.8),
    RevenuePolicy(churn_date="cancellation_request", discounts="gross", metered="included", refunds="negative"),
    RevenuePolicy(churn_date="cancellation_in_billing", past_due_days=10, gross_margin=0.5),
    RevenuePolicy(past_due_days=1, allowed_gap_days=10, discounts="gross"),
]
FOLDS = [RevenueFold(policy, DAYS) for policy in POLICIES]


def _kind(cls, **fields):
    return st.fixed_dictionaries(fields).map(lambda drawn: (cls, drawn))


def _events():
    name, money = st.sampled_from(NAMES), st.sampled_from([0, 5, 700])
    currency = st.sampled_from(["EUR", "EUR", "USD"])
    said = {
        "reason": st.sampled_from([None, "price", "product"]),
        "voluntary": st.sampled_from([None, False, True]),
    }
    ends = {"subscription_id": name, "ends_at": st.one_of(st.none(), TIMES), **said}
    terms = _kind(
        SubscriptionSet,
        subscription_id=name,
        amount_minor=st.sampled_from([0, 1000, 2500]),
        list_amount_minor=st.sampled_from([None, 0, 1000, 3000]),
        currency=currency,
        trial=st.sampled_from([False, False, True]),
        metered=st.sampled_from([False, False, True]),
        interval=st.sampled_from(["month", "year"]),
        term_ends_at=st.one_of(st.none(), TIMES),
    )
    return histories(
        st.one_of(
            terms,
            terms,
            terms,
            _kind(SubscriptionEnded, subscription_id=name, **said),
            _kind(SubscriptionPaused, subscription_id=name),
            _kind(SubscriptionResumed, subscription_id=name),
            _kind(CancellationScheduled, **ends),
            _kind(CancellationWithdrawn, subscription_id=name),
            _kind(SubscriptionCancelled, **ends),
            _kind(CancellationReported, reason=said["reason"]),
            _kind(
                InvoiceIssued,
                invoice_id=name,
                amount_minor=money,
                currency=currency,
                due_at=TIMES,
                subscription_id=st.sampled_from([None, *NAMES]),
            ),
            _kind(InvoiceSettled, invoice_id=name, how=st.sampled_from(["paid", "paid", "voided", "uncollectible"])),
            _kind(PaymentRefunded, invoice_id=name, amount_minor=money, currency=currency),
        )
    )


EVENTS = _events()


def _in_order(events, before):
    """By time; at one instant what sets and ends a subscription comes first."""
    known = (e for e in events if e.occurred_at < before)
    return sorted(
        known, key=lambda e: (e.occurred_at, not isinstance(e, SubscriptionSet | SubscriptionEnded), e.event_id)
    )


def _overdue(events, name, before, days):
    """Whether an invoice of a subscription has been due for longer than so many days, just before an instant."""
    for invoice in NAMES:
        mine = [e for e in _in_order(events, before) if getattr(e, "invoice_id", None) == invoice]
        issued = [e for e in mine if isinstance(e, InvoiceIssued)]
        if not issued or any(isinstance(e, InvoiceSettled) for e in mine):
            continue
        bill = issued[-1]
        late = bill.due_at + days * DAY_MS < before
        if bill.subscription_id == name and bill.amount_minor and late:
            return True
    return False


class Reading:
    """A subscription read fact by fact."""

    def __init__(self):
        self.terms, self.zero_length, self.ever = None, False, False
        self.rests = self.wish = self.gone = False

    def read(self, e):
        match e:
            case SubscriptionEnded():
                self.zero_length = self.zero_length or not self.ever
                self.terms, self.rests, self.wish, self.gone = None, False, False, False
            case SubscriptionSet():
                if self.terms is None:
                    self.rests = self.wish = self.gone = False
                self.terms = None if self.zero_length and not self.ever else e
                self.ever = True
            case _ if self.terms:
                self.mark(e)

    def mark(self, e):
        match e:
            case SubscriptionPaused() | SubscriptionResumed():
                self.rests = isinstance(e, SubscriptionPaused)
            case CancellationScheduled():
                self.wish = True
            case SubscriptionCancelled():
                self.wish = self.gone = True
            case CancellationWithdrawn():
                self.wish = self.gone = False


def _level(events, name, before, policy):
    """Currency and MRR of a subscription just before an instant, by reading its facts in order."""
    found = Reading()
    for e in _in_order(events, before):
        if getattr(e, "subscription_id", None) == name:
            found.read(e)
    terms = found.terms
    over = {"cancellation_request": found.wish, "cancellation_in_billing": found.gone}
    late = policy.past_due_days and _overdue(events, name, before, policy.past_due_days)
    if terms is None or found.rests or terms.trial or over.get(policy.churn_date) or late:
        return "", 0
    if terms.metered and policy.metered == "excluded":
        return "", 0
    gross = policy.discounts == "gross" and terms.list_amount_minor is not None
    amount = terms.list_amount_minor if gross else terms.amount_minor
    return terms.currency, round(Fraction(amount, 12 if terms.interval == "year" else 1))


def _mrr(events, before, policy):
    total = {}
    for name in NAMES:
        currency, amount = _level(events, name, before, policy)
        if amount:
            total[currency] = total.get(currency, 0) + amount
    return total


@pytest.mark.parametrize("fold", FOLDS)
@settings(max_examples=150)
@given(EVENTS, MOMENTS)
def test_mrr_under_any_policy_is_a_plain_reading_of_the_facts(fold, events, moments):
    policy = fold._policy
    state = folded(FOLDS[0], events)
    steps = policy_steps(state, RevenuePolicy(**{**_settings(policy), "allowed_gap_days": 0}))
    for _, as_of in moments:
        found = [step.mrr for step in steps if step.at < as_of]
        assert (found[-1] if found else {}) == _mrr(events, as_of, policy)


def _settings(policy):
    return {name: getattr(policy, name) for name in policy.__struct_fields__}


@pytest.mark.parametrize("fold", FOLDS)
@given(EVENTS)
def test_the_steps_of_a_policy_are_those_of_a_fold_that_has_it(fold, events):
    assert list(policy_steps(folded(FOLDS[0], events), fold._policy)) == [
        *policy_steps(folded(fold, events), fold._policy)
    ]


@pytest.mark.parametrize("fold", FOLDS)
@given(EVENTS, MOMENTS)
def test_what_moved_in_28_days_sums_to_the_change_of_mrr(fold, events, moments):
    state = folded(fold, events)
    for day, as_of in moments:
        v = fold.values(state, day, as_of)
        up = v.new_28d_minor + v.expansion_28d_minor + v.reactivation_28d_minor
        up += v.currency_change_28d_minor
        assert v.mrr_28d_ago_minor + up - v.contraction_28d_minor - v.churn_28d_minor == v.mrr_minor
        assert (v.nrr_28d is None) == (v.grr_28d is None) == (v.mrr_28d_ago_minor == 0)
        assert v.grr_28d is None or 0 <= v.grr_28d <= min(1, v.nrr_28d)
        assert 0 <= v.terms_renewed_1d <= v.terms_ended_1d
        assert v.days_to_end is None or v.days_to_end >= 0


@given(EVENTS, MOMENTS)
def test_money_in_and_back_is_what_invoices_say(events, moments):
    state = folded(FOLDS[0], events)
    for day, as_of in moments:
        values = FOLDS[0].values(state, day, as_of)
        paid, back, impossible = {}, {}, 0
        for name in NAMES:
            mine = [e for e in _in_order(events, as_of) if getattr(e, "invoice_id", None) == name]
            bills = [e for e in mine if isinstance(e, InvoiceIssued)]
            was_paid = any(isinstance(e, InvoiceSettled) and e.how == "paid" for e in mine)
            of_one = {bills[-1].currency: bills[-1].amount_minor} if bills and was_paid else {}
            given_back = {}
            for e in mine:
                if isinstance(e, PaymentRefunded):
                    given_back[e.currency] = given_back.get(e.currency, 0) + e.amount_minor
            for sums, more in ((paid, of_one), (back, given_back)):
                for currency, amount in more.items():
                    sums[currency] = sums.get(currency, 0) + amount
            impossible += bool(bills) and any(minor > of_one.get(c, 0) for c, minor in given_back.items())
        known = any(hasattr(e, "invoice_id") for e in _in_order(events, as_of))
        currency = values.currency or ""
        expected = (paid.get(currency, 0), back.get(currency, 0)) if known else (None, None)
        assert (values.revenue_to_date_minor, values.refunds_to_date_minor) == expected
        assert values.billing_impossible == impossible


@pytest.mark.parametrize("fold", FOLDS)
@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))), MOMENTS)
def test_revenue_under_a_policy_is_the_same_in_any_order(fold, orders, moments):
    assert_any_order(fold, *orders, moments)


@pytest.mark.parametrize("fold", FOLDS)
@given(EVENTS, MOMENTS)
def test_revenue_under_a_policy_speaks_of_the_past_only(fold, events, moments):
    assert_past_only(fold, events, moments)


@pytest.mark.parametrize("fold", FOLDS)
@settings(max_examples=150)
@given(EVENTS, st.integers(FIRST_DAY + 90, LAST_DAY - 30), st.lists(instants(), min_size=2, max_size=6))
def test_forgetting_under_a_policy_changes_no_later_day(fold, events, before, moments):
    moments = [*moments, (before, DAYS.start(before) + 1), (before, DAYS.start(before + 1))]
    assert_forgetting_changes_nothing(fold, events, before, moments, _entities, _entity)


def _entities(state):
    return state.invoices


def _entity(event):
    return getattr(event, "invoice_id", "")
