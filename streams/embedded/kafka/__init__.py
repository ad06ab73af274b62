"""A local Apache Kafka: one durable broker for trying and developing, three for fault tests. Java 17, no Docker."""

from streams.embedded.kafka.cluster import ApacheKafka
from streams.embedded.kafka.jars import kafka_version, require_java
from streams.embedded.kafka.secure import Secured

__all__ = ["ApacheKafka", "Secured", "kafka_version", "require_java"]
