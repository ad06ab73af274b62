"""Importer of our own envelope events from files, one JSON object per line, plain or gzip.

The topic follows from the event's `type`. Lines a topic's decoder would refuse are bad rows with its reason.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, get_args

import msgspec

from schemas.codec import MAX_EVENT_BYTES, SchemaError
from schemas.envelope import Event, Heartbeat
from schemas.registry import INPUT_TOPICS
from streams.errors import ConfigurationError
from streams.intake.fields import FieldError
from streams.intake.gate import Gate, field_error
from streams.intake.importer import BadRow, FileRead, Item, Produced, Rule, RuleHit

_SUFFIXES = (".jsonl", ".jsonl.gz")
_HEARTBEAT = "heartbeat"


class _Head(msgspec.Struct):
    """What must be known of a line before its topic is."""

    type: str
    customer_id: str


def _tag(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)


TOPIC_OF_TYPE: dict[str, str] = {
    _tag(event): topic.name for topic in INPUT_TOPICS for event in get_args(topic.message) if event is not Heartbeat
}


class JsonLines:
    """Reads `NAME.jsonl`, `NAME.jsonl.gz`, or every such file of a directory in the order of their names."""

    name = "jsonl"
    rules = (
        Rule(
            "heartbeat_left_out",
            "A heartbeat is its producer's promise. Not sent: an import makes its own.",
        ),
    )

    def __init__(self) -> None:
        self._gate = Gate()
        self._head = msgspec.json.Decoder(_Head).decode

    def read(self, path: Path) -> Iterator[Item]:
        """The events of the file or directory `path`, in the order of the lines.

        Raises:
            ConfigurationError: there is no such file.
        """
        for file in _files(path):
            yield from self._read_file(file)

    def _read_file(self, path: Path) -> Iterator[Item]:
        rows = 0
        with _open(path) as file:
            for line, content in _lines(file):
                if isinstance(content, str):
                    rows += 1
                    yield BadRow(path.name, line, "row", content)
                elif content.strip():
                    rows += 1
                    yield self._item(path.name, line, content)
        yield FileRead(path.name, rows)

    def _item(self, file: str, line: int, content: bytes) -> Item:
        try:
            head = self._head(content)
            if head.type == _HEARTBEAT:
                return RuleHit("heartbeat_left_out", file, line)
            topic = TOPIC_OF_TYPE.get(head.type)
            if topic is None:
                raise FieldError("type", f"expected a known type of event, got {head.type[:60]!r}")
            return Produced(topic, self._gate.decode(topic, head.customer_id.encode(), content))
        except (ValueError, RecursionError) as error:
            return _bad(file, line, error)


def _bad(file: str, line: int, error: Exception) -> BadRow:
    match error:
        case FieldError():
            return BadRow(file, line, error.field, error.reason)
        case RecursionError():
            return BadRow(file, line, "row", "expected a flat object, got one nested too deeply")
        case _:
            refused = field_error(SchemaError(str(error)))
            return BadRow(file, line, refused.field, refused.reason)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.name.endswith(_SUFFIXES))
        if not found:
            raise ConfigurationError(f"expected files *.jsonl or *.jsonl.gz in {path}, found none")
        return found
    if not path.is_file():
        raise ConfigurationError(f"expected a file or a directory of *.jsonl files, found nothing at {path}")
    return [path]


def _open(path: Path) -> IO[bytes]:
    # Both kinds are buffered readers of bytes; gzip's class only says so less clearly.
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | str]]:
    """Numbered lines; text instead of bytes says why a line could not be read."""
    line = 0
    while True:
        line += 1
        try:
            content = file.readline(MAX_EVENT_BYTES + 1)
            if len(content) <= MAX_EVENT_BYTES:
                if not content:
                    return
                yield line, content
                continue
            _skip_rest(file, content)
        except (OSError, EOFError, zlib.error) as error:
            yield line, f"expected a whole file, it cannot be read on from here: {error}"
            return
        yield line, f"expected at most {MAX_EVENT_BYTES} bytes in a line"


def _skip_rest(file: IO[bytes], content: bytes) -> None:
    while content and not content.endswith(b"\n"):
        content = file.readline(MAX_EVENT_BYTES)
