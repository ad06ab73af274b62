"""The notify worker as its own process against a strict Slack: posted once, renewed in place, patient, killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from fake_slack import TOKEN, Failure, FakeSlack
from pydantic import SecretStr
from system_rig import System, prepare, system_settings, until

from schemas.alerts import Alert
from schemas.codec import encode
from schemas.registry import ALERTS
from streams.app import ROLES
from streams.cli.flow import standings
from streams.cli.stack import worker_children
from streams.clock import SystemClock
from streams.embedded import EmbeddedStack
from streams.embedded.supervise import Restart
from streams.topics import topic_name

pytestmark = [
    pytest.mark.integration,
    pytest.mark.any_broker("about Slack; how a killed worker goes on, test_archive_faults.py shows on Kafka"),
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="module"),
]

NOW = SystemClock().now_ms()


def alert(customer: str, step: int, status: str, at: int = NOW) -> Alert:
    episode = f"health_red:{customer}:{NOW}"
    return Alert(
        alert_id=f"{episode}:{step}",
        episode_id=episode,
        customer_id=customer,
        rule="health_red",
        severity="critical",
        status=status,  # type: ignore[arg-type]
        opened_at=at,
        at=at,
        trigger_event_id="e1",
        facts={},
        next_step="call_customer",
        locale="en",
        text=f"{customer} {status}",
        blocks=[{"type": "section", "text": {"type": "plain_text", "text": f"{customer} {status}"}}],
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(slack: FakeSlack) -> AsyncIterator[System]:
    async with EmbeddedStack() as stack:
        settings = system_settings(
            stack, "slack", slack_token=SecretStr(TOKEN), slack_url=slack.url, slack_channel="#customer-success"
        )
        await prepare(settings)
        restart = Restart(attempts=50, first_delay_seconds=0.05, max_delay_seconds=0.05)
        children = dict(zip(ROLES, worker_children(settings, stack.data_dir / "logs", restart), strict=True))
        await stack.supervisor.start(children["notify"])
        yield System(stack, settings, {"notify": children["notify"]})


async def send(system: System, *alerts: Alert) -> None:
    async with AIOKafkaProducer(bootstrap_servers=system.settings.kafka_bootstrap) as producer:
        for one in alerts:
            topic = topic_name(system.settings, ALERTS)
            await producer.send_and_wait(topic, encode(one), key=one.customer_id.encode())


def texts(slack: FakeSlack) -> list[str]:
    return [message.text for message in slack.messages]


async def test_an_alert_is_posted_and_its_message_renewed_in_place(system: System, slack: FakeSlack) -> None:
    await send(system, alert("acme", 1, "opened"))
    await until(lambda: "acme opened" in texts(slack), "posted")
    await send(system, alert("acme", 2, "resolved"))
    await until(lambda: "acme resolved" in texts(slack), "renewed")
    assert len([t for t in texts(slack) if t.startswith("acme")]) == 1


async def test_an_alert_of_the_distant_past_is_not_posted(system: System, slack: FakeSlack) -> None:
    await send(system, alert("old", 1, "opened", NOW - 10 * 86_400_000), alert("new", 1, "opened"))
    await until(lambda: "new opened" in texts(slack), "the alert after it")
    assert "old opened" not in texts(slack)


async def test_slack_down_only_delays(system: System, slack: FakeSlack) -> None:
    slack.failures.extend([Failure("status", status=503), Failure("reset")])
    await send(system, alert("patient", 1, "opened"))
    await until(lambda: "patient opened" in texts(slack), "posted after the failures")
    assert texts(slack).count("patient opened") == 1


async def committed(system: System) -> None:
    """Waits until what was posted is also committed: only a crash in between posts twice."""
    while (notify := (await standings(system.settings))["notify"]).done < notify.total:
        await asyncio.sleep(0.1)


async def test_a_killed_worker_goes_on_and_posts_nothing_twice(system: System, slack: FakeSlack) -> None:
    await committed(system)
    os.kill(system.pid("notify"), signal.SIGKILL)
    before = texts(slack)
    await send(system, alert("after", 1, "opened"))
    await until(lambda: "after opened" in texts(slack), "posted by the restarted worker", 60)
    assert sorted(texts(slack)) == sorted([*before, "after opened"])


async def test_slack_that_limits_fails_or_is_down_for_a_while_gets_every_alert_once(
    system: System, slack: FakeSlack
) -> None:
    before = texts(slack)
    for number, failure in enumerate((Failure("limited", retry_after="2"), Failure("error", error="internal_error"))):
        slack.failures.append(failure)
        at = monotonic()
        await send(system, alert(f"refused{number}", 1, "opened"))
        await until(lambda number=number: f"refused{number} opened" in texts(slack), f"posted after {failure}")
        assert monotonic() - at >= (2.0 if failure.kind == "limited" else 0.0), "sooner than Slack asked for"
    await slack.__aexit__(None, None, None)
    await send(system, alert("down", 1, "opened"))
    await asyncio.sleep(3.0)  # how long it is down, not a wait for something
    await slack.__aenter__()
    await until(lambda: "down opened" in texts(slack), "posted once it is up")
    await committed(system)
    assert sorted(texts(slack)) == sorted([*before, *(f"refused{n} opened" for n in range(2)), "down opened"])
