"""An alert in words: one line for the notification, Block Kit for the channel.

Names and reasons come from customers, so they are escaped wherever Slack reads markup; lengths stay within Slack's
limits (header 150, section 3000 characters), which slack_sdk checks when the blocks are built.
"""

from typing import Any, NamedTuple

from babel.numbers import format_currency, format_decimal
from slack_sdk.models.blocks import Block, ContextBlock, HeaderBlock, MarkdownTextObject, SectionBlock

from schemas.scores import HealthScore
from streams.alerts.episodes import Step
from streams.alerts.rules import Facts, Rule
from streams.alerts.texts import Locale, text

_BABEL: dict[Locale, str] = {"pt": "pt_BR", "es": "es", "en": "en_US"}
_HEADER_LENGTH = 150
_REASON_LENGTH = 600
_NAME_LENGTH = 80
_MINOR_DIGITS = 2


class Message(NamedTuple):
    """Plain text and the same as Block Kit."""

    text: str
    blocks: list[dict[str, Any]]


def compose(rule: Rule, step: Step, score: HealthScore, facts: Facts, locale: Locale) -> Message:
    """The message of one step of an episode."""
    values = _values(score, facts, locale)
    if step == "resolved":
        line = text(f"{rule.rule}.resolved", locale, **values)
        return Message(line, _blocks(HeaderBlock(text=_cut(line, _HEADER_LENGTH)), _context(rule, score)))
    title = text(f"{rule.rule}.title", locale, **values)
    body = text(f"{rule.rule}.body", locale, **values)
    marked = text(f"{rule.rule}.body", locale, **{name: escape(str(value)) for name, value in values.items()})
    next_step = f"{text('next', locale)}: {text(rule.next_step, locale)}"
    blocks = _blocks(
        HeaderBlock(text=_cut(title, _HEADER_LENGTH)),
        SectionBlock(text=MarkdownTextObject(text=marked), fields=_fields(score, facts, locale)),
        SectionBlock(text=MarkdownTextObject(text=f"*{next_step}*")),
        _context(rule, score, text("generated", locale) if facts.get("generated") else None),
    )
    return Message(f"{title}. {body} {next_step}", blocks)


def escape(content: str) -> str:
    """Text that Slack shows as it is.

    Example:
        >>> escape("<!channel> A&B")
        '&lt;!channel&gt; A&amp;B'
    """
    return content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _values(score: HealthScore, facts: Facts, locale: Locale) -> dict[str, object]:
    losses = [
        f"{text(str(facts[f'factor_{place}']), locale)} (−{_number(facts[f'missed_{place}'], locale)})"
        for place in (1, 2)
        if f"factor_{place}" in facts
    ]
    reason = facts.get("reason")
    return {
        "name": _cut(score.name or score.customer_id, _NAME_LENGTH),
        "score": _number(score.score, locale),
        "previous_score": _number(facts.get("previous_score"), locale),
        "losses": ", ".join(losses),
        "nps_score": facts.get("nps_score"),
        "reason": _cut(str(reason), _REASON_LENGTH) if reason else text("no_reason", locale),
    }


def _fields(score: HealthScore, facts: Facts, locale: Locale) -> list[MarkdownTextObject]:
    told = [(text("mrr", locale), _money(score, locale))]
    if score.owner:
        told.append((text("owner", locale), score.owner))
    if facts.get("respondent"):
        told.append((text("respondent", locale), str(facts["respondent"])))
    return [MarkdownTextObject(text=f"*{label}*\n{escape(content)}") for label, content in told]


def _money(score: HealthScore, locale: Locale) -> str:
    if score.currency is None:
        return "–"
    return str(format_currency(score.mrr_minor / 10**_MINOR_DIGITS, score.currency, locale=_BABEL[locale]))


def _number(value: object, locale: Locale) -> str:
    if not isinstance(value, int | float):
        return "–"
    return str(format_decimal(round(value, 1), locale=_BABEL[locale]))


def _context(rule: Rule, score: HealthScore, note: str | None = None) -> ContextBlock:
    said = [f"{rule.rule} · {score.customer_id} · {score.trigger_event_id or '–'}", *([note] if note else [])]
    return ContextBlock(elements=[MarkdownTextObject(text=escape(line)) for line in said])


def _blocks(*blocks: Block) -> list[dict[str, Any]]:
    return [dict(block.to_dict()) for block in blocks]


def _cut(content: str, length: int) -> str:
    return content if len(content) <= length else content[: length - 1] + "…"
