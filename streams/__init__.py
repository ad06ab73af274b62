"""Everything of Zelo but the agents and the schemas (rooms: docs/architecture.md)."""
