"""Texts with gaps for numbers: a number that is not known takes its part of the text away, never shows as a gap.

    renews {days_to_renewal:soon}|renewal is due      the first alternative whose numbers are all known
    low CSAT[: {csat:percent}]                        what stands in brackets goes when a number in it is not known

The word behind the colon says how the number is written (`figures`).
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

_PARTS = re.compile(r"\[([^\]]*)\]")
_GAPS = re.compile(r"\{(\w+)(?::(\w+))?\}")

Fill = Callable[[str, str], str | None]


class Words(NamedTuple):
    """A text in three languages."""

    en: str
    pt: str
    es: str


class Gap(NamedTuple):
    """Where a number goes; `kind` is how it is written, empty for a plain number."""

    name: str
    kind: str


class Part(NamedTuple):
    """A run of text and gaps that is shown as a whole or not at all."""

    pieces: tuple[str | Gap, ...]
    optional: bool


Template = tuple[tuple[Part, ...], ...]


def compiled(text: str) -> Template:
    """The alternatives of a text, each as its parts.

    Example:
        >>> compiled("a[ {n:days}]")
        ((Part(pieces=('a',), optional=False), Part(pieces=(' ', Gap(name='n', kind='days')), optional=True)),)
    """
    return tuple(_alternative(alternative) for alternative in text.split("|"))


def said(template: Template, fill: Fill) -> str:
    """The text with its numbers; `fill` writes one by name and kind, None when it is not known.

    The last alternative always fits: it has no gap outside brackets (a test sees to it).
    """
    for parts in template:
        words: list[str] = []
        for pieces, optional in parts:
            before = len(words)
            for piece in pieces:
                one = piece if isinstance(piece, str) else fill(piece[0], piece[1])
                if one is None:
                    break
                words.append(one)
            else:
                continue
            if not optional:
                break
            del words[before:]
        else:
            return "".join(words)
    return ""


def in_language(texts: Mapping[str, Words], locale: str) -> dict[str, Template]:
    """The compiled texts of a language."""
    return {code: compiled(getattr(words, locale)) for code, words in texts.items()}


def _alternative(text: str) -> tuple[Part, ...]:
    # `split` with a group gives what is outside and what is inside of brackets in turn.
    runs = enumerate(_PARTS.split(text))
    return tuple(Part(_pieces(run), optional=bool(number % 2)) for number, run in runs if run)


def _pieces(text: str) -> tuple[str | Gap, ...]:
    found: list[str | Gap] = []
    end = 0
    for match in _GAPS.finditer(text):
        found += [text[end : match.start()], Gap(match[1], match[2] or "")]
        end = match.end()
    return tuple(piece for piece in (*found, text[end:]) if piece)
