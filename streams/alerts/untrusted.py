"""Text that others wrote (names, reasons, ids), made fit for a message: one visible, bounded line."""

import re
import unicodedata

# Marks that turn the direction of the text after them (a name could rewrite the line it stands in), and marks
# without a width (two names could look the same). Joiners stay: emoji and Persian need them.
_HIDDEN = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff")
_SPACES = re.compile(r"\s+")


def clean(content: str, length: int) -> str:
    r"""One line of visible text, at most `length` long; empty when nothing is left.

    Example:
        >>> clean("ACME\n*Inc*\u202e\x00", 80), clean("abcdef", 4)
        ('ACME *Inc*', 'abc…')
    """
    visible = "".join(filter(_shows, _SPACES.sub(" ", content)))
    return cut(visible.strip(), length)


def _shows(character: str) -> bool:
    return character not in _HIDDEN and unicodedata.category(character) not in ("Cc", "Cs")


def cut(content: str, length: int) -> str:
    """The text, shortened to `length` as JavaScript counts (UTF-16 code units), for Slack's limits.

    Example:
        >>> cut("🙂🙂🙂", 5)
        '🙂🙂…'
    """
    if width(content) <= length:
        return content
    kept = content[: length - 1]
    while width(kept) > length - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def width(content: str) -> int:
    """Length in UTF-16 code units.

    Example:
        >>> width("a"), width("🙂")
        (1, 2)
    """
    return len(content) + sum(character > "\uffff" for character in content)


def escape(content: str) -> str:
    """Text that Slack shows as it is where it reads markup (docs.slack.dev, formatting message text).

    Example:
        >>> escape("<!channel> A&B")
        '&lt;!channel&gt; A&amp;B'
    """
    return content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
