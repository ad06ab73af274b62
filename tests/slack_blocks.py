"""Block Kit as Slack validates it: types, keys, lengths, ids; stricter where Slack is silent.

Lengths count UTF-16 code units, the strictest reading of "characters" in docs.slack.dev/reference/block-kit.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

MOST_BLOCKS = 50
# What Slack turns into a mention or link: its own markup everywhere, bare names where markup is not verbatim.
_MARKED_UP = re.compile(r"<[^>]+>")
_BARE = re.compile(r"[@#]\w|https?://")


class InvalidBlocksError(Exception):
    """What is wrong, with a JSON pointer to it."""


def check_blocks(blocks: Any) -> None:
    """Raises for blocks that Slack would refuse."""
    _need(isinstance(blocks, list), "", "must be an array")
    _need(0 < len(blocks) <= MOST_BLOCKS, "", f"must have 1 to {MOST_BLOCKS} items")
    block_ids: set[str] = set()
    action_ids: set[str] = set()
    for number, block in enumerate(blocks):
        where = f"/blocks/{number}"
        _need(isinstance(block, dict), where, "must be an object")
        check = _BLOCKS.get(block.get("type"))
        if check is None:
            raise InvalidBlocksError(f"unsupported type: {block.get('type')} [json-pointer:{where}/type]")
        check(block, where)
        _unique(block.get("block_id"), block_ids, f"{where}/block_id")
        for element in block.get("elements", []):
            _unique(element.get("action_id"), action_ids, f"{where}/action_id")


def mentions(text: str, blocks: list[dict[str, Any]]) -> Iterator[str]:
    """Whatever Slack would turn into a mention or a link; a message of ours has none."""
    yield from _MARKED_UP.findall(text)
    for found in texts(blocks):
        if found["type"] == "mrkdwn":
            yield from _MARKED_UP.findall(found["text"])
            if not found.get("verbatim", False):
                yield from _BARE.findall(found["text"])


def texts(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every text object in checked blocks."""
    for block in blocks:
        candidates = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        candidates += [element.get("text") for element in block.get("elements", [])]
        yield from (c for c in candidates if isinstance(c, dict) and c.get("type") in ("plain_text", "mrkdwn"))


def _header(block: dict[str, Any], where: str) -> None:
    _keys(block, where, {"type", "text"}, {"block_id"})
    _text(block["text"], f"{where}/text", 150, {"plain_text"})


def _section(block: dict[str, Any], where: str) -> None:
    _keys(block, where, {"type"}, {"block_id", "text", "fields", "expand"})
    _need("text" in block or "fields" in block, where, "must have text or fields")
    if "text" in block:
        _text(block["text"], f"{where}/text", 3000)
    if "fields" in block:
        _need(0 < len(block["fields"]) <= 10, f"{where}/fields", "must have 1 to 10 items")
        for number, cell in enumerate(block["fields"]):
            _text(cell, f"{where}/fields/{number}", 2000)


def _context(block: dict[str, Any], where: str) -> None:
    _keys(block, where, {"type", "elements"}, {"block_id"})
    _need(0 < len(block["elements"]) <= 10, f"{where}/elements", "must have 1 to 10 items")
    for number, element in enumerate(block["elements"]):
        _text(element, f"{where}/elements/{number}", 3000)


def _divider(block: dict[str, Any], where: str) -> None:
    _keys(block, where, {"type"}, {"block_id"})


def _actions(block: dict[str, Any], where: str) -> None:
    _keys(block, where, {"type", "elements"}, {"block_id"})
    _need(0 < len(block["elements"]) <= 25, f"{where}/elements", "must have 1 to 25 items")
    for number, element in enumerate(block["elements"]):
        at = f"{where}/elements/{number}"
        _keys(element, at, {"type", "text", "action_id"}, {"value", "url", "style"})
        _need(element["type"] == "button", at, f"unsupported type: {element['type']}")
        _text(element["text"], f"{at}/text", 75, {"plain_text"})
        _short(element["action_id"], f"{at}/action_id", 255)
        _short(element.get("value", "x"), f"{at}/value", 2000)
        _short(element.get("url", "x"), f"{at}/url", 3000)
        _need(element.get("style", "primary") in ("primary", "danger"), f"{at}/style", "unknown style")


_BLOCKS: dict[Any, Callable[[dict[str, Any], str], None]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "divider": _divider,
    "actions": _actions,
}


def _text(found: Any, where: str, most: int, types: frozenset[str] | set[str] = frozenset()) -> None:
    kind = found.get("type") if isinstance(found, dict) else None
    _need(kind in (types or {"plain_text", "mrkdwn"}), where, f"unsupported type: {kind}")
    _keys(found, where, {"type", "text"}, {"emoji"} if kind == "plain_text" else {"verbatim"})
    _short(found["text"], f"{where}/text", most)
    _need(isinstance(found.get("emoji", found.get("verbatim", False)), bool), where, "must be a boolean")


def _short(found: Any, where: str, most: int) -> None:
    _need(isinstance(found, str), where, "must be a string")
    _need(0 < len(found.encode("utf-16-le")) // 2 <= most, where, f"must have 1 to {most} characters")


def _keys(found: Any, where: str, needed: set[str], allowed: set[str]) -> None:
    _need(isinstance(found, dict), where, "must be an object")
    for key in needed - found.keys():
        raise InvalidBlocksError(f"missing required field: {key} [json-pointer:{where}]")
    for key in found.keys() - needed - allowed:
        raise InvalidBlocksError(f"invalid additional property: {key} [json-pointer:{where}]")


def _unique(found: Any, seen: set[str], where: str) -> None:
    if found is None:
        return
    _short(found, where, 255)
    _need(found not in seen, where, f"{found} already exists")
    seen.add(found)


def _need(holds: bool, where: str, message: str) -> None:
    if not holds:
        raise InvalidBlocksError(f"{message} [json-pointer:{where}]")
