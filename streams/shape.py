"""The shape of what a table stores, its version, and how values of older releases become it.

Whoever changes a stored type so that older values would be read wrongly, or not at all, raises the version and adds a
lift: the type as it was, and a function from it to the next version. A field that may be missing needs none of that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Self, TypeVar

S = TypeVar("S")

#: A version is stored in one byte.
NEWEST_VERSION = 255


class Lift(NamedTuple):
    """The way from one version to the next.

    Attributes:
        type: what the older version is read as.
        to_next: makes the next version of it; the last one makes the shape's own type.
    """

    type: Any
    to_next: Callable[[Any], Any]


@dataclass(frozen=True)
class Shape(Generic[S]):
    """What a table stores under a key, or for a partition.

    Args:
        type: of the values; msgspec must be able to encode it, fields of a `Packed` type included.
        version: of that type; 1 is also what values without a version have.
        lifts: for each older version.

    Raises:
        ValueError: a lift is missing, or there is one too many.

    Example:
        >>> Shape(list[int], 2, {1: Lift(int, lambda old: [old])}).version
        2
    """

    type: Any
    version: int = 1
    lifts: Mapping[int, Lift] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.version <= NEWEST_VERSION:
            raise ValueError(f"expected a version from 1 to {NEWEST_VERSION}, got {self.version}")
        if sorted(self.lifts) != list(range(1, self.version)):
            raise ValueError(f"expected lifts of versions 1 to {self.version - 1}, got {sorted(self.lifts)}")

    def lifted(self, version: int, value: Any) -> S:
        """A value of an older version as one of this."""
        for older in range(version, self.version):
            value = self.lifts[older].to_next(value)
        result: S = value
        return result


class Packed:
    """Base of types of fields that say themselves how they are stored."""

    __slots__ = ()

    def pack(self) -> Any:
        """What is stored: numbers, text, bytes, lists, maps."""
        raise NotImplementedError

    @classmethod
    def unpack(cls, stored: Any) -> Self:
        """The field from what is stored.

        Raises:
            ValueError: it was not stored by `pack`.
        """
        raise NotImplementedError


def pack_field(value: Any) -> Any:
    """`enc_hook` of msgspec for fields of `Packed` types."""
    if isinstance(value, Packed):
        return value.pack()
    raise NotImplementedError(f"{type(value).__name__} is no type that can be stored")


def unpack_field(kind: type[Packed], stored: Any) -> Any:
    """`dec_hook` of msgspec for fields of `Packed` types."""
    return kind.unpack(stored)
