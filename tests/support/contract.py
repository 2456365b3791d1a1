"""The descriptions of Dify's APIs in `tests/contract/`, and the comparison of a model with a described schema."""

from __future__ import annotations

import json
import types
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

import attrs

from dify_async._data import field_types
from dify_async._wire.decoding.codegen import origin_of
from dify_async.models._base import WIRE_KEYS

FOLDER: Final = Path(__file__).parents[1] / "contract"

_TWICE = "sent outside of `data` too"
LEFT_OUT = {
    ("BlockingMessage", "id"): "the same as message_id",
    ("BlockingMessage", "event"): "tells nothing that `data` does not",
    ("BlockingMessage", "mode"): "the app's",
    ("BlockingRunData", "answer"): _TWICE,
    ("BlockingRunData", "conversation_id"): _TWICE,
    ("BlockingRunData", "message_id"): _TWICE,
    ("BlockingRunData", "metadata"): _TWICE,
    ("BlockingRunData", "mode"): _TWICE,
    ("BlockingRunData", "workflow_run_id"): _TWICE,
    ("Feature", "configs"): "how a moderation is set up, which no answer has filled in",
    ("Feature", "type"): "the same",
    ("Page", "doc_form"): "the same for all chunks: that of their document",
    ("RunFile", "dify_model_identity"): "always the same",
    ("SuggestedQuestions", "result"): "always success",
}
"""Keys that stay in `raw` alone, by model."""

PARSED = {("WorkflowRun", "inputs"): "object", ("KnowledgeTag", "binding_count"): "integer"}
"""What is sent as text, and what the text contains."""


@cache
def description(api: str) -> dict[str, Any]:
    """Return the description of an API, `web` or `service`."""
    found: dict[str, Any] = json.loads((FOLDER / f"{api}.json").read_text(encoding="utf-8"))
    return found


def fields_of(api: str, schema: str) -> dict[str, Any]:
    found: dict[str, Any] = description(api)["schemas"][schema].get("fields", {})
    return found


@attrs.frozen
class Field:
    """A field of a model, by one of the keys it is read from."""

    name: str
    kind: Any
    nullable: bool


def by_key(model: type) -> dict[str, Field]:
    """Return the fields of a model by their JSON keys."""
    hints = field_types(model)
    found: dict[str, Field] = {}
    for field in attrs.fields(origin_of(model)):
        kind, nullable = hints[field.name], False
        if get_origin(kind) in (Union, types.UnionType):
            nullable = True
            (kind,) = (one for one in get_args(kind) if one is not type(None))
        if field.init:
            keys = field.metadata.get(WIRE_KEYS, (field.name,))
            found |= {key: Field(field.name, kind, nullable) for key in keys}
    return found


def misfits(api: str, schema: str, models: dict[str, Any]) -> list[str]:
    """Return the described fields that the model of a schema lacks, or has with another type.

    Args:
        api: Whose schema it is.
        schema: Its name.
        models: What each schema is to be, by name.
    """
    model = models[schema]
    own = by_key(model)
    found: list[str] = []
    for key, described in fields_of(api, schema).items():
        if (model.__name__, key) in LEFT_OUT:
            continue
        parsed = PARSED.get((model.__name__, key))
        shape = _Shape(parsed) if parsed is not None else _Shape.of(api, described)
        if key not in own:
            found.append(f"{model.__name__} has no {key}")
        elif not _fits(own[key].kind, shape, models):
            found.append(f"{model.__name__}.{own[key].name} is {own[key].kind}, not {described}")
    return found


_PLAIN: dict[str, Any] = {"string": str, "integer": (int, float), "number": (float, Decimal), "boolean": bool}


@attrs.frozen
class _Shape:
    """The described type of a field's values."""

    kind: str
    """`any`, `array`, `object`, `text` (one of some), or a plain one."""
    schema: str | None = None
    is_time: bool = False
    items: _Shape | None = None

    @classmethod
    def of(cls, api: str, described: dict[str, Any]) -> _Shape:
        """Parse a description; each API has its own format."""
        kind = described.get("ref") or described.get("type", "any")
        if kind == "array":
            return cls("array", items=cls.of(api, described["items"]))
        if kind.startswith("array<"):
            return cls("array", items=cls.of(api, {"type": kind[6:-1]}))
        if kind in _PLAIN:
            return cls(kind, is_time=described.get("format", "").startswith(("unix-seconds", "iso8601")))
        if kind == "object" or kind.startswith("map<"):
            return cls("object")
        if kind == "any" or "|" in kind:
            return cls("any")
        match description(api)["schemas"].get(kind, {}).get("kind"):
            case "enum":
                return cls("text", schema=kind)
            case "union":
                return cls("object")
            case _:
                return cls("object", schema=kind)


def _fits(kind: Any, shape: _Shape, models: dict[str, Any]) -> bool:
    if shape.kind == "any" or kind is Any:
        return kind is Any
    if shape.kind == "array":
        items = shape.items
        assert items is not None
        if get_origin(kind) is not list:
            return False
        (inner,) = get_args(kind)
        return inner is Any or _fits(inner, items, models)
    if shape.kind == "object":
        if not attrs.has(kind):
            return get_origin(kind) is dict
        return shape.schema is None or _is_like(kind, models[shape.schema])
    if shape.is_time:
        return kind is datetime
    if shape.kind == "text":
        return kind in {str, models.get(shape.schema or "", str)}
    if shape.kind == "string":
        return isinstance(kind, type) and issubclass(kind, (str, datetime, Decimal))
    return isinstance(kind, type) and issubclass(kind, _PLAIN[shape.kind])


def _is_like(kind: Any, model: Any) -> bool:
    """Return True if a class has all fields of another one."""
    return by_key(kind).keys() >= by_key(model).keys()
