import itertools
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
    InvoiceIssued,
    InvoiceSettled,
    SubscriptionEnded,
    SubscriptionSet,
)
from streams.metrics.days import DAY_MS
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy

FOLDS = [RevenueFold(RevenuePolicy(allowed_gap_days=gap), DAYS) for gap in (0, 10)]
MONTHS = {
    "day": 1 / Fraction(487, 16),
    "week": 7 / Fraction(487, 16),
    "month": Fraction(1),
    "year": Fraction(12),
}
MOMENTS = st.lists(instants(), min_size=1, max_size=4)


def _events():
    names = st.sampled_from(["a", "b", "c"])
    reasons = st.sampled_from([None, "price", "product"])
    terms = st.fixed_dictionaries(
        {
            "subscription_id": names,
            "amount_minor": st.sampled_from([0, 1000, 1000, 2500, 99_999]),
            "currency": st.sampled_from(["EUR", "EUR", "USD"]),
            "quantity": st.sampled_from([1, 1, 3]),
            "interval": st.sampled_from(["month", "month", "year", "week", "day"]),
            "interval_count": st.sampled_from([1, 1, 3]),
            "trial": st.sampled_from([False, False, True]),
            "plan": st.sampled_from([None, "Pro"]),
            "seats": st.sampled_from([None, 7]),
            "auto_renews": st.sampled_from([None, False, True]),
            "term_ends_at": st.one_of(st.none(), TIMES),
        }
    ).map(lambda drawn: (SubscriptionSet, drawn))
    ended = st.fixed_dictionaries({"subscription_id": names, "reason": reasons}).map(
        lambda drawn: (SubscriptionEnded, drawn)
    )
    reported = st.fixed_dictionaries({"reason": reasons}).map(lambda drawn: (CancellationReported, drawn))
    issued = st.fixed_dictionaries(
        {
            "invoice_id": names,
            "amount_minor": st.sampled_from([0, 5, 5]),
            "currency": st.just("EUR"),
            "due_at": TIMES,
        }
    ).map(lambda drawn: (InvoiceIssued, drawn))
    settled = st.fixed_dictionaries({"invoice_id": names}).map(lambda drawn: (InvoiceSettled, drawn))
    return histories(st.one_of(terms, terms, terms, ended, ended, reported, issued, settled))


EVENTS = _events()


def _terms(events, name, before):
    """The terms of a subscription that hold just before an instant, by replaying its events."""
    mine = [e for e in events if getattr(e, "subscription_id", None) == name and e.occurred_at < before]
    holds, ever_set, ended_first = None, False, False
    for e in sorted(mine, key=lambda e: (e.occurred_at, e.event_id)):
        if isinstance(e, SubscriptionEnded):
            holds, ended_first = None, ended_first or not ever_set
        else:
            holds = None if ended_first and not ever_set else e
            ever_set = True
    return holds


def _mrr(events, before):
    total = {}
    for name in ("a", "b", "c"):
        e = _terms(events, name, before)
        if e is not None and not e.trial:
            months = MONTHS[e.interval] * e.interval_count
            total[e.currency] = total.get(e.currency, 0) + round(Fraction(e.amount_minor * e.quantity) / months)
    return {currency: amount for currency, amount in total.items() if amount}


def _levels(events):
    """(instant, MRR from it on) at every instant at which MRR changed."""
    levels = [(0, {})]
    for at in sorted({e.occurred_at for e in events}):
        mrr = _mrr(events, at + 1)
        if mrr != levels[-1][1]:
            levels.append((at, mrr))
    return levels[1:]


def _currency(first, levels):
    """The currency of the earliest terms; after a change, or a beginning in others, the first that was taken up."""
    for (_, before), (_, after) in itertools.pairwise([(0, {}), *levels]):
        if first not in after and set(after) - set(before) and (first in before or not before):
            first = min(set(after) - set(before))
    return first


def _newest_reason(events):
    given_reasons = [e for e in events if getattr(e, "reason", None)]
    return max(given_reasons, key=lambda e: (e.occurred_at, e.event_id)).reason if given_reasons else None


def _overdue(events, day, as_of):
    invoices = [e for e in events if isinstance(e, InvoiceIssued | InvoiceSettled)]
    if not invoices:
        return None, None
    settled = {e.invoice_id for e in invoices if isinstance(e, InvoiceSettled)}
    newest = {}
    for e in sorted(invoices, key=lambda e: (e.occurred_at, e.event_id)):
        if isinstance(e, InvoiceIssued) and e.invoice_id not in settled:
            newest[e.invoice_id] = e
    due = [e.due_at for e in newest.values() if e.amount_minor and e.due_at < as_of]
    return (day - DAYS.of(min(due)), "late") if due else (0, "current")


@given(EVENTS, MOMENTS)
def test_revenue_values_equal_a_plain_replay(events, moments):
    state = folded(FOLDS[0], events)
    for day, as_of in moments:
        values = FOLDS[0].values(state, day, as_of)
        known = [e for e in events if e.occurred_at < as_of]
        sets = [e for e in known if isinstance(e, SubscriptionSet)]
        mrr, levels = _mrr(known, as_of), _levels(known)
        currency = _currency(min(sets, key=lambda e: (e.occurred_at, e.event_id)).currency, levels) if sets else None
        assert values.currency == currency
        assert values.mrr_minor == mrr.get(currency, 0)
        assert values.mrr_other_minor == {c: amount for c, amount in mrr.items() if c != currency}
        assert values.mrr_28d_ago_minor == _mrr(known, DAYS.start(day - 27)).get(currency, 0)
        assert values.paying == bool(mrr)
        assert values.first_paid_at == (levels[0][0] if levels else None)
        assert values.churned_at == (levels[-1][0] if levels and not mrr else None)
        terms = [t for t in (_terms(known, name, as_of) for name in ("a", "b", "c")) if t is not None]
        paid = [t for t in terms if not t.trial]
        assert (values.subscriptions_active, values.trials_active) == (len(paid), len(terms) - len(paid))
        named = [t.seats or (t.quantity if t.quantity > 1 else None) for t in paid or terms]
        seats = [one for one in named if one is not None]
        assert values.seats == (sum(seats) if seats else None)
        assert (values.days_overdue, values.payment_state) == _overdue(known, day, as_of)
        assert values.churn_reason == _newest_reason(known)
        reports = [e.occurred_at for e in known if isinstance(e, CancellationReported)]
        recent = [at for at in reports if at >= DAYS.start(day - 89)]
        assert values.cancellations_reported_90d == len(recent)
        zeros = [at for at, level in levels if not level]
        started = min([at for at, _ in levels if at > max(zeros, default=0)], default=None)
        assert values.cancellation_reported_while_paying == (bool(mrr) and bool(recent) and max(recent) >= started)


@pytest.mark.parametrize("fold", FOLDS)
@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))), MOMENTS)
def test_revenue_is_the_same_in_any_order(fold, orders, moments):
    assert_any_order(fold, *orders, moments)


@pytest.mark.parametrize("fold", FOLDS)
@given(EVENTS, MOMENTS)
def test_revenue_values_speak_of_the_past_only(fold, events, moments):
    assert_past_only(fold, events, moments)


@pytest.mark.covers
@pytest.mark.parametrize("fold", FOLDS)
@settings(max_examples=200)
@given(EVENTS, st.integers(FIRST_DAY + 90, LAST_DAY - 30), st.lists(instants(), min_size=2, max_size=6))
def test_forgetting_billing_facts_changes_no_later_day(fold, events, before, moments):
    moments = [*moments, (before, DAYS.start(before) + 1), (before, DAYS.start(before + 1))]
    assert_forgetting_changes_nothing(
        fold,
        events,
        before,
        moments,
        lambda state: state.invoices,
        lambda e: getattr(e, "invoice_id", ""),
    )


@given(EVENTS, MOMENTS)
def test_days_are_never_negative(events, moments):
    state = folded(FOLDS[0], events)
    for day, as_of in moments:
        values = FOLDS[0].values(state, day, as_of)
        for days in (values.tenure_days, values.days_to_renewal, values.days_overdue):
            assert days is None or days >= 0


@given(EVENTS, st.tuples(instants(), instants()))
def test_movements_between_two_instants_sum_to_the_change_of_mrr(events, pair):
    movements = FOLDS[0].movements("c", folded(FOLDS[0], events))
    (_, t0), (_, t1) = sorted(pair, key=lambda moment: moment[1])
    for currency in ("EUR", "USD"):
        inside = [m for m in movements if m.currency == currency and t0 <= m.effective_at < t1]
        up = sum(m.amount_minor for m in inside if m.movement in ("new", "expansion", "reactivation"))
        down = -sum(m.amount_minor for m in inside if m.movement in ("contraction", "churn"))
        before, after = _mrr(events, t0).get(currency, 0), _mrr(events, t1).get(currency, 0)
        exchanged = sum(m.amount_minor for m in inside if m.movement == "currency_change")
        assert before + up - down + exchanged == after


def _named(levels):
    """Movements named by their definition: what the customer paid before, after, and whether ever."""
    named, before, ever = [], {}, False
    for at, after in levels:
        left, taken = set(before) - set(after), set(after) - set(before)
        for currency in sorted({*before, *after}):
            amount = after.get(currency, 0) - before.get(currency, 0)
            if left and taken and currency in left | taken:
                named.append((at, currency, "currency_change", amount))
            elif amount > 0:
                named.append((at, currency, "expansion" if before else "reactivation" if ever else "new", amount))
            elif amount < 0:
                named.append((at, currency, "contraction" if after else "churn", amount))
        before, ever = after, ever or bool(after)
    return named


@given(EVENTS)
def test_movements_are_the_steps_of_mrr_named_by_definition(events):
    movements = FOLDS[0].movements("c", folded(FOLDS[0], events))
    found = [(m.effective_at, m.currency, m.movement, m.amount_minor) for m in movements]
    assert found == _named(_levels(events))
    assert all(m.mrr_after_minor - m.mrr_before_minor == m.amount_minor for m in movements)
    ids = {(e.occurred_at, e.event_id) for e in events}
    assert all((m.effective_at, m.event_id) in ids for m in movements)


@given(EVENTS)
def test_allowed_gaps_are_bridged_and_longer_ones_are_not(events):
    levels = _levels(events)
    bridged = []
    for i, (at, mrr) in enumerate(levels):
        back = levels[i + 1] if i + 1 < len(levels) else None
        if not mrr and back is not None and back[0] - at <= 10 * DAY_MS:
            continue
        if mrr != (bridged[-1][1] if bridged else {}):
            bridged.append((at, mrr))
    movements = FOLDS[1].movements("c", folded(FOLDS[1], events))
    assert [(m.effective_at, m.currency, m.movement, m.amount_minor) for m in movements] == _named(bridged)
