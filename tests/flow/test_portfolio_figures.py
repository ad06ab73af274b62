"""Figures of all customers and of segments equal what their newest values add up to, whatever was late on the way."""

import random
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import takewhile

import pytest
from offline_rig import PARTITIONS, folded, interleaved, one_topic_after_the_other, some_records

from schemas import registry
from schemas.envelope import COMPANY_CUSTOMER
from schemas.events import SpendRecorded
from schemas.metrics import AccountValues, MetricValues, RevenueValues, SpendValues, Values
from schemas.portfolio import PORTFOLIO, PortfolioFigures, PortfolioValues, SpendClosed, TallyClosed, segment_key
from schemas.scores import HealthScore, UpsellScore
from streams.intake.importer import Produced
from streams.intake.ordering import Record, in_event_time
from streams.metrics.acquisition import WINDOW_DAYS, WINDOWS, acquired, campaigns
from streams.metrics.days import DAY_MS
from streams.metrics.sums import CUSTOMERS, Sums, add_health, add_upsell, add_values, figures, merge, new_sums
from streams.offline import Offline

pytestmark = pytest.mark.no_cover  # measuring it doubles its time and finds no line that others miss

Found = dict[tuple[str, int], PortfolioFigures]


@cache
def with_late_ones() -> tuple[Record, ...]:
    """The records of some customers, one in twenty of them up to 40 days late, and some of spend."""
    turns = random.Random(7)

    def arrives(record: Record) -> int:
        is_spend = b"spend-11" in record.value or b"named-1" in record.value
        late = record.key != b"_clock" and (turns.random() < 0.05 or is_spend)
        return record.timestamp_ms + (turns.randrange(40 * DAY_MS) if late else 0)

    timed = [(arrives(record), record) for record in (*some_records(8, 60), *_by_name(8, 60))]
    return tuple(record for _, record in sorted(timed, key=lambda pair: pair[0]))


def _by_name(customers: int, days: int) -> list[Record]:
    """Most days a sum is spent on one of the customers, or on one that never comes."""
    records = some_records(customers, days)
    names = [*sorted({one.key.decode() for one in records if one.key} - {"_clock", COMPANY_CUSTOMER}), "lead"]
    start = records[-1].timestamp_ms - days * DAY_MS
    events = [
        SpendRecorded(
            event_id=f"named-{number}",
            customer_id=names[number % len(names)],
            occurred_at=start + number * DAY_MS + DAY_MS // 3,
            amount_minor=500 + number,
            currency="USD" if number % 3 else "BRL",
            source="generated",
        )
        for number in range(2, days - 1)
    ]
    produced = in_event_time([Produced(registry.SPEND.name, event) for event in events], PARTITIONS)
    return [record for record in produced if record.key != b"_clock"]


def published(offline: Offline) -> Found:
    """The figures that hold: of a portfolio and day those of the greatest revision."""
    found: Found = {}
    for message in offline.messages(registry.METRICS):
        if isinstance(message, PortfolioFigures):
            key = message.portfolio, message.day
            if key not in found or (message.revision, message.version) >= (found[key].revision, found[key].version):
                found[key] = message
    return found


def said(found: Found) -> dict[tuple[str, int], tuple[int, str, PortfolioValues]]:
    """What must not depend on how the topics were interleaved: all but offsets."""
    return {key: (one.revision, one.reason, one.values) for key, one in found.items()}


def added_up(offline: Offline) -> dict[tuple[str, int], PortfolioValues]:
    """The same from the newest values of every customer and day, in one go."""
    newest = _newest(offline)
    scores = {(m.customer_id, m.day): m for m in offline.messages(registry.HEALTH) if m.kind == "day"}
    ready = {(m.customer_id, m.day): m for m in offline.messages(registry.UPSELL)}
    days, first = sorted({day for _, day in scores}), began(offline)
    by_customer: defaultdict[tuple[str, int], list[Values]] = defaultdict(list)
    accounts: defaultdict[str, dict[int, AccountValues]] = defaultdict(dict)
    spent: list[tuple[str, int, SpendValues]] = []
    for (customer, _, day), message in newest.items():
        if isinstance(message.values, AccountValues):
            accounts[customer][day] = message.values
        elif first[customer] <= day <= days[-1]:
            if isinstance(message.values, SpendValues):
                spent.append((customer, day, message.values))
            else:
                by_customer[customer, day].append(message.values)
    found = _summed(by_customer, accounts, scores, ready, days)
    _add_spent(found, spent, accounts, scores)
    left = {(name, day + 1) for name, day in found if (name, day + 1) not in found and day < days[-1]}
    return _worked_out(found | {key: new_sums() for key in left}, _over(offline))  # nobody is in these any more


def _add_spent(
    found: dict[tuple[str, int], Sums],
    spent: list[tuple[str, int, SpendValues]],
    accounts: dict[str, dict[int, AccountValues]],
    scores: dict[tuple[str, int], HealthScore],
) -> None:
    for customer, day, values in spent:
        own = new_sums()
        add_values(own, values)
        if not any(own.values()):
            continue
        merge(found[PORTFOLIO, day], own)
        if customer == COMPANY_CUSTOMER:
            merge(found[PORTFOLIO, day], campaigns(own))
        known = [accounts[customer][since] for since in sorted(accounts[customer]) if since <= day]
        segment = known[-1].segment if known and (customer, day) in scores else None
        if segment is not None:
            merge(found[segment_key(segment), day], own)


def _newest(offline: Offline) -> dict[tuple[str, str, int], MetricValues]:
    newest: dict[tuple[str, str, int], MetricValues] = {}
    for message in offline.messages(registry.METRICS):
        if isinstance(message, MetricValues) and message.kind == "day":
            key = message.customer_id, str(message.values.__struct_config__.tag), message.day
            if key not in newest or message.revision >= newest[key].revision:
                newest[key] = message
    return newest


def _over(offline: Offline) -> int:
    """The last day that is over for spend everywhere."""
    last: dict[int, int] = {}
    for marker in offline.messages(registry.PORTFOLIO):
        if isinstance(marker, SpendClosed):
            last[marker.partition] = max(marker.day, last.get(marker.partition, 0))
    return min(last.values())


def _worked_out(found: dict[tuple[str, int], Sums], over: int) -> dict[tuple[str, int], PortfolioValues]:
    """The figures, with those that take the windows of earlier days."""

    def of(name: str, day: int) -> PortfolioValues:
        places = [(name, day - number * WINDOW_DAYS) for number in range(WINDOWS)]
        windows = [found[place] for place in takewhile(found.__contains__, places)]
        return acquired(
            figures(found[name, day]), windows, day <= over, None if name == PORTFOLIO else found[PORTFOLIO, day]
        )

    return {(name, day): of(name, day) for name, day in found}


def began(offline: Offline) -> dict[str, int]:
    """The first aligned day of each customer's partition."""
    days: dict[int, int] = {}
    for marker in offline.messages(registry.PORTFOLIO):
        if isinstance(marker, TallyClosed):
            days.setdefault(marker.partition, marker.day)
    sent = offline.log[registry.METRICS.name]
    return {(one.key or b"").decode(): days[one.partition] for one in sent if one.partition in days}


def _summed(
    values: dict[tuple[str, int], list[Values]],
    accounts: dict[str, dict[int, AccountValues]],
    scores: dict[tuple[str, int], HealthScore],
    ready: dict[tuple[str, int], UpsellScore],
    days: Iterable[int],
) -> dict[tuple[str, int], Sums]:
    found: defaultdict[tuple[str, int], Sums] = defaultdict(new_sums)
    for customer in sorted({customer for customer, _ in [*values, *scores]}):
        for day in days:
            place = customer, day
            if place not in values and place not in scores:
                continue
            known = [accounts[customer][since] for since in sorted(accounts[customer]) if since <= day]
            segment = known[-1].segment if known and place in scores else None
            for name in [PORTFOLIO] if segment is None else [PORTFOLIO, segment_key(segment)]:
                sums = found[name, day]
                sums[CUSTOMERS] += 1
                for one in values.get(place, []):
                    add_values(sums, one)
                if place in scores:
                    red = [at_close for at_close in (_revenue_scored(scores[place]),) if at_close is not None]
                    add_health(sums, scores[place].score, scores[place].band, red[0] if red else None)
                    add_upsell(sums, ready[place].upsell_ready)
    return found


def _revenue_scored(score: HealthScore) -> RevenueValues | None:
    """The MRR that a score was given with."""
    return RevenueValues(mrr_minor=score.mrr_minor, currency=score.currency) if score.currency else None


@pytest.fixture(scope="module")
def in_order() -> Offline:
    return folded(with_late_ones(), flush_every=1000)


def test_figures_are_the_sum_of_the_newest_values(in_order: Offline) -> None:
    found = {key: one.values for key, one in published(in_order).items()}
    expected = added_up(in_order)
    assert [key for key in expected if found.get(key) != expected[key]] == []
    assert found.keys() == expected.keys()


def test_spend_is_in_the_figures_of_all_customers_and_restated(in_order: Offline) -> None:
    found = {day: one for (name, day), one in published(in_order).items() if name == PORTFOLIO}
    assert sum(one.values.spend_28d_minor.keys() == {"BRL", "USD"} for one in found.values()) > 30
    late = [one for one in in_order.messages(registry.METRICS) if isinstance(one, MetricValues) and one.revision]
    assert any(isinstance(one.values, SpendValues) for one in late)
    parts = [one.values for one in published(in_order).values() if one.segment is not None]
    assert sum(bool(one.cac_28d_minor) for one in parts) > 10
    assert sum(bool(one.spend_28d_minor) for one in parts) > 100


def test_late_events_restate_figures(in_order: Offline) -> None:
    found = published(in_order)
    assert sum(one.revision > 0 for one in found.values()) > 100
    assert all((one.reason == "restated") == (one.revision > 0) for one in found.values())
    assert {name for name, _ in found} == {PORTFOLIO, "_segment:Basic", "_segment:Enterprise", "_segment:Pro"}


@pytest.mark.parametrize("seed", [0, 1])
def test_any_interleaving_gives_the_same_figures(in_order: Offline, seed: int) -> None:
    assert said(published(folded(interleaved(with_late_ones(), seed), flush_every=300))) == said(published(in_order))


def test_topics_one_after_the_other_give_the_same_figures(in_order: Offline) -> None:
    assert said(published(folded(one_topic_after_the_other(with_late_ones(), 3)))) == said(published(in_order))


def test_restated_values_say_what_they_were(in_order: Offline) -> None:
    """What a restatement replaces is what was published last for the day."""
    last: dict[tuple[str, str, int], Values] = {}
    restated = 0
    for message in in_order.messages(registry.METRICS):
        if isinstance(message, MetricValues) and message.kind == "day":
            key = message.customer_id, str(message.values.__struct_config__.tag), message.day
            assert (message.revision > 0) == (message.restated_by is not None)
            if message.revision:
                restated += 1
                assert message.before == last.get(key)
            last[key] = message.values
    assert restated > 100
