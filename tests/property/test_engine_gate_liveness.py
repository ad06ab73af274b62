"""The skew gate never stops everything, and the skew it allows is the one that was asked for."""

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.gate import SkewGate, Standing

TOPICS = [TP(name, 0) for name in ("usage", "billing", "tickets", "surveys")]
MAX_SKEW = 10

LOGS = st.lists(st.lists(st.integers(0, 100), max_size=15).map(sorted), min_size=4, max_size=4)


@given(LOGS, st.lists(st.integers(0, 3), max_size=200), st.booleans())
def test_every_record_is_read_in_the_end_and_skew_is_bounded(
    logs: list[list[int]], order: list[int], clock_moves: bool
) -> None:
    """`order`: which partition is offered to the gate next; afterwards all, in turn."""
    position = dict.fromkeys(TOPICS, 0)
    clock = 0.0
    gate = SkewGate([tp.topic for tp in TOPICS], MAX_SKEW, patience_seconds=5.0, clock=lambda: clock)
    gate.attach(lambda tp: Standing(position[tp], position[tp] < len(logs[TOPICS.index(tp)])), int)
    gate.assigned(TOPICS)

    def offer(which: int) -> bool:
        tp, log = TOPICS[which], logs[which]
        if position[tp] == len(log) or not gate([tp]):
            return False
        watermark = log[position[tp]]
        position[tp] += 1
        gate.advance(tp, watermark, position[tp] - 1)
        return True

    for which in order:
        offer(which)
        clock += 1.0 if clock_moves else 0.0
    while any(position[tp] < len(log) for tp, log in zip(TOPICS, logs, strict=True)):
        moved = [offer(which) for which in range(4)]
        assert any(moved), "everything is held back"


@given(LOGS, st.randoms(use_true_random=False))
def test_nobody_starts_a_batch_while_further_ahead_than_allowed(logs: list[list[int]], random: object) -> None:
    position = dict.fromkeys(TOPICS, 0)
    time = dict.fromkeys(TOPICS, -1)
    gate = SkewGate([tp.topic for tp in TOPICS], MAX_SKEW, patience_seconds=1e9, clock=lambda: 0.0)
    gate.attach(lambda tp: Standing(position[tp], position[tp] < len(logs[TOPICS.index(tp)])), int)
    gate.assigned(TOPICS)
    for _ in range(300):
        which = random.randrange(4)  # type: ignore[attr-defined]
        tp, log = TOPICS[which], logs[which]
        if position[tp] == len(log) or not gate([tp]):
            continue
        unread = [time[o] for o, left in zip(TOPICS, logs, strict=True) if o != tp and position[o] < len(left)]
        if time[tp] >= 0 and unread:
            assert time[tp] - min(unread) <= MAX_SKEW
        time[tp] = log[position[tp]]
        position[tp] += 1
        gate.advance(tp, time[tp], position[tp] - 1)
