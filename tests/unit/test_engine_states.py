"""Values with their version: what older releases wrote is lifted, what a newer one wrote is refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import PREFIX, Logged
from streams.engine.states import ShapeCodec, StateCodec
from streams.errors import ConfigurationError
from streams.shape import Lift, Packed, Shape


class First(msgspec.Struct):
    name: str


class Second(msgspec.Struct):
    names: list[str]


class Third(msgspec.Struct, array_like=True):
    names: list[str]
    count: int


class Ledger(msgspec.Struct):
    read: int = 0


LIFTS = {
    1: Lift(First, lambda old: Second([old.name])),
    2: Lift(Second, lambda old: Third(old.names, len(old.names))),
}
SHAPE: Shape[Third] = Shape(Third, 3, LIFTS)


def stored_by(shape: Any, value: Any) -> bytes:
    return ShapeCodec[Any](shape, "a value").encode(value)


@pytest.mark.parametrize(
    "packed, expected",
    [
        (msgspec.msgpack.encode(First("a")), Third(["a"], 1)),
        (stored_by(First, First("a")), Third(["a"], 1)),
        (stored_by(Shape(Second, 2, {1: LIFTS[1]}), Second(["a", "b"])), Third(["a", "b"], 2)),
        (stored_by(SHAPE, Third(["c"], 7)), Third(["c"], 7)),
    ],
    ids=["before there were versions", "1", "2", "3"],
)
def test_a_value_of_every_older_version_is_lifted_to_this_one(packed: bytes, expected: Third) -> None:
    codec: ShapeCodec[Third] = ShapeCodec(SHAPE, "a value")
    assert codec.decode(packed) == expected
    assert codec.decode(b"prefix" + packed, 6) == expected
    codec.check(packed)


def test_a_value_of_a_newer_release_is_refused_with_the_mend() -> None:
    packed = stored_by(SHAPE, Third([], 0))
    older: ShapeCodec[First] = ShapeCodec(First, "a state of table usage")
    for refused in (older.check, older.decode):
        with pytest.raises(ConfigurationError) as stopped:
            refused(packed)
        assert "a state of table usage was stored as version 3 by a newer release" in str(stopped.value)
        assert "run that release, or set app_id to a new name" in str(stopped.value)


@pytest.mark.parametrize("packed", [b"\xc1", b"\xc1\x00\x90", b"\xc1\x03", b"\xc1\x03\xff", b"\x00"])
def test_a_value_that_is_none_of_ours_says_what_to_do(packed: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"none of ours|set app_id"):
        ShapeCodec[Third](SHAPE, "a state").decode(packed)


def test_a_recovery_stops_at_a_value_of_a_newer_release_before_anything_is_live() -> None:
    newer = PREFIX.pack(5, 1) + stored_by(SHAPE, Third([], 0))
    meta = PREFIX.pack(5, 1) + stored_by(Ledger, Ledger(6))
    part: Partition[First, Ledger] = Partition(0, StateCodec(First, Ledger, "usage"))
    part.load([Logged(0, b"c1", newer)])
    part.load([Logged(1, META_KEY, meta)])
    with pytest.raises(ConfigurationError, match="newer release"):
        part.recovered()
    assert not part.live


class Book(msgspec.Struct):
    read: int = 0
    dead: int = 0


def test_a_meta_record_is_lifted_too() -> None:
    shape: Shape[Book] = Shape(Book, 2, {1: Lift(Ledger, lambda old: Book(old.read, dead=1))})
    part: Partition[First, Book] = Partition(0, StateCodec(First, shape))
    assert part.meta == Book()
    part.load([Logged(0, META_KEY, PREFIX.pack(5, 1) + msgspec.msgpack.encode(Ledger(3)))])
    part.recovered()
    assert part.meta == Book(3, 1)


def test_a_value_that_was_not_touched_keeps_the_version_it_was_written_with() -> None:
    torn = PREFIX.pack(7, 2) + msgspec.msgpack.encode(First("late"))
    old = PREFIX.pack(5, 1) + msgspec.msgpack.encode(First("a"))
    part: Partition[Third, Ledger] = Partition(0, StateCodec(SHAPE, Ledger))
    part.load([Logged(0, b"c1", old)])
    part.load([Logged(1, META_KEY, PREFIX.pack(5, 1) + stored_by(Ledger, Ledger(6)))])
    part.load([Logged(2, b"c1", torn)])
    part.recovered()
    taken = part.take_state()
    assert taken is not None
    ((key, value),) = taken[0]
    assert (key, (value or b"")[PREFIX.size :]) == (b"c1", msgspec.msgpack.encode(First("a")))


@pytest.mark.parametrize("version, lifts", [(0, {}), (256, {}), (2, {}), (1, {1: LIFTS[1]}), (3, {1: LIFTS[1]})])
def test_a_shape_must_know_the_way_from_every_older_version(version: int, lifts: dict[int, Lift]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Shape[Third](Third, version, lifts)


class Tags(Packed):
    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def pack(self) -> Any:
        return " ".join(sorted(self.names))

    @classmethod
    def unpack(cls, stored: Any) -> "Tags":
        if not isinstance(stored, str):
            raise ValueError("expected text")
        return cls(*stored.split())


class Tagged(msgspec.Struct):
    tags: Tags


def test_a_field_may_say_itself_how_it_is_stored() -> None:
    codec: ShapeCodec[Tagged] = ShapeCodec(Tagged, "a state")
    packed = codec.encode(Tagged(Tags("b", "a")))
    assert b"a b" in packed
    assert codec.decode(packed).tags.names == {"a", "b"}


def test_a_field_stored_by_something_else_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"expected text.*set app_id"):
        ShapeCodec[Tagged](Tagged, "a state").decode(stored_by(dict[str, int], {"tags": 7}))


def test_a_type_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(NotImplementedError, match="complex"):
        stored_by(Any, 1j)


ENCODED = st.lists(st.tuples(st.binary(max_size=40), st.lists(st.integers(0, 2**40)) | st.none()), max_size=8)


@given(values=ENCODED)
def test_a_value_is_encoded_alike_whatever_was_encoded_before(values: list[tuple[bytes, list[int] | None]]) -> None:
    codec: ShapeCodec[Any] = ShapeCodec(list[int] | None, "a value")
    for prefix, value in values:
        packed = codec.encode(value, prefix)
        assert packed == prefix + bytes((0xC1, 1)) + msgspec.msgpack.encode(value)
        assert codec.decode(packed, len(prefix)) == value
