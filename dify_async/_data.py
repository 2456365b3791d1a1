"""Objects as plain data: `to_dict`, `to_json`, and the hooks of pydantic, FastAPI and Celery."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, ClassVar, Final, cast, get_args, get_origin, get_type_hints

import attrs

from dify_async import _json
from dify_async._scalars import fields_of, plain
from dify_async._types import Json


class Data:
    """An attrs object that turns into JSON, and works as a field or response model of pydantic.

    pydantic is not imported: its schemas are dicts, and it asks for them by two methods.
    """

    __slots__ = ()

    _tags: ClassVar[tuple[str, ...]] = ()
    """Class attributes that are part of the data, such as the name of an event."""

    def to_dict(self) -> dict[str, Json]:
        """Return all fields as JSON values, nested objects included.

        Times are ISO 8601 strings, decimals and enums are strings, NaN and infinity are None.
        """
        cls: Any = type(self)
        return {name: as_json(getattr(self, name)) for name in (*_tags(cls), *_fields(cls))}

    def to_json(self) -> str:
        """Return `to_dict()` as compact JSON text."""
        data = self.to_dict()
        try:
            return _json.dumps(data).decode()
        except TypeError:  # An integer beyond 64 bits, or half of a surrogate pair.
            return json.dumps(data, separators=(",", ":"))

    def __json__(self) -> dict[str, Json]:
        """Return `to_dict()`. Celery's serializer asks for it by this name."""
        return self.to_dict()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> dict[str, Any]:
        return _core_schema(cls, source, handler.generate_schema)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Mapping[str, Any], handler: Any) -> dict[str, Any]:
        # The schema of the dict, for input and output alike; what is returned has all of its keys.
        schema: dict[str, Any] = handler(core_schema["schema"])
        if handler.mode == "serialization":
            schema["required"] = list(schema.get("properties", ()))
        summary = (cls.__doc__ or "").partition("\n\n")[0]
        return {"title": cls.__name__, "description": " ".join(summary.split()), **schema}


@cache
def _tags(cls: Any) -> tuple[str, ...]:
    return tuple(tag for tag in cls._tags if hasattr(cls, tag))  # Base classes have no event's name.


@cache
def _fields(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cast(Any, cls)) if not field.name.startswith("_"))


def as_json(value: Any) -> Json:
    """Return a JSON value for anything that a result or a row may hold."""
    kind = value.__class__
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict:
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(one) for one in cast("Iterable[Any]", value)]
    if isinstance(value, enum.Enum):
        return as_json(value.value)
    value = plain(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (str, int)):
        return value
    if hasattr(value, "__json__"):
        return value.__json__()
    found = fields_of(value)
    return str(value) if found is None else as_json(found)


# pydantic


def _serialized(value: Any, info: Any) -> Any:
    return as_json(value) if info.mode == "json" else value


AS_JSON: Final = {
    "type": "function-plain",
    "function": _serialized,
    "info_arg": True,
    "is_field_serializer": False,
}
"""How pydantic serializes a value: in its JSON mode as JSON, in its Python mode as it is."""


def _core_schema(cls: Any, source: Any, schema_of: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the schema by which pydantic keeps an instance and makes one from a dict."""
    hints = field_types(source)
    fields: dict[str, Any] = {
        tag: {
            "type": "typed-dict-field",
            "schema": {"type": "literal", "expected": [getattr(cls, tag)]},
            "required": True,
        }
        for tag in _tags(cls)
    }
    required = {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING}
    for name in _fields(cls):
        schema = schema_of(hints[name])
        fields[name] = {"type": "typed-dict-field", "schema": schema, "required": name in required}

    def structure(value: Any, of_dict: Callable[[Any], dict[str, Any]]) -> Any:
        if isinstance(value, cls):
            return value
        return cls(**{name: one for name, one in of_dict(value).items() if name not in _tags(cls)})

    return {
        "type": "function-wrap",
        "function": {"type": "no-info", "function": structure},
        "schema": {"type": "typed-dict", "fields": fields, "extra_behavior": "ignore"},
        "serialization": AS_JSON,
        "ref": _reference(source),
    }


def _reference(kind: Any) -> str:
    """Return the name of a type in the form from which pydantic makes short names for JSON schemas."""
    origin = get_origin(kind) or kind
    name = f"{origin.__module__}.{getattr(origin, '__qualname__', origin)}:{id(origin)}"
    inner = ",".join(map(_reference, get_args(kind)))
    return f"{name}[{inner}]" if inner else name


def field_types(cls: Any) -> dict[str, Any]:
    """Return the types of the fields, with the arguments of a parametrized class put in."""
    origin: Any = get_origin(cls) or cls
    hints = get_type_hints(origin)
    if origin is cls:
        return hints
    arguments = dict(zip(origin.__parameters__, get_args(cls), strict=True))

    def bound(kind: Any) -> Any:
        if kind in arguments:
            return arguments[kind]
        parameters = getattr(kind, "__parameters__", ())
        return kind[tuple(arguments[one] for one in parameters)] if parameters else kind

    return {name: bound(kind) for name, kind in hints.items()}
