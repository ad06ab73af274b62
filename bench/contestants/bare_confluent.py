"""The floor in C: a loop over librdkafka's consumer and producer with a dict, which a crash empties.

Publication and commits follow the rule of our engine and of the bare aiokafka loop. Events are taken by the
batch with `Consumer.consume`, as the API documentation of confluent-kafka recommends for throughput; linger and
fetch wait are those of "Performance" in librdkafka's INTRODUCTION.md: a few milliseconds to fill batches, not more,
because latency is measured too.
"""

from time import monotonic

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer

from bench.contestants import COMMIT_SECONDS, PUBLISH_SECONDS, Task
from bench.contestants.librdkafka import consumer_settings, producer_settings
from bench.job import Customer, UsageEvent, fold, score_of
from bench.progress import Progress

_AT_ONCE = 5000
_WAIT_SECONDS = 0.02


def run(task: Task, progress: Progress) -> None:
    Loop(task, progress).run()


class Loop:
    """Reads, folds, and at its intervals publishes and commits."""

    def __init__(self, task: Task, progress: Progress) -> None:
        self._scores = task.scores
        self._source = task.source
        self._progress = progress
        self._customers: dict[str, Customer] = {}
        self._changed: dict[str, int] = {}
        self._encode = msgspec.json.Encoder().encode
        self._producer = Producer(producer_settings(task))
        self._consumer = Consumer(consumer_settings(task) | {"group.id": task.group, "enable.auto.commit": "false"})

    def run(self) -> None:
        self._progress.answer_in_thread(lambda: self._customers)
        self._consumer.subscribe([self._source])
        publish_at = commit_at = monotonic()
        uncommitted = False
        while True:
            uncommitted = self._read() or uncommitted
            now = monotonic()
            if now >= publish_at:
                self._publish()
                publish_at = now + PUBLISH_SECONDS
            if now >= commit_at and uncommitted:
                self._commit()
                commit_at, uncommitted = monotonic() + COMMIT_SECONDS, False

    def _read(self) -> bool:
        """Whether anything came."""
        messages = self._consumer.consume(_AT_ONCE, _WAIT_SECONDS)
        decode = msgspec.json.Decoder(UsageEvent).decode
        for message in messages:
            if error := message.error():
                raise KafkaException(error)
            self._take(message.partition(), decode(message.value()))
        if messages:
            self._progress.applied(len(messages))
        return bool(messages)

    def _take(self, partition: int, event: UsageEvent) -> None:
        customer = self._customers.get(event.customer_id)
        if customer is None:
            customer = self._customers[event.customer_id] = Customer()
        fold(customer, event)
        self._changed[event.customer_id] = partition

    def _publish(self) -> None:
        changed, self._changed = self._changed, {}
        produce, scores, encode = self._producer.produce, self._scores, self._encode
        for customer_id, partition in changed.items():
            produce(scores, encode(score_of(customer_id, self._customers[customer_id])), customer_id, partition)
        self._producer.poll(0)

    def _commit(self) -> None:
        self._publish()
        self._producer.flush()  # a commit says that the scores are out
        self._consumer.commit(asynchronous=False)
