"""How a field of a message becomes a ClickHouse column: its type and how it is read. Pure.

Types follow the house's names: `*_at` is an instant, `day` and `*_day` a date, whole numbers are Int64 so
that no count can ever be out of range. What has no flat form (lists of objects, free maps) is stored as JSON
text.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec.structs import fields

from streams.sinks.record import Entries, Entry

INSTANT = "DateTime64(3, 'UTC')"
_JSON = msgspec.json.Encoder().encode
_INSTANTS = {"at", "as_of", "watermark"}
_DAYS = {"day"}
_SPELLED = {
    "model_version": "UInt64",
    "offset": "UInt64",
    "partition": "UInt32",
    "revision": "UInt32",
    "trained_through": "Date32",
    "version": "UInt64",
}
_FEW_VALUES = frozenset(
    {
        "churn_reason",
        "country",
        "currency",
        "error",
        "industry",
        "locale",
        "model",
        "next_step",
        "owner",
        "plan",
        "profile",
        "river_version",
        "rule",
        "segment",
        "source",
        "stage",
        "topic",
    }
)


class Column(NamedTuple):
    """A column of a table: its ClickHouse type and how a row's value is read.

    `many` reads the same of many rows at once, several times as fast.
    """

    name: str
    type: str
    read: Callable[[Entry], object]
    many: Callable[[Entries], Sequence[object]] | None = None

    def values(self, entries: Entries) -> Sequence[object]:
        """The values of all rows."""
        return [*map(self.read, entries.each)] if self.many is None else self.many(entries)


def column(name: str, type_name: str, path: str | None = None) -> Column:
    """A column whose value is an attribute of the message (`path`, by default the column's own name)."""
    return at(f"message.{path or name}", name, type_name)


def at(path: str, name: str, type_name: str) -> Column:
    """A column whose value stands at a path in an `Entry`."""
    return Column(name, type_name, attrgetter(path), lambda entries: entries.at(path))


def struct_columns(struct: Any, path: str = "message", prefix: str = "", optional: bool = False) -> Iterator[Column]:
    """One column for every field of a struct, nested structs flattened to `<field>_<name>`.

    Args:
        struct: a msgspec Struct type.
        path: where the struct stands in an `Entry`.
        prefix: put before every column's name.
        optional: the struct itself may be None; then every column may be.
    """
    for field in fields(struct):
        annotation, nullable = _plain(field.type)
        here, name = f"{path}.{field.name}", _joined(prefix, field.name)
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            yield from struct_columns(annotation, here, f"{name}_", optional or nullable)
        else:
            yield _field_column(name, field.name, annotation, here, optional or nullable, path if optional else None)


def _joined(prefix: str, name: str) -> str:
    """`last_nps_` and `nps_class` give `last_nps_class`."""
    first = name.partition("_")[0] + "_"
    return prefix.removesuffix(first) + name if prefix.endswith(f"_{first}") else prefix + name


def _field_column(name: str, field: str, annotation: Any, path: str, nullable: bool, parent: str | None) -> Column:
    type_name = _type(field, annotation)
    stored = _nullable(type_name) if nullable else type_name
    found = at(path, name, stored) if parent is None else _of_optional(parent, field, name, stored)
    return _in_json(found) if type_name == "String" and annotation is not str else found


def _plain(annotation: Any) -> tuple[Any, bool]:
    """The annotation without Annotated and None, and whether None was in it."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    rest = [part for part in get_args(annotation) if part is not NoneType]
    nullable = len(rest) < len(get_args(annotation))
    return (_plain(rest[0])[0], nullable) if len(rest) == 1 else (annotation, nullable)


def _type(name: str, annotation: Any) -> str:
    if name in _SPELLED:
        return _SPELLED[name]
    if get_origin(annotation) is Literal or (annotation is str and name in _FEW_VALUES):
        return "LowCardinality(String)"
    if annotation is int and (name in _INSTANTS or name.endswith("_at")):
        return INSTANT
    if annotation is int and (name in _DAYS or name.endswith("_day")):
        return "Date"
    return _TYPES.get(annotation, "String")


_TYPES: dict[Any, str] = {
    bool: "Bool",
    int: "Int64",
    float: "Float64",
    str: "String",
    list[str]: "Array(String)",
    dict[str, int]: "Map(LowCardinality(String), Int64)",
    dict[str, float]: "Map(LowCardinality(String), Float64)",
}


def _nullable(type_name: str) -> str:
    inner = type_name.removeprefix("LowCardinality(")
    return f"LowCardinality(Nullable({inner[:-1]}))" if inner != type_name else f"Nullable({type_name})"


def _of_optional(parent: str, field: str, name: str, type_name: str) -> Column:
    """A field of a struct that may be None."""
    owner, value = attrgetter(parent), attrgetter(field)

    def of(struct: Any) -> object:
        return None if struct is None else value(struct)

    return Column(name, type_name, lambda entry: of(owner(entry)), lambda entries: [*map(of, entries.at(parent))])


def _in_json(found: Column) -> Column:
    return found._replace(
        read=lambda entry: as_json(found.read(entry)),
        many=lambda entries: [*map(as_json, found.values(entries))],
    )


def as_json(value: object) -> str | None:
    """JSON text of a value; None stays None."""
    return None if value is None else _JSON(value).decode()
