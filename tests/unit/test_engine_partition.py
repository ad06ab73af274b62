"""State of a partition: what is loaded, what wins, what is ahead, what is saved."""

from struct import pack
from typing import Any

import msgspec
import pytest

from streams.engine.partition import META_KEY, Partition, StateCodec
from streams.errors import ConfigurationError


class Customer(msgspec.Struct):
    events: int = 0


class Ledger(msgspec.Struct):
    read: int = 0


def stored(offset: int, value: Any) -> bytes:
    return pack(">q", offset) + msgspec.msgpack.encode(value)


@pytest.fixture
def part() -> Partition[Customer, Ledger]:
    return Partition(3, StateCodec(Customer, Ledger))


def test_the_highest_stored_offset_wins_over_a_late_flush_of_a_zombie(
    part: Partition[Customer, Ledger],
) -> None:
    part.load(b"c1", stored(20, Customer(2)))
    part.load(b"c1", stored(10, Customer(1)))
    assert part.get("c1") == Customer(2)


def test_the_highest_meta_wins_as_well(part: Partition[Customer, Ledger]) -> None:
    part.load(META_KEY, stored(20, Ledger(21)))
    part.load(META_KEY, stored(10, Ledger(11)))
    assert (part.applied, part.meta) == (20, Ledger(21))


def test_a_key_is_ahead_until_the_replay_has_passed_it(part: Partition[Customer, Ledger]) -> None:
    part.load(b"c1", stored(20, Customer(2)))
    part.load(b"c2", stored(30, Customer(2)))
    part.load(META_KEY, stored(10, Ledger(11)))
    part.recovered()
    assert part.ahead("c1", 20)
    assert not part.ahead("c1", 21)
    assert not part.ahead("c3", 11)
    part.advance(29)
    assert part.ahead("c2", 30)
    part.advance(30)
    assert not part.ahead("c2", 30)


def test_nothing_is_ahead_after_a_complete_flush(part: Partition[Customer, Ledger]) -> None:
    part.load(b"c1", stored(20, Customer(2)))
    part.load(META_KEY, stored(20, Ledger(21)))
    part.recovered()
    assert not part.ahead("c1", 20)
    assert not dict(part.key_offsets)


def test_a_deleted_key_stays_deleted_and_ahead(part: Partition[Customer, Ledger]) -> None:
    part.load(b"c1", stored(5, Customer(1)))
    part.load(b"c1", pack(">q", 20))
    part.recovered()
    assert part.get("c1") is None
    assert part.ahead("c1", 20)


def test_a_zombie_does_not_raise_the_dead(part: Partition[Customer, Ledger]) -> None:
    part.load(b"c1", pack(">q", 20))
    part.load(b"c1", None)
    part.load(b"c1", stored(10, Customer(1)))
    assert part.get("c1") is None


def test_a_deletion_is_saved_as_a_marker_first_and_as_a_tombstone_by_the_next_save(
    part: Partition[Customer, Ledger],
) -> None:
    part.put("c1", Customer(1))
    part.advance(4)
    part.take_state()
    part.delete("c1")
    part.advance(5)
    records, _ = part.take_state() or ([], b"")
    assert records == [(b"c1", pack(">q", 5))]
    part.advance(6)
    records, _ = part.take_state() or ([], b"")
    assert records == [(b"c1", None)]
    part.advance(7)
    assert part.take_state() == ([], stored(7, Ledger()))


def test_a_key_that_came_back_gets_no_tombstone(part: Partition[Customer, Ledger]) -> None:
    part.put("c1", Customer(1))
    part.delete("c1")
    part.advance(5)
    part.take_state()
    part.put("c1", Customer(2))
    part.advance(6)
    records, _ = part.take_state() or ([], b"")
    assert records == [(b"c1", stored(6, Customer(2)))]


def test_deleting_what_is_not_there_saves_nothing(part: Partition[Customer, Ledger]) -> None:
    part.delete("c1")
    assert part.take_state() is None


def test_untouched_values_are_saved_without_decoding(part: Partition[Customer, Ledger]) -> None:
    part.load(b"c1", stored(5, Customer(9)))
    part.recovered()
    part.put("c1", part._values["c1"])  # type: ignore[arg-type]
    part.advance(8)
    records, _ = part.take_state() or ([], b"")
    assert records == [(b"c1", stored(8, Customer(9)))]


def test_keys_come_sorted_and_may_be_changed_while_iterating(part: Partition[Customer, Ledger]) -> None:
    for key in ("b", "a", "é", "c"):
        part.put(key, Customer())
    keys = part.keys()
    assert keys == ["a", "b", "c", "é"]
    for key in keys:
        part.delete(key)
    part.put("z", Customer())
    assert part.keys() == ["z"]
    assert len(part) == 1


def test_outputs_go_to_the_partition_of_the_input_unless_told_otherwise(
    part: Partition[Customer, Ledger],
) -> None:
    part.emit("metrics", b"k", b"v")
    part.emit("observations", b"k", b"v", partition=0, headers=[("h", b"1")], timestamp_ms=7)
    first, second = part.take_outputs()
    assert (first.partition, second.partition) == (3, 0)
    assert (second.headers, second.timestamp_ms) == ([("h", b"1")], 7)
    assert part.take_outputs() == []


def test_a_value_of_another_release_says_what_to_do(part: Partition[Customer, Ledger]) -> None:
    part.load(b"c1", pack(">q", 1) + b"\xc1")
    with pytest.raises(ConfigurationError, match="raise the engine's version"):
        part.get("c1")


def test_any_text_is_a_key(part: Partition[Customer, Ledger]) -> None:
    for key in ("", "\x00", "\xff meta", "ключ"):
        part.put(key, Customer(1))
    part.advance(0)
    records, meta = part.take_state() or ([], b"")
    again = Partition(3, StateCodec(Customer, Ledger))
    for name, value in [*records, (META_KEY, meta)]:
        again.load(name, value)
    assert again.keys() == part.keys()
