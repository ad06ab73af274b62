"""Columns, masks and fingerprints against plain lists and sets, and through their stored form."""

from functools import reduce
from operator import or_
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.metrics.columns import Column, Masks
from streams.metrics.customer import MARK_BYTES, Seen, fingerprint

NUMBERS = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 70_000), st.integers(-(2**63), 2**63 - 1)), max_size=60)
MASKS = st.lists(st.one_of(st.integers(0, 7), st.integers(0, 2**200)), max_size=20)


@given(numbers=NUMBERS)
def test_a_column_is_what_it_was_after_it_was_stored(numbers: list[int]) -> None:
    assert list(Column.unpack(Column(numbers).pack())) == numbers


@given(numbers=st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=60))
def test_a_column_takes_no_more_bytes_than_its_largest_figure_needs(numbers: list[int]) -> None:
    stored = Column(numbers).pack()
    width = (max(numbers).bit_length() + 7) // 8
    assert (
        stored == len(numbers) if width == 0 else isinstance(stored, bytes) and len(stored) == 1 + width * len(numbers)
    )


@given(numbers=MASKS, bits=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 300)), max_size=10), data=st.data())
def test_masks_behave_as_a_list_of_sets(numbers: list[int], bits: list[tuple[int, int]], data: st.DataObject) -> None:
    masks, model = Masks(numbers), list(numbers)
    for place, bit in bits:
        if place < len(model):
            masks.add(place, bit)
            model[place] |= 1 << bit
    place = data.draw(st.integers(0, len(model)))
    masks.insert(place)
    model.insert(place, 0)
    assert masks.numbers(0, len(masks)) == model
    assert Masks.unpack(masks.pack()) == masks == Masks(model)
    end = data.draw(st.integers(0, len(model)))
    masks.drop(end)
    assert masks.numbers(0, len(masks)) == model[end:]


@given(numbers=st.lists(st.integers(0, 2**20), max_size=70), data=st.data())
def test_bits_of_a_run_of_masks_are_those_of_each_together(numbers: list[int], data: st.DataObject) -> None:
    masks = Masks(numbers)
    end = data.draw(st.integers(0, len(numbers)))
    start = data.draw(st.integers(0, end))
    assert masks.union(start, end) == reduce(or_, numbers[start:end], 0)
    assert masks.count(start, end) == sum(number.bit_count() for number in numbers[start:end])


ADDED = st.lists(st.tuples(st.integers(20_000, 20_008), st.integers(0, 30)), max_size=60)


@given(added=ADDED, asked=ADDED, before=st.integers(19_999, 20_010))
def test_fingerprints_are_found_on_their_day_alone_and_forgotten_with_it(
    added: list[tuple[int, int]], asked: list[tuple[int, int]], before: int
) -> None:
    seen, model = Seen(), set[tuple[int, int]]()
    for day, number in added:
        assert seen.has(day, fingerprint(str(number))) == ((day, number) in model)
        if (day, number) not in model:
            seen.add(day, fingerprint(str(number)))
            model.add((day, number))
    again = Seen.unpack(seen.pack())
    assert again == seen
    assert len(again) == len(model)
    again.forget(before)
    for day, number in asked + added:
        assert seen.has(day, fingerprint(str(number))) == ((day, number) in model)
        assert again.has(day, fingerprint(str(number))) == ((day, number) in model and day >= before)


def test_a_fingerprint_that_lies_across_two_others_is_not_found() -> None:
    seen = Seen()
    seen.add(1, b"abcdef")
    seen.add(1, b"ghijkl")
    assert not seen.has(1, b"defghi")
    seen.add(1, b"defghi")
    assert seen.has(1, b"defghi")


def test_fingerprints_in_another_order_are_the_same() -> None:
    one, other = Seen(), Seen()
    for seen, order in ((one, (1, 2, 3)), (other, (3, 1, 2))):
        for number in order:
            seen.add(20_000 + number % 2, fingerprint(str(number)))
    assert one == other
    other.add(20_000, fingerprint("4"))
    assert one != other
    assert one != "fingerprints"


def test_a_fingerprint_has_its_bytes() -> None:
    assert len(fingerprint("an event")) == MARK_BYTES
    assert fingerprint("an event") != fingerprint("another")


def test_masks_are_told_from_others() -> None:
    assert Masks([1, 2]) != Masks([1, 3])
    assert Masks([1]) != [1]


@pytest.mark.parametrize("stored", [-1, b"", b"\x00", b"\x09" * 10, b"\x02\x01", None, "text", 1.5, [1]])
def test_what_is_no_column_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError, match="expected a packed column"):
        Column.unpack(stored)


@pytest.mark.parametrize("stored", [None, 7, b"", b"\x00\x00", b"\x02\x00abc", "text"])
def test_what_are_no_masks_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError, match="expected packed masks"):
        Masks.unpack(stored)


@pytest.mark.parametrize(
    "stored", [None, [], [[1, 1]], [b"", b"abcdef"], [[1, 1], "abcdef"], [[1, 1], b"abcdef", 1]], ids=repr
)
def test_what_are_no_fingerprints_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError, match="expected packed fingerprints"):
        Seen.unpack(stored)
