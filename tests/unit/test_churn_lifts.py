"""What the trainer's table holds of a customer, as older releases stored it and as this one does."""

from typing import Any

from msgspec import msgpack

from streams.churn.booster_fit import Trees
from streams.churn.booster_labels import kept
from streams.churn.features import BY_NAME
from streams.churn.labels import CustomerRecords, Pending
from streams.churn.lifts import RECORDS
from streams.churn.places import pack
from streams.engine.states import ShapeCodec

DAY = 19_700
CODEC = ShapeCodec[CustomerRecords](RECORDS, "a customer")

#: As version 1 stored it, names and all; of a feature that the registry no longer knows, too.
OLD: dict[str, Any] = {
    "snapshots": {DAY + 14: {"usage_trend": 0.25}},
    "outcomes": [DAY + 9],
    "pending": [
        {
            "day": DAY,
            "features": {"usage_trend": 0.5, "gone_since": 2.0},
            "probability": 0.1,
            "model_version": 3,
            "churned_day": DAY + 9,
            "raw": 0.125,
            "others": {"adagrad": 0.75},
        },
        {"day": DAY + 7, "features": {}, "probability": 0.2, "model_version": 4},
    ],
    "churned": True,
    "censored": [DAY + 12],
}
NOW = CustomerRecords(
    snapshots={DAY + 14: pack({"usage_trend": 0.25})},
    outcomes=[DAY + 9],
    pending=[
        Pending(DAY, pack({"usage_trend": 0.5, "gone_since": 2.0}), 0.1, 3, DAY + 9, 0.125, {"adagrad": 0.75}),
        Pending(DAY + 7, pack({}), 0.2, 4),
    ],
    churned=True,
    censored=[DAY + 12],
)


def test_records_of_version_1_are_the_same_in_this_one() -> None:
    records = CODEC.decode(msgpack.encode(OLD))
    assert records == NOW
    assert [one.features for one in records.pending] == [{"usage_trend": 0.5, "gone_since": 2.0}, {}]


def test_records_of_version_1_are_written_in_this_one_to_the_byte() -> None:
    fields = [
        {DAY + 14: pack({"usage_trend": 0.25})},
        [DAY + 9],
        [
            [DAY, pack({"usage_trend": 0.5, "gone_since": 2.0}), 0.1, 3, DAY + 9, 0.125, {"adagrad": 0.75}],
            [DAY + 7, pack({}), 0.2, 4, None, None, {}],
        ],
        True,
        [DAY + 12],
        None,
    ]
    written = CODEC.encode(CODEC.decode(b"\xc1\x01" + msgpack.encode(OLD)))
    assert written == b"\xc1\x02" + msgpack.encode(fields)
    assert CODEC.decode(written) == NOW


def test_what_a_booster_keeps_is_taken_up() -> None:
    for held in (Trees(["nps"], "trees"), kept(["nps"], [])):
        old = CODEC.decode(msgpack.encode({"kept": held}))
        assert old == CustomerRecords(kept=held)
        assert CODEC.decode(CODEC.encode(old)) == old


def test_a_customer_without_anything_yet() -> None:
    assert CODEC.decode(msgpack.encode({})) == CustomerRecords()


def test_features_are_read_once_and_are_not_what_makes_snapshots_equal() -> None:
    one, other = (Pending(DAY, pack({"nps": 50.0}), 0.1, 1) for _ in range(2))
    assert one.features is one.features
    assert one == other
    assert msgpack.encode(one) == msgpack.encode(other)


def test_a_month_of_snapshots_takes_a_fifth_of_what_it_took_with_names() -> None:
    features = {name: float(number) + 0.5 * (number % 4 == 0) for number, name in enumerate(BY_NAME)}
    pending = [Pending(DAY + 7 * week, pack(features), 0.1, 1) for week in range(5)]
    old = [{"day": one.day, "features": features, "probability": 0.1, "model_version": 1} for one in pending]
    assert 5 * len(CODEC.encode(CustomerRecords(pending=pending))) < len(msgpack.encode({"pending": old}))
