"""Delivery of alerts to Slack: one message per episode, renewed in place when the episode goes on or ends.

Slack has no idempotency key, so a crash between its answer and our commit posts a message twice; every message carries
the alert's id in its metadata, so that such a pair can be found.
"""

from typing import Protocol

import structlog
from aiohttp import ClientError
from msgspec import Struct
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from schemas.alerts import Alert
from streams.config import Settings
from streams.errors import PoisonError, TransientError

_log = structlog.get_logger(__name__)
_TIMEOUT_SECONDS = 10
_DEFAULT_WAIT_SECONDS = 5.0
#: Errors of the Web API that another try may mend; every other one stays (docs.slack.dev, chat.postMessage).
_TRANSIENT = {
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
}


class Posted(Struct, frozen=True):
    """Where a message stands, as Slack names it."""

    channel: str
    ts: str


class Delivery(Protocol):
    """A way to the people."""

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        """Posts an alert, or renews the message of its episode; gives where it stands.

        Raises:
            TransientError: again later.
            PoisonError: this message can never be delivered.
        """
        ...


class LogDelivery:
    """Writes alerts to the log: what happens without a Slack token."""

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        """Logs what would be sent."""
        _log.info("slack_message", alert=alert.alert_id, rule=alert.rule, status=alert.status, text=alert.text)
        return posted


class SlackDelivery:
    """Posts alerts by the Web API with a bot token (scope `chat:write`)."""

    def __init__(self, token: str, channel: str, base_url: str) -> None:
        self._channel = channel
        self._client = AsyncWebClient(
            token=token,
            base_url=base_url,
            timeout=_TIMEOUT_SECONDS,
            retry_handlers=[AsyncConnectionErrorRetryHandler(max_retry_count=1)],
        )

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        """Posts an alert, or renews the message of its episode."""
        try:
            if posted is not None:
                await self._client.chat_update(
                    channel=posted.channel, ts=posted.ts, text=alert.text, blocks=alert.blocks
                )
                return posted
            answer = await self._client.chat_postMessage(
                channel=alert.channel or self._channel,
                text=alert.text,
                blocks=alert.blocks,
                metadata={"event_type": "zelo_alert", "event_payload": {"alert_id": alert.alert_id}},
            )
        except SlackApiError as error:
            raise _translated(error) from error
        except (ClientError, OSError, TimeoutError) as error:
            raise TransientError(f"Slack does not answer: {error}", _DEFAULT_WAIT_SECONDS) from error
        return Posted(answer["channel"], answer["ts"])


def delivery(settings: Settings) -> Delivery:
    """Slack when there is a token, the log otherwise."""
    token = settings.slack_token
    if token is None or not token.get_secret_value():
        return LogDelivery()
    return SlackDelivery(token.get_secret_value(), settings.slack_channel, settings.slack_url)


def _translated(error: SlackApiError) -> TransientError | PoisonError:
    response = error.response
    said = response.get("error", "") if hasattr(response, "get") else ""
    status = getattr(response, "status_code", 200)
    if status == 429 or status >= 500 or said in _TRANSIENT:  # noqa: PLR2004 - HTTP's own numbers
        headers = getattr(response, "headers", {}) or {}
        wait = float(headers.get("Retry-After", _DEFAULT_WAIT_SECONDS))
        return TransientError(f"Slack refused for now: {said or status}", wait)
    return PoisonError(f"Slack refused the message: {said or status}")
