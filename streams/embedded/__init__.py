"""Kafka and ClickHouse without Docker, to try, develop and test with (extra `zelo[embedded]`)."""

from streams.embedded.stack import BrokerKind, EmbeddedStack, require_extra
from streams.embedded.supervise import Child, ChildError, Restart, Supervisor

__all__ = ["BrokerKind", "Child", "ChildError", "EmbeddedStack", "Restart", "Supervisor", "require_extra"]
