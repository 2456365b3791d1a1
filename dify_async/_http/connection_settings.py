"""The connection settings of a client, validated at construction."""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias, cast

import aiohttp
import attrs

from dify_async._http.proxy import proxy_at
from dify_async._http.redaction import Secret
from dify_async.errors import ConfigurationError

Limiter: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]


def _positive_int(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"`{attribute.name}` must be an int of 1 or more, got {value!r:.100}")


def _callable_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise ConfigurationError(
            f"`{attribute.name}` must be a callable that returns an async context manager, got {value!r:.100}"
        )


def _session_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, aiohttp.ClientSession):
        raise ConfigurationError(
            f"`{attribute.name}` must be an aiohttp.ClientSession, got {type(value).__name__}"
        )
    if value.closed:
        raise ConfigurationError("`session` must be open, got a closed session")
    if value.auth is not None:
        raise ConfigurationError(
            "`session` must not have auth=, which would replace the Authorization header"
        )
    if "Content-Type" in value.headers:
        raise ConfigurationError(
            "`session` must not have a Content-Type header, which would be sent with uploads"
        )


def _context_or_bool(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, (bool, tls.SSLContext)):
        raise ConfigurationError(
            f"`{attribute.name}` must be an ssl.SSLContext or a bool, got {type(value).__name__}"
        )


def _trace_configs(value: object) -> tuple[aiohttp.TraceConfig, ...]:
    given: tuple[object, ...] = tuple(cast("Iterable[object]", value)) if isinstance(value, Iterable) else ()
    found = tuple(one for one in given if isinstance(one, aiohttp.TraceConfig))
    if not isinstance(value, Iterable) or len(found) != len(given):
        raise ConfigurationError("`trace_configs` must be a list of aiohttp.TraceConfig")
    return found


def _proxy_setting(value: object) -> Secret | None:
    if value is None:
        return None
    proxy_at(value, "proxy=")
    return Secret(value)


@attrs.frozen(kw_only=True)
class ConnectionSettings:
    """The connection settings of a client."""

    base_url: str
    max_concurrent: int = attrs.field(default=100, validator=_positive_int)
    session: aiohttp.ClientSession | None = attrs.field(default=None, validator=_session_or_none)
    proxy: str | None = attrs.field(default=None, converter=_proxy_setting)
    ssl: tls.SSLContext | bool | None = attrs.field(default=None, validator=_context_or_bool)
    trace_configs: Sequence[aiohttp.TraceConfig] = attrs.field(default=(), converter=_trace_configs)
    limiter: Limiter | None = attrs.field(default=None, validator=_callable_or_none)
    max_event_bytes: int = attrs.field(default=64 * 2**20, validator=_positive_int)

    def __getstate__(self) -> dict[str, Any]:
        unpicklable = {
            "session": self.session is not None,
            "ssl": isinstance(self.ssl, tls.SSLContext),
            "trace_configs": bool(self.trace_configs),
            "limiter": self.limiter is not None,
        }
        for name, is_set in unpicklable.items():
            if is_set:
                raise ConfigurationError(
                    f"a client with {name}= cannot be pickled: create it in the process that uses it"
                )
        return {field.name: getattr(self, field.name) for field in attrs.fields(ConnectionSettings)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
