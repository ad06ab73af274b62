"""Kafka and ClickHouse without Docker or Java, to try, develop and test with (extra `zelo[embedded]`)."""

from streams.embedded.stack import EmbeddedStack, require_extra
from streams.embedded.supervise import Child, ChildError, Restart, Supervisor

__all__ = ["Child", "ChildError", "EmbeddedStack", "Restart", "Supervisor", "require_extra"]
