"""Our message types in the words of the documentation: fields, their types, what holds when they are absent."""

from typing import Any, NamedTuple

import msgspec
from msgspec import inspect


class FieldWords(NamedTuple):
    """A field as documented."""

    name: str
    type: str
    if_absent: str


def structs(message: Any) -> dict[str, type[msgspec.Struct]]:
    """The structs of a topic's values by tag; the only one of a topic without tags by its name in lower case."""
    kind = inspect.type_info(message)
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    found = {}
    for member in members:
        assert isinstance(member, inspect.StructType)
        found[str(member.tag or member.cls.__name__)] = member.cls
    return found


def nested(message: Any) -> dict[str, type[msgspec.Struct]]:
    """The structs inside those of a topic, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting: list[Any] = [f.type for s in structs(message).values() for f in fields_of(s)]
    while waiting:
        kind = _bare(waiting.pop())
        if isinstance(kind, inspect.StructType) and kind.cls.__name__ not in found:
            found[kind.cls.__name__] = kind.cls
            waiting += [field.type for field in fields_of(kind.cls)]
        elif isinstance(kind, inspect.UnionType):
            waiting += kind.types
        elif isinstance(kind, inspect.ListType):
            waiting.append(kind.item_type)
    return found


def fields_of(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    """All fields of a struct."""
    kind = inspect.type_info(struct)
    assert isinstance(kind, inspect.StructType)
    return kind.fields


def words(struct: type[msgspec.Struct], without: type[msgspec.Struct] | None = None) -> list[FieldWords]:
    """The fields of a struct in words, without those of its base."""
    left_out = set() if without is None else {field.encode_name for field in fields_of(without)}
    return [
        FieldWords(field.encode_name, type_words(field.type), _if_absent(field))
        for field in fields_of(struct)
        if field.encode_name not in left_out
    ]


def words_out(struct: type[msgspec.Struct]) -> list[tuple[str, str]]:
    """Name and type of the fields of a message of ours, where every field is present and null is a value."""
    return [
        (field.encode_name, type_words(field.type) + (" or null" if _nullable(field.type) else ""))
        for field in fields_of(struct)
    ]


def type_words(kind: Any) -> str:
    """A type as a reader without Python knows it."""
    kind = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        return _union_words(kind)
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.StructType):
        return f"`{kind.cls.__name__}`"
    if isinstance(kind, inspect.ListType):
        return f"list of {type_words(kind.item_type)}"
    return _PLAIN[type(kind)]


_PLAIN: dict[type, str] = {
    inspect.StrType: "text",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.DateTimeType: "date and time",
    inspect.DictType: "object",
    inspect.AnyType: "anything",
}


def _union_words(kind: inspect.UnionType) -> str:
    members = [m for m in map(_bare, kind.types) if not isinstance(m, inspect.NoneType)]
    names = {type_words(member) for member in members}
    if names == {"date and time", "integer"}:
        return "instant"
    if all(isinstance(member, inspect.StructType) for member in members) and len(members) > 1:
        return "values of one domain"
    return " or ".join(sorted(names))


def _nullable(kind: Any) -> bool:
    kind = _bare(kind)
    return isinstance(kind, inspect.UnionType) and any(isinstance(t, inspect.NoneType) for t in kind.types)


def _bare(kind: Any) -> Any:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _if_absent(field: inspect.Field) -> str:
    if field.required:
        return "required"
    default = field.default_factory() if field.default is inspect.NODEFAULT else field.default
    return "unknown" if default is None else f"`{msgspec.json.encode(default).decode()}`"
