"""An alert in words: one line for notification, log and board, Block Kit for the channel.

What people wrote (names, reasons, ids) stands in `plain_text` only, where Slack reads neither markup nor
mentions; markup holds nothing but our own texts. Lengths stay within Slack's limits whatever comes in
(header 150, section 3000, field 2000, 10 fields). The blocks are written down as they travel; the tests hold them
against Slack's own models, which take half a millisecond a message.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from schemas.alerts import Severity
from streams.alerts.amounts import NONE, lasted, money, number
from streams.alerts.episodes import Step
from streams.alerts.own_words import own_words
from streams.alerts.telling import Telling, Words
from streams.alerts.texts import Locale, text
from streams.alerts.untrusted import clean, cut

_HEADER_LENGTH = 150
_NAME_LENGTH = 60  # of customer, owner, respondent; a header has room for it beside our longest text
_REASON_LENGTH = 600
_ID_LENGTH = 200
_MARKS: dict[Severity, str] = {"info": "🔵", "warning": "🟠", "critical": "🔴"}
_RESOLVED_MARK = "🟢"
_Json = dict[str, Any]


class Message(NamedTuple):
    """Plain text (not escaped) and the same as Block Kit."""

    text: str
    blocks: list[dict[str, Any]]


class Layout(NamedTuple):
    """What stands below the words: rows of a label and a content, and where it comes from."""

    table: list[tuple[str, str]]
    sources: list[str]


def compose(telling: Telling, locale: Locale) -> Message:
    """The message of one step of an episode."""
    words = _words(telling, locale)
    layout = Layout(_table(telling, locale), _sources(telling, locale))
    return written(words, layout, telling.step, telling.rule.severity)


def written(words: Words, layout: Layout, step: Step, severity: Severity) -> Message:
    """The message of such words."""
    rows = [f"{label}: {content}" for label, content in layout.table]
    line = " ".join(_ended(part) for part in (words.title, words.body, *rows, words.todo) if part)
    mark = _RESOLVED_MARK if step == "resolved" else _MARKS[severity]
    return Message(line, list(_blocks(words, layout, mark)))


def _words(telling: Telling, locale: Locale) -> Words:
    if "metric" in telling.facts:
        return own_words(telling, locale, _name(telling))
    rule, values = telling.rule, _values(telling, locale)
    if telling.step == "resolved":
        code = f"{rule.rule}.{telling.facts['ended']}"
        return Words(text(code, locale, **values), text(f"{code}.body", locale, **values), "")
    title = text(f"{rule.rule}.{telling.step}", locale, **values)
    body = text(f"{rule.rule}.body", locale, **values)
    todo = f"{text('next', locale)}: {text(rule.next_step, locale)}"
    return Words(title, body, todo)


def _blocks(words: Words, layout: Layout, mark: str) -> Iterator[_Json]:
    yield {"type": "header", "text": _plain(cut(f"{mark} {words.title}", _HEADER_LENGTH))}
    # The body may quote people, so it is no markup either.
    cells = [cell for label, content in layout.table for cell in (_bold(label), _plain(content))]
    yield {"type": "section", "text": _plain(words.body), "fields": cells}
    if words.todo:
        yield {"type": "section", "text": _bold(words.todo)}
    yield {"type": "context", "elements": [_plain(source) for source in layout.sources]}


def _name(telling: Telling) -> str:
    score = telling.score
    return said(score.name, _NAME_LENGTH) or said(score.customer_id, _NAME_LENGTH) or NONE


def _values(telling: Telling, locale: Locale) -> dict[str, object]:
    score, facts = telling.score, telling.facts
    losses = [
        f"{text(str(facts[f'factor_{place}']), locale)} (−{number(facts[f'missed_{place}'], locale)})"
        for place in (1, 2)
        if f"factor_{place}" in facts
    ]
    return {
        "name": _name(telling),
        "score": number(facts.get("score"), locale),
        "score_told": number(facts.get("score_told"), locale),
        "previous_score": number(facts.get("previous_score"), locale),
        "losses": ", ".join(losses) or NONE,
        "nps_score": number(facts.get("nps_score"), locale),
        "reason": said(facts.get("reason"), _REASON_LENGTH) or text("no_reason", locale),
        "lasted": lasted(score.as_of - telling.episode.opened_at, locale),
    }


def _table(telling: Telling, locale: Locale) -> list[tuple[str, str]]:
    score = telling.score
    rows = [
        (text("mrr", locale), money(score.mrr_minor, score.currency, locale)),
        (text("owner", locale), said(score.owner, _NAME_LENGTH) or text("no_owner", locale)),
    ]
    respondent = said(telling.facts.get("respondent"), _NAME_LENGTH)
    return [*rows, (text("respondent", locale), respondent)] if respondent else rows


def _sources(telling: Telling, locale: Locale) -> list[str]:
    """Where it comes from: rule, customer, event."""
    facts, score = telling.facts, telling.score
    event_id = facts.get("event_id") or score.trigger_event_id
    ids = [said(score.customer_id, _ID_LENGTH), said(event_id, _ID_LENGTH)]
    line = " · ".join([telling.rule.rule, *filter(None, ids)])
    return [line, text("generated", locale)] if facts.get("generated") else [line]


def _bold(content: str) -> _Json:
    """Only for our own texts."""
    return {"type": "mrkdwn", "text": f"*{content}*", "verbatim": True}


def _plain(content: str) -> _Json:
    return {"type": "plain_text", "text": content, "emoji": False}


def said(content: object, length: int) -> str:
    """What others wrote, cleaned and cut; empty for nothing."""
    return clean(str(content), length) if content is not None else ""


def _ended(sentence: str) -> str:
    return sentence if not sentence or sentence.endswith((".", "!", "?", "…")) else f"{sentence}."
