"""Which alerts people hear of, how often, and how long we wait for them."""

from collections.abc import Callable
from random import Random

import msgspec
from alert_samples import AT, Rig, daily

from schemas.alerts import Alert
from streams.errors import PoisonError, TransientError
from streams.metrics.days import DAY_MS
from streams.sinks.delivered import Delivered
from streams.sinks.delivery import RetryPolicy
from streams.sinks.notifier import Notifier, Pace
from streams.sinks.slack import Posted

STANDS = Posted("C1", "1.1")
RETRY = RetryPolicy(first_seconds=1.0, most_seconds=60.0, jitter=0.0)


def story() -> list[Alert]:
    """Opened, updated, resolved."""
    rig = Rig()
    rig.take(daily(0, "red", 44.0, "yellow"), daily(1, "red", 30.0, "red"), daily(2, "green", 80.0, "red"))
    return rig.alerts


OPENED, UPDATED, RESOLVED = story()


class Way:
    """Takes alerts, or raises what it is given, in order."""

    seconds_between = 0.0

    def __init__(self, *errors: Exception) -> None:
        self.taken: list[tuple[str, Posted | None]] = []
        self._errors = list(errors)

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        if self._errors:
            raise self._errors.pop(0)
        self.taken.append((alert.status, posted))
        return posted or STANDS


class Time:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.woke: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds
        self.woke()

    def __call__(self) -> float:
        return self.now


def notifier(way: Way, time: Time, oldest: Callable[[], int] = lambda: 0, pace: float = 0.0) -> Notifier:
    return Notifier(way, oldest, RETRY, Random(1), Pace(pace, time), time.sleep)


def ours() -> bool:
    return True


async def test_an_alert_that_comes_twice_is_told_once() -> None:
    way = Way()
    held: Delivered | None = Delivered()
    for alert in [OPENED, OPENED, UPDATED, OPENED, UPDATED, RESOLVED, OPENED, RESOLVED]:
        assert held is not None
        held = await notifier(way, Time()).tell(alert, held, ours)
    assert way.taken == [("opened", None), ("updated", STANDS), ("resolved", STANDS)]


async def test_what_is_too_old_is_not_news_but_a_message_that_stands_is_renewed() -> None:
    way = Way()
    telling = notifier(way, Time(), oldest=lambda: OPENED.at + 1)
    assert await telling.tell(OPENED, Delivered(), ours) == Delivered()
    old = notifier(way, Time(), oldest=lambda: AT + 100 * DAY_MS)
    held = Delivered().after(OPENED, STANDS)
    assert await old.tell(UPDATED, held, ours) == held.after(UPDATED, STANDS)
    assert way.taken == [("updated", STANDS)]


async def test_an_update_without_a_message_is_posted_while_it_is_news() -> None:
    way = Way()
    heard = Delivered().after(OPENED, None)
    assert await notifier(way, Time(), oldest=lambda: UPDATED.at + 1).tell(UPDATED, heard, ours) == heard
    assert await notifier(way, Time(), oldest=lambda: UPDATED.at).tell(UPDATED, heard, ours) != heard
    assert way.taken == [("updated", None)]


async def test_the_end_of_what_nobody_heard_of_is_not_told() -> None:
    way = Way()
    assert await notifier(way, Time()).tell(RESOLVED, Delivered(), ours) == Delivered()
    assert way.taken == []


async def test_a_failing_way_is_tried_until_it_takes_the_alert_with_growing_pauses() -> None:
    way, time = Way(*(TransientError("down", 0.5) for _ in range(9))), Time()
    held = await notifier(way, time).tell(OPENED, Delivered(), ours)
    assert held == Delivered().after(OPENED, STANDS)
    assert time.slept == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


async def test_the_pause_a_way_asks_for_is_kept() -> None:
    way, time = Way(TransientError("ratelimited", 17.0)), Time()
    await notifier(way, time).tell(OPENED, Delivered(), ours)
    assert time.slept == [17.0]


async def test_an_alert_that_grew_old_while_it_waited_is_not_told() -> None:
    way, time = Way(TransientError("down", 1.0)), Time()
    telling = notifier(way, time, oldest=lambda: 0 if time.now == 1000.0 else OPENED.at + 1)
    assert await telling.tell(OPENED, Delivered(), ours) == Delivered()
    assert way.taken == []


async def test_a_partition_that_went_elsewhere_is_left_to_its_owner() -> None:
    way, time = Way(TransientError("down", 1.0)), Time()
    assert await notifier(way, time).tell(OPENED, Delivered(), lambda: not time.slept) is None
    assert await notifier(way, time).tell(OPENED, Delivered(), lambda: False) is None
    assert way.taken == []


async def test_what_is_refused_for_ever_is_passed_over_and_not_tried_again() -> None:
    way = Way(PoisonError("invalid_blocks"))
    held = await notifier(way, Time()).tell(OPENED, Delivered(), ours)
    assert held is not None
    assert held.verdict(OPENED, 0) == "known"
    assert await notifier(way, Time()).tell(UPDATED, held, ours) == held.after(UPDATED, STANDS)


async def test_a_refused_update_keeps_its_message() -> None:
    held = Delivered().after(OPENED, STANDS)
    after = await notifier(Way(PoisonError("invalid_blocks")), Time()).tell(UPDATED, held, ours)
    assert after is not None
    assert after.posted == held.posted


async def test_deliveries_keep_their_pace_failures_too() -> None:
    way, time = Way(TransientError("down", 0.2)), Time()
    telling = notifier(way, time, pace=1.5)
    held = await telling.tell(OPENED, Delivered(), ours)
    assert held is not None
    assert time.slept == [1.0, 0.5]  # the pause after the failure, and what the pace still asks for
    time.now += 10
    await telling.tell(UPDATED, held, ours)
    await telling.tell(RESOLVED, held, ours)
    assert time.slept == [1.0, 0.5, 1.5]


def test_of_a_customers_alerts_the_newest_are_remembered() -> None:
    held = Delivered()
    for n in range(50):
        alert = msgspec.structs.replace(OPENED, alert_id=f"a{n}", episode_id="e", status="updated")
        held = held.after(alert, STANDS)
    assert (len(held.alerts), held.alerts[-1], held.posted) == (20, "a49", {"e": STANDS})
