"""The demo's board beside what it tells of: Slack messages are counted as the notifier posts them."""

from random import Random

import pytest
from fake_slack import TOKEN, FakeSlack
from pydantic import SecretStr
from sink_samples import Rec, alert, rows

from schemas.alerts import Alert
from schemas.codec import MessageDecoder
from streams.cli.board import read_board
from streams.clock import SystemClock
from streams.config import Settings
from streams.metrics.days import DAY_MS
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.delivered import Delivered
from streams.sinks.delivery import RetryPolicy
from streams.sinks.notifier import Notifier, Pace
from streams.sinks.slack import delivery, oldest_told

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

NOW = SystemClock().now_ms()
LONG_AGO = NOW - 100 * DAY_MS
STORY = [
    alert("opened", 1, "old", LONG_AGO),
    alert("resolved", 2, "old", LONG_AGO + 1),
    alert("opened", 3, "old, but goes on", LONG_AGO),
    alert("updated", 4, "old, but goes on", NOW),
    alert("opened", 5, "old, ends now", LONG_AGO),
    alert("resolved", 6, "old, ends now", NOW),
    alert("opened", 7, "whole", NOW),
    alert("updated", 8, "whole", NOW),
    alert("resolved", 9, "whole", NOW),
    alert("opened", 10, "open", NOW),
]


def store(settings: Settings, records: list[Rec]) -> None:
    backend = ClickHouse(settings)
    for number, row in enumerate(rows(*records)):
        backend.insert(row.table, [row.values], f"token {number}")
    backend.close()


async def notify(settings: Settings, records: list[Rec]) -> None:
    read, held = MessageDecoder[Alert](Alert), Delivered()
    retry = RetryPolicy(first_seconds=0.0, most_seconds=0.0)
    notifier = Notifier(delivery(settings), oldest_told(settings, SystemClock()), retry, Random(1), Pace(0.0))
    for record in records:
        after = await notifier.tell(read(record.value), held, lambda: True)
        assert after is not None
        held = after


@pytest.mark.usefixtures("client")
async def test_the_board_counts_the_messages_that_the_notifier_posts(archive: Settings) -> None:
    async with FakeSlack() as slack:
        store(archive, STORY)
        with_slack = archive.model_copy(update={"slack_token": SecretStr(TOKEN), "slack_url": slack.url})
        await notify(with_slack, STORY)
        board = read_board(with_slack)
        assert board.slack_messages == len(slack.messages) == 3
        assert board.alerts == {"health_red": 5}
        # Without a token nothing is too old: each episode would be one message.
        assert read_board(archive).slack_messages == 5
