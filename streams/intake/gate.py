"""The last door of every importer: an event that the stream would dead-letter does not leave the files.

msgspec checks a message when it is decoded, not when it is built, so each event is encoded and decoded once
by the decoder its agent uses.
"""

import re
from collections.abc import Iterable

from schemas.codec import EventDecoder, SchemaError, encode
from schemas.envelope import LATEST_MS, Event
from schemas.registry import INPUT_TOPICS
from streams.intake.fields import FieldError
from streams.intake.importer import Produced

_AT = re.compile(r" - at `\$\.?([^`]*)`$")


class Gate:
    """Checks events against the schema of their topic."""

    def __init__(self) -> None:
        self._decoders: dict[str, EventDecoder[Event]] = {
            topic.name: EventDecoder(topic.message) for topic in INPUT_TOPICS
        }

    def check(self, produced: Iterable[Produced]) -> None:
        """Lets valid events pass.

        Raises:
            FieldError: an event its topic's decoder refuses, with the field of the event.
        """
        for item in produced:
            try:
                self.decode(item.topic, item.event.customer_id.encode(), encode(item.event))
            except UnicodeError as error:
                raise FieldError("customer_id", f"expected Unicode text: {error}") from error
            except SchemaError as error:
                raise field_error(error) from error

    def decode(self, topic: str, key: bytes, value: bytes) -> Event:
        """The event in a record of `topic`; the present sets no limit here, the worker's clock will.

        Raises:
            SchemaError: see `EventDecoder`.
        """
        return self._decoders[topic](key, value, (), LATEST_MS)


def field_error(error: SchemaError) -> FieldError:
    """The refusal of a decoder, with the field it names taken out of its text."""
    text = str(error)
    found = _AT.search(text)
    return FieldError(found[1] or "row", text[: found.start()]) if found else FieldError("row", text)
