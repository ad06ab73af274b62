"""Figures of many days, held and stored in a few bytes each.

A million customers with a hundred days of history are what a table's memory goes into, so a column is a machine array
and not a list of objects. Stored, it is as many bytes a figure as the largest needs: all lowest bytes, then all second
ones, and so on, which slicing packs and unpacks at the speed of copying.
"""

import sys
from array import array
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

from streams.shape import Packed

if TYPE_CHECKING:
    _Numbers: TypeAlias = "array[int]"
else:
    _Numbers = array  # takes no type argument before Python 3.12

_SIZE = 8
_new: Callable[[Any, str, Any], Any] = cast(Any, array).__new__
#: Where a figure's bytes lie in the array, lowest first.
_PLACES = range(_SIZE) if sys.byteorder == "little" else range(_SIZE - 1, -1, -1)


class Column(_Numbers, Packed):
    r"""Whole numbers of 64 bits, mutable as a list is.

    Example:
        >>> Column([1, 2, 515]).pack(), Column([0, 0]).pack()
        (b'\x02\x01\x02\x03\x00\x00\x02', 2)
        >>> list(Column.unpack(b"\x02\x01\x02\x03\x00\x00\x02"))
        [1, 2, 515]
    """

    __slots__ = ()

    def __new__(cls, numbers: Iterable[int] = ()) -> Self:
        column: Self = _new(cls, "q", numbers)
        return column

    def pack(self) -> bytes | int:
        """Bytes a number, then its planes; the length alone when all are zero."""
        if not any(self):
            return len(self)
        raw, zeros = self.tobytes(), bytes(len(self))
        planes = [raw[place::_SIZE] for place in _PLACES]
        while planes[-1] == zeros:
            planes.pop()
        return bytes((len(planes),)) + b"".join(planes)

    @classmethod
    def unpack(cls, stored: Any) -> Self:
        column: Self
        if type(stored) is int and stored >= 0:
            column = _new(cls, "q", bytes(stored * _SIZE))
            return column
        if type(stored) is not bytes or not stored or not 0 < stored[0] <= _SIZE or (len(stored) - 1) % stored[0]:
            raise ValueError(f"expected a packed column, got {stored!r:.40}")
        length = (len(stored) - 1) // stored[0]
        raw, planes, at = bytearray(length * _SIZE), bytearray(stored), 1  # of one type nothing is copied twice
        for place in _PLACES[: stored[0]]:
            raw[place::_SIZE] = planes[at : at + length]
            at += length
        column = _new(cls, "q", raw)
        return column


class Masks(Packed):
    r"""Sets of small numbers, one after the other, each a bit mask as wide as the widest needs.

    Example:
        >>> masks = Masks([1])
        >>> masks.unite(0, 4)
        >>> masks.numbers(0, 1), masks.pack()
        ([5], b'\x01\x00\x05')
    """

    __slots__ = ("_bytes", "_width")

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        taken = list(numbers)
        self._width = max(1, (max(taken, default=0).bit_length() + 7) // 8)
        self._bytes = bytearray(b"".join([number.to_bytes(self._width, "little") for number in taken]))

    def __len__(self) -> int:
        return len(self._bytes) // self._width

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Masks) and self.numbers(0, len(self)) == other.numbers(0, len(other))

    __hash__ = None  # type: ignore[assignment]  # mutable

    def numbers(self, start: int, end: int) -> list[int]:
        """The masks from `start` to before `end`."""
        held, width = self._bytes, self._width
        return [int.from_bytes(held[at : at + width], "little") for at in range(start * width, end * width, width)]

    def union(self, start: int, end: int) -> int:
        """All bits set in any of the masks from `start` to before `end`.

        Example:
            >>> Masks([1, 4, 9]).union(0, 2)
            5
        """
        width = self._width
        bits, found = 8 * width, int.from_bytes(self._bytes[start * width : end * width], "little")
        reach = 1
        while reach < end - start:  # the lowest mask now holds the next `reach`, so the next one doubles that
            found |= found >> bits * reach
            reach *= 2
        return found & (1 << bits) - 1

    def count(self, start: int, end: int) -> int:
        """Bits set in the masks from `start` to before `end`, each mask counted on its own."""
        return int.from_bytes(self._bytes[start * self._width : end * self._width], "little").bit_count()

    def unite(self, place: int, bits: int) -> None:
        """Sets all bits that are set in a number."""
        if not bits:
            return
        held, width, top = self._bytes, self._width, bits.bit_length() - 1 >> 3
        if top >= width:
            self._widen(width := top + 1)
            held = self._bytes
        at = place * width
        if bits & (1 << 8 * top) - 1:
            held[at : at + width] = (int.from_bytes(held[at : at + width], "little") | bits).to_bytes(width, "little")
        else:  # all in one byte
            held[at + top] |= bits >> 8 * top

    def insert(self, place: int) -> None:
        """Makes an empty mask at a place."""
        at = place * self._width
        self._bytes[at:at] = bytes(self._width)

    def drop(self, end: int) -> None:
        """Removes the masks before `end`."""
        del self._bytes[: end * self._width]

    def _widen(self, width: int) -> None:
        self._bytes = bytearray(b"".join([number.to_bytes(width, "little") for number in self.numbers(0, len(self))]))
        self._width = width

    def pack(self) -> bytes:
        """Bytes a mask (in two bytes), then the masks."""
        return self._width.to_bytes(2, "little") + self._bytes

    @classmethod
    def unpack(cls, stored: Any) -> Self:
        width = int.from_bytes(stored[:2], "little") if type(stored) is bytes else 0
        if width == 0 or (len(stored) - 2) % width:
            raise ValueError(f"expected packed masks, got {stored!r:.40}")
        masks = cls.__new__(cls)
        masks._width, masks._bytes = width, bytearray(stored[2:])
        return masks
