"""Metric values as a card stores them: a domain's number and its fields in their order, without a name.

Names take four fifths of the bytes of values, and half of the time to read them. What is read again are the values'
own types with another coding (subclasses): fields, defaults and `isinstance` are the same, but plain values equal none.

Invariant: fields of values, and domains, are only ever appended; what is missing of older values is their default.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from msgspec import NODEFAULT, defstruct, field
from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import FieldInfo, asdict, astuple, fields, replace

from schemas.metrics import (
    AccountValues,
    FeedbackValues,
    NpsAnswer,
    RevenueValues,
    SupportValues,
    UsageValues,
    Values,
)

#: Of those a score is made from; to be appended to.
STORED: tuple[tuple[str, type[Any]], ...] = (
    ("usage", UsageValues),
    ("support", SupportValues),
    ("revenue", RevenueValues),
    ("feedback", FeedbackValues),
    ("account", AccountValues),
)
#: Numbers by name of the domain.
NUMBERS: Mapping[str, int] = {domain: number for number, (domain, _) in enumerate(STORED)}


class _Answer(NpsAnswer, frozen=True, kw_only=True, array_like=True):
    """An answer likewise."""


_STORED_TYPES: Mapping[Any, Any] = {NpsAnswer | None: _Answer | None, list[NpsAnswer]: list[_Answer]}


def _stored(number: int, values: type[Any]) -> Any:
    """Values of a domain with their number and without names; all fields anew, which keeps their order."""
    found = [(one.name, _STORED_TYPES.get(one.type, one.type), _default(one)) for one in fields(values)]
    return defstruct(
        f"Stored{values.__name__}",
        found,
        bases=(values,),
        module=__name__,
        frozen=True,
        kw_only=True,
        array_like=True,
        tag=number,
    )


def _default(one: FieldInfo) -> Any:
    if one.default_factory is not NODEFAULT:
        return field(default_factory=one.default_factory)
    return field() if one.default is NODEFAULT else one.default


_NUMBER_OF: Mapping[type[Any], int] = {values: number for number, (_, values) in enumerate(STORED)}
_ENCODE = Encoder().encode
_TYPES: list[Any] = [_stored(number, values) for values, number in _NUMBER_OF.items()]
_DECODE: Decoder[Values] = Decoder(reduce(lambda one, other: one | other, _TYPES))


def pack(values: Values) -> bytes:
    """Values as they are stored.

    Args:
        values: plain ones, not read by `unpack`.

    Example:
        >>> pack(AccountValues(name="n", seats=3)).hex(" ")
        '9a 04 a1 6e c0 c0 c0 c0 c0 c0 03 c0'
    """
    if type(values) is FeedbackValues and (values.last_nps is not None or values.recent_nps):
        last: Any = None if values.last_nps is None else astuple(values.last_nps)
        recent: Any = [astuple(answer) for answer in values.recent_nps]
        values = replace(values, last_nps=last, recent_nps=recent)
    return _ENCODE((_NUMBER_OF[type(values)], *astuple(values)))


def unpack(packed: bytes) -> Values:
    """Values from what is stored; answers in them are plain, for they are published as they are.

    Raises:
        msgspec.ValidationError: it is nothing that `pack` made.

    Example:
        >>> unpack(pack(AccountValues(name="n", seats=3))).seats
        3
    """
    values = _DECODE.decode(packed)
    if isinstance(values, FeedbackValues) and (values.last_nps is not None or values.recent_nps):
        last = None if values.last_nps is None else _plain(values.last_nps)
        return replace(values, last_nps=last, recent_nps=[_plain(answer) for answer in values.recent_nps])
    return values


def _plain(answer: NpsAnswer) -> NpsAnswer:
    return NpsAnswer(**asdict(answer))
