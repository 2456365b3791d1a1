"""Generate a function that creates an attrs object from a dict, for each class at its first use.

It is the inner loop of every stream, so the code looks like optimized code written by hand: each field is
looked up, checked inline, and set; a hook is called only if the inline check fails. Nested classes and lists
of strings are part of the same function.

For `TextChunk`, shortened:

    def structure(data0, _):
        new0 = make(cls0)
        v = data0.get("task_id")
        new0.task_id = v if v is None or v.__class__ is str else hook1(v, type1)
        v = data0.get("data")
        if v.__class__ is dict:
            data1 = v
            new1 = make(cls1)
            ...
            new0.data = new1
        else:
            new0.data = absent2() if v is None else hook2(v, type2)
        return new0
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Union, get_args, get_origin

import attrs

from dify_async._data import field_types
from dify_async._types import Json
from dify_async._wire.decoding.hook import Hook, StructureError
from dify_async.models._base import WIRE_KEYS, OpenEnum, Received, is_inexact

_INLINE_CHECKS: Final[dict[Any, str]] = {
    str: "v.__class__ is str",
    int: "v.__class__ is int",
    float: "v.__class__ is float and v - v == 0",
    bool: "v.__class__ is bool",
    dict[str, Json]: "v.__class__ is dict and not is_inexact(v)",
    Json: "v.__class__ is str or not is_inexact(v)",
}
"""By type: the condition under which a value is used unchanged, without a call of its hook."""

_IDENTIFIERS: Final = ("id", "token")
"""Suffixes of the names of ids and tokens. A number is not converted to one: ids must be sent back
unchanged."""

_PRIMITIVES: Final = (str, int, float, bool, Decimal)


@attrs.frozen
class _FieldSpec:
    """One field of a class."""

    name: str
    keys: tuple[str, ...]
    kind: Any
    """The type of its values, without None."""
    nullable: bool
    hook: Hook
    default: Callable[[], Any]
    """Returns the value for a key that is missing or null."""


def hook_of_class(cls: type, hook_of: Callable[[Any], Hook], *, apart: frozenset[type]) -> Hook:
    """Generate the hook of an attrs class.

    Args:
        cls: The class.
        hook_of: Returns the hook of a field's type.
        apart: Classes with separate hooks, which are called instead of being generated inline.
    """
    scope: dict[str, Any] = {
        "make": object.__new__,
        "StructureError": StructureError,
        "first": _first_of,
        "second": _second,
        "is_inexact": is_inexact,
    }
    scope["find_error"] = functools.partial(_find_error, _fields(cls, hook_of))
    lines = [
        "def structure(data0, _):",
        " if data0.__class__ is not dict:",
        "  raise StructureError('an object', data0)",
        " try:",
        *(f"  {line}" for line in _lines(cls, (), hook_of, apart, scope)),
        " except StructureError:",
        "  raise find_error(data0) from None",
        " return new0",
    ]
    exec("\n".join(lines), scope)  # noqa: S102 - contains only our own field names
    hook: Hook = scope["structure"]
    return hook


def _lines(
    cls: type,
    around: tuple[type, ...],
    hook_of: Callable[[Any], Hook],
    apart: frozenset[type],
    scope: dict[str, Any],
) -> list[str]:
    """Return the lines that create an object from the dict at this depth; add the used objects to `scope`."""
    depth = len(around)
    new = f"new{depth}"
    data = f"data{depth}"
    lines = [f"{new} = make({_name(scope, origin_of(cls))})"]
    if issubclass(origin_of(cls), Received):
        lines.append(f"{new}._payload = b''")  # The caller sets the payload of the outermost object.
    for spec in _fields(cls, hook_of):
        found = f"{data}.get({spec.keys[0]!r})" if len(spec.keys) == 1 else f"first({data}, {spec.keys!r})"
        call_hook = f"{_name(scope, spec.hook)}(v, {_name(scope, spec.kind)})"
        value = call_hook
        if spec.kind is datetime:
            value = f"second(v) if v.__class__ is int else {call_hook}"
        elif inspect.isclass(spec.kind) and issubclass(spec.kind, OpenEnum):
            members = _name(scope, spec.kind._value2member_map_)
            value = f"({members}.get(v) if v.__class__ is str else None) or {call_hook}"
        if not spec.nullable:
            value = f"{_name(scope, spec.default)}() if v is None else {value}"
        unchanged_if = ["v is None"] if spec.nullable else []
        if spec.kind in _INLINE_CHECKS:
            unchanged_if.append(_INLINE_CHECKS[spec.kind])
        if unchanged_if:
            value = f"v if {' or '.join(unchanged_if)} else {value}"
        lines.append(f"v = {found}")
        if attrs.has(spec.kind) and spec.kind not in {*apart, *around, cls}:
            inner = _lines(spec.kind, (*around, cls), hook_of, apart, scope)
            lines += ["if v.__class__ is dict:", f" data{depth + 1} = v", *(f" {line}" for line in inner)]
            lines += [f" {new}.{spec.name} = new{depth + 1}", "else:", f" {new}.{spec.name} = {value}"]
        elif get_origin(spec.kind) is list and attrs.has(get_args(spec.kind)[0]):
            (item,) = get_args(spec.kind)
            hook = f"{_name(scope, hook_of(item))}(item, {_name(scope, item)})"
            lines += ["if v.__class__ is list:"]
            lines += [f" {new}.{spec.name} = [{hook} for item in v if item is not None]"]
            lines += ["else:", f" {new}.{spec.name} = {value}"]
        elif spec.kind == list[str]:
            lines += ["if v.__class__ is list:", " for item in v:", "  if item.__class__ is not str:"]
            lines += [f"   v = {call_hook}", "   break"]
            lines += [f" {new}.{spec.name} = v", "else:", f" {new}.{spec.name} = {value}"]
        else:
            lines.append(f"{new}.{spec.name} = {value}")
    return lines


def origin_of(cls: type) -> type:
    """Return the class behind a parametrized one: `Page` for `Page[Conversation]`."""
    origin: type | None = get_origin(cls)
    return origin or cls


def _name(scope: dict[str, Any], value: object) -> str:
    name = f"_{len(scope)}"
    scope[name] = value
    return name


def _fields(cls: type, hook_of: Callable[[Any], Hook]) -> list[_FieldSpec]:
    hints = field_types(cls)
    specs: list[_FieldSpec] = []
    for field in attrs.fields(origin_of(cls)):
        if field.init:
            kind = hints[field.name]
            keys: tuple[str, ...] = field.metadata.get(WIRE_KEYS, (field.name,))
            nullable = get_origin(kind) in (Union, types.UnionType)
            if nullable:
                (kind,) = (arg for arg in get_args(kind) if arg is not type(None))
            is_identifier = kind is str and field.name.endswith(_IDENTIFIERS)
            default, hook = _default_factory(field), _identifier if is_identifier else hook_of(kind)
            if not nullable and isinstance(kind, type) and issubclass(kind, _PRIMITIVES):
                hook = _or_default(hook, default)
            specs.append(_FieldSpec(field.name, keys, kind, nullable or kind is Json, hook, default))
    return specs


def _identifier(value: Any, _: Any) -> str | None:
    if value.__class__ in (dict, list):
        raise StructureError("a string", value)
    return value if isinstance(value, str) else None


def _or_default(hook: Hook, default: Callable[[], Any]) -> Hook:
    """Return a hook that uses the default of the field if `hook` returns None."""

    def structure(value: Any, kind: Any) -> Any:
        found = hook(value, kind)
        return default() if found is None else found

    return structure


def _default_factory(field: attrs.Attribute[Any]) -> Callable[[], Any]:
    default: Any = field.default
    if default is attrs.NOTHING:
        return _raise_missing
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return default.factory  # type: ignore[no-any-return]
    return lambda: default


def _raise_missing() -> Any:
    raise StructureError("present", None)


def _find_error(specs: list[_FieldSpec], data: dict[str, Any]) -> StructureError:
    """Return the error of the first field with a wrong structure, with its path."""
    for spec in specs:
        value = _first_of(data, spec.keys)
        try:
            if value is not None:
                spec.hook(value, spec.kind)
            elif not spec.nullable:
                spec.default()
        except StructureError as error:
            return error.within(spec.name)
    raise AssertionError("no field has a wrong structure")


def _first_of(data: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((data[key] for key in keys if data.get(key) is not None), None)


@functools.lru_cache(maxsize=256)
def _second(value: int) -> Any:
    # Consecutive events have the same second, and creating a datetime takes longer than the rest of a
    # message.
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
