"""I1-I8 as decisions of `Positions`, with scripted positions (ENGINE.md 1.3)."""

from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.engine.batches import BatchMessage, LogTruncatedError, Positions, RawBatch, Reread
from streams.engine.counters import Counters

HERE = TP("usage", 0)
THERE = TP("usage", 1)


def batch(start: int, end: int, holes: tuple[int, ...] = ()) -> RawBatch:
    return RawBatch(start, end, [SimpleNamespace(offset=o) for o in range(start, end) if o not in holes])


def delivered(positions: Positions, raw: RawBatch, tp: TP = HERE) -> BatchMessage:
    message = BatchMessage(*tp, raw.start, 0.0, 0, None, None, raw.records, None, 0, 0, tp)
    message.end = raw.end
    positions.delivered(message)
    return message


@pytest.fixture
def positions() -> Positions:
    return Positions(Counters())


def test_a_batch_at_the_expected_position_is_accepted_whole(positions: Positions) -> None:
    positions.sought(HERE, 10)
    raw = batch(10, 20)
    assert positions.judge(HERE, raw, 20) is raw


def test_a_partition_without_a_known_position_accepts_nothing(positions: Positions) -> None:
    assert positions.judge(HERE, batch(10, 20), 20) is None
    positions.sought(HERE, 10)
    positions.forget([HERE])
    assert positions.judge(HERE, batch(10, 20), 20) is None


def test_records_dropped_inside_the_process_are_read_again(positions: Positions) -> None:
    positions.sought(HERE, 10)
    assert positions.judge(HERE, batch(15, 20), 20) == Reread(10)
    assert positions.counters.reseeks == 1


def test_what_was_delivered_before_is_cut_off(positions: Positions) -> None:
    positions.sought(HERE, 15)
    judged = positions.judge(HERE, batch(10, 20), 20)
    assert isinstance(judged, RawBatch)
    assert (judged.start, judged.end, [r.offset for r in judged.records]) == (15, 20, [15, 16, 17, 18, 19])


def test_a_batch_that_holds_nothing_new_is_ignored(positions: Positions) -> None:
    positions.sought(HERE, 20)
    assert positions.judge(HERE, batch(10, 20), 25) is None


def test_a_log_that_ends_before_what_was_read_is_an_error(positions: Positions) -> None:
    positions.sought(HERE, 1000)
    with pytest.raises(LogTruncatedError, match="ends at offset 5, but 1000 was read"):
        positions.judge(HERE, batch(0, 5), 5)


def test_only_the_acknowledged_prefix_is_committable(positions: Positions) -> None:
    positions.sought(HERE, 0)
    first, second, third = (delivered(positions, batch(n, n + 10)) for n in (0, 10, 20))
    assert positions.committable(HERE) is None
    second.acked = third.acked = True
    assert positions.committable(HERE) is None
    first.acked = True
    assert positions.committable(HERE) == 30


def test_holes_inside_a_batch_are_committed_with_it(positions: Positions) -> None:
    positions.sought(HERE, 0)
    delivered(positions, batch(0, 10, holes=(0, 8, 9))).acked = True
    assert positions.committable(HERE) == 10


def test_a_batch_of_holes_is_committable_at_once_when_nothing_is_in_flight(positions: Positions) -> None:
    positions.sought(HERE, 0)
    positions.passed(HERE, 7)
    assert positions.committable(HERE) == 7


def test_a_batch_of_holes_is_committable_with_the_batch_before_it(positions: Positions) -> None:
    positions.sought(HERE, 0)
    message = delivered(positions, batch(0, 5))
    positions.passed(HERE, 9)
    assert positions.committable(HERE) is None
    message.acked = True
    assert positions.committable(HERE) == 9


def test_what_a_table_took_in_of_a_batch_is_committable_behind_the_acknowledged_ones(positions: Positions) -> None:
    positions.sought(HERE, 0)
    first, second = delivered(positions, batch(0, 10)), delivered(positions, batch(10, 20))
    second.reached = 15
    assert positions.committable(HERE) is None
    first.reached = 4
    assert positions.committable(HERE) == positions.stands(HERE) == 4
    first.acked = True
    assert positions.committable(HERE) == 15
    positions.sought(HERE, 4)
    first.reached = 9
    assert positions.committable(HERE) is None


def test_a_seek_sets_the_expected_position(positions: Positions) -> None:
    positions.sought(HERE, 0)
    delivered(positions, batch(0, 50))
    positions.sought(HERE, 20)
    assert positions.judge(HERE, batch(50, 60), 60) == Reread(20)


def test_a_late_ack_of_an_earlier_life_commits_nothing(positions: Positions) -> None:
    positions.sought(HERE, 0)
    late = delivered(positions, batch(0, 10))
    positions.sought(HERE, 0)
    late.acked = True
    assert positions.committable(HERE) is None
    assert not positions.is_current(late)


def test_a_seek_of_one_partition_leaves_the_others_alone(positions: Positions) -> None:
    positions.sought(HERE, 0)
    positions.sought(THERE, 0)
    other = delivered(positions, batch(0, 10), THERE)
    positions.sought(HERE, 0)
    other.acked = True
    assert positions.is_current(other)
    assert positions.committable(THERE) == 10


def test_a_forgotten_partition_has_nothing_to_commit(positions: Positions) -> None:
    positions.sought(HERE, 0)
    message = delivered(positions, batch(0, 10))
    message.acked = True
    positions.forget()
    assert positions.committable(HERE) is None
    assert not positions.is_current(message)


def test_a_partition_stands_where_reading_began_until_something_is_done(positions: Positions) -> None:
    assert positions.stands(HERE) is None
    positions.sought(HERE, 40)
    message = delivered(positions, batch(40, 50))
    assert positions.stands(HERE) == 40
    message.acked = True
    assert positions.stands(HERE) == 50
