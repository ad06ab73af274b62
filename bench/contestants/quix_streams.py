"""The job on Quix Streams: `sdf.apply(..., stateful=True)` over RocksDB with a changelog topic, then `to_topic`.

As docs/configuration.md and docs/advanced/checkpointing.md of quix-streams advise: at-least-once (recommended where
speed comes first), RocksDB with its own options, JSON deserializer (orjson); the commit interval is that of all
contestants (its own default is 5 s), because how much is repeated after a crash depends on it.

It hands its function one message at a time and has no timer, so it publishes a score per update, as stock Faust does.
One correction, the same as for stock Faust: the embedded broker's ListOffsets falls one batch short, and Quix refuses
a state that is ahead of its changelog's end, so the true end is put in its place.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from quixstreams import Application, State
from quixstreams.kafka.consumer import BaseConsumer
from quixstreams.state.rocksdb import RocksDBStorePartition

from bench.contestants import COMMIT_SECONDS, REQUEST_SECONDS, Task
from bench.contestants.librdkafka import consumer_settings, fetch_settings, group_settings
from bench.job import Customer, UsageEvent, fold, score_of
from bench.progress import Progress

_KEY = "customer"


def run(task: Task, progress: Progress) -> None:
    _mend_broker_ends(task)
    app = build(task, progress)
    progress.answer_in_thread(lambda: dict(_states(app)))
    app.run()


def build(task: Task, progress: Progress) -> Application:
    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        commit_interval=COMMIT_SECONDS,
        state_dir=task.folder,
        loglevel="WARNING",
        consumer_extra_config=group_settings() | fetch_settings(),
        consumer_poll_timeout=0.1,
        on_message_processed=lambda *_: progress.applied(1),
    )
    source = app.topic(task.source, key_deserializer="str", value_deserializer="json")
    scores = app.topic(task.scores, key_serializer="str", value_serializer="json")
    app.dataframe(source).apply(_score, stateful=True).to_topic(scores)
    return app


def _score(value: dict[str, Any], state: State) -> dict[str, Any]:
    event = UsageEvent(**value)
    kept = state.get(_KEY)
    customer = Customer(**kept) if kept else Customer()
    fold(customer, event)
    state.set(_KEY, msgspec.structs.asdict(customer))
    return msgspec.structs.asdict(score_of(event.customer_id, customer))


def _states(app: Application) -> Iterator[tuple[str, Customer]]:
    """What its RocksDB holds. Keys are `"<message key>"|"<key of the state>"`, values JSON."""
    decode = msgspec.json.Decoder(Customer).decode
    for stores in app._state_manager.stores.values():
        for store in stores.values():
            for partition in store.partitions.values():
                assert isinstance(partition, RocksDBStorePartition)
                for key, value in partition.iter_items(b""):
                    yield msgspec.json.decode(key.split(b"|")[0], type=str), decode(value)


def _mend_broker_ends(task: Task) -> None:
    stock = BaseConsumer.get_watermark_offsets

    def ends(self: Any, partition: TopicPartition, *args: Any, **options: Any) -> tuple[int, int]:
        low, high = stock(self, partition, *args, **options)
        return low, high if options.get("cached") else _true_end(task, partition, high)

    BaseConsumer.get_watermark_offsets = ends


def _true_end(task: Task, partition: TopicPartition, said: int) -> int:
    """Where a consumer that begins at the end said meets the end of the partition."""
    settings = consumer_settings(task) | {"group.id": f"{task.group}-ends", "enable.auto.commit": "false"}
    consumer = Consumer(settings | {"enable.partition.eof": True})
    try:
        consumer.assign([TopicPartition(partition.topic, partition.partition, said)])
        while True:
            message = consumer.poll(REQUEST_SECONDS)
            if message is None:
                return said
            if (error := message.error()) is None:
                continue
            if error.code() == KafkaError._PARTITION_EOF:
                return int(message.offset())
            raise KafkaException(error)
    finally:
        consumer.close()
