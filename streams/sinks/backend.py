"""What the writer needs of a database: one call, and errors that say what to do next.

Families (streams.errors): TransientError, again later; BlockTooLargeError, again in halves; PoisonError, a
row in this block can never be stored; ConfigurationError, no block of this table can. An error that nobody
knows counts as
transient: waiting loses nothing, dead-lettering a good row would.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from streams.errors import TransientError
from streams.sinks.table import Table

Values = Sequence[Sequence[Any]]


class BlockTooLargeError(TransientError):
    """The database could not take this many rows at once; a smaller block may pass."""


class Backend(Protocol):
    """A database that takes blocks of rows. Called from one thread at a time."""

    def insert(self, table: Table, rows: Values, token: str) -> None:
        """Stores a block whole; a second block with the same table and token changes nothing.

        Raises:
            TransientError: it may or may not have been stored; send it again with the same token.
            BlockTooLargeError: not stored; send it in parts.
            PoisonError: some row cannot be stored; whether the others are is not known.
            ConfigurationError: no such table or column, or access denied.
        """
        ...

    def close(self) -> None:
        """Lets go of connections; a later insert opens new ones."""
        ...
