"""The batched transport as a Faust transport: URL scheme `zelo`, e.g. `zelo://127.0.0.1:9092`.

An installed Zelo is found through the entry point group `faust.transports`; `install()` does the same
at run time and is called by `engine_app`.
"""

import faust
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TopicT

from streams.engine.consumer import BatchConsumer
from streams.engine.producer import ThreadProducer

SCHEME = "zelo"


class Transport(driver.Transport):
    """Kafka, one Faust event per (partition, fetch)."""

    Consumer = BatchConsumer
    Producer = ThreadProducer


def install() -> None:
    """Registers the scheme with Faust; calling it again changes nothing."""
    TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"


def batch_topic(app: faust.App, *names: str, partitions: int | None = None) -> TopicT:
    """A topic whose events carry `list[Record]` untouched."""
    return app.topic(*names, partitions=partitions, key_serializer="raw", value_serializer="raw", value_type=bytes)
