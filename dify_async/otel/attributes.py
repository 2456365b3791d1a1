"""Names and values of attributes: semantic conventions where they exist, `dify.` for everything else."""

from __future__ import annotations

import json
from typing import Final, TypeAlias, TypeGuard

from opentelemetry.trace import Span, Status, StatusCode

from dify_async._text import printable, shortened
from dify_async.errors import DifyError

Attributes: TypeAlias = dict[str, str | bool | int | float]
"""Attributes of a span, an event or a metric."""

OPERATIONS: Final = {"workflow": "invoke_workflow", "chat": "chat", "completion": "text_completion"}
"""`gen_ai.operation.name` by the kind of a run."""

_BEYOND_64_BITS: Final = 2**63
"""Exporters cannot encode integers whose absolute value is larger."""

_LONGEST_ERROR: Final = 500
"""Maximum length of an error message, in characters."""


def known(**fields: object) -> Attributes:
    """Return attributes without those that are None or of another type. In names, `__` stands for `.`.

    Servers may send anything, and an exporter that cannot encode an attribute drops the spans of a batch.
    """
    return {
        name.replace("__", "."): printable(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if isinstance(value, str | bool | float) or is_exportable(value)
    }


def is_exportable(value: object) -> TypeGuard[int]:
    """Return True for an integer of 64 bits."""
    return isinstance(value, int) and -_BEYOND_64_BITS <= value < _BEYOND_64_BITS


def address(host: str) -> Attributes:
    """Return the attributes of a server, from its host and port."""
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if name and port.isdecimal():
        return {"server.address": name, "server.port": int(port)}
    return {"server.address": host}


def content(value: object) -> str:
    """Return inputs or outputs as an attribute: JSON."""
    try:
        return json.dumps(value, default=str)
    except RecursionError:
        return "nested too deeply"


def fail(span: Span, error: BaseException | None, message: str | None = None) -> None:
    """Set the status of a span to an error. Only messages of `DifyError`s are certain to hold no secrets."""
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        message = str(error) if isinstance(error, DifyError) else type(error).__name__
    text = shortened(printable(message), _LONGEST_ERROR) if isinstance(message, str) else None
    span.set_status(Status(StatusCode.ERROR, text))
