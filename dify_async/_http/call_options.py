"""Validate the options of a call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, cast

from dify_async._http.auth import is_text
from dify_async._http.redaction import Secret, hidden
from dify_async._wire.operation import Operation
from dify_async.errors import ConfigurationError
from dify_async.options import AppRunOptions

_PUBLIC_METHODS: Final = ("dify_async.resources.", "dify_async.clients.")
"""Modules with public methods."""


def checked_options(
    options: Mapping[str, Any], operation: Operation[Any], *, takes_user: bool, method: str | None = None
) -> AppRunOptions:
    """Return the options of a call, with headers hidden from tracebacks.

    `method` is the name of the call in errors. None means the method of the resource that is being called.

    Raises:
        TypeError: an option is unknown.
        ConfigurationError: an option has a value of the wrong type.
    """
    if "extra_headers" in options:
        # In place: the same dict is a local variable of the methods that called this.
        cast(dict[str, Any], options)["extra_headers"] = hidden(options["extra_headers"])
    known = {"timeout", "retry", "extra_headers", *operation.settings}
    if takes_user:
        known.add("user")
    if operation.starts_run:
        known.add("extra_body")
    if unknown := options.keys() - known:
        raise TypeError(
            f"{method or _calling_method()}() got an unexpected keyword argument {min(unknown)!r}; "
            f"its options are {', '.join(sorted(known))}"
        )
    user, body = options.get("user"), options.get("extra_body")
    if user is not None and not is_text(user):
        raise ConfigurationError(
            f"`user` must be a non-empty str, got {user!r:.100}", operation=operation.name
        )
    if body is not None and not isinstance(body, Mapping):
        raise ConfigurationError(
            f"`extra_body` must be a mapping, got {type(body).__name__}", operation=operation.name
        )
    return options  # type: ignore[return-value]


def missing_user(operation: Operation[Any]) -> ConfigurationError:
    """Return the error of a call without a required end user."""
    return ConfigurationError(
        "`user` must be set, because this call needs an end user: pass user=, or set it for the client with "
        "AppClient(user=...), client.for_user(...) or DIFY_USER",
        operation=operation.name,
        about_client=True,
    )


def check_callback(value: object, name: str) -> None:
    """Raise a `ConfigurationError` for a callback that is not callable."""
    if not callable(value):
        raise ConfigurationError(f"`{name}` must be a function, got {value!r:.100}")


def header_secrets(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of a call's `extra_headers` that errors must not show: all except trace ids."""
    headers = dict(options.get("extra_headers") or {})
    return tuple(Secret(value) for name, value in headers.items() if not name.lower().startswith("x-trace-"))


def _calling_method() -> str:
    """Return the name of the public method that was called, for an error message."""
    name = ""
    frame = inspect.currentframe()
    while frame is not None and (module := frame.f_globals.get("__name__", "")).startswith("dify_async."):
        method = frame.f_code.co_name
        is_public = module.startswith(_PUBLIC_METHODS) and not method.startswith("_")
        if is_public and "self" in frame.f_locals:
            name = f"{type(frame.f_locals['self']).__name__}.{method}"
        frame = frame.f_back
    return name
