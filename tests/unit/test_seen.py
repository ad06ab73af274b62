"""The memory of event ids: what it holds, and several taken in at once."""

from streams.metrics.customer import Seen, fingerprint

A, B = fingerprint("a"), fingerprint("b")


def test_it_counts_what_it_holds() -> None:
    seen = Seen()
    assert len(seen) == 0
    seen.add(20_000, A)
    seen.add(20_001, A)
    assert len(seen) == 2


def test_of_several_none_is_taken_when_one_is_known_of_whatever_day() -> None:
    seen = Seen()
    seen.add(20_000, A)
    seen.add(20_001, A)
    assert not seen.take(20_001, [B, A])  # the newest day
    assert not seen.take(20_000, [B, A])  # a day before it
    assert not seen.take(20_002, [B, B])
    assert len(seen) == 2
    assert seen.take(20_000, [B])
    assert seen.has(20_000, B)
