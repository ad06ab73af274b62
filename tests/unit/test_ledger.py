"""The book of a partition: which customers changed since the last close."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.states import ShapeCodec
from streams.metrics.ledger import Ledger

KEYS = st.sampled_from("abc")


@given(st.lists(KEYS | st.lists(KEYS, unique=True) | st.none(), max_size=12))
def test_changes_are_noted_once_in_order_also_after_a_close_and_a_restart(steps: list[str | list[str] | None]) -> None:
    codec: ShapeCodec[Ledger] = ShapeCodec(Ledger, "a ledger")
    ledger, expected = Ledger(), list[str]()
    for step in steps:
        if step is None:
            ledger = codec.decode(codec.encode(ledger))
        elif isinstance(step, list):
            ledger.keep(list(step))
            expected = list(step)
        else:
            ledger.note(step)
            expected += [step] if step not in expected else []
        assert ledger.changed == expected


class Counted(str):
    """A key that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_noting_compares_a_customer_with_no_other_however_many_there_are() -> None:
    ledger = Ledger()
    for number in range(1_000):
        ledger.note(Counted(f"customer {number}"))
    assert len(ledger.changed) == 1_000
    assert Counted.compared < 10  # hashes may be alike
