"""No bytes stop the guard, and every dead letter fits into a request."""

from types import SimpleNamespace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.guard import Poison, decode


class Event(msgspec.Struct):
    event_id: str


HEADERS = st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=50)), max_size=4)


@given(
    st.none() | st.binary(max_size=400),
    st.none() | st.binary(max_size=40),
    HEADERS,
    st.integers(17_500, 18_000),
)
def test_any_bytes_give_an_event_or_a_dead_letter_that_fits(
    value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes | None]], largest: int
) -> None:
    record = SimpleNamespace(
        topic="t", partition=0, offset=1, key=key, value=value, headers=tuple(headers), timestamp=0
    )
    ((_, found),) = decode([record], lambda r: msgspec.json.decode(r.value, type=Event))
    if isinstance(found, Poison):
        letter = found.dead_letter("dead", 0, largest)
        assert letter.size <= largest
        for name, content in letter.headers:
            name.encode()
            assert isinstance(content, bytes)
