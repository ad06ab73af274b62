"""What outside systems and people write, made safe to print; a broker that does not answer, made an error of ours."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from aiokafka.errors import KafkaError
from rich.markup import escape

from streams.config import Settings
from streams.errors import TransientError
from streams.kafka import require_access


def shown(text: str) -> str:
    r"""A text as it is: never read as markup, control characters spelled out.

    Example:
        >>> shown("a" + chr(27) + "[2J")
        'a\\x1b[2J'
    """
    return escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


def print_json(content: Any) -> None:
    """Prints an object, instants in UTC."""
    print(
        orjson.dumps(
            content, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
        ).decode()
    )


@contextmanager
def kafka_errors(settings: Settings) -> Iterator[None]:
    """Says which Kafka did not answer, and how to mend it.

    Raises:
        ConfigurationError: it turned us away.
        TransientError: in place of Kafka's other errors.
    """
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        asyncio.run(require_access(settings))
        raise TransientError(
            f"Kafka at {settings.kafka_bootstrap}: {error or 'no answer'}; start Kafka (or `zelo up`), "
            "or set ZELO_KAFKA_BOOTSTRAP"
        ) from error
