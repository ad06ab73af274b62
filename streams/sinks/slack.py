"""Delivery of alerts to Slack: one message per episode, renewed in place when it goes on or ends.

Slack has no idempotency key, so when its answer is lost (a crash before our commit, a connection that breaks)
a message is posted twice. Every message carries the alert's id in its metadata, so such a pair can be found.
"""

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog
from aiohttp import ClientError
from msgspec import Struct
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from schemas.alerts import Alert
from streams.alerts.untrusted import escape
from streams.clock import Clock
from streams.config import Settings
from streams.errors import PoisonError, TransientError

_log = structlog.get_logger(__name__)

_WAIT_SECONDS = 5.0
_WAIT_FOR_PEOPLE_SECONDS = 60.0
_MOST_WAIT_SECONDS = 3600.0

# Errors of the Web API, docs.slack.dev/reference/methods/chat.postMessage and chat.update.
#: Another try may mend these.
_TRANSIENT = frozenset(
    {
        "accesslimited",
        "fatal_error",
        "internal_error",
        "message_limit_exceeded",
        "rate_limited",
        "ratelimited",
    }
    | {"request_timeout", "service_unavailable", "team_added_to_org"}
)
#: Somebody has to change the token, its scopes or the app: every alert would be refused, so all of them wait.
_TOKEN = frozenset(
    {"access_denied", "account_inactive", "ekm_access_denied", "enterprise_is_restricted", "invalid_auth"}
    | {"missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "org_login_required"}
    | {"team_access_not_granted", "token_expired", "token_revoked", "two_factor_setup_required"}
)
#: The same for the channel, unless the alert names one of its own.
_CHANNEL = frozenset(
    {"channel_not_found", "is_archived", "is_inactive", "not_in_channel", "restricted_action"}
    | {"restricted_action_read_only_channel", "restricted_action_thread_only_channel"}
)
#: The message cannot be renewed: it was deleted, or the workspace allows no (late) editing.
_NOT_RENEWABLE = frozenset({"cant_update_message", "edit_window_closed", "message_not_found", "channel_not_found"})


class Posted(Struct, frozen=True):
    """Where a message stands, as Slack names it."""

    channel: str
    ts: str


class Delivery(Protocol):
    """A way to the people.

    Attributes:
        seconds_between: two deliveries, at least.
    """

    seconds_between: float

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        """Posts an alert, or renews the message of its episode; gives where it stands, if anywhere.

        Raises:
            TransientError: again later.
            PoisonError: this message can never be delivered.
        """
        ...


class LogDelivery:
    """Writes alerts to the log: what happens without a Slack token."""

    seconds_between = 0.0

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        """Logs what would be sent."""
        _log.info("slack_message", alert=alert.alert_id, rule=alert.rule, status=alert.status, text=alert.text)
        return posted


class SlackDelivery:
    """Posts alerts by the Web API with a bot token (scope `chat:write`).

    Args:
        token: of the bot.
        channel: for alerts that name none.
        base_url: of the Web API, ends with a slash.
        timeout_seconds: for one answer.
    """

    # docs.slack.dev/apis/web-api/rate-limits: about one message per second and channel.
    seconds_between = 1.0

    def __init__(self, token: str, channel: str, base_url: str, timeout_seconds: int = 10) -> None:
        self._channel = channel
        # No retry handlers: whoever calls waits, where the watchdog and the log know of it.
        self._client = AsyncWebClient(token=token, base_url=base_url, timeout=timeout_seconds, retry_handlers=[])
        if urlsplit(base_url).hostname in ("127.0.0.1", "::1", "localhost"):
            self._client.proxy = None  # slack_sdk takes HTTPS_PROXY and knows no NO_PROXY

    async def deliver(self, alert: Alert, posted: Posted | None) -> Posted | None:
        """Posts an alert, or renews the message of its episode."""
        if posted is not None and await self._renew(alert, posted):
            return posted
        if alert.status == "resolved":
            return None  # nobody sees the message any more; its end alone would say nothing
        answer = await self._call(
            alert,
            "chat.postMessage",
            channel=alert.channel or self._channel,
            unfurl_links=False,
            unfurl_media=False,
        )
        return Posted(str(answer["channel"]), str(answer["ts"]))

    async def _renew(self, alert: Alert, posted: Posted) -> bool:
        try:
            await self._call(alert, "chat.update", channel=posted.channel, ts=posted.ts)
        except _NotRenewableError:
            return False
        return True

    async def _call(self, alert: Alert, method: str, **arguments: object) -> dict[str, Any]:
        body = arguments | {
            "text": escape(alert.text),
            "blocks": alert.blocks,
            "metadata": {"event_type": "zelo_alert", "event_payload": {"alert_id": alert.alert_id}},
        }
        try:
            answer = await self._client.api_call(method, json=body)
        except SlackApiError as error:
            raise _translated(error, method, own_channel=alert.channel is not None) from error
        except (ClientError, OSError, TimeoutError) as error:
            raise TransientError(f"Slack does not answer {method}: {error!r}", _WAIT_SECONDS) from error
        except AttributeError as error:  # slack_sdk, about a body that is JSON but no object, or plain text
            raise TransientError(f"Slack's answer to {method} cannot be read", _WAIT_SECONDS) from error
        return dict(answer.data) if isinstance(answer.data, dict) else {}


class _NotRenewableError(PoisonError):
    """The message of an episode cannot be changed any more."""


def delivery(settings: Settings) -> Delivery:
    """Slack when there is a token, the log otherwise."""
    token = settings.slack_token
    if token is None or not token.get_secret_value():
        return LogDelivery()
    return SlackDelivery(token.get_secret_value(), settings.slack_channel, settings.slack_url)


def oldest_told(settings: Settings, clock: Clock) -> Callable[[], int]:
    """Time of the oldest alert people are told of, epoch ms; the log takes all."""
    if settings.slack_token is None:
        return lambda: 0
    max_age_ms = round(settings.slack_max_age_hours * 3_600_000)
    return lambda: clock.now_ms() - max_age_ms


def _translated(error: SlackApiError, method: str, own_channel: bool) -> TransientError | PoisonError:
    response: Any = error.response  # a slack_sdk response, or aiohttp's when the body was no JSON
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    said = str(data.get("error", "")) if isinstance(data, dict) else ""
    what = f"Slack refused {method}: {said or f'HTTP status {status}'}"
    if not said or status == 429 or status >= 500 or said in _TRANSIENT:
        return TransientError(what, _retry_after(getattr(response, "headers", {})))
    if said in _TOKEN:
        return TransientError(f"{what}. Mend ZELO_SLACK_TOKEN or the Slack app", _WAIT_FOR_PEOPLE_SECONDS)
    if method == "chat.update" and said in _NOT_RENEWABLE:
        return _NotRenewableError(what)
    if said in _CHANNEL and not own_channel:
        mend = "Mend ZELO_SLACK_CHANNEL or invite the bot to it"
        return TransientError(f"{what}. {mend}", _WAIT_FOR_PEOPLE_SECONDS)
    return PoisonError(f"{what} {_details(data)}".rstrip())


def _retry_after(headers: Any) -> float:
    try:
        seconds = float(headers.get("Retry-After", _WAIT_SECONDS))
    except ValueError:  # HTTP allows a date, too
        return _WAIT_SECONDS
    return min(max(seconds, 0.0), _MOST_WAIT_SECONDS)


def _details(data: Any) -> str:
    """What Slack says about the blocks it refuses."""
    messages = data.get("response_metadata", {}).get("messages", []) if isinstance(data, dict) else []
    return "; ".join(str(message) for message in messages)
