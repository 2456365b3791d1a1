"""Base classes of errors, and the errors that models raise. All errors are in `dify_async.errors`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from dify_async._data import AS_JSON
from dify_async._types import Json

_NOT_IN_DICT: Final = {"result", "partial", "handle", "headers", "body", "raw"}
"""Attributes that are long, or that the outcome has too."""


class DifyError(Exception):
    """Base of all errors of the SDK."""

    __module__ = "dify_async.errors"

    def __init__(self, text: str, *, operation: str | None = None, server_version: str | None = None) -> None:
        super().__init__(text)
        self.operation = operation
        """Method and path of the request: `POST /workflows/run`."""
        self.server_version = server_version
        """The server's version, from its last `X-Version` header. None if it never sent one."""
        self.trace_id: str | None = None
        """The trace id that was sent (`trace_id=`), or else the `X-Trace-Id` of the error response."""

    def __str__(self) -> str:
        context = [self.operation] if self.operation else []
        if self.server_version:
            context.append(f"Dify {self.server_version}")
        return f"{self.args[0]} ({', '.join(context)})" if context else str(self.args[0])

    def to_dict(self) -> dict[str, Json]:
        """Return the class of the error, its text, and its status, code and the like, as JSON values."""
        known = {name: value for name, value in vars(self).items() if name not in _NOT_IN_DICT}
        return {"type": type(self).__name__, "text": str(self.args[0]), **known}

    def __json__(self) -> dict[str, Json]:
        """Return `to_dict()`. Celery's serializer asks for it by this name."""
        return self.to_dict()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> dict[str, Any]:
        return {
            "type": "function-wrap",
            "function": {"type": "no-info", "function": _structured},
            "schema": {"type": "dict", "keys_schema": {"type": "str"}},
            "serialization": AS_JSON,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args), self.__dict__


def _revive(cls: type[DifyError], args: tuple[Any, ...]) -> DifyError:
    # Pickle passes only `args` to a class, so it cannot call one with required keyword-only parameters.
    error = cls.__new__(cls, *args)
    error.args = args
    return error


def _structured(value: Any, of_dict: Callable[[Any], dict[str, Any]]) -> DifyError:
    """Return the error of a pydantic field: an instance, or what `to_dict` returned."""
    if isinstance(value, DifyError):
        return value
    fields = of_dict(value)
    kinds = [DifyError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if kind.__name__ == fields.get("type"):
            parameters = inspect.signature(kind).parameters.values()
            known: dict[str, Any] = {
                one.name: fields.get(one.name)
                for one in parameters
                if one.name in fields or one.default is one.empty
            }
            return kind(**known)
    raise ValueError(f"unknown error: {fields.get('type')!r:.100}")


class DecodeError(DifyError):
    """The response is 2xx, but its body or the run's outputs do not have the expected content."""

    __module__ = "dify_async.errors"

    def __init__(
        self,
        text: str,
        *,
        raw: bytes = b"",
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.raw = raw
        """The body as it was received."""


class ConfigurationError(DifyError, ValueError):
    """An argument or setting is invalid, or a client or stream cannot be used because it is closed.

    It is raised before anything is sent, with two exceptions: a path that a download cannot write to, and the
    result of a stream that was closed before its end.
    """

    __module__ = "dify_async.errors"

    def __init__(
        self,
        text: str,
        *,
        operation: str | None = None,
        server_version: str | None = None,
        about_client: bool = False,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.about_client = about_client
        """True if every call of this client fails, because it is closed or has no end user."""
