"""CloudEvents 1.0 in binary and structured mode, as the flat events they stand for."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from schemas.errors import SchemaError

Headers = Sequence[tuple[str, bytes]]


def flatten_cloudevent(value: bytes, headers: Headers) -> dict[str, Any] | None:
    """The flat event in a CloudEvent of either mode, None for a plain record."""
    known = {name.lower(): content for name, content in headers}
    if known.get("content-type", b"").lower().startswith(b"application/cloudevents"):
        outer = _object(value)
        return _flat(outer, outer.get("data"))
    if "ce_specversion" in known:
        attributes = {name[3:]: _text(content) for name, content in known.items() if name.startswith("ce_")}
        return _flat(attributes, _object(value))
    return None


def _flat(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise SchemaError("expected an object - at `$.data`")
    subject = str(attributes.get("subject", ""))
    envelope = {
        "type": attributes.get("type"),
        "event_id": attributes.get("id"),
        "occurred_at": attributes.get("time"),
        "source": attributes.get("source"),
        "customer_id": subject.removeprefix("customer/") or attributes.get("partitionkey"),
    }
    return {**data, **{name: content for name, content in envelope.items() if content is not None}}


def _object(value: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] | Any = orjson.loads(value)
    if not isinstance(loaded, dict):
        raise SchemaError("expected an object - at `$`")
    return cast(dict[str, Any], loaded)


def _text(content: bytes) -> str:
    return content.decode("utf-8")
