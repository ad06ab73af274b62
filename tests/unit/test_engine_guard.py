"""The guard: whatever a message does to the decoder, the stream goes on."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from streams.engine.guard import RETRY_COUNT_HEADER, TRUNCATED_HEADER, Poison, decode, judged, readable
from streams.errors import ConfigurationError, PoisonError, TransientError


class Event(msgspec.Struct):
    event_id: str
    score: int


def record(value: bytes | None, offset: int = 7, headers: tuple[tuple[str, bytes | None], ...] = ()) -> Any:
    return SimpleNamespace(
        topic="usage", partition=2, offset=offset, key=b"c1", value=value, headers=headers, timestamp=1234
    )


def read(of: Any) -> Event:
    return msgspec.json.decode(of.value, type=Event)


def recurse(of: Any) -> Event:
    return recurse(of)


def raising(error: BaseException) -> Any:
    def decoder(of: Any) -> Event:
        raise error

    return decoder


def only(records: list[Any], decoder: Any) -> Poison:
    ((_, found),) = decode(records, decoder)
    assert isinstance(found, Poison)
    return found


HOSTILE = {
    "nothing": None,
    "empty": b"",
    "not JSON": b"hello",
    "NUL bytes": b"\x00\x00",
    "no UTF-8": b'{"event_id":"\xff","score":1}',
    "lone surrogate": b'{"event_id":"\\ud800","score":"x"}',
    "wrong type": b'{"event_id":1,"score":1}',
    "missing field": b"{}",
    "NaN": b'{"event_id":"a","score":NaN}',
    "too large a number": b'{"event_id":"a","score":1e999}',
    "deep": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_become_a_dead_letter_with_its_origin(name: str) -> None:
    letter = only([record(HOSTILE[name])], read).dead_letter("dead", 2, 1_000_000)
    headers = dict(letter.headers)
    assert (letter.topic, letter.partition, letter.key, letter.value) == ("dead", 2, b"c1", HOSTILE[name])
    assert headers["__connect.errors.topic"] == b"usage"
    assert headers["__connect.errors.partition"] == b"2"
    assert headers["__connect.errors.offset"] == b"7"
    assert headers["__connect.errors.stage"] == b"decode"
    assert headers["__connect.errors.class.name"].endswith(b".read")
    assert headers["__connect.errors.exception.class.name"]
    assert letter.timestamp_ms == 1234


def test_good_records_around_a_bad_one_are_decoded_in_order() -> None:
    good = b'{"event_id":"a","score":%d}'
    found = list(decode([record(good % 1, 1), record(b"bad", 2), record(good % 3, 3)], read))
    assert [one.offset for one, _ in found] == [1, 2, 3]
    assert [isinstance(event, Poison) for _, event in found] == [False, True, False]


def test_a_clean_batch_gives_its_events_and_an_empty_one_nothing() -> None:
    records = [record(b'{"event_id":"a","score":%d}' % score, score) for score in range(3)]
    assert [(one.offset, event.score) for one, event in decode(records, read)] == [(0, 0), (1, 1), (2, 2)]
    assert list(decode([], read)) == []


def test_a_run_that_can_be_read_is_and_one_that_cannot_is_judged_record_by_record() -> None:
    records = [record(b'{"event_id":"a","score":1}', 1), record(b"bad", 2)]
    many = lambda run: [read(one) for one in run]  # noqa: E731
    assert readable(records[:1], many) == [Event("a", 1)]
    assert readable(records, many) is None
    assert [isinstance(event, Poison) for _, event in judged(records, read)] == [False, True]
    with pytest.raises(TransientError):
        readable(records, raising(TransientError("later")))


def test_endless_recursion_is_only_a_bad_message() -> None:
    assert isinstance(only([record(b"x")], recurse).error, RecursionError)


@pytest.mark.parametrize("error", [TransientError("later"), ConfigurationError("never")])
def test_what_is_not_the_fault_of_the_message_goes_on(error: Exception) -> None:
    with pytest.raises(type(error)):
        list(decode([record(b"x")], raising(error)))


def test_original_headers_and_the_retry_count_are_carried_over_and_old_reasons_replaced() -> None:
    first = only([record(b"bad", headers=(("trace", b"t"), (RETRY_COUNT_HEADER, b"2"), ("none", None)))], read)
    letter = first.dead_letter("dead", 0, 1_000_000)
    again = only([record(b"bad", 9, headers=tuple(letter.headers))], read).dead_letter("dead", 0, 1_000_000)
    names = [name for name, _ in again.headers]
    assert len(names) == len(set(names))
    headers = dict(again.headers)
    assert (headers["trace"], headers[RETRY_COUNT_HEADER], headers["none"]) == (b"t", b"2", b"")
    assert headers["__connect.errors.offset"] == b"9"


def test_a_value_that_no_request_can_carry_is_cut_and_says_so() -> None:
    letter = only([record(b"x" * 2_000_000)], read).dead_letter("dead", 0, 1_000_000)
    assert dict(letter.headers)[TRUNCATED_HEADER] == b"2000000"
    assert 900_000 < letter.size <= 1_000_000


def test_a_value_that_fits_is_kept_whole() -> None:
    letter = only([record(b"x" * 900_000)], read).dead_letter("dead", 0, 1_000_000)
    assert len(letter.value or b"") == 900_000
    assert TRUNCATED_HEADER not in dict(letter.headers)


def test_a_reason_is_short_and_printable_whatever_the_message_held() -> None:
    found = only([record(b"x")], raising(ValueError("\ud800" + "y" * 100_000)))
    message = dict(found.dead_letter("dead", 0, 1_000_000).headers)["__connect.errors.exception.message"]
    assert message.startswith(b"\\ud800yyy")
    assert len(message) < 1100
    assert found.reason.startswith("ValueError: \\ud800")


def test_a_decoded_but_unacceptable_record_is_poison_too() -> None:
    found = Poison(record(b"{}"), "key", "agents.usage", PoisonError("customer c2 under key c1"))
    assert found.reason == "PoisonError: customer c2 under key c1"
    headers = dict(found.dead_letter("dead", 0, 1000_000).headers)
    assert headers["__connect.errors.stage"] == b"key"
    assert headers["__connect.errors.class.name"] == b"agents.usage"
