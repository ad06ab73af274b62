"""Columns, masks and fingerprints against plain lists and sets, and through their stored form."""

import tracemalloc
from functools import reduce
from operator import or_
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.metrics import customer
from streams.metrics.columns import Column, Masks
from streams.metrics.customer import MARK_BYTES, Seen, fingerprint

NUMBERS = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 70_000), st.integers(-(2**63), 2**63 - 1)), max_size=60)
MASKS = st.lists(st.one_of(st.integers(0, 7), st.integers(0, 2**200)), max_size=20)

BITS = st.one_of(st.integers(0, 2**20), st.integers(0, 300).map(lambda bit: 1 << bit), st.integers(0, 2**200))


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


@given(numbers=MASKS, bits=st.lists(st.tuples(st.integers(0, 19), BITS), max_size=10), data=st.data())
def test_masks_behave_as_a_list_of_sets(numbers: list[int], bits: list[tuple[int, int]], data: st.DataObject) -> None:
    masks, model = Masks(numbers), list(numbers)
    for place, number in bits:
        if place < len(model):
            masks.unite(place, number)
            model[place] |= number
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


@pytest.mark.parametrize("many, shelf", [(customer._MANY, customer._SHELF), (2, 2), (2, 64)])
@given(added=ADDED, asked=ADDED, before=st.integers(19_999, 20_010))
def test_fingerprints_are_found_on_their_day_alone_and_forgotten_with_it(
    many: int, shelf: int, added: list[tuple[int, int]], asked: list[tuple[int, int]], before: int
) -> None:
    """Also on days of so many that they are shelved."""
    with patch.multiple(customer, _MANY=many, _LOOKS=3, _SHELF=shelf):
        _found_and_forgotten(added, asked, before)


def _found_and_forgotten(added: list[tuple[int, int]], asked: list[tuple[int, int]], before: int) -> None:
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


@pytest.mark.parametrize("many, shelf", [(customer._MANY, customer._SHELF), (2, 2)])
@given(runs=st.lists(st.tuples(st.integers(20_000, 20_002), st.lists(st.integers(0, 20), min_size=1, max_size=6))))
def test_fingerprints_of_a_run_are_taken_all_or_none(many: int, shelf: int, runs: list[tuple[int, list[int]]]) -> None:
    with patch.multiple(customer, _MANY=many, _LOOKS=3, _SHELF=shelf):
        seen, one_by_one, model = Seen(), Seen(), set[tuple[int, int]]()
        for day, numbers in runs:
            new = {(day, number) for number in numbers}
            is_new = len(new) == len(numbers) and not new & model
            assert seen.take(day, [fingerprint(str(number)) for number in numbers]) == is_new
            if is_new:
                model |= new
                for number in numbers:
                    one_by_one.add(day, fingerprint(str(number)))
        assert seen.pack() == one_by_one.pack()


def test_a_run_is_taken_though_one_of_it_lies_across_two_others() -> None:
    seen = Seen()
    assert seen.take(1, [b"abcdef", b"ghijkl"])
    assert seen.take(1, [b"defghi"])
    assert not seen.take(1, [b"mnopqr", b"defghi"])
    assert seen.by_day() == {1: {b"abcdef", b"ghijkl", b"defghi"}}


def test_a_fingerprint_that_lies_across_two_others_is_not_found() -> None:
    seen = Seen()
    seen.add(1, b"abcdef")
    seen.add(1, b"ghijkl")
    assert not seen.has(1, b"defghi")
    seen.add(1, b"defghi")
    assert seen.has(1, b"defghi")


def test_one_that_lies_across_two_others_of_a_shelf_is_not_found() -> None:
    with patch.multiple(customer, _MANY=1, _LOOKS=0):
        seen = Seen()
        for mark in (b"abcdef", b"ghijkl"):
            seen.add(1, mark)
        assert not seen.has(1, b"defghi")
        assert shelved(seen) == [{b"abcdef", b"ghijkl"}]
        seen.add(1, b"defghi")
        assert seen.has(1, b"defghi")


def shelved(seen: Seen) -> list[set[bytes]]:
    """What stands on each of its shelves."""
    shelves = seen._newest or []
    return [{bytes(one[at : at + MARK_BYTES]) for at in range(0, len(one), MARK_BYTES)} for one in shelves]


def test_of_a_busy_day_all_fingerprints_are_looked_through_a_few_times_only() -> None:
    seen = Seen()
    for number in range(customer._MANY + 1):
        seen.add(1, fingerprint(str(number)))
    for _ in range(customer._LOOKS):
        assert seen.has(1, fingerprint("0"))
        assert seen._newest is None
    assert seen.has(1, fingerprint("0"))
    assert set().union(*shelved(seen)) == seen.by_day()[1]
    seen.add(1, fingerprint("new"))
    seen.add(0, fingerprint("older"))
    assert set().union(*shelved(seen)) == seen.by_day()[1]
    seen.add(2, fingerprint("0"))
    assert seen._newest is None
    assert seen.has(1, fingerprint("new"))


def test_however_many_there_are_few_are_looked_through_for_one() -> None:
    seen, most = Seen(), 0
    for number in range(5_000):
        assert not seen.has(1, fingerprint(str(number)))
        seen.add(1, fingerprint(str(number)))
        shelves = shelved(seen) if number % 100 == 99 else []
        most = max(most, *map(len, shelves), 0)
    assert len(shelved(seen)) == 128
    assert most < 2 * customer._SHELF


def test_a_busy_day_takes_three_times_what_is_stored_of_it_at_most() -> None:
    """Most customers may be busy on a day, and all that are decoded keep their shelves."""
    customers, events = 30, 700
    marks = [fingerprint(str(number)) for number in range(events)]
    tracemalloc.start()
    try:
        busy = [Seen() for _ in range(customers)]
        for mark in marks:
            for seen in busy:
                assert not seen.has(1, mark)
                seen.add(1, mark)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert all(map(shelved, busy))
    assert taken < 3 * customers * events * MARK_BYTES


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


def test_nothing_united_with_a_mask_leaves_it() -> None:
    masks = Masks([5])
    masks.unite(0, 0)
    assert masks == Masks([5])


def test_bits_of_several_bytes_are_united_with_a_mask() -> None:
    masks = Masks([5, 1])
    masks.unite(1, 0b1_0000_0010_0000_1000)
    masks.unite(0, 0b1_0000_0000_0000_0000)
    assert masks == Masks([0b1_0000_0000_0000_0101, 0b1_0000_0010_0000_1001])


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
