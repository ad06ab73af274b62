"""SlackDelivery against a strict fake of Slack's Web API."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import fake_slack
import msgspec
import pytest
from alert_samples import DETRACTOR, Rig, daily
from fake_slack import CHANNELS, TOKEN, Failure, FakeSlack
from pydantic import SecretStr

from schemas.alerts import Alert
from streams.config import Settings
from streams.errors import PoisonError, TransientError
from streams.sinks.delivered import Delivered
from streams.sinks.slack import LogDelivery, Posted, SlackDelivery, delivery

HERE = "#customer-success"


def story(**changes: str | None) -> list[Alert]:
    """Opened, updated, resolved."""
    rig = Rig()
    rig.take(daily(0, "red", 44.0, "yellow"), daily(1, "red", 30.0, "red"), daily(2, "green", 80.0, "red"))
    return [msgspec.structs.replace(alert, **changes) for alert in rig.alerts]


OPENED, UPDATED, RESOLVED = story()


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as fake:
        yield fake


def bot(slack: FakeSlack, token: str = TOKEN, channel: str = HERE, timeout_seconds: int = 5) -> SlackDelivery:
    return SlackDelivery(token, channel, slack.url, timeout_seconds)


async def test_an_episode_is_one_message_renewed_in_place(slack: FakeSlack) -> None:
    held = Delivered()
    for alert in (OPENED, UPDATED, RESOLVED):
        held = held.after(alert, await bot(slack).deliver(alert, held.posted.get(alert.episode_id)))
        assert [message.blocks for message in slack.messages] == [alert.blocks]
        assert slack.messages[0].metadata["event_payload"] == {"alert_id": alert.alert_id}
    assert [method for method, _ in slack.calls] == ["chat.postMessage", "chat.update", "chat.update"]
    assert (slack.messages[0].channel, slack.messages[0].edits) == (CHANNELS[HERE], 2)
    assert held.posted == {}


async def test_what_customers_wrote_is_neither_mention_nor_link(slack: FakeSlack) -> None:
    rig = Rig()
    wild = "<!channel> <@U1> <http://x.y|z> @here #general http://x.y & *b*"
    answer = msgspec.structs.replace(DETRACTOR, reason=wild, respondent_id=wild)
    rig.take(daily(0, "red", 44.0, "yellow", name=wild, owner=wild, customer_id=wild, answers=[answer]))
    for alert in rig.alerts:
        await bot(slack).deliver(alert, None)
    assert len(slack.messages) == 2
    assert [message.mentions for message in slack.messages] == [[], []]
    assert "&lt;!channel&gt;" in slack.messages[0].text
    assert all(arguments["unfurl_links"] is False for _, arguments in slack.calls)


@pytest.mark.parametrize("locale", ["pt", "es", "en"])
async def test_every_kind_of_message_is_taken_in_every_language(slack: FakeSlack, locale: str) -> None:
    golden = Path(__file__).parent.parent / "golden" / "alerts" / f"{locale}.json"
    messages = json.loads(golden.read_text(encoding="utf-8"))
    for message in messages:
        alert = msgspec.structs.replace(OPENED, text=message["text"], blocks=message["blocks"])
        assert await bot(slack).deliver(alert, None) is not None
    assert len(slack.messages) == len(messages) == 10


async def test_a_rate_limit_says_how_long_to_wait(slack: FakeSlack) -> None:
    slack.failures.append(Failure("limited", retry_after="17"))
    with pytest.raises(TransientError, match="ratelimited") as caught:
        await bot(slack).deliver(OPENED, None)
    assert caught.value.retry_after_seconds == 17.0
    assert await bot(slack).deliver(OPENED, None)


async def test_a_rate_limit_given_as_a_date_is_waited_out_too(slack: FakeSlack) -> None:
    slack.failures.append(Failure("limited", retry_after="Fri, 04 Oct 2024 07:28:00 GMT"))
    with pytest.raises(TransientError) as caught:
        await bot(slack).deliver(OPENED, None)
    assert caught.value.retry_after_seconds == 5.0


async def test_the_fake_allows_one_message_a_second_and_channel() -> None:
    async with FakeSlack(seconds_between=1.0) as slack:
        await bot(slack).deliver(OPENED, None)
        await bot(slack, channel="#sales").deliver(OPENED, None)
        with pytest.raises(TransientError) as caught:
            await bot(slack).deliver(OPENED, None)
    assert caught.value.retry_after_seconds == 1.0


@pytest.mark.parametrize(
    "failure",
    [
        Failure("status", status=500),
        Failure("status", status=503, body="upstream", content_type="text/plain"),
        Failure("status", status=502, body="{", content_type="application/json"),
        Failure("body", body="<html>captive portal</html>"),
        Failure("body", body="fine", content_type="text/plain"),
        Failure("body", body="[1]", content_type="application/json"),
        Failure("body", body="{", content_type="application/json"),
        Failure("error", error="internal_error"),
        Failure("error", error="service_unavailable"),
        Failure("reset"),
        Failure("hang"),
    ],
    ids=lambda failure: f"{failure.kind}-{failure.status}-{failure.error}-{failure.body}",
)
async def test_what_another_try_may_mend_is_transient(slack: FakeSlack, failure: Failure) -> None:
    slack.failures.append(failure)
    with pytest.raises(TransientError):
        await bot(slack, timeout_seconds=1).deliver(OPENED, None)
    assert slack.messages == []
    assert await bot(slack).deliver(OPENED, None)


async def test_nobody_listening_is_transient() -> None:
    async with FakeSlack() as slack:
        pass
    with pytest.raises(TransientError, match="does not answer"):
        await bot(slack).deliver(OPENED, None)


async def test_a_proxy_is_not_asked_for_what_is_on_this_machine(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert await bot(slack).deliver(OPENED, None)


async def test_a_lost_answer_posts_twice_and_the_pair_can_be_found(slack: FakeSlack) -> None:
    slack.failures.append(Failure("lost"))
    with pytest.raises(TransientError):
        await bot(slack).deliver(OPENED, None)
    await bot(slack).deliver(OPENED, None)
    first, second = slack.messages
    assert first.metadata == second.metadata


@pytest.mark.parametrize("token, error", [("xoxb-other", "invalid_auth"), ("", "not_authed")])
async def test_a_wrong_token_waits_for_the_operator(slack: FakeSlack, token: str, error: str) -> None:
    with pytest.raises(TransientError, match=f"{error}.*ZELO_SLACK_TOKEN") as caught:
        await bot(slack, token=token).deliver(OPENED, None)
    assert caught.value.retry_after_seconds >= 60.0


async def test_a_wrong_channel_in_the_settings_waits_for_the_operator(slack: FakeSlack) -> None:
    with pytest.raises(TransientError, match=r"channel_not_found.*ZELO_SLACK_CHANNEL"):
        await bot(slack, channel="#typo").deliver(OPENED, None)


async def test_a_wrong_channel_of_the_alert_itself_is_poison(slack: FakeSlack) -> None:
    (opened, *_) = story(channel="#typo")
    with pytest.raises(PoisonError, match="channel_not_found"):
        await bot(slack).deliver(opened, None)
    (opened, *_) = story(channel="#sales")
    posted = await bot(slack).deliver(opened, None)
    assert posted == Posted(CHANNELS["#sales"], slack.messages[0].ts)


async def test_blocks_slack_refuses_are_poison_and_the_log_says_why(slack: FakeSlack) -> None:
    broken = msgspec.structs.replace(OPENED, blocks=[{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}])
    with pytest.raises(PoisonError, match=r"invalid_blocks .*unsupported type: mrkdwn"):
        await bot(slack).deliver(broken, None)


async def test_a_message_somebody_deleted_is_posted_anew_but_not_for_its_end(slack: FakeSlack) -> None:
    gone = await bot(slack).deliver(OPENED, None)
    slack.messages.clear()
    anew = await bot(slack).deliver(UPDATED, gone)
    assert (anew, len(slack.messages)) == (Posted(CHANNELS[HERE], slack.messages[0].ts), 1)
    slack.messages.clear()
    assert await bot(slack).deliver(RESOLVED, anew) is None
    assert slack.messages == []


async def test_a_message_in_a_deleted_channel_is_posted_anew(slack: FakeSlack) -> None:
    assert await bot(slack).deliver(UPDATED, Posted("C999", "1.1")) is not None


async def test_a_failing_update_keeps_its_message(slack: FakeSlack) -> None:
    posted = await bot(slack).deliver(OPENED, None)
    slack.failures.append(Failure("status", status=500))
    with pytest.raises(TransientError):
        await bot(slack).deliver(UPDATED, posted)
    assert await bot(slack).deliver(UPDATED, posted) == posted
    assert len(slack.messages) == 1


async def test_what_was_delivered_before_a_restart_is_known_after_it(slack: FakeSlack) -> None:
    held = Delivered().after(OPENED, await bot(slack).deliver(OPENED, None))
    held = msgspec.msgpack.decode(msgspec.msgpack.encode(held), type=Delivered)
    assert held.verdict(OPENED, oldest=0) == "known"
    await bot(slack).deliver(UPDATED, held.posted[UPDATED.episode_id])
    assert [message.edits for message in slack.messages] == [1]


async def test_the_way_is_chosen_by_the_token(slack: FakeSlack) -> None:
    settings: dict[str, Any] = {"slack_url": slack.url}
    assert isinstance(delivery(Settings(**settings)), LogDelivery)
    assert isinstance(delivery(Settings(slack_token=SecretStr(""), **settings)), LogDelivery)
    way = delivery(Settings(slack_token=SecretStr(TOKEN), **settings))
    assert await way.deliver(OPENED, None)
    assert await LogDelivery().deliver(OPENED, None) is None


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({}, "invalid_arguments"),
        ({"channel": HERE}, "no_text"),
        ({"channel": HERE, "text": "x", "colour": "red"}, "invalid_arguments"),
        ({"channel": HERE, "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": HERE, "text": "x", "blocks": []}, "invalid_blocks"),
        ({"channel": HERE, "text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        (
            {"channel": HERE, "text": "x", "blocks": [{"type": "divider", "block_id": "a"}] * 2},
            "invalid_blocks",
        ),
        ({"channel": HERE, "text": "x", "blocks": [{"type": "video"}]}, "invalid_blocks"),
        ({"channel": HERE, "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        (
            {"channel": HERE, "text": "x", "metadata": {"event_type": "X", "event_payload": {}}},
            "invalid_metadata_schema",
        ),
    ],
)
async def test_the_fake_is_strict(slack: FakeSlack, arguments: dict[str, object], error: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    form = {name: v if isinstance(v, str) else json.dumps(v) for name, v in arguments.items()}
    async with aiohttp.ClientSession(headers=headers) as session:
        bodies: list[dict[str, Any]] = [{"json": arguments}, {"data": form}]
        for body in bodies:
            async with session.post(f"{slack.url}chat.postMessage", **body) as answer:
                assert (await answer.json())["error"] == error
        async with session.post(f"{slack.url}chat.postMessage", data={"channel": HERE, "text": "x"}) as answer:
            assert (await answer.json())["ok"] is True
        async with session.post(f"{slack.url}auth.test") as answer:
            assert (await answer.json())["error"] == "unknown_method"
    assert len(slack.messages) == 1


async def test_the_fake_runs_as_a_process_of_its_own() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, fake_slack.__file__, "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        where = json.loads(await process.stdout.readline())
        base = where["url"].removesuffix("/api/")
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{base}/control/fail", json=[{"kind": "error"}]) as answer:
                assert await answer.json() == {"failures": 1}
            way = SlackDelivery(where["token"], HERE, where["url"])
            with pytest.raises(TransientError):
                await way.deliver(OPENED, None)
            await way.deliver(OPENED, None)
            async with session.get(f"{base}/control/messages") as answer:
                (message,) = await answer.json()
            assert message["blocks"] == OPENED.blocks
            async with session.get(f"{base}/control/calls") as answer:
                assert [method for method, _ in await answer.json()] == ["chat.postMessage"]
    finally:
        os.kill(process.pid, signal.SIGINT)
        assert await process.wait() == 0
