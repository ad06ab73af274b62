"""State of a partition: what is loaded, what wins, what is ahead, what is saved."""

from typing import Any

import msgspec
import pytest

from streams.engine.partition import META_KEY, Partition
from streams.engine.staging import PREFIX, Logged
from streams.engine.states import StateCodec
from streams.errors import ConfigurationError


class Customer(msgspec.Struct):
    events: int = 0


class Ledger(msgspec.Struct):
    read: int = 0


def stored(offset: int, value: Any, writer: int = 7) -> bytes:
    return PREFIX.pack(offset, writer) + b"\xc1\x01" + msgspec.msgpack.encode(value)


def gone(offset: int, writer: int = 7) -> bytes:
    return PREFIX.pack(offset, writer)


@pytest.fixture
def part() -> Partition[Customer, Ledger]:
    return Partition(3, StateCodec(Customer, Ledger))


def recover(part: Partition[Customer, Ledger], *records: tuple[bytes, bytes | None]) -> None:
    part.load([Logged(position, key, value) for position, (key, value) in enumerate(records)])
    part.recovered()


def test_the_flush_of_a_zombie_that_comes_late_is_ignored_whole(part: Partition[Customer, Ledger]) -> None:
    new = [(b"c1", stored(20, Customer(2), writer=2)), (META_KEY, stored(20, Ledger(21), writer=2))]
    old = [
        (b"c1", stored(10, Customer(1), writer=1)),
        (b"c2", stored(10, Customer(1), writer=1)),
        (META_KEY, stored(10, Ledger(11), writer=1)),
    ]
    recover(part, *new, *old)
    assert (part.applied, part.meta, part.keys(), part.get("c1")) == (20, Ledger(21), ["c1"], Customer(2))


def test_a_zombie_that_was_as_far_undoes_no_piece_of_work(part: Partition[Customer, Ledger]) -> None:
    """Pieces of work are saved at the offset of the record before them, by one owner after the other."""
    recover(
        part,
        *((META_KEY, stored(10, Ledger(1), writer=1)),),
        *((b"c1", stored(10, Customer(2), writer=2)), (META_KEY, stored(10, Ledger(2), writer=2))),
        *((b"c1", stored(10, Customer(3), writer=2)), (META_KEY, stored(10, Ledger(3), writer=2))),
        *((b"c1", stored(10, Customer(1), writer=1)), (META_KEY, stored(10, Ledger(1), writer=1))),
    )
    assert (part.applied, part.meta, part.get("c1")) == (10, Ledger(3), Customer(3))


def test_a_zombie_inside_a_flush_takes_nothing_from_it(part: Partition[Customer, Ledger]) -> None:
    recover(
        part,
        (b"c1", stored(20, Customer(2), writer=2)),
        (b"c1", stored(10, Customer(1), writer=1)),
        (META_KEY, stored(10, Ledger(11), writer=1)),
        (META_KEY, stored(20, Ledger(21), writer=2)),
    )
    assert (part.applied, part.get("c1")) == (20, Customer(2))


def test_a_torn_flush_counts_for_nothing_and_is_written_over(part: Partition[Customer, Ledger]) -> None:
    recover(
        part,
        (b"c1", stored(10, Customer(1))),
        (META_KEY, stored(10, Ledger(11))),
        (b"c1", stored(20, Customer(2))),
        (b"new", stored(20, Customer(1))),
    )
    assert (part.applied, part.keys(), part.get("c1")) == (10, ["c1"], Customer(1))
    assert not part.ahead("c1", 11)
    part.advance(15)
    records, _ = part.take_state() or ([], b"")
    values = {key: (value or b"")[PREFIX.size :] for key, value in records}
    assert values == {b"c1": stored(0, Customer(1))[PREFIX.size :], b"new": b""}


def test_a_torn_flush_is_not_completed_by_the_meta_record_of_another_writer(
    part: Partition[Customer, Ledger],
) -> None:
    recover(
        part,
        (b"c1", stored(20, Customer(9), writer=1)),
        (b"c2", stored(10, Customer(1), writer=2)),
        (META_KEY, stored(30, Ledger(31), writer=2)),
    )
    assert (part.applied, part.keys()) == (30, ["c2"])


def test_a_torn_deletion_deletes_nothing(part: Partition[Customer, Ledger]) -> None:
    recover(part, (b"c1", stored(5, Customer(1))), (META_KEY, stored(5, Ledger(6))), (b"c1", gone(20)))
    assert part.get("c1") == Customer(1)


def test_a_complete_deletion_deletes_and_its_tombstone_says_nothing_new(
    part: Partition[Customer, Ledger],
) -> None:
    recover(
        part,
        (b"c1", stored(5, Customer(1))),
        (b"c2", stored(5, Customer(1))),
        (META_KEY, stored(5, Ledger(6))),
        (b"c1", gone(8)),
        (META_KEY, stored(8, Ledger(9))),
        (b"c1", None),
        (b"c2", None),
    )
    assert part.keys() == ["c2"]


def test_records_whose_meta_was_compacted_away_are_completed_by_a_later_one(
    part: Partition[Customer, Ledger],
) -> None:
    part.load([Logged(3, b"c1", stored(5, Customer(5), writer=1))])
    part.load([Logged(9, b"c2", stored(8, Customer(8), writer=2))])
    part.load([Logged(12, META_KEY, stored(8, Ledger(9), writer=3))])
    part.recovered()
    assert (part.keys(), list(part.key_offsets)) == (["c1", "c2"], [])


def test_a_torn_key_whose_older_version_may_be_compacted_away_is_kept_and_ahead(
    part: Partition[Customer, Ledger],
) -> None:
    part.load([Logged(4, META_KEY, stored(10, Ledger(11)))])
    part.load([Logged(5, b"c1", stored(20, Customer(2)))])
    part.load([Logged(6, b"c2", gone(30))])
    part.recovered()
    assert part.get("c1") == Customer(2)
    assert part.get("c2") is None
    assert part.ahead("c1", 20)
    assert not part.ahead("c1", 21)
    assert part.ahead("c2", 30)
    assert not part.ahead("c3", 11)
    part.advance(29)
    assert part.ahead("c2", 30)
    part.advance(30)
    assert not part.ahead("c2", 30)


def test_what_is_ahead_is_marked_when_the_rest_is_as_far_and_not_before(part: Partition[Customer, Ledger]) -> None:
    """It would be rendered with a partition that is older than it is."""
    part.load([Logged(4, META_KEY, stored(10, Ledger(11)))])
    part.load([Logged(5, b"c1", stored(20, Customer(2)))])
    part.load([Logged(6, b"c2", gone(30))])
    part.recovered()
    assert (part.offset, part.marks) == (10, 0)
    part.advance(29)
    assert part.marks == 0
    part.advance(30)
    assert part.marks == 2


def test_who_recovers_from_a_flush_that_left_marks_marks_all_but_what_is_ahead(
    part: Partition[Customer, Ledger],
) -> None:
    part.load([Logged(2, b"c1", stored(10, Customer(1)))])
    meta = PREFIX.pack(10, 7) + b"\xc1\xff\xc1\x01" + msgspec.msgpack.encode(Ledger(11))
    part.load([Logged(3, META_KEY, meta)])
    part.load([Logged(5, b"c2", stored(20, Customer(2)))])
    part.recovered()
    assert (part.left_marks, part.marks, part.keys(), part.meta) == (True, 1, ["c1", "c2"], Ledger(11))


def test_a_release_that_knows_no_marks_says_that_a_newer_one_has_written_them(
    part: Partition[Customer, Ledger],
) -> None:
    """It said that the meta record was none of ours, and that the state had to be folded anew."""
    recover(part)
    part.put("c1", Customer(1))
    part.publish("c1")
    part.advance(3)
    taken = part.take_state()
    assert taken is not None
    earlier: StateCodec[Customer, Ledger] = StateCodec(Customer, Ledger)
    with pytest.raises(ConfigurationError, match=r"by a newer release.*run that release"):
        earlier.meta.decode(taken[1], PREFIX.size)


def test_the_end_of_a_batch_shows_holes_as_well(part: Partition[Customer, Ledger]) -> None:
    part.load([Logged(0, b"c1", stored(20, Customer(2)))])
    part.passed(2)
    part.recovered()
    assert part.ahead("c1", 20)


def plain(part: Partition[Customer, Ledger]) -> tuple[list[tuple[bytes, bytes | None]], bytes]:
    """What is saved, as writer 7 would have written it."""
    part._writer = 7
    return part.take_state() or ([], b"")


def test_a_deletion_is_saved_as_a_marker_first_and_as_a_tombstone_by_the_next_save(
    part: Partition[Customer, Ledger],
) -> None:
    part.put("c1", Customer(1))
    part.advance(4)
    part.take_state()
    part.delete("c1")
    part.advance(5)
    records, _ = plain(part)
    assert records == [(b"c1", gone(5))]
    part.advance(6)
    records, _ = plain(part)
    assert records == [(b"c1", None)]
    part.advance(7)
    assert plain(part) == ([], stored(7, Ledger()))


def test_a_key_that_came_back_gets_no_tombstone(part: Partition[Customer, Ledger]) -> None:
    part.put("c1", Customer(1))
    part.delete("c1")
    part.advance(5)
    part.take_state()
    part.put("c1", Customer(2))
    part.advance(6)
    records, _ = plain(part)
    assert records == [(b"c1", stored(6, Customer(2)))]


def test_deleting_what_is_not_there_saves_nothing(part: Partition[Customer, Ledger]) -> None:
    part.delete("c1")
    assert part.take_state() is None


def test_untouched_values_are_saved_without_decoding(part: Partition[Customer, Ledger]) -> None:
    unreadable = PREFIX.pack(5, 7) + b"\xc1\x01what only a decoder would stop at"
    recover(
        part,
        (b"c1", unreadable),
        (META_KEY, stored(5, Ledger(6))),
        (b"c1", stored(7, Customer(9), writer=8)),  # torn
    )
    part.advance(8)
    records, _ = plain(part)
    assert records == [(b"c1", PREFIX.pack(8, 7) + unreadable[PREFIX.size :])]


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


@pytest.fixture
def narrow() -> Partition[Customer, Ledger]:
    """A partition that keeps few states decoded."""
    return Partition(3, StateCodec(Customer, Ledger), decoded=16)


NAMES = [f"c{number:02}" for number in range(50)]


def test_a_state_is_the_same_whether_it_was_kept_decoded_or_not(narrow: Partition[Customer, Ledger]) -> None:
    for saved in (False, True, False):
        for number, key in enumerate(NAMES):
            state = narrow.get(key) or Customer(number)
            state.events += 100
            narrow.put(key, state)
        if saved:
            narrow.take_state()
    assert [narrow.get(key) for key in NAMES] == [Customer(number + 300) for number in range(50)]
    assert len(narrow._decoded) == 16
    narrow.advance(7)
    records, _ = plain(narrow)
    assert records == [(key.encode(), stored(7, Customer(n + 300))) for n, key in enumerate(NAMES)]


def test_reading_all_keys_displaces_none_of_those_written_last(narrow: Partition[Customer, Ledger]) -> None:
    for number, key in enumerate(NAMES):
        narrow.put(key, Customer(number))
    narrow.put("c40", Customer(0))
    narrow.take_state()
    kept = dict(narrow._decoded)
    assert list(kept)[-1] == "c40"
    assert set(kept) <= set(NAMES[30:])
    for key in NAMES:
        narrow.get(key)
    assert {key: narrow._decoded.get(key) for key in kept} == kept
    assert len(narrow._decoded) <= 16


def test_fewer_are_kept_decoded_where_most_would_be_displaced_before_they_are_met_again() -> None:
    part: Partition[Customer, Ledger] = Partition(3, StateCodec(Customer, Ledger), decoded=512)
    for number in range(2048):
        part.put(f"c{number}", Customer(number))
    assert 448 <= len(part._decoded) <= 512
    for number in range(2048, 2200):
        part.put(f"c{number}", Customer(number))
    assert len(part._decoded) <= 32
    part.advance(9)
    records, meta = plain(part)
    again: Partition[Customer, Ledger] = Partition(3, StateCodec(Customer, Ledger), decoded=512)
    recover(again, *records, (META_KEY, meta))
    assert [again.get(f"c{number}") for number in range(2200)] == [Customer(number) for number in range(2200)]
    assert len(again._decoded) == 32


def test_what_is_read_without_room_is_never_older_than_what_is_written(narrow: Partition[Customer, Ledger]) -> None:
    for number, key in enumerate(NAMES):
        narrow.put(key, Customer(number))
    narrow._room = len(narrow._decoded)
    first = narrow.get("c00")
    assert first is narrow.get("c00")
    narrow.put("c00", Customer(7))
    for number, key in enumerate(NAMES[1:]):
        narrow.put(key, Customer(number))
    assert narrow.get("c00") == Customer(7)
    narrow.delete("c00")
    assert narrow.get("c00") is None


def test_a_state_that_made_room_can_be_deleted_and_come_back(narrow: Partition[Customer, Ledger]) -> None:
    for number, key in enumerate(NAMES):
        narrow.put(key, Customer(number))
    narrow.delete("c00")
    assert narrow.get("c00") is None
    narrow.put("c01", Customer(7))
    narrow.advance(9)
    records = dict(plain(narrow)[0])
    assert records[b"c00"] == gone(9)
    assert records[b"c01"] == stored(9, Customer(7))
    narrow.put("c00", Customer(8))
    assert narrow.get("c00") == Customer(8)


def test_any_text_is_a_key(part: Partition[Customer, Ledger]) -> None:
    for key in ("", "\x00", "\xff meta", "ключ"):
        part.put(key, Customer(1))
    part.advance(0)
    records, meta = plain(part)
    again: Partition[Customer, Ledger] = Partition(3, StateCodec(Customer, Ledger))
    recover(again, *records, (META_KEY, meta))
    assert again.keys() == part.keys()


def test_what_is_put_again_before_a_commit_is_saved_as_it_is_then(narrow: Partition[Customer, Ledger]) -> None:
    customer = Customer(1)
    for events in (1, 2, 3):
        customer.events = events
        narrow.put("c1", customer)
    taken = narrow.take_state()
    assert taken is not None
    assert narrow._codec.state.decode(taken[0][0][1] or b"", PREFIX.size) == Customer(3)
    customer.events = 4
    narrow.put("c1", customer)
    for number in range(40):  # c1 has to make room
        narrow.put(f"x{number}", Customer(number))
    assert "c1" not in narrow._decoded
    assert narrow.get("c1") == Customer(4)
    narrow.put("c1", Customer(5))
    assert narrow.get("c1") == Customer(5)


def test_a_state_that_had_to_make_room_is_taken_in_when_it_is_put_again(narrow: Partition[Customer, Ledger]) -> None:
    customer = Customer(1)
    narrow.put("c1", customer)
    for number in range(17):  # one too many, after which there is room again
        narrow.put(f"x{number}", Customer(number))
    assert "c1" not in narrow._decoded
    assert len(narrow._decoded) < 16
    customer.events = 2
    narrow.put("c1", customer)
    assert narrow.get("c1") == Customer(2)
    records, _ = plain(narrow)
    assert (b"c1", stored(-1, Customer(2))) in records


def test_a_state_that_was_deleted_is_there_again_when_it_is_put_again(part: Partition[Customer, Ledger]) -> None:
    customer = Customer(1)
    part.put("c1", customer)
    part.delete("c1")
    part.put("c1", customer)
    assert (part.keys(), part.get("c1")) == (["c1"], customer)


def test_pieces_of_the_owner_survive_a_zombie_that_was_further_for_a_while(part: Any) -> None:
    recover(
        part,
        (b"c1", stored(5, Customer(1), writer=1)),
        (META_KEY, stored(5, Ledger(1), writer=1)),
        (b"c1", stored(10, Customer(2), writer=2)),  # who owns the partition from here on
        (META_KEY, stored(10, Ledger(2), writer=2)),
        (b"c1", stored(12, Customer(3), writer=1)),
        (META_KEY, stored(12, Ledger(3), writer=1)),
        (b"c1", stored(12, Customer(3), writer=2)),
        (b"c2", stored(12, Customer(77), writer=2)),  # by a piece of work behind the same record
        (META_KEY, stored(12, Ledger(4), writer=2)),
        (b"c1", stored(13, Customer(4), writer=2)),
        (META_KEY, stored(13, Ledger(5), writer=2)),
    )
    assert (part.get("c1"), part.get("c2")) == (Customer(4), Customer(77))
